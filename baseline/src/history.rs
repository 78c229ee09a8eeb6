//! What a workload's own days were like: how many alert groups they brought, and what today has spent.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use anomaly_vectorizer::Execution;

use crate::calibration::{Calibration, History, OWN_FROM, Prior, SPENDABLE};
use crate::features::{Lookup, Packed};
use crate::row::Day;
use crate::score::Score;

/// Completed days that count.
pub(crate) const WINDOW: Day = 7;

/// Alert groups remembered per day. Past that a group is treated as one that has not alerted: more alerts, not fewer.
const MAX_GROUPS: usize = 4_096;

/// An alert group of a workload: what a person sees as one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Group(u64);

impl Group {
    /// The group of an execution: parent, name and uid.
    pub(crate) fn of(execution: &Execution) -> Self {
        let mut hasher = DefaultHasher::new();
        (&execution.parent, &execution.name, execution.uid).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The groups that were new on each of the last days.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnDays {
    groups: HashMap<Day, HashSet<Group>>,
}

impl OwnDays {
    /// Notes a row that is active now, by the day it was first seen and its distance then.
    pub(crate) fn note(&mut self, first_day: Day, distance: f32, group: Group, today: Day) {
        if distance >= OWN_FROM && first_day >= today.saturating_sub(WINDOW) {
            let groups = self.groups.entry(first_day).or_default();
            if groups.len() < MAX_GROUPS {
                groups.insert(group);
            }
        }
    }

    /// Drops days that no longer count.
    pub(crate) fn roll(&mut self, today: Day) {
        self.groups.retain(|&day, _| day >= today.saturating_sub(WINDOW));
    }

    /// Drops days that never were, because the clock was ahead.
    pub(crate) fn turn_back(&mut self, today: Day) {
        self.groups.retain(|&day, _| day <= today);
    }

    /// The calibration for `today`. The day on which the workload was first seen and the first full day are left out,
    /// for everything is new then; so is today, which is not over.
    pub(crate) fn calibration(&self, prior: Prior, first_day: Day, today: Day) -> Calibration {
        let from = first_day.saturating_add(2).max(today.saturating_sub(WINDOW));
        let counted = |day: Day| day >= from && day < today;
        let groups = self
            .groups
            .iter()
            .filter(|(day, _)| counted(**day))
            .map(|(_, groups)| groups.len())
            .sum::<usize>();
        let days = today.saturating_sub(from).clamp(0, WINDOW);
        Calibration::new(
            prior,
            History { groups: u32::try_from(groups).unwrap_or(u32::MAX), days: days.unsigned_abs() },
        )
    }
}

/// What happened on one day so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Today {
    pub(crate) day: Day,
    /// The highest score of each group, counted without repeats.
    highest: HashMap<Group, Score>,
    /// The groups with the highest of those, in falling order: all that a threshold depends on.
    top: Vec<(Score, Group)>,
    /// Groups that were at or above the threshold.
    alerted: HashSet<Group>,
    /// Runs of executions that have no row.
    runs: HashMap<u128, u32>,
    /// The last distinct executions that were far from everything learned.
    news: VecDeque<News>,
}

/// An execution that was news today.
#[derive(Debug, Clone)]
struct News {
    key: u128,
    features: Box<[Packed]>,
    weight: f32,
}

/// The most that resemblance counts for: a score that was 1 stays above 0.87, so that a rule with a fixed 0.85 does not
/// go blind in a flood.
const MOST_RESEMBLING: f64 = 6.0;

/// How many repeats each further execution that is just like this one counts for.
const REPEATS_OF_ALIKE: f64 = 1.5;

/// How many of today's news a further one is compared with.
const MAX_NEWS: usize = 64;

impl Today {
    pub(crate) fn new(day: Day) -> Self {
        Self { day, ..Self::default() }
    }

    /// What it has in memory beside itself, in bytes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let news = |news: &News| size_of::<News>() + news.features.len() * size_of::<Packed>();
        let groups = self.highest.capacity() + self.alerted.capacity();
        self.news.iter().map(news).sum::<usize>() + (groups + self.runs.capacity()) * 32
    }

    /// The threshold that keeps the day's budget, for an execution of `group`.
    pub(crate) fn threshold(&self, calibration: &Calibration, group: Option<Group>) -> Score {
        let mut spent = [Score::ZERO; SPENDABLE + 1];
        let others = self.top.iter().filter(|(_, other)| Some(*other) != group);
        let mut count = 0;
        for (slot, (score, _)) in spent.iter_mut().zip(others) {
            *slot = *score;
            count += 1;
        }
        calibration.budget_threshold(&spent[..count])
    }

    /// Notes that `group` reached `score`, counted without repeats.
    pub(crate) fn spend(&mut self, group: Group, score: Score) {
        if self.highest.len() >= MAX_GROUPS && !self.highest.contains_key(&group) {
            return;
        }
        let highest = self.highest.entry(group).or_default();
        if score <= *highest {
            return;
        }
        *highest = score;
        self.top.retain(|(_, other)| *other != group);
        let position = self.top.partition_point(|(other, _)| *other >= score);
        self.top.insert(position, (score, group));
        // One more than a threshold looks at, for the group that asks is left out.
        self.top.truncate(SPENDABLE + 2);
    }

    /// Whether a novel execution is the first of its group today. Asking marks the group.
    pub(crate) fn first(&mut self, group: Group) -> bool {
        if self.alerted.len() >= MAX_GROUPS {
            return !self.alerted.contains(&group);
        }
        self.alerted.insert(group)
    }

    /// How many repeats today's news amounts to for an execution that resembles it: `1.5 (sum of cos^2 - 1)` over the last
    /// [`MAX_NEWS`] other ones, from 0 to [`MOST_RESEMBLING`].
    ///
    /// A day on which a package manager installs something entirely new brings a hundred executions that are like each
    /// other and like nothing before. The first of them are told; what follows in their kind tells little more. What is
    /// unlike them, as an intrusion in the midst of them is, keeps its score.
    pub(crate) fn resemblance(&self, key: u128, features: &[Packed], weight: f32) -> f64 {
        if self.news.is_empty() {
            return 0.0;
        }
        let features = Lookup::new(features);
        let square = |news: &News| {
            let shared = features.shared(&news.features);
            let product = weight * news.weight;
            if product > 0.0 { f64::from(shared * shared / product) } else { 0.0 }
        };
        let alike: f64 = self.news.iter().filter(|news| news.key != key).map(square).sum();
        (REPEATS_OF_ALIKE * (alike - 1.0)).clamp(0.0, MOST_RESEMBLING)
    }

    /// Notes an execution that was far from everything learned.
    pub(crate) fn note_news(&mut self, key: u128, features: &[Packed], weight: f32) {
        if self.news.iter().any(|news| news.key == key) {
            return;
        }
        if self.news.len() >= MAX_NEWS {
            self.news.pop_front();
        }
        self.news.push_back(News { key, features: features.into(), weight });
    }

    /// Forgets what is known of today's executions: those with these keys, and groups of which nothing is left.
    pub(crate) fn forget(&mut self, keys: &HashSet<u128>, groups: &HashSet<Group>) {
        self.news.retain(|news| !keys.contains(&news.key));
        self.runs.retain(|key, _| !keys.contains(key));
        self.highest.retain(|group, _| !groups.contains(group));
        self.top.retain(|(_, group)| !groups.contains(group));
        self.alerted.retain(|group| !groups.contains(group));
    }

    /// Earlier runs today of an execution without a row. Asking counts one more.
    pub(crate) fn run_without_row(&mut self, key: u128) -> u32 {
        if self.runs.len() >= MAX_GROUPS && !self.runs.contains_key(&key) {
            return 0;
        }
        let runs = self.runs.entry(key).or_default();
        *runs = runs.saturating_add(1);
        *runs - 1
    }
}

/// On how many distinct days a held execution must be seen before it is learned, by how far it was: `None` where only
/// a person can say so.
pub(crate) fn days_to_promote(distance: f32) -> Option<u32> {
    if distance < NEAR_NEWS { Some(3) } else { Some(7) }
}

/// Below this distance, news is near: much of it was seen before. Higher, and an attack that is repeated daily is learned
/// on its fourth day more often; lower, and what is benign alerts for a week.
const NEAR_NEWS: f32 = 0.53;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features;

    fn group(name: &str) -> Group {
        Group::of(&Execution { name: name.into(), ..Execution::default() })
    }

    #[test]
    fn a_group_pays_for_others_not_for_itself() {
        let calibration = Calibration::new(Prior::SHIPPED, History::default());
        let mut today = Today::new(3);
        today.spend(group("a"), Score::from_ten_thousandths(9700));
        let unspent = calibration.budget_threshold(&[]);
        assert_eq!(today.threshold(&calibration, Some(group("a"))), unspent);
        assert!(today.threshold(&calibration, Some(group("b"))) > unspent);
        assert_eq!(today.threshold(&calibration, None), today.threshold(&calibration, Some(group("b"))));
    }

    #[test]
    fn an_alert_group_is_first_once_a_day() {
        let mut today = Today::new(0);
        assert!(today.first(group("a")));
        assert!(!today.first(group("a")));
        assert!(today.first(group("b")));
    }

    #[test]
    fn the_first_day_the_first_full_day_and_today_do_not_count() {
        let busy = |days: &[Day]| {
            let mut own = OwnDays::default();
            for &day in days {
                for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
                    own.note(day, 0.9, group(name), 9);
                }
            }
            own
        };
        let quiet = busy(&[]).calibration(Prior::SHIPPED, 5, 9);
        assert_eq!(busy(&[5, 6, 9]).calibration(Prior::SHIPPED, 5, 9), quiet);
        assert!(busy(&[7]).calibration(Prior::SHIPPED, 5, 9).rate(0.5) > quiet.rate(0.5));
        assert!(busy(&[7, 8]).calibration(Prior::SHIPPED, 5, 9).rate(0.5) > quiet.rate(0.5));
    }

    #[test]
    fn what_resembles_the_news_of_a_flood_is_less_news() {
        let mut today = Today::new(0);
        let set = |own: u64| [16, 32, 48, 64, 80, 96 + own * 16];
        let weight = features::total(&set(0));
        let unlike = [1_600, 1_616, 1_632];
        assert_eq!(today.resemblance(0, &set(0), weight), 0.0);
        for own in 0..200 {
            today.note_news(own.into(), &set(own), weight);
        }
        assert_eq!(today.resemblance(999, &set(999), weight), MOST_RESEMBLING);
        assert_eq!(today.resemblance(999, &unlike, features::total(&unlike)), 0.0);
        assert_eq!(today.news.len(), MAX_NEWS);
    }
}
