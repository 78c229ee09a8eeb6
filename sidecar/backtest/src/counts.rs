//! How many benign and attack events had which score, and the two curves that follow from it.
//!
//! Scores have four digits, so counting them loses nothing, and a million events take no more room than a thousand.

use std::collections::BTreeMap;

use anomaly_baseline::Score;

/// Events by score.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(BTreeMap<Score, At>);

/// Events with one score.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    benign: u64,
    attack: u64,
}

impl Counts {
    pub(crate) fn benign(&mut self, score: Score) {
        self.0.entry(score).or_default().benign += 1;
    }

    pub(crate) fn attack(&mut self, score: Score) {
        self.0.entry(score).or_default().attack += 1;
    }

    /// All benign and all attack events.
    pub(crate) fn totals(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |(benign, attack), at| (benign + at.benign, attack + at.attack))
    }

    /// Benign events with score 0: exactly known.
    pub(crate) fn exact(&self) -> u64 {
        self.0.get(&Score::ZERO).map_or(0, |at| at.benign)
    }

    /// Area under the ROC curve: how often an attack event scores above a benign one, ties half. `None` where there is
    /// no event of one kind.
    pub(crate) fn roc_auc(&self) -> Option<f64> {
        let (mut above, mut area) = (0.0, 0.0);
        for at in self.0.values().rev() {
            area += at.benign as f64 * (above + at.attack as f64 / 2.0);
            above += at.attack as f64;
        }
        let pairs = above * self.totals().0 as f64;
        (pairs > 0.0).then(|| area / pairs)
    }

    /// Average precision: the mean over attack events of the precision at their score. `None` without any.
    pub(crate) fn average_precision(&self) -> Option<f64> {
        let (mut hits, mut misses, mut sum) = (0.0, 0.0, 0.0);
        for at in self.0.values().rev() {
            hits += at.attack as f64;
            misses += at.benign as f64;
            if at.attack > 0 {
                sum += at.attack as f64 * hits / (hits + misses);
            }
        }
        (hits > 0.0).then(|| sum / hits)
    }

    /// The ROC curve from the highest threshold to the lowest: false-positive and true-positive rate.
    pub(crate) fn roc(&self) -> Vec<(f64, f64)> {
        let (all_benign, all_attack) = self.totals();
        let (mut benign, mut attack) = (0, 0);
        let mut points = vec![(0.0, 0.0)];
        for at in self.0.values().rev() {
            benign += at.benign;
            attack += at.attack;
            points.push((share(benign, all_benign), share(attack, all_attack)));
        }
        points
    }

    /// The precision-recall curve from the highest threshold to the lowest: recall and precision.
    pub(crate) fn precision_recall(&self) -> Vec<(f64, f64)> {
        let total = self.totals().1;
        let (mut benign, mut attack) = (0, 0);
        let mut points = Vec::new();
        for at in self.0.values().rev() {
            benign += at.benign;
            attack += at.attack;
            if at.attack > 0 {
                points.push((share(attack, total), share(attack, attack + benign)));
            }
        }
        points
    }

    /// The share of attack events above the score that a share `rate` of benign events is above.
    pub(crate) fn recall_at(&self, rate: f64) -> f64 {
        let (all_benign, all_attack) = self.totals();
        let allowed = (rate * all_benign as f64) as u64;
        let (mut above, mut recalled) = (0, 0);
        for at in self.0.values().rev() {
            above += at.benign;
            if above > allowed {
                break;
            }
            recalled += at.attack;
        }
        share(recalled, all_attack)
    }

    /// Benign and attack events in `bins` equal parts of the range of scores.
    pub(crate) fn histogram(&self, bins: usize) -> Vec<(u64, u64)> {
        let mut counts = vec![(0, 0); bins.max(1)];
        let last = counts.len() - 1;
        for (score, at) in &self.0 {
            let bin = (usize::from(score.ten_thousandths()) * counts.len() / 10_000).min(last);
            counts[bin].0 += at.benign;
            counts[bin].1 += at.attack;
        }
        counts
    }
}

/// A part of a whole; 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(benign: &[u16], attack: &[u16]) -> Counts {
        let mut counts = Counts::default();
        benign.iter().for_each(|&score| counts.benign(Score::from_ten_thousandths(score)));
        attack.iter().for_each(|&score| counts.attack(Score::from_ten_thousandths(score)));
        counts
    }

    #[test]
    fn perfect_and_useless_scores() {
        let perfect = counts(&[0, 10, 20], &[9_000, 9_500]);
        assert_eq!((perfect.roc_auc(), perfect.average_precision()), (Some(1.0), Some(1.0)));
        let useless = counts(&[500; 8], &[500; 8]);
        assert_eq!((useless.roc_auc(), useless.average_precision()), (Some(0.5), Some(0.5)));
        assert_eq!((counts(&[1], &[]).roc_auc(), counts(&[1], &[]).average_precision()), (None, None));
    }

    #[test]
    fn false_positives_are_those_above_not_at() {
        let ties = counts(&[100, 100, 100, 50], &[100, 200]);
        assert_eq!(ties.recall_at(0.0), 0.5);
        assert_eq!(ties.recall_at(0.75), 1.0);
    }

    #[test]
    fn curves_end_where_everything_alerts() {
        let some = counts(&[0, 0, 9_000], &[8_000, 10_000]);
        assert_eq!(some.roc().last(), Some(&(1.0, 1.0)));
        assert_eq!(some.precision_recall(), [(0.5, 1.0), (1.0, 2.0 / 3.0)]);
        assert_eq!(some.histogram(10), [vec![(2, 0)], vec![(0, 0); 7], vec![(0, 1)], vec![(1, 1)],].concat());
    }

    proptest! {
        /// Pair by pair, as the definition has it.
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            benign in proptest::collection::vec(0u16..50, 1..40), attack in proptest::collection::vec(0u16..50, 1..40),
        ) {
            let pairs = attack.iter().flat_map(|a| benign.iter().map(move |b| match a.cmp(b) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            }));
            let expected = pairs.sum::<f64>() / (benign.len() * attack.len()) as f64;
            let found = counts(&benign, &attack).roc_auc().expect("there are both");
            prop_assert!((found - expected).abs() < 1e-9, "{} {}", found, expected);
        }
    }
}
