//! What the loop does besides: telling where it stands, and passing on what there is to say.

use std::sync::Arc;
use std::time::Instant;

use anomaly_daemon::Sense;

use crate::watch::live::Live;
use crate::words::{count, thousands};

use super::findings::Findings;
use super::parts::{Lasting, Running};

/// What was taken.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) executions: u64,
    pub(super) seeded: u64,
    pub(super) novel: u64,
    /// Those whose workload could not be read back in time.
    pub(super) not_woken: u64,
}

impl Tally {
    /// A line for the log at the end.
    pub(super) fn summary(&self) -> String {
        let Self { executions, seeded, novel, not_woken: _ } = self;
        format!(
            "ended after {}, {} of them novel, beside {} that ran before",
            count(*executions, "execution"),
            thousands(*novel),
            thousands(*seeded)
        )
    }
}

/// What is done between executions.
pub(super) struct Duty {
    pub(super) tally: Tally,
    pub(super) findings: Findings,
    lasting: Arc<Lasting>,
}

impl Duty {
    pub(super) fn new(lasting: Arc<Lasting>, findings: Findings) -> Self {
        Self { tally: Tally::default(), findings, lasting }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, live: &mut Live, running: &Running) {
        for notice in live.notices().into_iter().chain(running.notices()) {
            self.lasting.say(notice);
        }
        // What a quiet workload waits for is time.
        running.engine().advance(jiff::Timestamp::now().as_microsecond());
        let kind = live.kind();
        let sense = Sense {
            feed: kind.as_str(),
            misses: kind.misses().to_owned(),
            executions: live.executions(),
            lost: live.lost(),
            unresolved: live.unresolved(),
            not_woken: self.tally.not_woken,
        };
        self.lasting.senses.write(sense, now);
    }
}
