//! What is forgotten, and when.
//!
//! By last seen: what a workload has not run for the retention (seven full days) is no longer normal. What recurs over
//! a week or more is kept longer, so that weekly and monthly jobs do not alert anew for ever; and of what is forgotten
//! or was held, the row stays as long, so that it is recognised when it returns.
//!
//! A day counts where the workload ran on it. So nothing is forgotten because a machine was off for three weeks, nor
//! because its clock said 2040 for a minute: that is one day, as every other.

use crate::row::{Day, DaySet, RowState, StoredRow};
use crate::settings::Settings;

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Keep,
    /// It is no longer normal, and still recognised: [`RowState::Forgotten`].
    Forget,
    /// It goes.
    Delete,
}

/// What becomes of a stored row on the last of the days on which its workload ran.
pub fn fate(row: &StoredRow, calendar: &DaySet, retention_days: u16) -> Fate {
    fate_of(row.state, &row.days, calendar, retention_days)
}

pub(crate) fn fate_of(state: RowState, days: &DaySet, calendar: &DaySet, retention_days: u16) -> Fate {
    let long = Settings::LONG_RETENTION_DAYS;
    match state {
        RowState::Active if is_forgotten(days, calendar, retention_days, long) => Fate::Forget,
        RowState::Held | RowState::Forgotten if is_forgotten(days, calendar, long, long) => Fate::Delete,
        _ => Fate::Keep,
    }
}

/// Whether a row of these days is forgotten by a workload of those.
fn is_forgotten(days: &DaySet, calendar: &DaySet, retention: u16, long_retention: u16) -> bool {
    // "Two weeks or more": the first and the last day that are remembered lie at least a week apart.
    let span = 63_u32.saturating_sub(days.bits.leading_zeros());
    let keep = if span >= 7 { long_retention.max(retention) } else { retention };
    // A calendar remembers 64 days; a longer retention asks for as many of them and for the rest of its time.
    calendar.last.saturating_sub(days.last) > Day::from(keep)
        && calendar.since(days.last) > u32::from(keep).min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day from the first to the last.
    fn daily(days: std::ops::RangeInclusive<Day>) -> DaySet {
        let mut set = DaySet::default();
        for day in days {
            set.insert(day);
        }
        set
    }

    #[test]
    fn a_weekly_job_is_kept_longer() {
        let mut weekly = DaySet::of(0);
        weekly.insert(7);
        assert!(!is_forgotten(&weekly, &daily(0..=7 + 35), 7, 35));
        assert!(is_forgotten(&weekly, &daily(0..=7 + 36), 7, 35));
        let mut several = DaySet::of(5);
        several.insert(7);
        assert!(!is_forgotten(&several, &daily(0..=7 + 7), 7, 35));
        assert!(is_forgotten(&several, &daily(0..=7 + 8), 7, 35));
        assert!(!is_forgotten(&several, &daily(0..=7 + 90), 90, 35));
        assert!(is_forgotten(&several, &daily(0..=7 + 91), 90, 35), "longer than a calendar remembers");
    }

    #[test]
    fn states_have_fates_of_their_own() {
        let days = DaySet::of(0);
        let fate = |state, today| fate_of(state, &days, &daily(0..=today), 7);
        assert_eq!((fate(RowState::Active, 7), fate(RowState::Active, 8)), (Fate::Keep, Fate::Forget));
        assert_eq!((fate(RowState::Held, 35), fate(RowState::Held, 36)), (Fate::Keep, Fate::Delete));
        assert_eq!(
            (fate(RowState::Forgotten, 35), fate(RowState::Forgotten, 36)),
            (Fate::Keep, Fate::Delete)
        );
        assert_eq!(fate(RowState::Denied, 10_000), Fate::Keep, "what a person said stands");
    }

    #[test]
    fn days_without_the_workload_do_not_count() {
        let days = DaySet::of(20_000);
        let mut calendar = daily(19_990..=20_000);
        calendar.insert(20_021);
        assert_eq!(fate_of(RowState::Active, &days, &calendar, 7), Fate::Keep, "after a holiday");
        calendar.insert(25_600);
        assert_eq!(fate_of(RowState::Active, &days, &calendar, 7), Fate::Keep, "when the clock said 2040");
        calendar = daily(25_600..=25_608);
        assert_eq!(fate_of(RowState::Active, &days, &calendar, 7), Fate::Forget, "after so many of its days");
    }
}
