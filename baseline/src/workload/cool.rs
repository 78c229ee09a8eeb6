//! A baseline of which the most recently seen rows are in memory, because all of them would be too many.
//!
//! The others keep their keys, so that a repeat is one whatever it repeats, and their part in what rows add up to: the
//! features that were ever learned, the surroundings, the news of days, the numbers of rows. So a score differs from that
//! of the whole in one way alone: a novelty is not compared with the rows that are not there. What is held or denied
//! stays in memory.

use super::cold::{Answer, Cold};
use super::{Shared, Workload};
use crate::features::Packed;
use crate::row::{Day, RowState, StoredRow, Timestamp, key_in_surroundings};
use crate::rows::{Row, Unsaved, from_stored};
use crate::settings::Settings;

use anomaly_vectorizer::{Context, Embedding};

/// Rows that are in memory of a baseline at least, whatever it takes: as many as a search compares one by one.
pub(crate) const LEAST_ROWS: usize = 2_048;

/// What share of the memory budget features of rows that are not in memory may take: one in so many bytes.
const SHARE_OF_KNOWN: usize = 6;

/// What a feature takes there.
const BYTES_OF_KNOWN: usize = size_of::<Packed>() + size_of::<u16>();

impl Settings {
    /// How many features of rows that are not in memory there is room for in one baseline.
    pub(super) fn most_known(&self) -> usize {
        self.memory_budget / SHARE_OF_KNOWN / BYTES_OF_KNOWN
    }
}

impl Workload {
    /// What is kept of rows that are not in memory, where there are any.
    pub(crate) fn cold(&self) -> Option<&Cold> {
        self.cold.as_deref()
    }

    pub(crate) fn cold_mut(&mut self) -> Option<&mut Cold> {
        self.cold.as_deref_mut()
    }

    /// How many rows are in this state, in memory or not.
    pub(crate) fn count(&self, state: RowState) -> usize {
        self.rows.count(state) + self.cold.as_ref().map_or(0, |cold| cold.count(state))
    }

    /// Whether any active row has this feature.
    pub(crate) fn knows(&self, feature: Packed) -> bool {
        self.known.contains_key(&feature) || self.cold.as_ref().is_some_and(|cold| cold.knows(feature))
    }

    /// The row that an execution of this key needs and that is not in memory, or whether it is a repeat of one.
    pub(super) fn without_row(&self, key: u128, context: &Context) -> (Answer, u128) {
        let Some(cold) = &self.cold else { return (Answer::Unknown, key) };
        let Some(row) = self.rows.find(key).and_then(|number| self.rows.get(number)) else {
            return (cold.answer(key, context), key);
        };
        // Known but for its surroundings, it has a row of its own in these.
        let held = key_in_surroundings(key, (*context).into());
        let news = row.state == RowState::Active && !context.is_within(&row.seen);
        if news && !self.rows.has(held) && cold.has(held) {
            (Answer::Needed, held)
        } else {
            (Answer::Unknown, key)
        }
    }

    /// Of these keys, those of rows that are not in memory; and those of the rows that a decision about them concerns.
    pub(crate) fn cold_among(&self, keys: &[u128], shared: &Shared) -> Vec<u128> {
        let Some(cold) = &self.cold else { return Vec::new() };
        let mut embedding = Embedding::default();
        let mut needed = Vec::new();
        for &key in keys {
            let Some(row) = self.rows.find(key).and_then(|number| self.rows.get(number)) else {
                needed.extend(cold.has(key).then_some(key));
                continue;
            };
            if row.state != RowState::Active {
                shared.embedder.embed(&row.execution, &mut embedding);
                needed.extend(cold.has(embedding.key).then_some(embedding.key));
            }
        }
        needed
    }

    /// When the rows from `start` on that may be given back were seen last, at most `most` of them. Returns where to go
    /// on.
    pub(crate) fn last_seen(&self, start: u32, most: u32, times: &mut Vec<Timestamp>) -> Option<u32> {
        let end = self.rows.end().min(start.saturating_add(most));
        let rows = (start..end).filter_map(|number| self.rows.get(number));
        times.extend(rows.filter(|row| self.may_cool(row)).map(|row| row.last_seen));
        (end < self.rows.end()).then_some(end)
    }

    /// Gives back rows that were not seen after `until`, of `most` from `start` on, at most `left` of them. Returns where
    /// to go on.
    pub(crate) fn cool(
        &mut self,
        start: u32,
        most: u32,
        until: Timestamp,
        left: &mut usize,
        shared: &Shared,
    ) -> Option<u32> {
        let end = self.rows.end().min(start.saturating_add(most));
        for number in start..end {
            let row = self.rows.get(number).filter(|row| row.last_seen <= until && self.may_cool(row));
            let Some(row) = row.filter(|_| *left > 0) else { continue };
            let active = row.state == RowState::Active;
            let (day, most_known) = (self.today.day, shared.settings.most_known());
            let cold = self.cold.get_or_insert_with(|| Box::new(Cold::new(day, most_known)));
            if !cold.add(row) {
                continue;
            }
            cold.add_up(row);
            if active {
                self.deactivate(number);
            }
            self.rows.take_out(number);
            *left -= 1;
        }
        (end < self.rows.end() && *left > 0).then_some(end)
    }

    /// Whether a row may be given back: the store has it as it is, and nobody waits for it.
    fn may_cool(&self, row: &Row) -> bool {
        may_be_cold(row.state)
            && row.foreign.is_none()
            && row.unsaved == Unsaved::Nothing
            && self.cold.as_ref().is_none_or(|cold| !cold.is_owed(row.key))
    }

    /// What a row in memory takes, in bytes, about.
    pub(crate) fn bytes_of_row(&self) -> usize {
        let rows = RowState::ALL.iter().map(|state| self.rows.count(*state)).sum::<usize>();
        (self.bytes() - self.cold.as_ref().map_or(0, |cold| cold.bytes())) / rows.max(1)
    }

    /// Asks for what somebody waits for. Whether that is something, and nobody did before.
    pub(crate) fn ask(&mut self) -> bool {
        self.cold.as_mut().is_some_and(|cold| {
            let waits = cold.asleep.is_some() || !cold.asked().is_empty();
            waits && !std::mem::replace(&mut cold.announced, true)
        })
    }

    /// Whether somebody waits.
    pub(crate) fn has_been_asked(&self) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.announced)
    }

    /// What was asked for was answered, or could not be.
    pub(crate) fn answered(&mut self) {
        if let Some(cold) = &mut self.cold {
            cold.answered();
        }
    }

    /// Forgets who waited for rows until this turn.
    pub(crate) fn end_owing(&mut self, turn: u64) {
        if let Some(cold) = &mut self.cold {
            cold.end_owing(turn);
        }
    }

    /// Takes rows back that the store was asked for.
    pub(crate) fn thaw(&mut self, rows: Vec<StoredRow>, owed_until: Option<u64>, shared: &Shared) {
        let keys: Vec<_> = rows.iter().map(|row| row.key).collect();
        for row in rows {
            self.thaw_one(row, shared);
        }
        if let (Some(cold), Some(until)) = (&mut self.cold, owed_until) {
            cold.owe(&keys, until);
        }
    }

    fn thaw_one(&mut self, stored: StoredRow, shared: &Shared) {
        let Some(cold) = self.cold.as_mut() else { return };
        let Some((count, touch)) = cold.take(stored.key) else { return };
        let mut row = from_stored(stored);
        cold.take_off(&row);
        let mut unsaved = touch.map_or(Unsaved::Nothing, |touch| row.ran(&touch));
        if count != u32::MAX && u64::from(count) > row.count {
            // So many rows ran at once that not all was noted of each.
            row.count = u64::from(count);
            unsaved = unsaved.max(Unsaved::Counts);
        }
        let active = row.state == RowState::Active;
        let number = self.rows.put_in(row);
        if active {
            self.activate(number, shared);
        }
        if unsaved != Unsaved::Nothing {
            self.mark(number, unsaved);
        }
    }

    /// These rows were asked for and the store has them no more.
    pub(crate) fn lose(&mut self, keys: &[u128]) -> usize {
        let Some(cold) = &mut self.cold else { return 0 };
        keys.iter().filter(|key| cold.take(**key).is_some()).count()
    }

    /// Whether active rows that are not in memory may have been seen first on `from` or later.
    pub(crate) fn may_have_cold_since(&self, from: Day) -> bool {
        self.cold.as_ref().is_some_and(|cold| cold.may_have_learned_since(from))
    }
}

/// Whether rows of this state are given back by a baseline that is awake. Of the others there are few, and what is seen
/// of them is judged anew each time.
pub(super) fn may_be_cold(state: RowState) -> bool {
    matches!(state, RowState::Active | RowState::Forgotten)
}

/// The time up to which rows were seen last of which so many are to be given back; the earliest first.
pub(crate) fn cut(mut times: Vec<Timestamp>, give_back: usize) -> Option<Timestamp> {
    let last = give_back.min(times.len()).checked_sub(1)?;
    Some(*times.select_nth_unstable(last).1)
}
