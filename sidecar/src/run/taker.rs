//! What becomes of an execution: scored, learned from, remembered, sent, in this order.

use std::sync::Arc;

use anomaly_baseline::{Standing, Teach};
use anomaly_config::Config;
use anomaly_daemon::scored::{Origin, scored};

use crate::watch::event::Event;
use crate::watch::live::boot;
use crate::watch::session::WAKING;

use super::duty::Duty;
use super::lasting::Lasting;
use super::parts::Running;
use super::plan;

/// Takes executions.
pub(super) struct Taker {
    lasting: Arc<Lasting>,
    origin: Origin,
}

impl Taker {
    pub(super) fn new(config: &Config, lasting: &Arc<Lasting>) -> Self {
        Self {
            lasting: Arc::clone(lasting),
            origin: Origin { host: plan::host(config), org: config.agent.org.clone(), boot: boot() },
        }
    }

    /// Takes one.
    pub(super) fn take(&self, event: &Event, running: &Running, duty: &mut Duty) {
        let verdict = running.engine().observe_patiently(&event.sighting(), WAKING);
        if event.teach == Teach::Seed {
            duty.tally.seeded += 1;
            return;
        }
        duty.tally.executions += 1;
        duty.tally.novel += u64::from(verdict.novel);
        duty.tally.not_woken += u64::from(verdict.standing == Standing::Waking);
        let lasting = &*self.lasting;
        lasting.timeline.add(&verdict.workload, event.observation().time, verdict.score, verdict.novel);
        let execution = Arc::new(scored(&event.recorded, &verdict, &self.origin));
        if let Some(count) = lasting.history.add(&execution) {
            duty.findings.add(&execution, count);
        }
        running.sinks().send(&execution);
    }
}
