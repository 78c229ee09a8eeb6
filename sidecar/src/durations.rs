//! Durations as every flag and configuration key of the project writes them: `0s`, `10m`, `7d`.
//!
//! One number and one unit, because a person who reads `--learn-for 90` later cannot tell minutes from seconds.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];

/// The longest that is accepted, a century: anything more is a slip of the finger, and sums of two stay far from
/// where clocks overflow.
const MAX_SECONDS: u64 = 100 * 366 * 24 * 60 * 60;

/// The text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseDurationError {
    /// No number with a unit.
    #[error("write a whole number and a unit (s, m, h or d), such as 30s, 10m, 2h or 7d")]
    Form,
    /// A number without a unit.
    #[error("the unit is missing: write {0}s, {0}m, {0}h or {0}d")]
    Unit(u64),
    /// More than a century.
    #[error("that is more than a hundred years")]
    TooLong,
}

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let number_ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    if number.is_empty() {
        return Err(ParseDurationError::Form);
    }
    let number: u64 = number.parse().map_err(|_| ParseDurationError::TooLong)?;
    if unit.is_empty() {
        return Err(ParseDurationError::Unit(number));
    }
    let (_, seconds) = UNITS
        .into_iter()
        .find(|(letter, _)| unit.strip_prefix(*letter) == Some(""))
        .ok_or(ParseDurationError::Form)?;
    let seconds = number.saturating_mul(seconds);
    if seconds > MAX_SECONDS {
        return Err(ParseDurationError::TooLong);
    }
    Ok(Duration::from_secs(seconds))
}

/// A duration in whole seconds, in the largest unit that divides it: `30s`, `10m`, `7d`. [`parse`] reads it back.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (letter, unit) = UNITS
        .into_iter()
        .rev()
        .find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit))
        .unwrap_or(UNITS[0]);
    format!("{}{letter}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_forms() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("10m", 600), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
        assert_eq!(parse("60s").map(show).as_deref(), Ok("1m"));
        assert_eq!(parse("61s").map(show).as_deref(), Ok("61s"));
    }

    #[test]
    fn what_is_no_duration_is_told_how_to_be_one() {
        for text in ["", "s", "-1s", "1.5h", "1h30m", "10 m", "10min", "10M", "١٠s"] {
            assert_eq!(parse(text), Err(ParseDurationError::Form), "{text:?}");
        }
        let message = parse("90").map_err(|error| error.to_string());
        assert_eq!(message, Err("the unit is missing: write 90s, 90m, 90h or 90d".to_owned()));
        for text in ["99999999999999999999s", "36601d", "18446744073709551615d"] {
            assert_eq!(parse(text), Err(ParseDurationError::TooLong), "{text:?}");
        }
    }
}
