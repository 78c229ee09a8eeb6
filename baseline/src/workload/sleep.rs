//! A baseline whose rows are with the store alone: nobody asked for it longest.
//!
//! A repeat is answered by its key. Everything else is not answered before the rows are in memory again, because a score
//! from a part of a baseline that could be there whole would be wrong. Repeats are noted, and counted in the rows.

use std::cell::RefCell;
use std::collections::HashMap;

use anomaly_vectorizer::act::anything_there;

use super::cold::{Answer, Asleep, Cold};
use super::{Shared, WorkSpace, Workload};
use crate::elsewhere::Revision;
use crate::features::Packed;
use crate::index::Index;
use crate::row::RowState;
use crate::rows::Rows;
use crate::verdict::{Sighting, Standing, Teach, Verdict};

thread_local! {
    /// Shared by all that sleep: a work space of its own would be the greater part of each.
    static SCRATCH: RefCell<WorkSpace> = RefCell::default();
}

/// Keys on their way to [`Cold`], in the order of the rows.
pub(crate) struct Gathered {
    cold: Cold,
    asleep: Asleep,
    /// Whether a row was met that cannot be kept so.
    failed: bool,
}

/// Rows that were given back, to be dropped where nobody waits.
pub(crate) struct GivenBack {
    _rows: Rows,
    _index: Index,
    _known: HashMap<Packed, u32>,
}

impl Workload {
    /// Whether it can be asked for more than repeats: its rows are in memory, or the most recent of them.
    pub(crate) fn is_awake(&self) -> bool {
        self.cold.as_ref().is_none_or(|cold| cold.asleep.is_none())
    }

    /// How far its rows are, where they may be given back: all of them are with the store, and no other machine's are
    /// among them.
    pub(crate) fn may_sleep(&self) -> Option<Revision> {
        let may = self.is_awake() && self.waiting(true) == 0 && self.told == 0;
        may.then_some(self.unsaved.revision)
    }

    /// Begins to gather keys.
    pub(crate) fn begin_gathering(&self) -> Gathered {
        Gathered { cold: Cold::new(self.today.day, 0), asleep: Asleep::default(), failed: false }
    }

    /// Gathers keys from the rows `start` and up, at most `most` of them. Returns where to go on.
    pub(crate) fn gather(&self, start: u32, most: u32, gathered: &mut Gathered) -> Option<u32> {
        let Gathered { cold, asleep, failed } = gathered;
        let end = self.rows.end().min(start.saturating_add(most));
        for row in (start..end).filter_map(|number| self.rows.get(number)) {
            *failed |= !cold.add(row);
            let runs = row.runs_on(self.today.day);
            if row.state != RowState::Active && runs > 0 {
                asleep.runs.push((row.key, runs));
            }
        }
        (end < self.rows.end()).then_some(end)
    }

    /// Gives the rows back, where they are still as they were when they were gathered.
    pub(crate) fn fall_asleep(&mut self, gathered: Gathered, since: Revision) -> Option<GivenBack> {
        let Gathered { mut cold, mut asleep, failed } = gathered;
        if failed || self.may_sleep() != Some(since) {
            return None;
        }
        asleep.crowded = self.rows.crowds.crowded();
        asleep.runs.shrink_to_fit();
        if let Some(mut before) = self.cold.take() {
            before.absorb(&cold);
            cold = *before;
        }
        cold.fall_asleep(asleep);
        self.scratch = None;
        self.cold = Some(Box::new(cold));
        Some(GivenBack {
            _rows: std::mem::take(&mut self.rows),
            _index: std::mem::take(&mut self.index),
            _known: std::mem::take(&mut self.known),
        })
    }

    /// Takes the rows of `awakened`, and counts what ran meanwhile.
    pub(crate) fn wake(&mut self, awakened: Self, shared: &Shared) {
        if self.is_awake() {
            return;
        }
        let active = self.count(RowState::Active);
        let Some(mut before) = self.cold.take() else { return };
        (self.rows, self.index, self.known) = (awakened.rows, awakened.index, awakened.known);
        self.cold = awakened.cold;
        for (key, runs) in before.asleep.take().unwrap_or_default().runs {
            if let Some(row) = self.rows.find(key).and_then(|number| self.rows.get_mut(number)) {
                row.runs_today = runs;
            }
        }
        if self.count(RowState::Active) != active {
            // The store had to fall back to less, or has more.
            self.add_up(shared);
        }
        for (key, touch) in before.into_touched() {
            let number = self.rows.find(key);
            let Some((number, row)) = number.and_then(|number| Some((number, self.rows.get_mut(number)?)))
            else {
                if let Some(cold) = self.cold.as_mut().filter(|cold| cold.has(key)) {
                    cold.give_touched(key, touch);
                }
                continue;
            };
            let unsaved = row.ran(&touch);
            self.mark(number, unsaved);
        }
    }

    /// Judges what it can without its rows.
    pub(super) fn observe_asleep(&mut self, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        let Sighting { execution, context, time, day, teach, .. } = *sighting;
        let found = SCRATCH.with_borrow_mut(|scratch| {
            let cold = self.cold.as_ref()?;
            let embedding = &mut scratch.embedding;
            shared.embedder.embed(execution, embedding);
            if execution.kind.is_act() && cold.is_one_of_many(embedding.key, &embedding.features) {
                shared.embedder.embed(&anything_there(execution), embedding);
            }
            (cold.answer(embedding.key, &context) == Answer::Repeat).then_some(embedding.key)
        });
        let Some(key) = found else { return self.unscored(Standing::Waking) };
        self.roll(day, time, shared);
        if teach != Teach::Seed {
            self.end_learning_if_enough(time, shared);
        }
        if self.teaches(teach) {
            self.count_execution(time, day);
        }
        self.repeat_without_row(key, sighting, shared)
    }

    /// An execution that is known in this very context and whose row is with the store.
    pub(super) fn repeat_without_row(
        &mut self,
        key: u128,
        sighting: &Sighting<'_>,
        shared: &Shared,
    ) -> Verdict {
        let teaches = self.teaches(sighting.teach);
        let cold = self.cold.as_mut().expect("the caller found it there");
        if teaches {
            let later = cold.touch(key, sighting.time, sighting.day);
            self.unsaved.revision.bump(later);
        }
        let seen = cold.runs(key);
        self.repeated(seen, sighting, shared)
    }
}
