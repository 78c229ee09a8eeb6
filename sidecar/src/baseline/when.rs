//! Moments as people write them: `2026-11-01`, `2026-11-01T14:00:00Z`, `30d` for thirty days ago.

use std::time::{SystemTime, UNIX_EPOCH};

use anomaly_baseline::Timestamp;
use jiff::tz::TimeZone;

use crate::durations;

/// A moment that somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl std::str::FromStr for When {
    type Err = &'static str;

    /// Days begin at this machine's midnight, and times without a zone are its own; what is a time ago counts from now.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(moment.as_microsecond()));
        }
        if let Ok(ago) = durations::parse(text) {
            let then =
                SystemTime::now().checked_sub(ago).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
            return Ok(Self(then.map_or(0, |then| i64::try_from(then.as_micros()).unwrap_or(i64::MAX))));
        }
        let local = text.parse::<jiff::civil::DateTime>().ok();
        let local = local.and_then(|local| local.to_zoned(TimeZone::system()).ok());
        local
            .map(|local| Self(local.timestamp().as_microsecond()))
            .ok_or("write a day (2026-11-01), a moment (2026-11-01T14:00:00Z) or how long ago (30d)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_moments_and_times_ago_are_understood() {
        let when = |text: &str| text.parse::<When>().map(|when| when.0);
        assert_eq!(when("2026-11-01T14:00:00.5Z"), Ok(1_793_541_600_500_000));
        let (day, hours) = (when("2026-12-01").expect("a day"), 15 * 3_600_000_000);
        assert!((day - 1_796_083_200_000_000).abs() <= hours, "the same day everywhere");
        assert_eq!(
            when("2026-12-01T14:00"),
            Ok(day + 14 * 3_600_000_000),
            "on a day without a change of clocks"
        );
        let (long_ago, now) = (when("30d").expect("ago"), when("0s").expect("now"));
        assert!((now - long_ago - 30 * 86_400_000_000).abs() < 60_000_000);
        for text in ["", "yesterday", "2026-13-01", "30", "14:00"] {
            assert!(when(text).is_err(), "{text}");
        }
    }
}
