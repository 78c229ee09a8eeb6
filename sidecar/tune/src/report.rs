//! Everything that is told, as one JSON object: the page and the tables are drawn from it, and scripts read it.

use anomaly_baseline::Score;
use serde::Serialize;

use crate::advice::{Advice, advise};
use crate::groups::{Fate, Group};
use crate::tally::{Counts, GATE, Rule, Tally};

/// What gates would do to these alerts.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The release.
    pub version: String,
    /// The files that the alerts came from.
    pub files: Vec<String>,
    /// The baseline that was asked; `None` where only what alerts say was taken.
    pub baseline: Option<String>,
    /// Alerts in all.
    pub alerts: u64,
    /// Alerts of more rules than are told apart.
    pub of_other_rules: u64,
    /// Lines that were no alerts.
    pub lines: Lines,
    /// Time of the first alert and of the last, RFC 3339; `None` without any.
    pub first: Option<String>,
    /// See `first`.
    pub last: Option<String>,
    /// How many days the alerts stand for, at least one.
    pub days: f64,
    /// The time between the first and the last alert, in hours.
    pub hours: f64,
    /// Below this score a gate hides.
    pub gate: Score,
    /// The rules, those with the most alerts first.
    pub rules: Vec<RuleReport>,
}

/// Lines that were passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// What Falco says of itself: its log, its metrics.
    pub other: u64,
    /// Lines that could not be read.
    pub unreadable: u64,
}

/// One rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    /// Its name.
    pub rule: String,
    /// Whether its priority is CRITICAL or above.
    pub critical: bool,
    /// How many alerts.
    pub alerts: u64,
    /// How many a day.
    pub a_day: f64,
    /// How many remain with a gate at .70, .85 and .95.
    pub remain: Remain,
    /// How many a gate at .85 hides.
    pub hidden: u64,
    /// How many remain because there was no score yet.
    pub learning: u64,
    /// How many remain because their workload is not known.
    pub unknown_workload: u64,
    /// How many remain because nothing says how novel they are.
    pub unsaid: u64,
    /// Scores that alerts had printed.
    pub scores_printed: u64,
    /// Scores that the baseline gave.
    pub scores_from_baseline: u64,
    /// Whether to gate it.
    pub advice: Advice,
    /// Its workloads, those with the most alerts first.
    pub workloads: Vec<WorkloadReport>,
    /// Alerts of more workloads than are told apart.
    pub of_other_workloads: u64,
    /// What would be hidden, the largest group first.
    pub would_hide: Vec<GroupReport>,
    /// Hidden alerts of more groups than are told apart.
    pub would_hide_others: u64,
    /// What would remain, the largest group first.
    pub would_remain: Vec<GroupReport>,
    /// Remaining alerts of more groups than are told apart.
    pub would_remain_others: u64,
}

/// How many alerts remain at which score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Remain {
    /// With a gate at .70.
    #[serde(rename = "0.70")]
    pub at_70: u64,
    /// With a gate at .85.
    #[serde(rename = "0.85")]
    pub at_85: u64,
    /// With a gate at .95.
    #[serde(rename = "0.95")]
    pub at_95: u64,
}

/// One workload of a rule.
#[derive(Debug, Clone, Serialize)]
pub struct WorkloadReport {
    /// Its name.
    pub workload: String,
    /// How many alerts.
    pub alerts: u64,
    /// How many of them a gate hides.
    pub hidden: u64,
    /// How many had no score yet.
    pub learning: u64,
    /// How many are of no known workload, or do not say how novel they are.
    pub unknown: u64,
    /// Whether the last of them had no score yet.
    pub is_learning: bool,
}

/// Alerts that are alike.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    /// What becomes of them.
    pub fate: Fate,
    /// How many.
    pub count: u64,
    /// Whose.
    pub workload: String,
    /// Who: `parent > program`.
    pub program: String,
    /// What, numbers left out.
    pub object: String,
    /// The highest score among them.
    pub highest: Option<Score>,
    /// The alert with that score, without secrets.
    pub example: String,
    /// When that one was, RFC 3339.
    pub time: String,
}

impl Report {
    /// The report on a tally.
    pub fn new(tally: &Tally, files: Vec<String>, baseline: Option<String>, lines: Lines) -> Self {
        let days = tally.days();
        let mut rules: Vec<_> = tally.rules.iter().map(|(name, rule)| of_rule(name, rule, days)).collect();
        rules.sort_by(|left, right| right.alerts.cmp(&left.alerts).then_with(|| left.rule.cmp(&right.rule)));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files,
            baseline,
            alerts: tally.alerts,
            of_other_rules: tally.of_other_rules,
            lines,
            first: tally.span.map(|(first, _)| moment(first)),
            last: tally.span.map(|(_, last)| moment(last)),
            days,
            hours: tally.hours(),
            gate: GATE,
            rules,
        }
    }

    /// A rule by its name.
    pub fn rule(&self, name: &str) -> Option<&RuleReport> {
        self.rules.iter().find(|rule| rule.rule == name)
    }
}

impl RuleReport {
    /// The share of its alerts that a gate hides, 0 to 1.
    pub fn share_hidden(&self) -> f64 {
        self.hidden as f64 / self.alerts.max(1) as f64
    }
}

fn of_rule(name: &str, rule: &Rule, days: f64) -> RuleReport {
    let Rule {
        critical,
        elsewhere: _,
        counts,
        remain: [at_70, at_85, at_95],
        printed,
        computed,
        workloads,
        of_other_workloads,
        groups,
    } = rule;
    let Counts { alerts, hidden, learning, unknown_workload, unsaid } = *counts;
    let mut workloads: Vec<_> = workloads
        .iter()
        .map(|(name, workload)| WorkloadReport {
            workload: name.clone(),
            alerts: workload.counts.alerts,
            hidden: workload.counts.hidden,
            learning: workload.counts.learning,
            unknown: workload.counts.unknown_workload + workload.counts.unsaid,
            is_learning: workload.is_learning(),
        })
        .collect();
    workloads.sort_by(|left, right| {
        right.alerts.cmp(&left.alerts).then_with(|| left.workload.cmp(&right.workload))
    });
    let [would_hide_others, would_remain_others] = groups.others;
    let (would_hide, would_remain) =
        groups.sorted().into_iter().map(of_group).partition(|group: &GroupReport| group.fate == Fate::Hidden);
    RuleReport {
        rule: name.to_owned(),
        critical: *critical,
        alerts,
        a_day: alerts as f64 / days,
        remain: Remain { at_70: *at_70, at_85: *at_85, at_95: *at_95 },
        hidden,
        learning,
        unknown_workload,
        unsaid,
        scores_printed: *printed,
        scores_from_baseline: *computed,
        advice: advise(rule, days),
        workloads,
        of_other_workloads: *of_other_workloads,
        would_hide,
        would_hide_others,
        would_remain,
        would_remain_others,
    }
}

fn of_group(group: &Group) -> GroupReport {
    let Group { fate, workload, program, object, count, highest, example, time } = group.clone();
    GroupReport { fate, count, workload, program, object, highest, example, time: moment(time) }
}

/// To the second; what no calendar has is the number.
fn moment(time: i64) -> String {
    match jiff::Timestamp::from_microsecond(time) {
        Ok(moment) => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => time.to_string(),
    }
}
