//! What the engine is asked and what it answers.

use std::sync::Arc;

use anomaly_vectorizer::{Context, Execution, Kind};

use crate::row::{Day, Timestamp};
use crate::score::{Level, Score};

/// What the engine may learn from an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teach {
    /// What the policy says: near executions at once, far ones after they recurred.
    Policy,
    /// It ran before capture began: learned while the workload learns, never held.
    Seed,
    /// No row, though the day's accounts go on: a labelled attack, a replay without learning, a second process on a
    /// database.
    Nothing,
}

/// One execution of one workload at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Whose normal it is compared with.
    pub workload: &'a str,
    /// What ran.
    pub execution: &'a Execution,
    /// What surrounded it.
    pub context: Context,
    /// When.
    pub time: Timestamp,
    /// The day of the baseline's calendar; [`utc_day`](crate::row::utc_day) of `time` when live.
    pub day: Day,
    /// What may be learned from it.
    pub teach: Teach,
    /// The process and its parent in the initial namespace, for smoothing along the tree; 0 where not known.
    pub pid: u32,
    /// See `pid`.
    pub ppid: u32,
}

/// Why there is a score or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The workload is still learning.
    Learning(Progress),
    /// Scored; the execution is learned: exactly known, in a context it was seen in.
    Known,
    /// Scored, and learned by this.
    Learned,
    /// Scored, and held: too far to be learned by happening once.
    Held,
    /// Scored, and denied by a person.
    Denied,
    /// Scored, and nothing was learned because nothing was to be.
    Unlearned,
    /// No score: the baselines are being loaded.
    Loading,
    /// No score yet, and nothing learned: what is known of the workload is being read back into memory. To be asked
    /// again when it is there, within milliseconds: see [`Engine::observe_patiently`](crate::Engine::observe_patiently).
    Waking,
    /// No score: there are more workloads than the settings allow, or they came too fast.
    Refused,
}

/// How far a workload's learning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Executions seen.
    pub executions: u64,
    /// Executions needed.
    pub executions_needed: u64,
    /// Seconds since the first execution.
    pub seconds: u64,
    /// Seconds needed.
    pub seconds_needed: u64,
    /// How many of every hundred recent executions were far from everything before them.
    pub new_percent: u8,
    /// How many of every hundred may be.
    pub new_percent_allowed: u8,
}

/// Why a score is what it is, in words: printable text, each at most 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// Which features are new.
    pub reason: String,
    /// The nearest known command line, where there is one.
    pub nearest: Option<String>,
    /// How often that was seen.
    pub nearest_seen: u64,
}

/// The engine's answer about one execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whose baseline was asked.
    pub workload: Arc<str>,
    /// Why there is a score or none.
    pub standing: Standing,
    /// 0 = learned ... near 1 = nothing like it; `None` while it is not known.
    pub score: Option<Score>,
    /// How far the nearest known execution is, before calibration; `None` with `score`.
    pub distance: Option<Score>,
    /// max(score, 0.7 x the parent process's smoothed score); `None` with `score`.
    pub smoothed: Option<Score>,
    /// This workload's threshold at this moment, for this execution.
    pub threshold: Score,
    /// What the score means.
    pub level: Level,
    /// Whether the score is at or above the threshold.
    pub novel: bool,
    /// Whether it is novel and the first of its alert group (workload, parent, name, uid) today.
    pub first: bool,
    /// How often this very execution was seen, this time included.
    pub seen: u64,
    /// Why; `None` for what is exactly known and where there is no score.
    pub explanation: Option<Explanation>,
}

impl Verdict {
    /// Whether the execution is held.
    pub fn held(&self) -> bool {
        self.standing == Standing::Held
    }
}

/// A workload as status and summaries show it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStatus {
    /// Its name.
    pub workload: Arc<str>,
    /// What kind of act the rest is about.
    pub kind: Kind,
    /// How far learning is; `None` once it has learned enough.
    pub learning: Option<Progress>,
    /// When it had; `None` while it learns.
    pub learned_at: Option<Timestamp>,
    /// Executions seen, repeats included.
    pub executions: u64,
    /// Distinct executions learned.
    pub rows: usize,
    /// Of those, the ones that are in memory: a novelty is compared with no others.
    pub in_memory: usize,
    /// Of `rows`, the ones that other machines alone know.
    pub elsewhere: usize,
    /// Distinct executions held.
    pub held: usize,
    /// Distinct executions denied.
    pub denied: usize,
    /// The threshold at this moment for an alert group that has not spent anything.
    pub threshold: Score,
    /// Programs of the never-learn list that ran while the workload learned, at most 8.
    pub warnings: Vec<String>,
    /// From when until when everything is learned, where a person opened such a window; it may be over.
    pub window: Option<(Timestamp, Timestamp)>,
    /// First execution.
    pub first_seen: Timestamp,
    /// Last execution.
    pub last_seen: Timestamp,
}
