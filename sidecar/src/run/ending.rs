//! How the five seconds are spent that the daemon has to end in.

use std::time::{Duration, Instant};

/// Executions that were told before the end are still taken for so long.
const DRAIN: Duration = Duration::from_millis(700);

/// Sinks may still send for so long; what is left then waits on the disk.
const SINKS: Duration = Duration::from_millis(1200);

/// The last findings may take so long to be written.
const FINDINGS: Duration = Duration::from_millis(500);

/// All of it, but for what the process needs to go.
const ALL: Duration = Duration::from_millis(4500);

/// The least that the database gets.
const STORE: Duration = Duration::from_millis(1500);

/// The end, as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending(Instant);

impl Ending {
    pub(super) fn new(asked: Instant) -> Self {
        Self(asked)
    }

    /// Whether there is time for another execution.
    pub(super) fn has_time_to_drain(self) -> bool {
        self.0.elapsed() < DRAIN
    }

    /// What the findings may take.
    pub(super) fn of_findings(self) -> Duration {
        FINDINGS
    }

    /// What the sinks may take.
    pub(super) fn of_sinks(self) -> Duration {
        SINKS
    }

    /// What the database may take: all that is left.
    pub(super) fn of_store(self) -> Duration {
        ALL.saturating_sub(self.0.elapsed()).max(STORE)
    }
}
