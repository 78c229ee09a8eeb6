//! A service that does what it is told before it answers: wait, panic, refuse.

use std::time::Instant;

use anomaly_api::model::{
    Decided, Decision, ExecutionDetail, Finding, Findings, FindingsQuery, GivenDecision, Health, Held,
    HeldQuery, Metric, SearchAnswer, SearchRequest, Timeline, TimelineQuery, Workload,
};
use anomaly_api::{Caller, Service, ServiceError};

use crate::fake::Fake;
use crate::support::NOW;

/// Does what `before` does with the question's name, then answers like the fixture.
pub(crate) struct Odd<F> {
    inner: Fake,
    before: F,
    /// Why it is not ready.
    pub(crate) not_ready: Vec<String>,
    /// What it measures beside.
    pub(crate) metrics: Vec<Metric>,
}

impl<F> Odd<F> {
    pub(crate) fn new(before: F) -> Self
    where
        F: Fn(&str) -> Result<(), ServiceError> + Send + Sync + 'static,
    {
        Self { inner: Fake::new(100, NOW), before, not_ready: vec![], metrics: vec![] }
    }
}

impl<F: Fn(&str) -> Result<(), ServiceError> + Send + Sync + 'static> Service for Odd<F> {
    fn findings(&self, query: &FindingsQuery) -> Result<Findings, ServiceError> {
        (self.before)("findings")?;
        self.inner.findings(query)
    }

    fn finding(&self, id: &str) -> Result<Finding, ServiceError> {
        (self.before)("finding")?;
        self.inner.finding(id)
    }

    fn execution(&self, id: &str) -> Result<ExecutionDetail, ServiceError> {
        (self.before)("execution")?;
        self.inner.execution(id)
    }

    fn workloads(&self) -> Result<Vec<Workload>, ServiceError> {
        (self.before)("workloads")?;
        self.inner.workloads()
    }

    fn timeline(&self, query: &TimelineQuery) -> Result<Timeline, ServiceError> {
        (self.before)("timeline")?;
        self.inner.timeline(query)
    }

    fn held(&self, query: &HeldQuery) -> Result<Held, ServiceError> {
        (self.before)("held")?;
        self.inner.held(query)
    }

    fn decide(&self, decision: &Decision, by: Caller, until: Instant) -> Result<Decided, ServiceError> {
        (self.before)("decide")?;
        self.inner.decide(decision, by, until)
    }

    fn decisions(&self) -> Result<Vec<GivenDecision>, ServiceError> {
        (self.before)("decisions")?;
        self.inner.decisions()
    }

    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, ServiceError> {
        (self.before)(&request.query)?;
        self.inner.search(request)
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn not_ready(&self) -> Vec<String> {
        self.not_ready.clone()
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut all = self.inner.metrics();
        all.extend(self.metrics.iter().cloned());
        all
    }
}
