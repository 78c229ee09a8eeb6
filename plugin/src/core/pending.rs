//! Executions in containers whose image is not known yet. They have no score, and are judged once it is.

use std::collections::VecDeque;

use anomaly_baseline::Teach;
use anomaly_capture::Observation;

use super::places::Missing;
use super::verdicts::Handle;

/// Executions that may wait. One more, and the oldest is judged as part of an unknown container.
const CAPACITY: usize = 1_024;

/// An execution that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) observation: Box<Observation>,
    pub(crate) teach: Teach,
    pub(crate) missing: Missing,
    /// Where its verdict is expected.
    pub(crate) handle: Handle,
}

/// Those that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending(VecDeque<Held>);

impl Pending {
    /// Adds one; returns the one that has to make room.
    pub(crate) fn push(&mut self, held: Held) -> Option<Held> {
        let crowded = if self.0.len() >= CAPACITY { self.0.pop_front() } else { None };
        self.0.push_back(held);
        crowded
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What the oldest of those that miss something miss, each once.
    pub(crate) fn missing(&self) -> Vec<(Missing, i64)> {
        let mut all: Vec<(Missing, i64)> = Vec::new();
        for held in &self.0 {
            if !all.iter().any(|(missing, _)| *missing == held.missing) {
                all.push((held.missing.clone(), held.observation.time));
            }
        }
        all
    }

    /// Takes out those that missed this.
    pub(crate) fn take(&mut self, missing: &Missing) -> Vec<Held> {
        let (taken, kept) =
            std::mem::take(&mut self.0).into_iter().partition(|held| held.missing == *missing);
        self.0 = kept;
        Vec::from_iter::<VecDeque<Held>>(taken)
    }
}
