//! From a distance to a score that means a budget.
//!
//! A distance says how far an execution is from what its workload normally runs; it does not say how often that
//! happens there. `g(d)`, the alert groups a day that this workload produces at distance `d` or more, does. It starts
//! from a prior, the mean curve of other workloads, and is scaled by the workload's own history. The score falls with
//! it, so that 0.85 stands for about one alert group a day and 0.95 for one in ten days, on every workload.

use crate::score::Score;

/// Distances below this are never rare: the score rises linearly up to it.
const NEAR: f64 = 0.1;

/// From which distance a row counts as a group of the workload's own history.
pub(crate) const OWN_FROM: f32 = 0.3;

/// Days of own history that weigh as much as the prior.
const PRIOR_DAYS: f64 = 14.0;

/// Repeats that lower a score; more of them lower it no further.
const MOST_REPEATS: f64 = 20.0;

/// How fast the score falls with the root of the rate.
const SLOPE: f64 = 0.18;

/// The mean number of alert groups a day at distance `d` or more: `exp(a + b d + c d^2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Constant.
    pub a: f64,
    /// Linear term.
    pub b: f64,
    /// Quadratic term; not above 0, so that the curve falls strictly and no two distances tie.
    pub c: f64,
}

impl Prior {
    /// Fitted to the base days of seven workloads, first day and first full day left out.
    pub const SHIPPED: Self = Self { a: 1.831, b: -2.239, c: -5.362 };

    fn rate(&self, distance: f64) -> f64 {
        (self.a + self.b * distance + self.c * distance * distance).exp()
    }
}

impl Default for Prior {
    fn default() -> Self {
        Self::SHIPPED
    }
}

/// A workload's own history, as far as its scores depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct History {
    /// Alert groups first seen at [`OWN_FROM`] or farther, on completed days.
    pub groups: u32,
    /// Completed days among the last seven, without the first day and the first full day.
    pub days: u32,
}

/// Turns distances into scores for one workload on one day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    prior: Prior,
    /// The own rate relative to the prior's.
    scale: f64,
}

impl Calibration {
    /// The calibration that follows from a prior and a workload's history.
    pub fn new(prior: Prior, history: History) -> Self {
        let expected = prior.rate(f64::from(OWN_FROM));
        let scale = (f64::from(history.groups) + PRIOR_DAYS * expected)
            / ((f64::from(history.days) + PRIOR_DAYS) * expected);
        Self { prior, scale }
    }

    /// Alert groups a day at this distance or more.
    pub fn rate(&self, distance: f64) -> f64 {
        self.scale * self.prior.rate(distance)
    }

    /// The score of a distance for an execution that already ran `repeats` times today. What resembled it today counts
    /// as part of a repeat.
    pub fn score(&self, distance: f64, repeats: f64) -> Score {
        let commonness = 0.8 * self.rate(distance) + 0.1 * repeats.min(MOST_REPEATS);
        Score::floor((distance / NEAR).min(1.0) / (1.0 + SLOPE * commonness.sqrt()))
    }

    /// The smallest threshold from 0.85 that keeps the day's budget: `((1/s - 1) / 0.18)^2 <= 0.9612 - 0.15 N(s)`,
    /// `N(s)` being how many of `spent` are at `s` or above. Never above the score of distance 1.
    ///
    /// `spent` are the highest scores of the other alert groups today, counted without repeats, in falling order.
    pub fn budget_threshold(&self, spent: &[Score]) -> Score {
        let highest = self.score(1.0, 0.0);
        for allowed in 0..=SPENDABLE {
            let Some(floor) = budget_floor(allowed) else { break };
            // With at most `allowed` groups at or above it, every s from `floor` will do.
            let above_next = spent
                .get(allowed)
                .map_or(Score::ZERO, |next| Score::from_ten_thousandths(next.ten_thousandths() + 1));
            let candidate = floor.max(above_next);
            let in_reach = budget_floor(allowed + 1).is_none_or(|next_floor| candidate < next_floor);
            if in_reach {
                return candidate.min(highest);
            }
        }
        highest
    }
}

/// How many groups a day's budget can hold at most.
pub(crate) const SPENDABLE: usize = 6;

/// The smallest s with `((1/s - 1) / 0.18)^2 <= 0.9612 - 0.15 n`; `None` where no s does.
fn budget_floor(spent: usize) -> Option<Score> {
    let left = 0.9612 - 0.15 * spent as f64;
    if left < 0.0 {
        return None;
    }
    let exact = 1.0 / (1.0 + SLOPE * left.sqrt());
    let rounded = Score::floor(exact);
    let fits = ((1.0 / rounded.value() - 1.0) / SLOPE).powi(2) <= left;
    Some(if fits { rounded } else { Score::from_ten_thousandths(rounded.ten_thousandths() + 1) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fresh() -> Calibration {
        Calibration::new(Prior::SHIPPED, History::default())
    }

    #[test]
    fn a_score_is_a_budget() {
        let calibration = fresh();
        let distance_of = |rate: f64| {
            (0..10_000)
                .map(|d| f64::from(d) / 10_000.0)
                .find(|&d| calibration.rate(d) <= rate)
                .expect("it falls")
        };
        let once_a_day = calibration.score(distance_of(1.0), 0.0).value();
        let once_in_ten = calibration.score(distance_of(0.1), 0.0).value();
        assert!((0.845..0.865).contains(&once_a_day), "{once_a_day}");
        assert!((0.945..0.955).contains(&once_in_ten), "{once_in_ten}");
    }

    #[test]
    fn an_unspent_day_has_the_threshold_085() {
        assert_eq!(fresh().budget_threshold(&[]).to_string(), "0.8500");
    }

    #[test]
    fn spending_raises_the_threshold_and_never_past_what_can_be_reached() {
        let calibration = fresh();
        let spent = [Score::from_ten_thousandths(9900); 9];
        let thresholds: Vec<_> = (0..=9).map(|n| calibration.budget_threshold(&spent[..n])).collect();
        assert!(thresholds.is_sorted(), "{thresholds:?}");
        assert!(thresholds[1] > thresholds[0]);
        assert_eq!(thresholds[9], Score::from_ten_thousandths(9901).min(calibration.score(1.0, 0.0)));
    }

    proptest! {
        /// The closed form finds what a search over all four-digit numbers finds.
        #[test]
        fn the_threshold_is_the_smallest_that_keeps_the_budget(
            mut spent in proptest::collection::vec(8000u16..=10_000, 0..12),
        ) {
            spent.sort_unstable_by(|a, b| b.cmp(a));
            let spent: Vec<_> = spent.into_iter().map(Score::from_ten_thousandths).collect();
            let calibration = fresh();
            let searched = (8500..=10_000u16).map(Score::from_ten_thousandths).find(|s| {
                let above = spent.iter().filter(|other| *other >= s).count();
                ((1.0 / s.value() - 1.0) / SLOPE).powi(2) <= 0.9612 - 0.15 * above as f64
            });
            let highest = calibration.score(1.0, 0.0);
            prop_assert_eq!(calibration.budget_threshold(&spent), searched.unwrap_or(highest).min(highest));
        }

        #[test]
        fn farther_is_never_less_and_repeating_never_more(
            near in 0.0..1.0f64, by in 0.0..1.0f64, repeats in 0.0..100.0f64, groups in 0u32..200, days in 0u32..=5,
        ) {
            let calibration = Calibration::new(Prior::SHIPPED, History { groups, days });
            let far = (near + by).min(1.0);
            prop_assert!(calibration.score(far, repeats) >= calibration.score(near, repeats));
            prop_assert!(calibration.score(near, repeats + 1.0) <= calibration.score(near, repeats));
        }
    }
}
