//! How the daemon is.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// How the daemon is, with every loss.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// This program's version.
    pub version: String,
    /// The machine's name.
    pub host: String,
    /// The organisation.
    pub org: String,
    /// When it was started.
    pub started: f64,
    /// Why it is not ready; nothing where it is.
    pub not_ready: Vec<String>,
    /// Where executions come from.
    pub feed: Feed,
    /// Executions scored, since the start.
    pub scored: u64,
    /// Executions without a score because their workload learned.
    pub learning: u64,
    /// Those that were novel.
    pub novel: u64,
    /// Everything that was lost before it reached the sinks, also what never was: a zero is worth knowing. What sinks dropped
    /// stands with them.
    pub losses: Vec<Loss>,
    /// Where executions go.
    pub sinks: Vec<SinkHealth>,
    /// The database.
    pub store: Store,
    /// What baselines take in memory.
    pub memory: Memory,
    /// How sharing with other machines goes; `null` where nothing is shared.
    pub sharing: Option<Sharing>,
    /// The latest things that were said, the latest last, at most 100.
    pub notices: Vec<Notice>,
}

/// Where executions come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Feed {
    /// `ebpf`, `ebpf-enter`, `connector`, `proc`.
    pub name: String,
    /// What it misses, in words.
    pub misses: String,
    /// Executions that it told.
    pub executions: u64,
    /// Of those, executions of containers whose image stayed unknown: scored, all of them as one workload.
    pub unresolved: u64,
}

/// What a loss takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Executions that were neither scored nor learned.
    Unseen,
    /// Executions that were seen and got no score.
    Unscored,
    /// Executions that were scored and not learned.
    Unlearned,
    /// Executions that were novel and are not remembered, here or after a restart; sinks got them.
    Forgotten,
}

impl LossKind {
    /// As a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Unscored => "unscored",
            Self::Unlearned => "unlearned",
            Self::Forgotten => "forgotten",
        }
    }
}

/// Something that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Loss {
    /// What it takes away: a metric's label.
    pub kind: LossKind,
    /// Why: a metric's label.
    pub cause: String,
    /// How many.
    pub count: u64,
    /// What that means, in words.
    pub meaning: String,
}

/// A sink.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SinkHealth {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// `healthy`, `retrying` or `failed`.
    pub state: String,
    /// The last error, where it is not healthy.
    pub error: Option<String>,
    /// Waiting in memory.
    pub queued: u64,
    /// Waiting on the disk.
    pub spooled: u64,
    /// Sent.
    pub sent: u64,
    /// Dropped, for whatever cause.
    pub dropped: u64,
    /// When something was sent last.
    pub last_sent: Option<f64>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Store {
    /// Where.
    pub path: String,
    /// Whether this process writes it; another one learns otherwise.
    pub writes: bool,
    /// Rows that are not on the disk yet.
    pub unsaved: usize,
    /// Writes that failed, which are made again until they succeed.
    pub failed_saves: u64,
}

/// What baselines take in memory.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Memory {
    /// Bytes, estimated.
    pub bytes: usize,
    /// What they may take.
    pub budget: usize,
    /// Baselines whose rows are in memory.
    pub awake: usize,
    /// Those of which the exact keys alone are.
    pub asleep: usize,
    /// The share of the rows in reach that novelties were compared with, 0 to 1; `null` before the first.
    pub compared_share: Option<f64>,
}

/// How sharing goes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sharing {
    /// Where.
    pub place: String,
    /// As which machine.
    pub machine: String,
    /// How many other machines there are.
    pub machines: usize,
    /// When all of theirs was taken last; `null` before the first time.
    pub merged: Option<f64>,
    /// Seconds since then, or since sharing began.
    pub age: f64,
    /// What fails, where something does.
    pub failing: Option<String>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Notice {
    /// When.
    pub time: f64,
    /// What: one printable line.
    pub text: String,
}

/// A family of numbers for Prometheus.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The whole name without the suffix that the format adds to counters: `anomaly_executions`.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its values.
    pub samples: Vec<Sample>,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever rises, but for a restart.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Labels with their values; values are a stranger's text.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// The value.
    pub value: f64,
}
