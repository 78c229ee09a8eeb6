//! One workload's part of an outcome: its days with their alert groups, and the sessions of attacks on it.

use std::collections::{BTreeMap, HashMap};

use anomaly_baseline::{Day, Score};
use serde::Serialize;

use crate::counts::Counts;

/// Executions of a session by which it must be found.
const FIRST: u32 = 20;

/// What a recorder's phase begins with while something new is rolled out.
const DEPLOYMENT: &str = "deploy";

/// What kind of day it was, by the phases of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing new was rolled out, neither on this day nor on the one before.
    Steady,
    /// Something new was rolled out.
    Deployment,
    /// The day before was a deployment's, and this one is none.
    DayAfter,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Steady, Self::Deployment, Self::DayAfter];

    /// The kind as a person reads it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Deployment => "deployment",
            Self::DayAfter => "day after",
        }
    }
}

/// What a person sees as one thing: parent, name and uid. The workload and the day are where it is kept.
type GroupKey = (String, String, u32);

/// The highest of an alert group of benign events, or of a session's first executions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Highest {
    pub(crate) score: Score,
    /// Whether one of them reached its own threshold.
    pub(crate) novel: bool,
}

impl Highest {
    fn take(&mut self, score: Score, novel: bool) {
        self.score = self.score.max(score);
        self.novel |= novel;
    }

    /// Whether it is at or above a threshold; its own where there is `None`.
    pub(crate) fn reaches(self, threshold: Option<Score>) -> bool {
        threshold.map_or(self.novel, |threshold| self.score >= threshold)
    }
}

/// One day of one workload, with benign events.
#[derive(Debug, Clone, Default)]
pub(crate) struct DayCounts {
    deployment: bool,
    pub(crate) benign: u64,
    pub(crate) exact: u64,
    groups: HashMap<GroupKey, Highest>,
}

impl DayCounts {
    pub(crate) fn groups(&self) -> impl Iterator<Item = Highest> {
        self.groups.values().copied()
    }
}

/// An attack, and how often it was tried.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    seen: u32,
    highest: Highest,
}

/// One workload's counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workload {
    pub(crate) counts: Counts,
    pub(crate) unscored: u64,
    days: BTreeMap<Day, DayCounts>,
    /// By name and occurrence.
    sessions: BTreeMap<(String, u16), Session>,
}

impl Workload {
    /// Takes a benign event.
    pub(crate) fn benign(
        &mut self,
        day: Day,
        phase: Option<&str>,
        group: GroupKey,
        score: Score,
        novel: bool,
    ) {
        self.counts.benign(score);
        let counts = self.days.entry(day).or_default();
        counts.benign += 1;
        counts.exact += u64::from(score == Score::ZERO);
        counts.deployment |= phase.is_some_and(|phase| phase.starts_with(DEPLOYMENT));
        counts.groups.entry(group).or_default().take(score, novel);
    }

    /// Takes an event of an attack.
    pub(crate) fn attack(&mut self, session: &str, occurrence: u16, score: Score, novel: bool) {
        if occurrence == 1 {
            self.counts.attack(score);
        }
        let session = self.sessions.entry((session.to_owned(), occurrence)).or_default();
        if session.seen < FIRST {
            session.seen += 1;
            session.highest.take(score, novel);
        }
    }

    /// The days and their kinds.
    pub(crate) fn days(&self) -> impl Iterator<Item = (Kind, &DayCounts)> {
        let mut before = false;
        self.days.values().map(move |day| {
            let kind = match (day.deployment, std::mem::replace(&mut before, day.deployment)) {
                (true, _) => Kind::Deployment,
                (false, true) => Kind::DayAfter,
                (false, false) => Kind::Steady,
            };
            (kind, day)
        })
    }

    /// Every session's highest, with its occurrence.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (u16, Highest)> {
        self.sessions.iter().map(|((_, occurrence), session)| (*occurrence, session.highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_phases() {
        let mut workload = Workload::default();
        let days = [
            (1, None),
            (2, Some("deploy")),
            (3, Some("day")),
            (4, Some("reload")),
            (5, Some("deployment")),
            (6, Some("deploy")),
        ];
        for (day, phase) in days {
            let group = || ("sh".to_owned(), "ls".to_owned(), 0);
            workload.benign(day, Some("day"), group(), Score::ZERO, false);
            workload.benign(day, phase, group(), Score::ONE, true);
        }
        let kinds: Vec<_> = workload.days().map(|(kind, _)| kind).collect();
        use Kind::{DayAfter, Deployment, Steady};
        assert_eq!(kinds, [Steady, Deployment, DayAfter, Steady, Deployment, Deployment]);
        assert!(
            workload.days().all(|(_, day)| day.groups().count() == 1 && (day.benign, day.exact) == (2, 1))
        );
    }

    #[test]
    fn a_session_has_twenty_executions_to_be_found_by() {
        let mut workload = Workload::default();
        (0..FIRST).for_each(|_| workload.attack("a", 1, Score::ZERO, false));
        workload.attack("a", 1, Score::ONE, true);
        assert_eq!(workload.sessions().map(|(_, highest)| highest.score).collect::<Vec<_>>(), [Score::ZERO]);
    }
}
