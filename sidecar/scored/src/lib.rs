//! A scored execution as it leaves the engine: what ran, where, and what was thought of it.
//!
//! One type for everything that comes after the score: sinks send it, the daemon's history keeps it, the API answers with
//! it and the page shows it. It owns its text, because it waits in queues and on disks for longer than the execution
//! that it tells of lives. Its keys are those of a recording, so that what was sent can be replayed, and the fields that
//! rules ask for, without their class.
//!
//! All text in it is scrubbed of secrets; none of it is safe for a terminal or a page as it stands.

mod digest;

pub use digest::{digest, group};

use anomaly_baseline::{Level, Progress, Score};
use anomaly_vectorizer::{Kind, Surroundings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One execution with its verdict. What is not known is absent where a recording would leave it out, and `null` where it
/// is a field of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoredExecution {
    /// 32 hexadecimal digits, the same however often this execution is sent.
    pub id: String,
    /// The machine's name.
    pub host: String,
    /// Whose baselines were asked.
    pub org: String,
    /// Whose normal it was compared with.
    pub workload: String,
    /// When, in seconds since the Unix epoch, to the microsecond.
    pub time: f64,
    /// Where it came from: `ebpf`, `ebpf-enter`, `connector`, `proc`, `falco`, `replay`.
    pub feed: String,
    /// Process id in the initial namespace.
    pub pid: u32,
    /// The parent's.
    pub ppid: u32,
    /// The process's name after the execution.
    pub name: String,
    /// The parent's name.
    pub parent: String,
    /// The grandparent's name.
    pub grandparent: String,
    /// Effective user id in the initial namespace.
    pub uid: u32,
    /// The executable's path; empty where not known.
    pub exe: String,
    /// The arguments of an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// What kind of act it is; absent for an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
    /// What an act beside executions was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// In which manner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
    /// What was done, for a person to read: the command line, not quoted; of another act its kind, object and manner.
    pub command: String,
    /// Terminal, login, origin of the executable, sockets on descriptors 0-2.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub surroundings: Surroundings,
    /// 0 learned ... near 1 nothing like it; `null` while it is not known.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    pub score: Option<Score>,
    /// The same in thousandths.
    pub score_permille: Option<u16>,
    /// How far the nearest known execution is, before calibration.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    pub distance: Option<Score>,
    /// max(score, 0.7 x the parent process's smoothed score).
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    pub smoothed: Option<Score>,
    /// The workload's threshold at that moment.
    #[schema(value_type = f64, minimum = 0, maximum = 1)]
    pub threshold: Score,
    /// `learning`, `normal`, `warn` or `critical`.
    #[schema(value_type = String)]
    pub level: Level,
    /// Whether the score is at or above the threshold.
    pub novel: bool,
    /// Whether it is novel and the first of its alert group (workload, parent, name, uid) that day.
    pub first: bool,
    /// How often this very execution was seen, this time included.
    pub seen: u64,
    /// Why there is a score or none: `learning`, `known`, `learned`, `held`, `denied`, `unlearned`, `loading`, `waking`,
    /// `refused`.
    pub standing: String,
    /// Whether it is held.
    pub held: bool,
    /// Which features are new, in words.
    pub reason: Option<String>,
    /// The nearest known command line.
    pub nearest: Option<String>,
    /// How often that was seen.
    pub nearest_seen: Option<u64>,
    /// How far the workload's learning is, while it learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// What a recording says about the execution beside; absent of what happened just now.
    #[serde(flatten)]
    pub recorded: Recorded,
}

/// What a recording says about an execution beside what was executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// The day of the recording's own calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<i64>,
    /// The recording's own name for what happened then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// `benign` or `attack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which attack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `base` or `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

/// How far a workload's learning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Learning {
    /// Executions seen.
    pub executions: u64,
    /// Executions needed.
    pub executions_needed: u64,
    /// Seconds since the first.
    pub seconds: u64,
    /// Seconds needed.
    pub seconds_needed: u64,
    /// How many of every hundred recent ones were far from everything before them.
    pub new_percent: u8,
    /// How many of every hundred may be.
    pub new_percent_allowed: u8,
}

impl From<Progress> for Learning {
    fn from(progress: Progress) -> Self {
        let Progress {
            executions,
            executions_needed,
            seconds,
            seconds_needed,
            new_percent,
            new_percent_allowed,
        } = progress;
        Self { executions, executions_needed, seconds, seconds_needed, new_percent, new_percent_allowed }
    }
}

impl ScoredExecution {
    /// The id of its alert group, `g` and 16 hexadecimal digits, which the commands take.
    pub fn group(&self) -> String {
        format!("g{:016x}", group(&self.workload, &self.parent, &self.name, self.uid))
    }

    /// When, in microseconds since the Unix epoch.
    pub fn micros(&self) -> i64 {
        // Exact to the microsecond until the year 2255.
        (self.time * 1e6).round() as i64
    }
}
