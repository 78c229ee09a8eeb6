//! Workloads, and what they did over time.

use anomaly_scored::Learning;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A workload, or one kind of act of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Workload {
    /// Its name.
    pub workload: String,
    /// What kind of act the rest is about: `exec` for executions.
    pub kind: String,
    /// How far learning is; `null` once it has learned enough.
    pub learning: Option<Learning>,
    /// Executions seen, repeats included.
    pub executions: u64,
    /// Distinct ones learned.
    pub known: usize,
    /// Distinct ones held.
    pub held: usize,
    /// Distinct ones denied.
    pub denied: usize,
    /// The threshold now, for an alert group that has not spent anything.
    pub threshold: f64,
    /// Programs of the never-learn list that ran while it learned.
    pub warnings: Vec<String>,
    /// Until when everything is learned at once, where a person opened such a window.
    pub window_until: Option<f64>,
    /// The first execution.
    pub first_seen: f64,
    /// The last.
    pub last_seen: f64,
    /// Distinct executions learned per day, the oldest of the last 14 days first; empty where a hundred others were seen
    /// later.
    pub growth: Vec<GrowthDay>,
}

/// What was learned on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct GrowthDay {
    /// Days since the Unix epoch.
    pub day: i64,
    /// Distinct executions that were first learned on it and are still known.
    pub learned: usize,
}

/// Which stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// Only of workloads that this name or pattern (`*`, `?`) matches.
    #[param(min_length = 1, max_length = 250)]
    pub workload: Option<String>,
    /// From when; a day ago where nothing is said.
    #[param(minimum = 0, maximum = 253402300799_i64)]
    pub since: Option<f64>,
    /// Until when; now where nothing is said.
    #[param(minimum = 0, maximum = 253402300799_i64)]
    pub until: Option<f64>,
    /// Seconds per bucket, whole minutes; what gives some 240 buckets where nothing is said.
    #[param(minimum = 60, maximum = 86400, multiple_of = 60)]
    pub step: Option<u32>,
}

/// What workloads did over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Timeline {
    /// When the first bucket begins.
    pub since: f64,
    /// When the last ends.
    pub until: f64,
    /// Seconds per bucket.
    pub step: u32,
    /// From which score what is novel is critical, as configured.
    pub critical: f64,
    /// One lane a workload, those with the highest scores first, at most 200.
    pub lanes: Vec<Lane>,
    /// How many workloads ran besides and have no lane here; ask for them by name.
    pub left_out: usize,
}

/// A workload over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Lane {
    /// Whose.
    pub workload: String,
    /// The time of its first execution; `null` where it is not known any more.
    pub first_seen: Option<f64>,
    /// The time when it had learned enough; `null` while it learns.
    pub learned_at: Option<f64>,
    /// What happened, in the order of time; a bucket in which nothing did is left out.
    pub buckets: Vec<Bucket>,
}

/// One step of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Bucket {
    /// Which, from 0.
    pub index: u32,
    /// Executions.
    pub executions: u64,
    /// Those that were novel.
    pub novel: u64,
    /// The highest score; `null` where none had one.
    pub highest: Option<f64>,
}
