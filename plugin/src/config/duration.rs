//! Durations as people write them: `0s`, `10m`, `7d`.

use std::time::Duration;

/// Reads a whole number and its unit, one of `s`, `m`, `h` and `d`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    // `parse` alone would take a sign.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("36h", 129_600), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "s", "10", "10 m", "+5s", "-5s", "1.5h", "10min", "5ä", "99999999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
