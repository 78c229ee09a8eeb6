//! Scores, distances and thresholds: decimal numbers of four digits, rounded down once and compared as integers.
//!
//! A rule compares `anomaly.score` as a string, the sidecar as a number, a report as text. They agree because all
//! of them come from this one integer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from 0 to 1 in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Score(u16);

impl Score {
    /// Learned: seen before.
    pub const ZERO: Self = Self(0);
    /// Nothing like it.
    pub const ONE: Self = Self(10_000);

    /// Rounds down to four digits; below 0 and not-a-number become 0, above 1 becomes 1.
    pub fn floor(value: f64) -> Self {
        // What decimal arithmetic would call exact (0.85 * 10,000) may be an ulp short in binary.
        Self((value * 10_000.0 + 1e-7).clamp(0.0, 10_000.0) as u16)
    }

    /// From ten-thousandths; above 10,000 becomes 1.
    pub const fn from_ten_thousandths(value: u16) -> Self {
        Self(if value > 10_000 { 10_000 } else { value })
    }

    /// In ten-thousandths, 0 to 10,000.
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// In thousandths, rounded down, 0 to 1,000.
    pub const fn permille(self) -> u16 {
        self.0 / 10
    }

    /// As a floating-point number.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl fmt::Display for Score {
    /// Always `d.dddd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// The text is not a number from 0 to 1 with at most four digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a score: write a number from 0 to 1 with at most four digits, such as 0.85")]
pub struct ParseScoreError(String);

impl FromStr for Score {
    type Err = ParseScoreError;

    /// Reads `0.85`, `.85`, `1`, `1.0`; exactly, without going through binary.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseScoreError(text.chars().take(32).collect());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty())
            || !digits(whole)
            || !digits(fraction)
            || fraction.len() > 4
        {
            return Err(error());
        }
        let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| error())? };
        let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| error())?;
        let value =
            whole.checked_mul(10_000).and_then(|whole| whole.checked_add(fraction)).ok_or_else(error)?;
        u16::try_from(value).ok().filter(|&value| value <= 10_000).map(Self).ok_or_else(error)
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        format!("{value}").parse().map_err(serde::de::Error::custom)
    }
}

/// What a score means to the person on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The workload is not known well enough for a score.
    Learning,
    /// Below `warn`.
    Normal,
    /// At or above `warn`.
    Warn,
    /// At or above `critical`.
    Critical,
}

impl Level {
    /// The level as a word, as fields and alerts have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Normal => "normal",
            Self::Warn => "warn",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_round_down_to_four_digits() {
        for (value, text) in
            [(0.0, "0.0000"), (0.85, "0.8500"), (0.849_99, "0.8499"), (0.999_99, "0.9999"), (1.0, "1.0000")]
        {
            assert_eq!(Score::floor(value).to_string(), text);
        }
        assert_eq!(Score::floor(f64::NAN), Score::ZERO);
        assert_eq!(Score::floor(-1.0), Score::ZERO);
        assert_eq!(Score::floor(7.0), Score::ONE);
        assert_eq!(Score::floor(0.8765).permille(), 876);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for value in 0..=10_000 {
            let score = Score::from_ten_thousandths(value);
            assert_eq!(score.to_string().parse(), Ok(score));
            assert_eq!(Score::floor(score.value()), score);
        }
    }

    #[test]
    fn what_is_no_score_is_refused() {
        for text in ["", ".", "85", "1.0001", "-0.5", "8.5e-1", "0.85001", " 0.85", "0,85", "nan"] {
            assert!(text.parse::<Score>().is_err(), "{text:?}");
        }
        assert_eq!(".85".parse(), Ok(Score(8500)));
        assert_eq!("1".parse(), Ok(Score::ONE));
    }
}
