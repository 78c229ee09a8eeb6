//! What came of a back-test, in the numbers by which people choose a threshold.
//!
//! What a person sees is the *alert group*: one distinct (parent, name, uid) above the threshold per workload and day.
//! What must be found is the *session*: an attack counts as found if one of its first [`FIRST`] executions is above
//! the threshold. One threshold serves all workloads, as one rule does.

use std::collections::{BTreeMap, HashMap};

use anomaly_baseline::{Day, Score};
use serde::Serialize;

use crate::run::Step;

/// Executions of a session by which it must be found.
const FIRST: u32 = 20;

/// Every score from 0 to 1 in ten-thousandths has a slot.
const SLOTS: usize = 10_001;

/// Collects scores as they come; keeps counts, not events.
#[derive(Debug, Clone)]
pub struct Outcome {
    benign: Vec<u64>,
    attack: Vec<u64>,
    unscored: u64,
    groups: HashMap<(String, Day, String, String, u32), Group>,
    /// Per session and occurrence.
    sessions: BTreeMap<(String, String, u16), Session>,
    repeats: u64,
}

/// The highest of an alert group of benign events.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    highest: Score,
    /// Whether one of them reached its own threshold.
    novel: bool,
}

/// The highest among a session's first executions.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    seen: u32,
    highest: Score,
    novel: bool,
}

/// How many events there were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tally {
    /// Benign events with a score.
    pub benign: u64,
    /// Attack events with a score.
    pub attack: u64,
    /// Events without a score.
    pub unscored: u64,
    /// Sessions of attacks.
    pub sessions: usize,
    /// Workloads' days with benign events.
    pub days: usize,
    /// The share of benign events that were exactly known.
    pub exact: f64,
}

/// At a budget of alert groups a day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtBudget {
    /// Alert groups per workload and day.
    pub groups_a_day: f64,
    /// The threshold that keeps it: scores above it alert.
    pub threshold: Score,
    /// The share of sessions found.
    pub session_recall: f64,
}

/// At a rate of false positives among benign events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtFalsePositives {
    /// The share of benign events above the threshold.
    pub rate: f64,
    /// The share of attack events above it.
    pub event_recall: f64,
}

/// At a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtThreshold {
    /// The threshold; `None` for each execution's own.
    pub threshold: Option<Score>,
    /// Alert groups per workload and day.
    pub groups_a_day: f64,
    /// The share of sessions found.
    pub session_recall: f64,
}

/// How one occurrence of repeated attacks fared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Daily {
    /// Which occurrence, from 1.
    pub occurrence: u16,
    /// The share of sessions found at each execution's own threshold.
    pub session_recall: f64,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            benign: vec![0; SLOTS],
            attack: vec![0; SLOTS],
            unscored: 0,
            groups: HashMap::new(),
            sessions: BTreeMap::new(),
            repeats: 0,
        }
    }
}

impl Outcome {
    /// Takes one step.
    pub fn note(&mut self, step: &Step<'_>) {
        let Step { recorded, day, occurrence, verdict } = *step;
        let observation = &recorded.observation;
        let execution = &observation.execution;
        let score = verdict.score.unwrap_or_default();
        self.unscored += u64::from(verdict.score.is_none());
        let slot = usize::from(score.ten_thousandths());
        if recorded.is_attack() {
            if occurrence == 1 {
                self.attack[slot] += 1;
            }
            let name = recorded.session.clone().unwrap_or_default();
            let session = self.sessions.entry((observation.workload.clone(), name, occurrence)).or_default();
            if session.seen < FIRST {
                session.seen += 1;
                session.highest = session.highest.max(score);
                session.novel |= verdict.novel;
            }
            return;
        }
        self.benign[slot] += 1;
        self.repeats += u64::from(verdict.score == Some(Score::ZERO));
        let key = (
            observation.workload.clone(),
            day,
            execution.parent.clone(),
            execution.name.clone(),
            execution.uid,
        );
        let group = self.groups.entry(key).or_default();
        group.highest = group.highest.max(score);
        group.novel |= verdict.novel;
    }

    /// How many events there were.
    pub fn tally(&self) -> Tally {
        let benign = self.benign.iter().sum();
        Tally {
            benign,
            attack: self.attack.iter().sum(),
            unscored: self.unscored,
            sessions: self.first_sessions().count(),
            days: self.days(),
            exact: share(self.repeats, benign),
        }
    }

    /// Area under the ROC curve: how often an attack event scores above a benign one, ties half. `None` where there is
    /// no event of one kind.
    pub fn roc_auc(&self) -> Option<f64> {
        let (mut above, mut area) = (0.0, 0.0);
        for (&attack, &benign) in self.attack.iter().zip(&self.benign).rev() {
            area += benign as f64 * (above + attack as f64 / 2.0);
            above += attack as f64;
        }
        let pairs = above * self.benign.iter().sum::<u64>() as f64;
        (pairs > 0.0).then(|| area / pairs)
    }

    /// Average precision: the mean over attack events of the precision at their score. `None` without any.
    pub fn average_precision(&self) -> Option<f64> {
        let (mut hits, mut misses, mut sum) = (0.0, 0.0, 0.0);
        for (&attack, &benign) in self.attack.iter().zip(&self.benign).rev() {
            hits += attack as f64;
            misses += benign as f64;
            if attack > 0 {
                sum += attack as f64 * hits / (hits + misses);
            }
        }
        (hits > 0.0).then(|| sum / hits)
    }

    /// The points of the ROC curve from the highest threshold to the lowest: false-positive and true-positive rate.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let totals = (self.benign.iter().sum::<u64>(), self.attack.iter().sum::<u64>());
        let (mut benign, mut attack) = (0, 0);
        let mut points = vec![(0.0, 0.0)];
        for slot in (0..SLOTS).rev() {
            if self.benign[slot] + self.attack[slot] > 0 {
                benign += self.benign[slot];
                attack += self.attack[slot];
                points.push((share(benign, totals.0), share(attack, totals.1)));
            }
        }
        points
    }

    /// The points of the precision-recall curve from the highest threshold to the lowest: recall and precision.
    pub fn precision_recall(&self) -> Vec<(f64, f64)> {
        let total = self.attack.iter().sum::<u64>();
        let (mut benign, mut attack) = (0, 0);
        let mut points = Vec::new();
        for slot in (0..SLOTS).rev() {
            benign += self.benign[slot];
            attack += self.attack[slot];
            if self.attack[slot] > 0 {
                points.push((share(attack, total), share(attack, attack + benign)));
            }
        }
        points
    }

    /// The share of attack events above the score that a share `rate` of benign events is above.
    pub fn at_false_positives(&self, rate: f64) -> AtFalsePositives {
        let allowed = (rate * self.benign.iter().sum::<u64>() as f64) as u64;
        let mut above = 0;
        let mut recalled = 0;
        for slot in (0..SLOTS).rev() {
            above += self.benign[slot];
            if above > allowed {
                break;
            }
            recalled += self.attack[slot];
        }
        AtFalsePositives { rate, event_recall: share(recalled, self.attack.iter().sum()) }
    }

    /// What a budget of alert groups per workload and day finds, with one threshold for all.
    pub fn at_budget(&self, groups_a_day: f64) -> AtBudget {
        let mut highest: Vec<_> = self.groups.values().map(|group| group.highest).collect();
        highest.sort_unstable_by(|a, b| b.cmp(a));
        let allowed = (groups_a_day * self.days() as f64) as usize;
        let threshold = highest.get(allowed).copied();
        let found = |session: &Session| threshold.is_none_or(|threshold| session.highest > threshold);
        AtBudget {
            groups_a_day,
            threshold: threshold.unwrap_or_default(),
            session_recall: self.recall(found),
        }
    }

    /// What a threshold finds and costs; each execution's own where there is `None`.
    pub fn at_threshold(&self, threshold: Option<Score>) -> AtThreshold {
        let above = |highest: Score, novel: bool| threshold.map_or(novel, |threshold| highest >= threshold);
        let groups = self.groups.values().filter(|group| above(group.highest, group.novel)).count();
        AtThreshold {
            threshold,
            groups_a_day: share(groups as u64, self.days() as u64),
            session_recall: self.recall(|session| above(session.highest, session.novel)),
        }
    }

    /// How each occurrence of repeated attacks fared.
    pub fn by_occurrence(&self) -> Vec<Daily> {
        let mut found: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
        for ((_, _, occurrence), session) in &self.sessions {
            let (novel, all) = found.entry(*occurrence).or_default();
            *novel += u64::from(session.novel);
            *all += 1;
        }
        let daily = |(occurrence, (novel, all))| Daily { occurrence, session_recall: share(novel, all) };
        found.into_iter().map(daily).collect()
    }

    /// Counts of benign and attack events in `bins` equal parts of the range of scores.
    pub fn histogram(&self, bins: usize) -> Vec<(u64, u64)> {
        let mut counts = vec![(0, 0); bins.max(1)];
        for slot in 0..SLOTS {
            let bin = (slot * counts.len() / SLOTS).min(counts.len() - 1);
            counts[bin].0 += self.benign[slot];
            counts[bin].1 += self.attack[slot];
        }
        counts
    }

    fn first_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|((_, _, occurrence), _)| *occurrence == 1).map(|(_, session)| session)
    }

    fn recall(&self, found: impl Fn(&Session) -> bool) -> f64 {
        let (hits, all) = self
            .first_sessions()
            .fold((0, 0), |(hits, all), session| (hits + u64::from(found(session)), all + 1));
        share(hits, all)
    }

    fn days(&self) -> usize {
        let mut days: Vec<_> = self.groups.keys().map(|(workload, day, ..)| (workload, day)).collect();
        days.sort_unstable();
        days.dedup();
        days.len()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(benign: &[u16], attack: &[u16]) -> Outcome {
        let mut outcome = Outcome::default();
        benign.iter().for_each(|&score| outcome.benign[usize::from(score)] += 1);
        attack.iter().for_each(|&score| outcome.attack[usize::from(score)] += 1);
        outcome
    }

    #[test]
    fn perfect_and_useless_scores() {
        let perfect = outcome(&[0, 10, 20], &[9_000, 9_500]);
        assert_eq!((perfect.roc_auc(), perfect.average_precision()), (Some(1.0), Some(1.0)));
        let useless = outcome(&[500; 8], &[500; 8]);
        assert_eq!((useless.roc_auc(), useless.average_precision()), (Some(0.5), Some(0.5)));
        assert_eq!((outcome(&[1], &[]).roc_auc(), outcome(&[1], &[]).average_precision()), (None, None));
    }

    #[test]
    fn false_positives_are_those_above_not_at() {
        let ties = outcome(&[100, 100, 100, 50], &[100, 200]);
        assert_eq!(ties.at_false_positives(0.0).event_recall, 0.5);
        assert_eq!(ties.at_false_positives(0.75).event_recall, 1.0);
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
            let found = outcome(&benign, &attack).roc_auc().expect("there are both");
            prop_assert!((found - expected).abs() < 1e-9, "{} {}", found, expected);
        }
    }
}
