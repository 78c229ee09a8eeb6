//! What the loop does besides: telling where it stands, and passing on what there is to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anomaly_daemon::Sense;

use crate::watch::live::Live;
use crate::words::{count, thousands};

use super::findings::Findings;
use super::lasting::Lasting;
use super::parts::Running;

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
    /// What feeds told that were replaced by others.
    earlier: Told,
}

/// What feeds told.
#[derive(Debug, Default)]
struct Told {
    executions: BTreeMap<&'static str, u64>,
    lost: BTreeMap<&'static str, u64>,
    unresolved: u64,
}

impl Told {
    fn by(live: &Live) -> Self {
        let (executions, lost) = (live.executions().into_iter(), live.lost().into_iter());
        Self { executions: executions.collect(), lost: lost.collect(), unresolved: live.unresolved() }
    }

    fn add(&mut self, other: &Self) {
        for (sums, counts) in [(&mut self.executions, &other.executions), (&mut self.lost, &other.lost)] {
            counts.iter().for_each(|(name, count)| *sums.entry(name).or_default() += count);
        }
        self.unresolved += other.unresolved;
    }
}

impl Duty {
    pub(super) fn new(lasting: Arc<Lasting>, findings: Findings) -> Self {
        Self { tally: Tally::default(), findings, lasting, earlier: Told::default() }
    }

    /// Keeps the counts of a feed that was replaced.
    pub(super) fn add_feed(&mut self, old: &Live) {
        self.earlier.add(&Told::by(old));
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, live: &mut Live, running: &Running) {
        for notice in live.notices().into_iter().chain(running.notices()) {
            self.lasting.say(notice);
        }
        // What a quiet workload waits for is time.
        running.engine().advance(jiff::Timestamp::now().as_microsecond());
        let kind = live.kind();
        let mut told = Told::by(live);
        told.add(&self.earlier);
        let sense = Sense {
            feed: kind.as_str(),
            misses: kind.misses().to_owned(),
            executions: told.executions.into_iter().collect(),
            lost: told.lost.into_iter().collect(),
            unresolved: told.unresolved,
            not_woken: self.tally.not_woken,
        };
        self.lasting.senses.write(sense, now);
    }
}
