//! What is forgotten, and when.
//!
//! By last seen: what a workload has not run for the retention (seven full days) is no longer normal. What recurs over
//! a week or more is kept longer, so that weekly and monthly jobs do not alert anew for ever; and of what is forgotten
//! or was held, the row stays as long, so that it is recognised when it returns.

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

/// What becomes of a stored row on the day `today` of its workload's calendar.
pub fn fate(row: &StoredRow, today: Day, retention_days: u16) -> Fate {
    fate_of(row.state, &row.days, today, retention_days)
}

pub(crate) fn fate_of(state: RowState, days: &DaySet, today: Day, retention_days: u16) -> Fate {
    let long = Settings::LONG_RETENTION_DAYS;
    match state {
        RowState::Active if is_forgotten(days, today, retention_days, long) => Fate::Forget,
        RowState::Held | RowState::Forgotten if is_forgotten(days, today, long, long) => Fate::Delete,
        _ => Fate::Keep,
    }
}

/// Whether a row last seen on `days.last` is forgotten by `today`.
fn is_forgotten(days: &DaySet, today: Day, retention: u16, long_retention: u16) -> bool {
    // "Two weeks or more": the first and the last day that are remembered lie at least a week apart.
    let span = 63_u32.saturating_sub(days.bits.leading_zeros());
    let keep = if span >= 7 { long_retention.max(retention) } else { retention };
    today.saturating_sub(days.last) > Day::from(keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekly_job_is_kept_longer() {
        let mut weekly = DaySet::of(0);
        weekly.insert(7);
        assert!(!is_forgotten(&weekly, 7 + 35, 7, 35));
        assert!(is_forgotten(&weekly, 7 + 36, 7, 35));
        let mut daily = DaySet::of(5);
        daily.insert(7);
        assert!(!is_forgotten(&daily, 7 + 7, 7, 35));
        assert!(is_forgotten(&daily, 7 + 8, 7, 35));
    }

    #[test]
    fn states_have_fates_of_their_own() {
        let days = DaySet::of(0);
        let fate = |state, today| fate_of(state, &days, today, 7);
        assert_eq!((fate(RowState::Active, 7), fate(RowState::Active, 8)), (Fate::Keep, Fate::Forget));
        assert_eq!((fate(RowState::Held, 35), fate(RowState::Held, 36)), (Fate::Keep, Fate::Delete));
        assert_eq!(
            (fate(RowState::Forgotten, 35), fate(RowState::Forgotten, 36)),
            (Fate::Keep, Fate::Delete)
        );
        assert_eq!(fate(RowState::Denied, 10_000), Fate::Keep, "what a person said stands");
    }
}
