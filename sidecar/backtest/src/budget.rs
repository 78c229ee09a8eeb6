//! How many alerts a person is willing to look at, and the threshold that keeps it.

use std::fmt;
use std::str::FromStr;

use anomaly_baseline::Score;
use serde::{Serialize, Serializer};

/// Days of a week and of a month, as budgets count them.
const UNITS: [(&str, u32); 3] = [("day", 1), ("week", 7), ("month", 30)];

/// More groups than that in a unit is no budget.
const MOST: u32 = 10_000;

/// A number of alert groups per workload and time: `1/day`, `3/week`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    groups: u32,
    unit: usize,
}

impl Budget {
    /// Alert groups per workload and day.
    pub fn a_day(self) -> f64 {
        f64::from(self.groups) / f64::from(UNITS[self.unit].1)
    }
}

impl Default for Budget {
    /// One a day.
    fn default() -> Self {
        Self { groups: 1, unit: 0 }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.groups, UNITS[self.unit].0)
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseBudgetError {
    /// No number, or no unit.
    #[error("write a whole number of alert groups and a time, such as 1/day, 3/week or 2/month")]
    Form,
    /// Nothing, or more than anybody looks at.
    #[error("a budget is from 1 to {MOST} alert groups; for less than one a day write 1/week or 1/month")]
    Range,
}

impl FromStr for Budget {
    type Err = ParseBudgetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (groups, name) = text.split_once('/').ok_or(ParseBudgetError::Form)?;
        let unit = UNITS.iter().position(|unit| unit.0 == name).ok_or(ParseBudgetError::Form)?;
        if groups.is_empty() || !groups.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseBudgetError::Form);
        }
        let groups = groups.parse().ok().filter(|groups| (1..=MOST).contains(groups));
        Ok(Self { groups: groups.ok_or(ParseBudgetError::Range)?, unit })
    }
}

/// The threshold that a budget leads to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// What was asked for.
    pub budget: Budget,
    /// The smallest threshold that keeps it on these recordings; `None` where the highest score already spends more.
    pub threshold: Option<Score>,
    /// Alert groups per workload and day at that threshold.
    pub groups_a_day: f64,
    /// The share of sessions found at it; `None` where there are no attacks.
    pub session_recall: Option<f64>,
    /// Alert groups that the budget allows in all the recorded days. Below 1 the recording is too short to tell.
    pub groups_in_all: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_forms() {
        for (text, a_day) in
            [("1/day", 1.0), ("3/week", 3.0 / 7.0), ("2/month", 2.0 / 30.0), ("010/day", 10.0)]
        {
            assert_eq!(text.parse().map(Budget::a_day), Ok(a_day), "{text}");
        }
        assert_eq!("3/week".parse::<Budget>().map(|budget| budget.to_string()).as_deref(), Ok("3/week"));
        assert_eq!(Budget::default().to_string(), "1/day");
    }

    #[test]
    fn what_is_no_budget_is_told_how_to_be_one() {
        for text in
            ["", "1", "/day", "1/", "1/hour", "0.5/day", "-1/day", "1 /day", "1/day ", "1/Day", "+1/day"]
        {
            assert_eq!(text.parse::<Budget>(), Err(ParseBudgetError::Form), "{text:?}");
        }
        for text in ["0/day", "10001/week", "99999999999999999999/day"] {
            assert_eq!(text.parse::<Budget>(), Err(ParseBudgetError::Range), "{text:?}");
        }
    }
}
