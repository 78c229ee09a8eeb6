//! Old days, on servers that do not delete them by themselves.
//!
//! Before 19.6 there is no TTL. The table has a partition for each day, and dropping one takes no time.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::schema::Table;

/// How often it is looked.
const PAUSE: Duration = Duration::from_secs(3600);

/// When it was looked last.
#[derive(Debug, Clone, Default)]
pub(super) struct Retention {
    looked: Option<Instant>,
}

impl Retention {
    /// Whether it is time to look, which is then taken as done.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.looked.is_none_or(|looked| now.duration_since(looked) >= PAUSE);
        if due {
            self.looked = Some(now);
        }
        due
    }
}

/// The first day that stays; `None` beyond the calendar.
pub(super) fn first_kept(now: Timestamp, retention_days: u32) -> Option<Date> {
    let today = now.to_zoned(TimeZone::UTC).date();
    today.checked_sub(Span::new().try_days(retention_days).ok()?).ok()
}

/// Which days of the table are over; only where its partitions are days, in case somebody else has made it.
pub(super) fn list(table: &Table, first_kept: Date) -> String {
    let Table { database, name } = table;
    format!(
        "SELECT DISTINCT partition FROM system.parts WHERE database = '{database}' AND table = '{name}' AND active \
         AND partition < '{first_kept}' AND (SELECT count() FROM system.tables WHERE database = '{database}' \
         AND name = '{name}' AND partition_key = 'date') = 1 ORDER BY partition FORMAT TabSeparated"
    )
}

/// The statements that drop them, from the answer to [`list`].
pub(super) fn drops(table: &Table, answer: &str) -> Vec<String> {
    let days = answer.lines().filter_map(|line| line.trim().parse::<Date>().ok());
    days.map(|day| format!("ALTER TABLE {table} DROP PARTITION '{day}'")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_over_when_all_of_it_is_too_old() {
        let now: Timestamp = "2026-11-21T00:30:00Z".parse().expect("a time");
        let kept = first_kept(now, 30).expect("a day");
        assert_eq!(kept.to_string(), "2026-10-22");
        assert_eq!(first_kept(now, u32::MAX), None);
    }

    #[test]
    fn only_days_are_dropped() {
        let table = Table { database: "default".into(), name: "security_events".into() };
        assert_eq!(
            drops(&table, "2026-10-20\n0000-00-00\n' OR 1\n2026-10-21\n"),
            [
                "ALTER TABLE `default`.`security_events` DROP PARTITION '2026-10-20'",
                "ALTER TABLE `default`.`security_events` DROP PARTITION '2026-10-21'",
            ]
        );
    }

    #[test]
    fn it_is_looked_once_an_hour() {
        let mut retention = Retention::default();
        let now = Instant::now();
        assert!(retention.is_due(now));
        assert!(!retention.is_due(now + PAUSE / 2));
        assert!(retention.is_due(now + PAUSE));
    }
}
