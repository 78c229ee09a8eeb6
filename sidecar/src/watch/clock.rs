//! Local time, for people to read.

use anomaly_baseline::Timestamp;
use jiff::tz::TimeZone;

/// The machine's time zone, looked up once.
#[derive(Debug)]
pub(crate) struct Clock(TimeZone);

impl Clock {
    /// A clock in the zone of `TZ` or of the machine; UTC where neither says.
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }

    /// `14:03:22`; dashes for a moment outside the calendar, which a recording may claim.
    pub(super) fn time_of_day(&self, time: Timestamp) -> String {
        self.format(time, "%H:%M:%S").unwrap_or_else(|| "--:--:--".into())
    }

    /// `2026-11-21`
    pub(crate) fn date(&self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d").unwrap_or_else(|| "----------".into())
    }

    /// `2026-11-21 14:03`
    pub(crate) fn moment(&self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M").unwrap_or_else(|| "-".into())
    }

    fn format(&self, time: Timestamp, format: &str) -> Option<String> {
        let moment = jiff::Timestamp::from_microsecond(time).ok()?.to_zoned(self.0.clone());
        Some(moment.strftime(format).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_claims_of_moments() {
        let clock = Clock(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(clock.time_of_day(0), "02:00:00");
        assert_eq!(clock.date(-3 * 3_600_000_000), "1969-12-31");
        assert_eq!(clock.time_of_day(Timestamp::MAX), "--:--:--");
    }
}
