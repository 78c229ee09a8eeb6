//! Which novel executions get a line: the first of each alert group a day, the others a count.
//!
//! A novel job that runs every minute would otherwise bury the one line that matters. The engine's own `first` tells
//! the first of the day; here it is the first of the day *in this run*, because a person who starts watching has not
//! seen what was alerted before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anomaly_baseline::{Day, Score, Verdict};
use anomaly_vectorizer::Execution;

use super::lines::pair;
use crate::words::thousands;

/// Groups remembered. More than that in one run, and groups begin to be shown anew.
const MAX_GROUPS: usize = 10_000;

/// Groups whose repeats get a line of their own at a time.
const NAMED: usize = 3;

/// An alert group of a day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    day: Day,
    workload: Arc<str>,
    parent: String,
    name: String,
    uid: u32,
}

#[derive(Debug, Default)]
struct Repeated {
    times: u64,
    highest: Score,
}

/// The groups that were shown and the repeats that were not.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    shown: HashSet<Group>,
    waiting: HashMap<Group, Repeated>,
    groups: u64,
    not_shown: u64,
}

impl Repeats {
    /// Takes note of a novel execution. Returns whether it is the first of its group.
    pub(super) fn is_first(&mut self, day: Day, execution: &Execution, verdict: &Verdict) -> bool {
        let group = Group {
            day,
            workload: Arc::clone(&verdict.workload),
            parent: execution.parent.clone(),
            name: execution.name.clone(),
            uid: execution.uid,
        };
        if !self.shown.contains(&group) {
            if self.shown.len() >= MAX_GROUPS {
                self.shown.clear();
            }
            self.shown.insert(group);
            self.groups += 1;
            return true;
        }
        if self.waiting.len() < MAX_GROUPS || self.waiting.contains_key(&group) {
            let repeated = self.waiting.entry(group).or_default();
            repeated.times += 1;
            repeated.highest = repeated.highest.max(verdict.score.unwrap_or_default());
        }
        self.not_shown += 1;
        false
    }

    /// Lines about the repeats since the last call, the most frequent groups by name.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        let mut waiting: Vec<(Group, Repeated)> = self.waiting.drain().collect();
        waiting.sort_by(|(a, left), (b, right)| {
            right.times.cmp(&left.times).then_with(|| (&a.workload, &a.name).cmp(&(&b.workload, &b.name)))
        });
        let others = waiting.split_off(waiting.len().min(NAMED));
        let mut lines: Vec<String> = waiting
            .iter()
            .map(|(group, repeated)| {
                let workload = anomaly_baseline::text::printable(&group.workload, 200);
                let pair = pair(&group.parent, &group.name);
                let times = thousands(repeated.times);
                format!("(+{times} more of {workload} {pair}, up to {})", repeated.highest)
            })
            .collect();
        if !others.is_empty() {
            let times: u64 = others.iter().map(|(_, repeated)| repeated.times).sum();
            lines.push(format!(
                "(+{} more of {} other groups)",
                thousands(times),
                thousands(others.len() as u64)
            ));
        }
        lines
    }

    /// How many groups were shown.
    pub(super) fn groups(&self) -> u64 {
        self.groups
    }

    /// How many novel executions were counted instead of shown.
    pub(super) fn not_shown(&self) -> u64 {
        self.not_shown
    }
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::{Level, Standing};

    use super::*;

    fn run(name: &str) -> Execution {
        Execution { name: name.into(), parent: "cron".into(), ..Execution::default() }
    }

    fn verdict(score: u16) -> Verdict {
        let score = Score::from_ten_thousandths(score);
        Verdict {
            workload: "host".into(),
            standing: Standing::Held,
            score: Some(score),
            distance: None,
            smoothed: None,
            threshold: Score::ZERO,
            level: Level::Warn,
            novel: true,
            first: true,
            seen: 1,
            explanation: None,
        }
    }

    #[test]
    fn one_line_a_group_and_day_and_the_rest_counted() {
        let mut repeats = Repeats::default();
        assert!(repeats.is_first(1, &run("job"), &verdict(9000)));
        assert!(!repeats.is_first(1, &run("job"), &verdict(9200)));
        assert!(!repeats.is_first(1, &run("job"), &verdict(9100)));
        assert!(repeats.is_first(1, &run("other"), &verdict(9000)));
        assert!(repeats.is_first(2, &run("job"), &verdict(9000)));
        assert_eq!(repeats.take_lines(), ["(+2 more of host cron > job, up to 0.9200)"]);
        assert!(repeats.take_lines().is_empty());
        assert_eq!((repeats.groups(), repeats.not_shown()), (3, 2));
    }

    #[test]
    fn a_flood_of_groups_is_a_few_lines() {
        let mut repeats = Repeats::default();
        for round in 0..3 {
            for group in 0..500 {
                assert_eq!(repeats.is_first(1, &run(&format!("p{group}")), &verdict(9000)), round == 0);
            }
        }
        let lines = repeats.take_lines();
        assert_eq!(lines.len(), NAMED + 1);
        assert_eq!(lines[NAMED], "(+994 more of 497 other groups)");
    }

    #[test]
    fn memory_is_bounded() {
        let mut repeats = Repeats::default();
        for group in 0..3 * MAX_GROUPS {
            let name = format!("p{group}");
            repeats.is_first(1, &run(&name), &verdict(9000));
            repeats.is_first(1, &run(&name), &verdict(9000));
        }
        assert!(repeats.shown.len() <= MAX_GROUPS && repeats.waiting.len() <= MAX_GROUPS);
        assert_eq!(repeats.not_shown(), 3 * MAX_GROUPS as u64);
    }
}
