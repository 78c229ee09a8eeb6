//! Rows that other machines know, beside a workload's own.
//!
//! Of one execution there is one row, whoever saw it. What stands is the stricter of the state that it has here and of
//! the one that it has elsewhere; what is saved and told to others is the first alone.

use anomaly_vectorizer::{Embedding, Feature};

use super::{Shared, Workload};
use crate::row::{RowState, StoredRow, Timestamp};
use crate::rows::{Foreign, Unsaved, from_stored, to_own};

impl Workload {
    /// The number of a telling: rows that it does not name are not known elsewhere any more.
    pub(crate) fn begin_telling(&mut self) -> u32 {
        self.told = self.told.wrapping_add(1);
        self.told
    }

    /// Tells some rows.
    pub(crate) fn tell(&mut self, rows: &[StoredRow], told: u32, shared: &Shared) {
        for row in rows {
            let foreign = Foreign { state: row.state, count: row.count, own: None, told };
            match self.rows.find(row.key) {
                Some(number) => self.tell_known(number, row, foreign, shared),
                // It is learned here as it is there, and how often it was seen there is not worth a row in memory. What
                // would change it was asked for before; where that did not come, it is told again with the next news.
                None if self.cold().is_some_and(|cold| cold.has(row.key)) => {}
                None => self.tell_new(row, foreign, shared),
            }
        }
    }

    /// Which of these rows are not in memory here and change by what is told of them.
    pub(crate) fn needed_to_tell(&self, rows: &[StoredRow]) -> Vec<u128> {
        let Some(cold) = self.cold() else { return Vec::new() };
        let changes = |row: &&StoredRow| {
            let same = cold.state(row.key) == Some(RowState::Active)
                && row.state == RowState::Active
                && cold.seen(row.key).is_some_and(|seen| {
                    let mut both = seen;
                    both.extend(row.seen);
                    both == seen
                });
            cold.has(row.key) && !same
        };
        rows.iter().filter(changes).map(|row| row.key).collect()
    }

    fn tell_known(&mut self, number: u32, stored: &StoredRow, mut foreign: Foreign, shared: &Shared) {
        let Some(row) = self.rows.get_mut(number) else { return };
        foreign.own = row.own_state();
        if stored.state == RowState::Active {
            // A set: that it goes around adds nothing to it.
            row.seen.extend(stored.seen);
        }
        if foreign.own.is_none() {
            let StoredRow { seen, first_seen, last_seen, first_day, days, distance, .. } = stored;
            row.seen = *seen;
            (row.first_seen, row.last_seen, row.first_day, row.days) =
                (*first_seen, *last_seen, *first_day, *days);
            row.distance = *distance;
        }
        let (state, seen) = (foreign.effect(), row.seen);
        row.foreign = Some(Box::new(foreign));
        if state == RowState::Active {
            self.seen.extend(seen);
        }
        self.turn(number, state, shared);
    }

    fn tell_new(&mut self, stored: &StoredRow, foreign: Foreign, shared: &Shared) {
        let mut embedding = Embedding::default();
        shared.embedder.embed(&stored.execution, &mut embedding);
        // What is held for its surroundings alone becomes normal as part of the execution itself, never by itself.
        let stands_alone = stored.state == RowState::Denied || stored.key == embedding.key;
        let room = match stored.state {
            RowState::Active => {
                self.count(RowState::Active) < shared.settings.max_rows
                    && self.has_room_for(&embedding.features)
            }
            _ => self.count(RowState::Held) + self.count(RowState::Denied) < shared.settings.max_held,
        };
        if !stands_alone {
            return;
        }
        if !room {
            shared.counters.no_room();
            return;
        }
        let mut row = from_stored(StoredRow { features: embedding.features, ..stored.clone() });
        row.count = 0;
        row.foreign = Some(Box::new(foreign));
        let state = row.state;
        let number = self.rows.insert(row);
        if state == RowState::Active {
            self.index.insert(number, &embedding.vector);
            self.activate_features(number);
        }
    }

    fn has_room_for(&self, features: &[Feature]) -> bool {
        let mut packed = Vec::with_capacity(features.len());
        crate::features::pack_all(features, &mut packed);
        self.rows.crowds.has_room(&packed, RowState::Active)
    }

    /// Takes away what a telling did not name, at most `most` rows from `start`. Returns where to go on.
    pub(crate) fn untell(&mut self, start: u32, most: usize, told: u32, shared: &Shared) -> Option<u32> {
        let end = self.rows.end().min(start.saturating_add(most as u32));
        for number in start..end {
            let Some(row) = self.rows.get_mut(number) else { continue };
            let Some(foreign) = row.foreign.as_ref().filter(|foreign| foreign.told != told) else { continue };
            let own = foreign.own;
            row.foreign = None;
            match own {
                Some(state) => self.turn(number, state, shared),
                None => {
                    if row.state == RowState::Active {
                        self.deactivate(number);
                        self.shrunk = true;
                    }
                    self.rows.remove(number);
                }
            }
        }
        (end < self.rows.end()).then_some(end)
    }

    /// After the last row. A workload that has been learned enough elsewhere is scored here from now on.
    pub(crate) fn end_telling(&mut self, learned_at: Option<Timestamp>, shared: &Shared) {
        // A claim to have learned everything of which there is nothing would make everything news.
        if let Some(at) = learned_at
            && self.record.learned_at.is_none()
            && self.count(RowState::Active) > 0
        {
            self.finish_learning(at);
        }
        if std::mem::take(&mut self.shrunk) {
            self.add_up(shared);
        }
    }

    /// Sets what a row counts for here; what stands follows.
    pub(crate) fn settle(&mut self, number: u32, own: Option<RowState>, shared: &Shared) {
        let Some(row) = self.rows.get_mut(number) else { return };
        let state = match (&mut row.foreign, own) {
            (Some(foreign), own) => {
                foreign.own = own;
                foreign.effect()
            }
            (None, Some(own)) => own,
            (None, None) => row.state,
        };
        self.turn(number, state, shared);
    }

    /// Changes the state that stands.
    fn turn(&mut self, number: u32, state: RowState, shared: &Shared) {
        let Some(before) = self.rows.get(number).map(|row| row.state) else { return };
        if before == state {
            return;
        }
        if before == RowState::Active {
            self.deactivate(number);
            self.shrunk = true;
        }
        self.rows.set_state(number, state);
        if state == RowState::Active {
            self.activate(number, shared);
        }
    }

    /// Takes away what was seen here of a row. Where others know it, that stays.
    pub(crate) fn drop_own(&mut self, number: u32, shared: &Shared) {
        let Some(row) = self.rows.get_mut(number) else { return };
        let key = row.key;
        if row.foreign.is_some() {
            (row.count, row.unsaved) = (0, Unsaved::Nothing);
            self.settle(number, None, shared);
        } else {
            if row.state == RowState::Active {
                self.deactivate(number);
            }
            self.rows.remove(number);
        }
        self.unsaved.delete(key);
    }

    /// How many active rows others alone know.
    pub(crate) fn known_elsewhere(&self) -> usize {
        if self.told == 0 {
            return 0;
        }
        let rows = (0..self.rows.end()).filter_map(|number| self.rows.get(number));
        rows.filter(|row| row.state == RowState::Active && row.own_state().is_none()).count()
    }

    /// Rows that were seen here, at most `most` from `start`, and where to go on.
    pub(crate) fn own_rows(&self, start: u32, most: usize) -> (Vec<StoredRow>, Option<u32>) {
        let end = self.rows.end().min(start.saturating_add(most as u32));
        let rows = (start..end).filter_map(|number| self.rows.get(number));
        let own = rows.filter_map(to_own).filter(|row| row.state != RowState::Forgotten);
        (own.collect(), (end < self.rows.end()).then_some(end))
    }
}

impl Foreign {
    /// What stands, of what a row counts for here and elsewhere.
    pub(crate) fn effect(&self) -> RowState {
        self.own.map_or(self.state, |own| own.stricter(self.state))
    }
}
