//! When a workload is known well enough for a score.
//!
//! Warm-up ends by evidence, not by clock alone: enough executions, enough time, and few of the last ones new. A
//! workload that never settles ends it all the same after a multiple of both, or it would never be watched.

use std::time::Duration;

use crate::row::{Timestamp, WorkloadRecord};
use crate::settings::Settings;
use crate::verdict::Progress;

/// Which of the last executions were new.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recent {
    new: u64,
    seen: u32,
}

impl Recent {
    /// Notes one more execution.
    pub(crate) fn note(&mut self, new: bool) {
        self.new = self.new << 1 & ((1 << Settings::RECENT) - 1) | u64::from(new);
        self.seen = self.seen.saturating_add(1).min(Settings::RECENT);
    }

    /// How many of every hundred were new; all of them while there was none.
    fn percent(self) -> u8 {
        match self.seen {
            0 => 100,
            seen => (self.new.count_ones() * 100).div_ceil(seen) as u8,
        }
    }
}

/// How far a workload's learning is at `now`.
pub(crate) fn progress(
    settings: &Settings,
    record: &WorkloadRecord,
    recent: Recent,
    now: Timestamp,
) -> Progress {
    Progress {
        executions: record.executions,
        executions_needed: settings.learn_executions,
        seconds: elapsed(record, now).as_secs(),
        seconds_needed: settings.learn_for.as_secs(),
        new_percent: recent.percent(),
        new_percent_allowed: (settings.learn_until_new_share * 100.0) as u8,
    }
}

/// Whether the workload has learned enough at `now`.
pub(crate) fn is_enough(
    settings: &Settings,
    record: &WorkloadRecord,
    recent: Recent,
    now: Timestamp,
) -> bool {
    let Settings { learn_executions, learn_for, learn_until_new_share, .. } = settings;
    let elapsed = elapsed(record, now);
    let enough = record.executions >= *learn_executions && elapsed >= *learn_for;
    let settled = f64::from(recent.percent()) <= learn_until_new_share * 100.0;
    let patience = Settings::PATIENCE;
    let out_of_patience = record.executions >= learn_executions.saturating_mul(patience.into())
        && elapsed >= learn_for.saturating_mul(patience);
    enough && (settled || out_of_patience)
}

fn elapsed(record: &WorkloadRecord, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.saturating_sub(record.first_seen)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { learn_executions: 100, learn_for: Duration::from_secs(60), ..Settings::default() }
    }

    fn recent(new_of_last_fifty: u32) -> Recent {
        let mut recent = Recent::default();
        (0..50).for_each(|n| recent.note(n < new_of_last_fifty));
        recent
    }

    fn record(executions: u64) -> WorkloadRecord {
        WorkloadRecord { executions, ..WorkloadRecord::default() }
    }

    const SECOND: Timestamp = 1_000_000;

    #[test]
    fn it_takes_executions_and_time_and_few_new_ones() {
        assert!(is_enough(&settings(), &record(100), recent(10), 60 * SECOND));
        assert!(!is_enough(&settings(), &record(99), recent(10), 60 * SECOND));
        assert!(!is_enough(&settings(), &record(100), recent(10), 59 * SECOND));
        assert!(!is_enough(&settings(), &record(100), recent(11), 60 * SECOND));
        assert!(!is_enough(&settings(), &record(100), Recent::default(), 60 * SECOND));
    }

    #[test]
    fn a_workload_that_never_settles_is_watched_in_the_end() {
        assert!(!is_enough(&settings(), &record(2000), recent(50), 1199 * SECOND));
        assert!(is_enough(&settings(), &record(2000), recent(50), 1200 * SECOND));
    }

    #[test]
    fn a_clock_that_jumps_back_ends_nothing() {
        let mut record = record(1_000_000);
        record.first_seen = 1_000 * SECOND;
        assert!(!is_enough(&settings(), &record, recent(0), 0));
    }
}
