//! What was novel.

use anomaly_scored::ScoredExecution;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::inspection::Compared;

/// Which findings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingsQuery {
    /// Only of workloads that this name or pattern (`*`, `?`) matches.
    #[param(min_length = 1, max_length = 250)]
    pub workload: Option<String>,
    /// Only what happened at this time or later.
    #[param(minimum = 0, maximum = 253402300799_i64)]
    pub since: Option<f64>,
    /// Only what happened before this time.
    #[param(minimum = 0, maximum = 253402300799_i64)]
    pub until: Option<f64>,
    /// Only scores of at least this.
    #[param(minimum = 0, maximum = 1)]
    pub min_score: Option<f64>,
    /// How many at most; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u16>,
    /// Go on behind an earlier answer: its `next`.
    #[param(min_length = 1, max_length = 250)]
    pub after: Option<String>,
}

/// An alert group: executions of one name under one parent, as one user, in one workload, on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// `f` and 16 hexadecimal digits.
    pub id: String,
    /// `g` and 16 hexadecimal digits: the alert group, which approve, deny and forget take.
    pub group: String,
    /// Whose.
    pub workload: String,
    /// The parent's name.
    pub parent: String,
    /// The name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// Days since the Unix epoch.
    pub day: i64,
    /// How many novel executions it has.
    pub count: u64,
    /// When the first happened.
    pub first_time: f64,
    /// When the last happened.
    pub last_time: f64,
    /// The one that scored highest.
    pub example: ScoredExecution,
    /// The ids of the latest, at most 100; each can be asked for.
    pub executions: Vec<String>,
    /// `held` while any row of the group waits for a decision, `denied` where one was denied; `null` where neither is.
    pub state: Option<String>,
}

/// Findings, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    /// At most as many as were asked for.
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub total: usize,
    /// Where to go on; `null` at the end.
    pub next: Option<String>,
    /// Since when findings are remembered; older ones are forgotten or were dropped for room.
    pub remembered_since: Option<f64>,
}

/// One execution, and how its score comes about now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExecutionDetail {
    /// What happened then.
    pub execution: ScoredExecution,
    /// The finding it belongs to, where it was novel.
    pub finding: Option<String>,
    /// `g` and 16 hexadecimal digits: the alert group that it belongs to.
    pub group: String,
    /// How it compares with what its workload knows now; `null` where that is gone or could not be read.
    pub now: Option<Compared>,
}
