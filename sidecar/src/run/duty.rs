//! What the loop does besides: telling where it stands, passing on what there is to say, writing findings down.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anomaly_baseline::{Day, utc_day};
use anomaly_daemon::{Journal, Sense};
use anomaly_scored::ScoredExecution;

use crate::watch::live::Live;
use crate::words::{count, thousands};

use super::parts::{Lasting, Running};

/// How often findings go to the disk, with a sync.
const WRITING: Duration = Duration::from_secs(1);

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
    lasting: Arc<Lasting>,
    journal: Option<Journal>,
    write_due: Instant,
    /// Whether the journal's failure was said.
    failing: bool,
}

impl Duty {
    pub(super) fn new(lasting: Arc<Lasting>, journal: Option<Journal>, now: Instant) -> Self {
        Self { tally: Tally::default(), lasting, journal, write_due: now, failing: false }
    }

    /// Notes a finding, to be written down soon.
    pub(super) fn novel(&mut self, execution: &Arc<ScoredExecution>, count: u64) {
        match &mut self.journal {
            Some(journal) => journal.add(execution, count),
            None => drop(self.lasting.unwritten.fetch_add(1, Relaxed)),
        }
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
            novel: self.tally.novel,
            not_woken: self.tally.not_woken,
        };
        self.lasting.senses.write(sense, now);
        if now >= self.write_due {
            self.write_due = now + WRITING;
            self.write();
        }
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) {
        self.write();
    }

    fn write(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let outcome = journal.flush(today());
        let (_, dropped) = journal.counts();
        self.lasting.unwritten.store(dropped, Relaxed);
        match outcome {
            Err(error) if !self.failing => {
                self.failing = true;
                self.lasting.say(error.to_string());
            }
            Err(_) => {}
            Ok(()) => self.failing = false,
        }
    }
}

/// The day, as findings have it.
pub(super) fn today() -> Day {
    utc_day(jiff::Timestamp::now().as_microsecond())
}
