//! When a workload is known well enough for a score.
//!
//! Warm-up ends by evidence, not by clock alone. What it is there for is to learn what is far from everything else that
//! a workload runs, because afterwards such news is held instead of learned; what is near is learned at any time. So
//! the evidence is how much of what ran lately was far: few of the last fifty, or nothing at all for a while where
//! little runs. A workload that never settles is scored all the same after a bounded number of executions.

use std::time::Duration;

use anomaly_vectorizer::Kind;

use crate::row::{Recent, Timestamp, WorkloadRecord};
use crate::settings::Settings;
use crate::verdict::Progress;

impl Recent {
    /// Notes one more execution, which was far from everything before it or not.
    pub(crate) fn note(&mut self, far: bool, time: Timestamp) {
        self.far = self.far << 1 & ((1 << Settings::RECENT) - 1) | u64::from(far);
        self.seen = self.seen.saturating_add(1).min(Settings::RECENT);
        if far {
            self.last_far = self.last_far.max(time);
        }
    }

    /// How many of every hundred were far; all of them while there was none.
    fn percent(self) -> u8 {
        match self.seen {
            0 => 100,
            seen => (self.far.count_ones() * 100).div_ceil(seen).min(100) as u8,
        }
    }
}

/// How far a workload's learning is at `now`.
pub(crate) fn progress(settings: &Settings, kind: Kind, record: &WorkloadRecord, now: Timestamp) -> Progress {
    Progress {
        executions: record.executions,
        executions_needed: settings.learn_executions,
        seconds: since(record.first_seen, now).as_secs(),
        seconds_needed: settings.learn_for_of(kind).as_secs(),
        new_percent: record.recent.percent(),
        new_percent_allowed: (settings.learn_until_far_share * 100.0) as u8,
    }
}

/// Whether the workload has learned enough at `now`.
pub(crate) fn is_enough(settings: &Settings, kind: Kind, record: &WorkloadRecord, now: Timestamp) -> bool {
    let Settings { learn_executions, learn_until_far_share, .. } = settings;
    let learn_for = settings.learn_for_of(kind);
    let WorkloadRecord { executions, recent, first_seen, .. } = record;
    let elapsed = since(*first_seen, now);
    if elapsed < learn_for {
        return false;
    }
    let settled = f64::from(recent.percent()) <= learn_until_far_share * 100.0;
    let out_of_patience = *executions >= learn_executions.saturating_mul(Settings::PATIENCE)
        && elapsed >= learn_for.saturating_mul(2);
    // Where time is compressed, which is what no time at all stands for, quiet says nothing; and who asks for more
    // executions than usual gets them.
    let quiet = !learn_for.is_zero()
        && *learn_executions <= Settings::USUAL_EXECUTIONS
        && *executions >= learn_executions.div_ceil(Settings::QUIET_SHARE)
        && since(recent.last_far, now) >= learn_for;
    quiet || (*executions >= *learn_executions && (settled || out_of_patience))
}

fn since(time: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.saturating_sub(time)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { learn_executions: 100, learn_for: Duration::from_secs(60), ..Settings::default() }
    }

    /// A workload whose first execution was at 0, with far ones among its last fifty, the last of them at `last_far`.
    fn record(executions: u64, far_of_last_fifty: u32, last_far: Timestamp) -> WorkloadRecord {
        let mut recent = Recent::default();
        (0..50).for_each(|n| recent.note(n < far_of_last_fifty, last_far));
        WorkloadRecord { executions, recent, ..WorkloadRecord::default() }
    }

    const SECOND: Timestamp = 1_000_000;

    #[test]
    fn it_takes_executions_and_time_and_few_far_ones() {
        let enough =
            |executions, far, now| is_enough(&settings(), Kind::Exec, &record(executions, far, now), now);
        assert!(enough(100, 10, 60 * SECOND));
        assert!(!enough(99, 10, 60 * SECOND));
        assert!(!enough(100, 10, 59 * SECOND));
        assert!(!enough(100, 11, 60 * SECOND));
        assert!(!is_enough(
            &settings(),
            Kind::Exec,
            &WorkloadRecord { executions: 100, ..Default::default() },
            0
        ));
    }

    #[test]
    fn a_workload_that_never_settles_is_watched_in_the_end() {
        let enough = |executions, now| is_enough(&settings(), Kind::Exec, &record(executions, 50, now), now);
        assert!(!enough(400, 119 * SECOND));
        assert!(!enough(399, 120 * SECOND));
        assert!(enough(400, 120 * SECOND));
    }

    #[test]
    fn where_little_runs_quiet_is_evidence() {
        let usual = Settings { learn_executions: Settings::USUAL_EXECUTIONS, ..settings() };
        let enough =
            |executions, now| is_enough(&usual, Kind::Exec, &record(executions, 50, 10 * SECOND), now);
        assert!(enough(10, 70 * SECOND));
        assert!(!enough(9, 70 * SECOND));
        assert!(!enough(10, 69 * SECOND), "the last far one was too short ago");
        let compressed = Settings { learn_for: Duration::ZERO, ..usual.clone() };
        assert!(!is_enough(&compressed, Kind::Exec, &record(10, 50, 0), 70 * SECOND));
        let more = Settings { learn_executions: Settings::USUAL_EXECUTIONS + 1, ..usual };
        assert!(!is_enough(&more, Kind::Exec, &record(50, 50, 0), 70 * SECOND), "more were asked for");
        let never = Settings { learn_executions: u64::MAX, ..settings() };
        assert!(!is_enough(&never, Kind::Exec, &record(1_000_000, 0, 0), 70_000 * SECOND));
    }

    #[test]
    fn a_clock_that_jumps_back_ends_nothing() {
        let mut record = record(1_000_000, 0, 0);
        record.first_seen = 1_000 * SECOND;
        assert!(!is_enough(&settings(), Kind::Exec, &record, 0));
    }
}
