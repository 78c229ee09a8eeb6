//! What a person decided, upon the rows of a workload.
//!
//! Doing it twice changes nothing more than doing it once: a process that ends between applying a decision and noting
//! that it did so may apply it again.

use std::collections::HashSet;
use std::fmt::Write;

use anomaly_vectorizer::Embedding;

use crate::feedback::{Action, Feedback};
use crate::history::Group;
use crate::row::RowState;
use crate::rows::Unsaved;
use crate::workload::{Shared, Workload};

/// How a decision went, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    changed: usize,
    /// Rows that were in that state before.
    already: usize,
    /// Keys that no row has.
    gone: usize,
    /// Rows for which there is no room.
    without_room: usize,
    /// Rows that are denied on another machine.
    denied_elsewhere: usize,
}

impl Tally {
    /// Keys that no row has.
    pub(crate) fn gone(gone: usize) -> Self {
        Self { gone, ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.already += other.already;
        self.gone += other.gone;
        self.without_room += other.without_room;
        self.denied_elsewhere += other.denied_elsewhere;
    }

    /// `3 approved, 1 not there any more`
    pub(crate) fn words(self, action: Action) -> String {
        let mut words = format!("{} {}", self.changed, action.done());
        let others = [
            (self.already, "so already"),
            (self.gone, "not there any more"),
            (self.without_room, "left as they were, for there is no room"),
            (self.denied_elsewhere, "denied on another machine, where it has to be approved"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            // Writing into a string cannot fail.
            let _ = write!(words, ", {count} {what}");
        }
        words
    }
}

/// What became of one row.
enum Outcome {
    Changed,
    Already,
    Gone,
    NoRoom,
    DeniedElsewhere,
}

impl Workload {
    /// Applies an action to rows.
    pub(crate) fn decide(&mut self, action: Action, keys: &[u128], shared: &Shared) -> Tally {
        let mut tally = Tally::default();
        let mut forgotten = HashSet::new();
        let mut active_before = false;
        for &key in keys {
            let number = self.rows.find(key);
            let Some(row) = number.and_then(|number| self.rows.get(number)) else {
                tally.gone += 1;
                continue;
            };
            active_before |= row.state == RowState::Active;
            let group = Group::of(&row.execution);
            let outcome = match action {
                Action::Approve => self.approve(key, shared),
                Action::Deny => self.deny(key, shared),
                Action::Forget => {
                    forgotten.insert(group);
                    self.forget(key, shared)
                }
                Action::Learn => Outcome::Already,
            };
            match outcome {
                Outcome::Changed => tally.changed += 1,
                Outcome::Already => tally.already += 1,
                Outcome::Gone => tally.gone += 1,
                Outcome::NoRoom => tally.without_room += 1,
                Outcome::DeniedElsewhere => tally.denied_elsewhere += 1,
            }
        }
        if active_before && action != Action::Approve {
            self.add_up(shared);
        }
        if !forgotten.is_empty() {
            let rows = (0..self.rows.end()).filter_map(|number| self.rows.get(number));
            for row in rows {
                forgotten.remove(&Group::of(&row.execution));
            }
            self.today.forget(&keys.iter().copied().collect(), &forgotten);
        }
        tally
    }

    /// Whether there is a row with this key.
    pub(crate) fn has(&self, key: u128) -> bool {
        self.rows.has(key)
    }

    /// Whether there is, or was until a moment ago, a row with one of these keys.
    pub(crate) fn has_any(&self, keys: &[u128]) -> bool {
        keys.iter().any(|key| self.has(*key) || self.unsaved.deleted.contains(key))
    }

    /// Opens a window in which everything is learned, or closes it.
    pub(crate) fn open_window(&mut self, feedback: &Feedback) {
        self.record.window = feedback.open_between();
    }

    /// Notes that a decision is applied, to be saved with the rows that follow it.
    pub(crate) fn note_applied(&mut self, id: u128, outcome: String) {
        self.unsaved.applied.push((id, outcome));
        self.unsaved.urgent = true;
    }

    /// Keeps the notes of these decisions alone: of the others the log itself tells.
    pub(crate) fn keep_noted(&mut self, ids: &HashSet<u128>) {
        self.record.applied.retain(|(id, _)| ids.contains(id));
    }

    fn approve(&mut self, key: u128, shared: &Shared) -> Outcome {
        let Some((number, row)) = self.rows.find(key).and_then(|n| Some((n, self.rows.get(n)?))) else {
            return Outcome::Gone;
        };
        let (state, distance, seen, execution) = (row.state, row.distance, row.seen, row.execution.clone());
        if state == RowState::Active {
            return Outcome::Already;
        }
        if row.foreign.as_ref().is_some_and(|foreign| foreign.state == RowState::Denied) {
            if row.own_state().is_some() {
                self.settle(number, Some(RowState::Active), shared);
                self.mark(number, Unsaved::Row);
            }
            return Outcome::DeniedElsewhere;
        }
        if self.count(RowState::Active) >= shared.settings.max_rows {
            shared.counters.no_room();
            return Outcome::NoRoom;
        }
        let mut embedding = Embedding::default();
        shared.embedder.embed(&execution, &mut embedding);
        let exact = embedding.key;
        if key == exact {
            self.promote(number, exact, distance, shared);
            return Outcome::Changed;
        }
        // It was held for its surroundings alone, so it is the execution in them that becomes normal.
        let original = self.rows.find(exact).and_then(|n| Some((n, self.rows.get(n)?.state)));
        match original {
            Some((_, RowState::Denied)) => return Outcome::Already,
            Some((_, RowState::Active)) => self.promote(number, exact, distance, shared),
            Some((original, RowState::Held | RowState::Forgotten)) => {
                self.forget(key, shared);
                if let Some(row) = self.rows.get_mut(original) {
                    row.seen.extend(seen);
                }
                self.promote(original, exact, distance, shared);
            }
            None => {
                if let Some(mut row) = self.rows.remove(number) {
                    self.unsaved.delete(key);
                    row.key = exact;
                    row.unsaved = Unsaved::Nothing;
                    let number = self.rows.insert(row);
                    self.promote(number, exact, distance, shared);
                }
            }
        }
        Outcome::Changed
    }

    fn deny(&mut self, key: u128, shared: &Shared) -> Outcome {
        let Some((number, own)) = self.rows.find(key).and_then(|n| Some((n, self.rows.get(n)?.own_state())))
        else {
            return Outcome::Gone;
        };
        if own == Some(RowState::Denied) {
            return Outcome::Already;
        }
        if self.count(RowState::Denied) >= shared.settings.max_held {
            shared.counters.no_room();
            return Outcome::NoRoom;
        }
        self.settle(number, Some(RowState::Denied), shared);
        self.mark(number, Unsaved::Row);
        Outcome::Changed
    }

    fn forget(&mut self, key: u128, shared: &Shared) -> Outcome {
        let Some((number, own)) = self.rows.find(key).and_then(|n| Some((n, self.rows.get(n)?.own_state())))
        else {
            return Outcome::Gone;
        };
        if own.is_none() {
            // It was never seen here: whoever saw it has to forget it.
            return Outcome::Already;
        }
        self.drop_own(number, shared);
        Outcome::Changed
    }
}
