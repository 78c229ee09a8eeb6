//! Alike alerts counted together, with one of them as an example.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use anomaly_baseline::Score;
use serde::Serialize;

/// What a gate would make of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Its act is known: the gate would hide it.
    Hidden,
    /// Its act is novel: it remains.
    Novel,
    /// Its workload was being learned, or had no score: it remains.
    Learning,
    /// Nothing is known of its novelty: it remains.
    Unknown,
}

/// Alerts of one rule that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) fate: Fate,
    pub(crate) workload: String,
    pub(crate) program: String,
    pub(crate) object: String,
    pub(crate) count: u64,
    /// The most novel of them: whoever agrees to that one agrees to the others.
    pub(crate) highest: Option<Score>,
    pub(crate) example: String,
    /// When that one was, in microseconds since the Unix epoch.
    pub(crate) time: i64,
}

/// What tells one group from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key<'k> {
    pub(crate) fate: Fate,
    pub(crate) workload: &'k str,
    pub(crate) program: &'k str,
    pub(crate) object: &'k str,
}

/// The groups of a rule, by a keyed hash that nobody outside can aim at.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    known: HashMap<u64, Group>,
    /// Alerts that were hidden, and that remained, of groups beyond the bounds.
    pub(crate) others: [u64; 2],
}

impl Groups {
    /// Counts an alert. `example` is asked only where it is shown; `full` says that no further group is kept. Tells
    /// whether a group began.
    pub(crate) fn add(
        &mut self,
        hasher: &RandomState,
        (key, score, time): (Key<'_>, Option<Score>, i64),
        full: bool,
        example: impl FnOnce() -> String,
    ) -> bool {
        let hash = hasher.hash_one(key);
        if let Some(group) = self.known.get_mut(&hash) {
            group.count += 1;
            if score > group.highest {
                (group.highest, group.example, group.time) = (score, example(), time);
            }
            return false;
        }
        if full {
            self.others[usize::from(key.fate != Fate::Hidden)] += 1;
            return false;
        }
        let Key { fate, workload, program, object } = key;
        self.known.insert(
            hash,
            Group {
                fate,
                workload: workload.to_owned(),
                program: program.to_owned(),
                object: object.to_owned(),
                count: 1,
                highest: score,
                example: example(),
                time,
            },
        );
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The groups, the largest first.
    pub(crate) fn sorted(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.known.values().collect();
        groups.sort_by_key(|group| {
            (Reverse(group.count), group.fate, &group.workload, &group.program, &group.object)
        });
        groups
    }
}
