//! What came of a back-test, in the numbers by which people choose a threshold.
//!
//! What a person sees is the *alert group*: one distinct (parent, name, uid) above the threshold per workload and day.
//! What must be found is the *session*: an attack counts as found if one of its first twenty executions is above the
//! threshold. One threshold serves all workloads, as one rule does.

use std::collections::BTreeMap;

use anomaly_baseline::Score;
use serde::Serialize;

use crate::budget::{Budget, Suggestion};
use crate::counts::{Counts, share};
use crate::days::{Highest, Kind, Workload};
use crate::novel::{Novel, Top};
use crate::run::Step;

/// Collects scores as they come; keeps counts, not events.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    counts: Counts,
    workloads: BTreeMap<String, Workload>,
    top: Top,
}

/// How many events there were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tally {
    /// Benign events.
    pub benign: u64,
    /// Attack events.
    pub attack: u64,
    /// Events without a score, which count as 0.
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
    /// Scores above this alert; `None` where every score may.
    pub above: Option<Score>,
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
    /// The share found at a score of 0.85.
    pub session_recall_at_warn: f64,
}

/// One workload's or one kind of day's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The workload, or the kind of day.
    pub of: String,
    /// Days with benign events.
    pub days: usize,
    /// Benign events.
    pub benign: u64,
    /// The share of them that was exactly known.
    pub exact: f64,
    /// Sessions of attacks; a day has none of its own.
    pub sessions: usize,
    /// At the thresholds that were asked for.
    pub thresholds: Vec<AtThreshold>,
}

impl Outcome {
    /// Takes one step.
    pub fn note(&mut self, step: &Step<'_>) {
        let Step { recorded, day, occurrence, verdict } = *step;
        let observation = &recorded.observation;
        let execution = &observation.execution;
        let score = verdict.score.unwrap_or_default();
        if !self.workloads.contains_key(&observation.workload) {
            self.workloads.insert(observation.workload.clone(), Workload::default());
        }
        let workload = self.workloads.get_mut(&observation.workload).expect("it was just added");
        if occurrence == 1 {
            workload.unscored += u64::from(verdict.score.is_none());
        }
        if recorded.is_attack() {
            let session = recorded.session.as_deref().unwrap_or_default();
            workload.attack(session, occurrence, score, verdict.novel);
            if occurrence == 1 {
                self.counts.attack(score);
            }
        } else {
            let group = (execution.parent.clone(), execution.name.clone(), execution.uid);
            workload.benign(day, recorded.phase.as_deref(), group, score, verdict.novel);
            self.counts.benign(score);
        }
        self.top.note(step);
    }

    /// How many events there were.
    pub fn tally(&self) -> Tally {
        let (benign, attack) = self.counts.totals();
        Tally {
            benign,
            attack,
            unscored: self.workloads.values().map(|workload| workload.unscored).sum(),
            sessions: self.sessions().count(),
            days: self.days(),
            exact: share(self.counts.exact(), benign),
        }
    }

    /// Area under the ROC curve: how often an attack event scores above a benign one, ties half. `None` where there is
    /// no event of one kind.
    pub fn roc_auc(&self) -> Option<f64> {
        self.counts.roc_auc()
    }

    /// Average precision: the mean over attack events of the precision at their score. `None` without any.
    pub fn average_precision(&self) -> Option<f64> {
        self.counts.average_precision()
    }

    /// The ROC curve from the highest threshold to the lowest: false-positive and true-positive rate.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        self.counts.roc()
    }

    /// The precision-recall curve from the highest threshold to the lowest: recall and precision.
    pub fn precision_recall(&self) -> Vec<(f64, f64)> {
        self.counts.precision_recall()
    }

    /// Counts of benign and attack events in `bins` equal parts of the range of scores.
    pub fn histogram(&self, bins: usize) -> Vec<(u64, u64)> {
        self.counts.histogram(bins)
    }

    /// The share of attack events above the score that a share `rate` of benign events is above.
    pub fn at_false_positives(&self, rate: f64) -> AtFalsePositives {
        AtFalsePositives { rate, event_recall: self.counts.recall_at(rate) }
    }

    /// What a budget of alert groups per workload and day finds, with one threshold for all.
    pub fn at_budget(&self, groups_a_day: f64) -> AtBudget {
        let above = self.first_too_many(groups_a_day);
        let found = |session: &Highest| above.is_none_or(|above| session.score > above);
        AtBudget { groups_a_day, above, session_recall: recall(self.sessions(), found) }
    }

    /// What a threshold finds and costs; each execution's own where there is `None`.
    pub fn at_threshold(&self, threshold: Option<Score>) -> AtThreshold {
        at_threshold(threshold, self.groups(), self.days(), self.sessions())
    }

    /// The smallest threshold that keeps a budget, and what it finds.
    pub fn suggest(&self, budget: Budget) -> Suggestion {
        let days = self.days() as f64;
        let next = |above: Score| above.ten_thousandths() + 1;
        let threshold = match self.first_too_many(budget.a_day()) {
            // At 0 everything would alert, which is never what was meant.
            None => Some(Score::from_ten_thousandths(1)),
            Some(Score::ONE) => None,
            Some(above) => Some(Score::from_ten_thousandths(next(above))),
        };
        let at = threshold.map(|threshold| self.at_threshold(Some(threshold)));
        Suggestion {
            budget,
            threshold,
            groups_a_day: at.map_or(0.0, |at| at.groups_a_day),
            session_recall: at.filter(|_| self.sessions().next().is_some()).map(|at| at.session_recall),
            groups_in_all: budget.a_day() * days,
        }
    }

    /// What every threshold costs and finds, from the highest to the lowest: the points at which something changes.
    pub fn thresholds(&self) -> Vec<AtThreshold> {
        let mut changes: BTreeMap<Score, (u64, u64)> = BTreeMap::new();
        self.groups().for_each(|group| changes.entry(group.score).or_default().0 += 1);
        self.sessions().for_each(|session| changes.entry(session.score).or_default().1 += 1);
        let (days, sessions) = (self.days() as u64, self.sessions().count() as u64);
        let (mut groups, mut found) = (0, 0);
        let point = |(threshold, (more_groups, more_found)): (Score, (u64, u64))| {
            groups += more_groups;
            found += more_found;
            AtThreshold {
                threshold: Some(threshold),
                groups_a_day: share(groups, days),
                session_recall: share(found, sessions),
            }
        };
        changes.into_iter().rev().map(point).collect()
    }

    /// How each occurrence of repeated attacks fared.
    pub fn by_occurrence(&self, warn: Score) -> Vec<Daily> {
        let mut found: BTreeMap<u16, [u64; 3]> = BTreeMap::new();
        for (occurrence, highest) in self.workloads.values().flat_map(Workload::sessions) {
            let [all, own, at_warn] = found.entry(occurrence).or_default();
            *all += 1;
            *own += u64::from(highest.reaches(None));
            *at_warn += u64::from(highest.reaches(Some(warn)));
        }
        let daily = |(occurrence, [all, own, at_warn]): (u16, [u64; 3])| Daily {
            occurrence,
            session_recall: share(own, all),
            session_recall_at_warn: share(at_warn, all),
        };
        found.into_iter().map(daily).collect()
    }

    /// Each workload by itself, at these thresholds.
    pub fn by_workload(&self, thresholds: &[Option<Score>]) -> Vec<Part> {
        let part = |(name, workload): (&String, &Workload)| {
            let sessions = || first(workload);
            let groups = || workload.days().flat_map(|(_, day)| day.groups());
            let (days, benign) = (workload.days().count(), workload.counts.totals().0);
            Part {
                of: name.clone(),
                days,
                benign,
                exact: share(workload.counts.exact(), benign),
                sessions: sessions().count(),
                thresholds: thresholds
                    .iter()
                    .map(|&at| at_threshold(at, groups(), days, sessions()))
                    .collect(),
            }
        };
        self.workloads.iter().map(part).collect()
    }

    /// Each kind of day by itself, at these thresholds; attacks have no day of their own.
    pub fn by_kind(&self, thresholds: &[Option<Score>]) -> Vec<Part> {
        let part = |kind: Kind| {
            let all = || self.workloads.values().flat_map(Workload::days);
            let of_kind = || all().filter(move |(other, _)| *other == kind).map(|(_, day)| day);
            let (days, benign) = (of_kind().count(), of_kind().map(|day| day.benign).sum());
            let groups = || of_kind().flat_map(|day| day.groups());
            Part {
                of: kind.as_str().into(),
                days,
                benign,
                exact: share(of_kind().map(|day| day.exact).sum(), benign),
                sessions: 0,
                thresholds: thresholds
                    .iter()
                    .map(|&at| at_threshold(at, groups(), days, [].into_iter()))
                    .collect(),
            }
        };
        Kind::ALL.into_iter().map(part).filter(|part| part.days > 0).collect()
    }

    /// The most novel alert groups, with reasons.
    pub fn novel(&self) -> Vec<Novel> {
        self.top.highest()
    }

    /// The score of the first alert group that a budget has no room for; `None` where it has room for all.
    fn first_too_many(&self, groups_a_day: f64) -> Option<Score> {
        let mut highest: Vec<_> = self.groups().map(|group| group.score).collect();
        highest.sort_unstable_by(|a, b| b.cmp(a));
        let allowed = (groups_a_day * self.days() as f64) as usize;
        highest.get(allowed).copied()
    }

    fn groups(&self) -> impl Iterator<Item = Highest> {
        self.workloads.values().flat_map(Workload::days).flat_map(|(_, day)| day.groups())
    }

    fn sessions(&self) -> impl Iterator<Item = Highest> {
        self.workloads.values().flat_map(first)
    }

    fn days(&self) -> usize {
        self.workloads.values().map(|workload| workload.days().count()).sum()
    }
}

/// The sessions of a workload as they were tried for the first time.
fn first(workload: &Workload) -> impl Iterator<Item = Highest> {
    workload.sessions().filter(|(occurrence, _)| *occurrence == 1).map(|(_, highest)| highest)
}

fn at_threshold(
    threshold: Option<Score>,
    groups: impl Iterator<Item = Highest>,
    days: usize,
    sessions: impl Iterator<Item = Highest>,
) -> AtThreshold {
    let above = groups.filter(|group| group.reaches(threshold)).count();
    AtThreshold {
        threshold,
        groups_a_day: share(above as u64, days as u64),
        session_recall: recall(sessions, |session| session.reaches(threshold)),
    }
}

fn recall(sessions: impl Iterator<Item = Highest>, found: impl Fn(&Highest) -> bool) -> f64 {
    let (hits, all) =
        sessions.fold((0, 0), |(hits, all), session| (hits + u64::from(found(&session)), all + 1));
    share(hits, all)
}
