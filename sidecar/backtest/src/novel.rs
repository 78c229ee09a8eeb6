//! The most novel alert groups, with what a person needs to judge them.
//!
//! A recording may hold any number of groups; the highest [`KEPT`] are kept, each with the execution that made it so.

use std::collections::HashMap;

use anomaly_baseline::text::printable;
use anomaly_baseline::{Day, Score};
use serde::Serialize;

use crate::run::Step;

/// Groups that are kept.
const KEPT: usize = 100;

/// The longest text of one, in bytes.
const MAX_TEXT: usize = 300;

/// An alert group at its most novel. Text is printable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Novel {
    /// Whose normal it was compared with.
    pub workload: String,
    /// The day.
    pub day: Day,
    /// The parent's name.
    pub parent: String,
    /// The program's name.
    pub name: String,
    /// The effective user id.
    pub uid: u32,
    /// The attack that it belongs to, where it does.
    pub session: Option<String>,
    /// The highest score.
    pub score: Score,
    /// The distance behind it.
    pub distance: Score,
    /// Whether that reached its own threshold.
    pub novel: bool,
    /// The command line that reached it.
    pub command_line: String,
    /// Which of its features are new.
    pub reason: String,
    /// The nearest known command line.
    pub nearest: Option<String>,
}

type Key = (String, Day, Option<String>, String, String, u32);

/// The highest groups so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Top {
    groups: HashMap<Key, Novel>,
    /// What is below this is not among them.
    floor: Score,
}

impl Top {
    /// Takes one step.
    pub(crate) fn note(&mut self, step: &Step<'_>) {
        let score = step.verdict.score.unwrap_or_default();
        if score <= self.floor || step.occurrence > 1 {
            return;
        }
        let observation = &step.recorded.observation;
        let execution = &observation.execution;
        let session = step.recorded.is_attack().then(|| step.recorded.session.clone().unwrap_or_default());
        let (parent, name) = (execution.parent.clone(), execution.name.clone());
        let key = (observation.workload.clone(), step.day, session, parent, name, execution.uid);
        if self.groups.get(&key).is_some_and(|group| group.score >= score) {
            return;
        }
        let group = Novel::of(step, &key, score);
        self.groups.insert(key, group);
        if self.groups.len() >= 2 * KEPT {
            let mut scores: Vec<_> = self.groups.values().map(|group| group.score).collect();
            scores.sort_unstable_by(|a, b| b.cmp(a));
            self.floor = scores[KEPT - 1];
            let floor = self.floor;
            self.groups.retain(|_, group| group.score >= floor);
            // Ties with the floor are many where scores saturate; any of them will do.
            while self.groups.len() > KEPT {
                let Some(key) =
                    self.groups.iter().filter(|(_, g)| g.score == floor).map(|(k, _)| k).max().cloned()
                else {
                    break;
                };
                self.groups.remove(&key);
            }
        }
    }

    /// The groups, the most novel first.
    pub(crate) fn highest(&self) -> Vec<Novel> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by(|a, b| b.1.score.cmp(&a.1.score).then_with(|| a.0.cmp(b.0)));
        groups.into_iter().take(KEPT).map(|(_, group)| group.clone()).collect()
    }
}

impl Novel {
    fn of(step: &Step<'_>, key: &Key, score: Score) -> Self {
        let (workload, day, session, parent, name, uid) = key;
        let text = |text: &str| printable(text, MAX_TEXT);
        let explanation = step.verdict.explanation.as_ref();
        Self {
            workload: text(workload),
            day: *day,
            parent: text(parent),
            name: text(name),
            uid: *uid,
            session: session.as_deref().map(text),
            score,
            distance: step.verdict.distance.unwrap_or_default(),
            novel: step.verdict.novel,
            command_line: text(&step.recorded.observation.execution.command_line()),
            reason: explanation.map_or(String::new(), |explanation| text(&explanation.reason)),
            nearest: explanation.and_then(|explanation| explanation.nearest.as_deref()).map(text),
        }
    }
}
