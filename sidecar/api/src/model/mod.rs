//! Questions and answers: the shapes that the OpenAPI document describes. Times are seconds since the Unix epoch, scores
//! and distances numbers from 0 to 1 with four digits, ids what the other commands print and take.
//!
//! A field that is not known is `null`. Unknown keys of a request are errors, so that a slip is not taken for a wish.

pub use anomaly_scored::{Learning, ScoredExecution};

mod decisions;
mod findings;
mod health;
mod inspection;
mod search;
mod whole;
mod workloads;

pub use decisions::{
    Decided, Decision, DecisionAction, GivenDecision, Held, HeldGroup, HeldQuery, HeldRow, Outcome, RowsState,
};
pub use findings::{ExecutionDetail, Finding, Findings, FindingsQuery};
pub use health::{
    Feed, Health, Loss, LossKind, Memory, Metric, MetricKind, Notice, Sample, Sharing, SinkHealth, Store,
};
pub use inspection::{Compared, ComparedFeature, KnownRow, NearRow};
pub use search::{Match, Part, SearchAnswer, SearchMode, SearchRequest};
pub use workloads::{Bucket, GrowthDay, Lane, Timeline, TimelineQuery, Workload};
