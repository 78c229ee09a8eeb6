//! Adds alerts up: by rule, by workload, by what would become of them.

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;

use anomaly_baseline::Score;
use anomaly_vectorizer::scrub::Scrubber;

use crate::alert::{Alert, Priority, Told};
use crate::bounds;
use crate::groups::{Fate, Groups, Key};
use crate::object;

/// The scores at which it is told how many alerts remain; the middle one is the gates'.
pub(crate) const AT: [Score; 3] = [
    Score::from_ten_thousandths(7_000),
    Score::from_ten_thousandths(8_500),
    Score::from_ten_thousandths(9_500),
];

/// Below this score a gate hides.
pub(crate) const GATE: Score = AT[1];

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// How an alert's novelty is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// By a score.
    Score(Score, Source),
    /// There is none yet.
    Learning,
    /// The workload is not known: a container without an image, or a name that the baseline does not have.
    UnknownWorkload,
    /// Neither the alert nor a baseline says anything.
    Unsaid,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The alert itself.
    Printed,
    /// A baseline that was asked with the alert's output fields.
    Baseline,
}

impl Judged {
    /// What the alert itself says; `None` where a baseline has to be asked.
    pub fn by_itself(alert: &Alert) -> Option<Self> {
        match alert.told {
            Told::Score(score) => Some(Self::Score(score, Source::Printed)),
            Told::NoScore => Some(Self::Learning),
            Told::Nothing if alert.learning => Some(Self::Learning),
            Told::Nothing => None,
        }
    }

    fn fate(self) -> Fate {
        match self {
            Self::Score(score, _) if score < GATE => Fate::Hidden,
            Self::Score(..) => Fate::Novel,
            Self::Learning => Fate::Learning,
            Self::UnknownWorkload | Self::Unsaid => Fate::Unknown,
        }
    }

    fn score(self) -> Option<Score> {
        match self {
            Self::Score(score, _) => Some(score),
            Self::Learning | Self::UnknownWorkload | Self::Unsaid => None,
        }
    }
}

/// Alerts, added up.
#[derive(Debug, Default)]
pub struct Tally {
    pub(crate) rules: HashMap<String, Rule>,
    /// Alerts of rules beyond the bounds.
    pub(crate) of_other_rules: u64,
    pub(crate) alerts: u64,
    /// The first and the last alert's time.
    pub(crate) span: Option<(i64, i64)>,
    days: HashSet<i64>,
    workloads: usize,
    groups: usize,
    hasher: RandomState,
    scrubber: Scrubber,
}

/// The alerts of one rule.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    pub(crate) critical: bool,
    /// Alerts whose event was not a system call.
    pub(crate) elsewhere: u64,
    pub(crate) counts: Counts,
    /// How many remain at each of [`AT`].
    pub(crate) remain: [u64; AT.len()],
    /// Scores that the alert had printed, and that a baseline was asked for.
    pub(crate) printed: u64,
    pub(crate) computed: u64,
    pub(crate) workloads: HashMap<String, Workload>,
    /// Alerts of workloads beyond the bounds.
    pub(crate) of_other_workloads: u64,
    pub(crate) groups: Groups,
}

/// The alerts of one rule and workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) counts: Counts,
    /// When the last alert with a score was, and the last one without because there was none yet.
    scored: Option<i64>,
    unscored: Option<i64>,
}

impl Workload {
    fn add(&mut self, judged: Judged, time: i64) {
        self.counts.add(judged);
        match judged {
            Judged::Score(..) => self.scored = self.scored.max(Some(time)),
            Judged::Learning => self.unscored = self.unscored.max(Some(time)),
            Judged::UnknownWorkload | Judged::Unsaid => {}
        }
    }

    /// Whether the last that is known of it is that it was being learned. What was learned since is no reason to wait.
    pub(crate) fn is_learning(&self) -> bool {
        self.unscored.is_some() && self.unscored >= self.scored
    }
}

/// Alerts by what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) alerts: u64,
    pub(crate) hidden: u64,
    pub(crate) learning: u64,
    pub(crate) unknown_workload: u64,
    pub(crate) unsaid: u64,
}

impl Counts {
    fn add(&mut self, judged: Judged) {
        self.alerts += 1;
        match judged {
            Judged::Score(score, _) => self.hidden += u64::from(score < GATE),
            Judged::Learning => self.learning += 1,
            Judged::UnknownWorkload => self.unknown_workload += 1,
            Judged::Unsaid => self.unsaid += 1,
        }
    }
}

impl Tally {
    /// Adds an alert of a workload.
    pub fn add(&mut self, alert: &Alert, workload: &str, judged: Judged) {
        self.alerts += 1;
        let (first, last) = self.span.unwrap_or((alert.time, alert.time));
        self.span = Some((first.min(alert.time), last.max(alert.time)));
        if self.days.len() < bounds::DAYS {
            self.days.insert(alert.time.div_euclid(DAY));
        }
        if !self.rules.contains_key(&alert.rule) && self.rules.len() == bounds::RULES {
            self.of_other_rules += 1;
            return;
        }
        if !self.rules.contains_key(&alert.rule) {
            self.rules.insert(alert.rule.clone(), Rule::default());
        }
        let Some(rule) = self.rules.get_mut(&alert.rule) else { return };
        rule.critical |= alert.priority == Priority::Critical;
        rule.elsewhere += u64::from(!alert.of_syscalls);
        rule.counts.add(judged);
        let score = judged.score();
        for (remain, at) in rule.remain.iter_mut().zip(AT) {
            *remain += u64::from(score.is_none_or(|score| score >= at));
        }
        match judged {
            Judged::Score(_, Source::Printed) => rule.printed += 1,
            Judged::Score(_, Source::Baseline) => rule.computed += 1,
            _ => {}
        }
        let workload = &workload[..workload.floor_char_boundary(bounds::TEXT)];
        if let Some(known) = rule.workloads.get_mut(workload) {
            known.add(judged, alert.time);
        } else if rule.workloads.len() < bounds::WORKLOADS && self.workloads < bounds::ALL_WORKLOADS {
            self.workloads += 1;
            rule.workloads.entry(workload.to_owned()).or_default().add(judged, alert.time);
        } else {
            rule.of_other_workloads += 1;
        }
        let (program, object) = (object::program(&alert.fields), object::object(alert, &self.scrubber));
        let object = &object[..object.floor_char_boundary(bounds::TEXT)];
        let key = Key { fate: judged.fate(), workload, program: &program, object };
        let full = rule.groups.len() == bounds::GROUPS || self.groups == bounds::ALL_GROUPS;
        let example = || object::example(alert, &self.scrubber);
        let began = rule.groups.add(&self.hasher, (key, score, alert.time), full, example);
        self.groups += usize::from(began);
    }

    /// How many days the alerts stand for, at least one.
    ///
    /// The time between the first and the last, unless they fall on fewer days than that: a single alert with a wrong
    /// date must not make years of a week.
    pub(crate) fn days(&self) -> f64 {
        let between = self.span.map_or(0.0, |(first, last)| last.saturating_sub(first) as f64 / DAY as f64);
        between.min(self.days.len() as f64).max(1.0)
    }

    /// The time between the first and the last alert, in hours.
    pub(crate) fn hours(&self) -> f64 {
        self.span.map_or(0.0, |(first, last)| last.saturating_sub(first) as f64 * 24.0 / DAY as f64)
    }
}
