//! What the daemon has to be able to answer.

use std::time::Instant;

use crate::model::{
    Decided, Decision, ExecutionDetail, Finding, Findings, FindingsQuery, GivenDecision, Health, Held,
    HeldQuery, Metric, SearchAnswer, SearchRequest, Timeline, TimelineQuery, Workload,
};

/// Why a question has no answer. The sentence is for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// What was asked about is not there (404).
    #[error("{0}")]
    NotFound(String),
    /// The question makes no sense (400).
    #[error("{0}")]
    Invalid(String),
    /// What it is about has changed since the caller looked (409).
    #[error("{0}")]
    Changed(String),
    /// It cannot be answered at the moment (503): still loading, the database does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Who asks, as far as the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A process on this machine, over the unix socket: its effective user id, as the kernel says.
    Local {
        /// The user id.
        uid: u32,
    },
    /// Somebody who has the token, over loopback.
    Token,
}

/// The daemon as the API sees it. Every method may block for milliseconds, some for seconds; none is called on a thread
/// that serves others. All text that it takes is a stranger's.
pub trait Service: Send + Sync + 'static {
    /// What was novel, grouped as alerts are (workload, parent, name, uid, day), the latest group first.
    ///
    /// # Errors
    /// A bound that is none; a cursor that names nothing (not found: it may have been forgotten since).
    fn findings(&self, query: &FindingsQuery) -> Result<Findings, ServiceError>;

    /// One finding as it is now.
    ///
    /// # Errors
    /// Where nothing of this id is remembered.
    fn finding(&self, id: &str) -> Result<Finding, ServiceError>;

    /// One execution that is still remembered, beside what its workload knows now.
    ///
    /// # Errors
    /// Where nothing of this id is remembered.
    fn execution(&self, id: &str) -> Result<ExecutionDetail, ServiceError>;

    /// Every workload, by name.
    ///
    /// # Errors
    /// While the baselines are loading.
    fn workloads(&self) -> Result<Vec<Workload>, ServiceError>;

    /// How much every workload ran and how novel it was, over time.
    ///
    /// # Errors
    /// A span or step that is none.
    fn timeline(&self, query: &TimelineQuery) -> Result<Timeline, ServiceError>;

    /// What waits for a decision, grouped as alerts are, the group that was seen last first.
    ///
    /// # Errors
    /// While the baselines are loading; a cursor that is none.
    fn held(&self, query: &HeldQuery) -> Result<Held, ServiceError>;

    /// Writes a decision down, and waits a moment for it to be taken up. Nobody listens any more at `until`: what is not
    /// written down by then is not written down at all, and what is written down is answered before.
    ///
    /// # Errors
    /// Where nothing has such an id, what has it is not what was shown, or the decision cannot be written down.
    fn decide(&self, decision: &Decision, by: Caller, until: Instant) -> Result<Decided, ServiceError>;

    /// Who decided what, the latest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    fn decisions(&self) -> Result<Vec<GivenDecision>, ServiceError>;

    /// Executions that plain words mean, over all workloads.
    ///
    /// # Errors
    /// A question without words, another organisation, a way of searching that this daemon does not have.
    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, ServiceError>;

    /// How the daemon is, with every loss.
    fn health(&self) -> Health;

    /// Why it is not ready, one sentence each; nothing where it is.
    fn not_ready(&self) -> Vec<String>;

    /// Every number, for Prometheus.
    fn metrics(&self) -> Vec<Metric>;
}
