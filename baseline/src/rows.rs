//! A workload's rows in memory, by number and by key.

use std::collections::HashMap;

use anomaly_vectorizer::{Embedder, Embedding, Execution, Feature, FeatureClass, Seen};

use crate::crowds::Crowds;
use crate::features::{self, Packed};
use crate::row::{Day, DaySet, RowState, StoredRow, Timestamp};
use crate::workload::Touch;

/// What the allocator adds to each piece of memory, about.
const ALLOCATION: usize = 16;

/// What the store does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsaved {
    Nothing,
    /// Counts and last-seen: within minutes.
    Counts,
    /// The row itself or its state: within a second.
    Row,
}

/// One distinct execution.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) key: u128,
    pub(crate) execution: Execution,
    pub(crate) features: Box<[Packed]>,
    /// W of the features.
    pub(crate) weight: f32,
    pub(crate) seen: Seen,
    pub(crate) count: u64,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) first_day: Day,
    pub(crate) days: DaySet,
    pub(crate) distance: f32,
    pub(crate) state: RowState,
    pub(crate) unsaved: Unsaved,
    /// Runs on the day `days.last`.
    pub(crate) runs_today: u32,
    /// What other machines know of it.
    pub(crate) foreign: Option<Box<Foreign>>,
}

/// What other machines know of a row.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    /// Active or denied.
    pub(crate) state: RowState,
    pub(crate) count: u64,
    /// What the row counts for here, by what was seen or said here: saved, and told to others. `None` where it is known
    /// elsewhere alone; then the row's count is 0, and its times and days are theirs.
    pub(crate) own: Option<RowState>,
    /// The telling that named it last.
    pub(crate) told: u32,
}

impl Row {
    /// What it counts for by what was seen or said here; `None` where others alone know it.
    pub(crate) fn own_state(&self) -> Option<RowState> {
        self.foreign.as_ref().map_or(Some(self.state), |foreign| foreign.own)
    }

    /// How often it was seen, here and elsewhere.
    pub(crate) fn total(&self) -> u64 {
        self.foreign.as_ref().map_or(self.count, |foreign| self.count.saturating_add(foreign.count))
    }

    /// What others know is seen here too: from now on it is known here.
    fn make_own(&mut self, time: Timestamp) {
        let Some(foreign) = &mut self.foreign else { return };
        let active = self.state == RowState::Active;
        if foreign.own.is_none() {
            (self.first_seen, self.last_seen, self.days) = (time, time, DaySet::default());
            // It was no news, as in a warm-up; what somebody denied would be.
            self.distance = if active { 0.0 } else { 1.0 };
            foreign.own = Some(RowState::Held);
        }
        if active {
            foreign.own = Some(RowState::Active);
        }
    }

    /// Counts one more run.
    pub(crate) fn run(&mut self, time: Timestamp, day: Day) {
        if self.own_state().is_none() {
            self.first_day = day;
        }
        self.make_own(time);
        if self.days.insert(day) && self.days.last == day {
            self.runs_today = 0;
        }
        self.runs_today = self.runs_today.saturating_add(1);
        self.count = self.count.saturating_add(1);
        self.last_seen = self.last_seen.max(time);
    }

    /// Counts the runs that there were while the row was not in memory. What is to be saved for that.
    pub(crate) fn ran(&mut self, touch: &Touch) -> Unsaved {
        let before = self.days;
        self.days.extend(touch.days);
        self.count = self.count.saturating_add(u64::from(touch.runs));
        self.last_seen = self.last_seen.max(touch.last);
        if self.days == before { Unsaved::Counts } else { Unsaved::Row }
    }

    /// What it has in memory beside itself, in bytes, what the allocator adds included.
    pub(crate) fn bytes(&self) -> usize {
        let Execution { name, parent, grandparent, arguments, .. } = &self.execution;
        let text = name.len() + parent.len() + grandparent.len();
        let arguments = arguments.iter().map(|argument| argument.len() + 1).sum::<usize>();
        text + arguments + self.features.len() * size_of::<Packed>() + 5 * ALLOCATION
    }

    /// Earlier runs on `day`.
    pub(crate) fn runs_on(&self, day: Day) -> u32 {
        if self.days.last == day { self.runs_today } else { 0 }
    }
}

/// Rows by number; numbers are reused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    slots: Vec<Option<Row>>,
    free: Vec<u32>,
    by_key: HashMap<u128, u32>,
    by_state: [usize; 4],
    /// What the rows have in memory beside their slots.
    bytes: usize,
    pub(crate) crowds: Crowds,
}

impl Rows {
    /// How many rows are in this state.
    pub(crate) fn count(&self, state: RowState) -> usize {
        self.by_state[state as usize]
    }

    pub(crate) fn has(&self, key: u128) -> bool {
        self.by_key.contains_key(&key)
    }

    /// The number of the row with this key.
    pub(crate) fn find(&self, key: u128) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Row> {
        self.slots.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// Makes room for so many rows more, and no more than that.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.slots.reserve_exact(rows);
    }

    /// Adds a row whose key is not there yet; a row of the same key is replaced.
    pub(crate) fn insert(&mut self, row: Row) -> u32 {
        if let Some(number) = self.find(row.key) {
            self.remove(number);
        }
        self.crowds.add(&row);
        self.put_in(row)
    }

    /// The same of a row that comes back into memory: it was among the crowds all the time.
    pub(crate) fn put_in(&mut self, row: Row) -> u32 {
        self.by_state[row.state as usize] += 1;
        self.bytes += row.bytes();
        let key = row.key;
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = Some(row);
                number
            }
            None => {
                self.slots.push(Some(row));
                (self.slots.len() - 1) as u32
            }
        };
        self.by_key.insert(key, number);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Row> {
        let row = self.take_out(number)?;
        self.crowds.remove(&row);
        Some(row)
    }

    /// The same of a row that stays with the store: it is among the crowds as before.
    pub(crate) fn take_out(&mut self, number: u32) -> Option<Row> {
        let row = self.slots.get_mut(number as usize)?.take()?;
        self.by_key.remove(&row.key);
        self.bytes -= row.bytes();
        self.by_state[row.state as usize] -= 1;
        self.free.push(number);
        Some(row)
    }

    /// Changes a row's state, keeping the counts by state.
    pub(crate) fn set_state(&mut self, number: u32, state: RowState) {
        if let Some(row) = self.slots.get_mut(number as usize).and_then(Option::as_mut) {
            self.by_state[row.state as usize] -= 1;
            self.by_state[state as usize] += 1;
            self.crowds.remove(row);
            row.state = state;
            self.crowds.add(row);
        }
    }

    /// What all of this takes in memory, in bytes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Option<Row>>();
        let keys = self.by_key.capacity() * (size_of::<(u128, u32)>() + 1) * 8 / 7;
        self.bytes + slots + keys + self.free.capacity() * size_of::<u32>() + self.crowds.bytes()
    }

    /// One past the highest row number.
    pub(crate) fn end(&self) -> u32 {
        self.slots.len() as u32
    }
}

/// What was seen or said here of a row, without vector and features; `None` where that is nothing.
pub(crate) fn to_own(row: &Row) -> Option<StoredRow> {
    Some(StoredRow {
        key: row.key,
        execution: row.execution.clone(),
        features: Vec::new(),
        vector: Vec::new(),
        seen: row.seen,
        count: row.count,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
        first_day: row.first_day,
        days: row.days,
        distance: row.distance,
        state: row.own_state()?,
    })
}

/// A row as the store keeps it; `None` where others alone know it.
pub(crate) fn to_stored(row: &Row, embedder: &dyn Embedder, scratch: &mut Embedding) -> Option<StoredRow> {
    let own = to_own(row)?;
    embedder.embed(&row.execution, scratch);
    Some(StoredRow { features: scratch.features.clone(), vector: scratch.vector.to_vec(), ..own })
}

/// A row from what the store kept.
pub(crate) fn from_stored(stored: StoredRow) -> Row {
    let StoredRow {
        key,
        execution,
        features,
        vector: _,
        seen,
        count,
        first_seen,
        last_seen,
        first_day,
        days,
        distance,
        state,
    } = stored;
    let features = packed(&features);
    Row {
        key,
        weight: features::total(&features),
        execution,
        features,
        seen,
        count,
        first_seen,
        last_seen,
        first_day,
        days,
        distance,
        state,
        unsaved: Unsaved::Nothing,
        // Not kept: a restart forgets how often today, which makes a repeat score a little higher, never lower.
        runs_today: 0,
        foreign: None,
    }
}

fn packed(features: &[Feature]) -> Box<[Packed]> {
    let mut packed = Vec::with_capacity(features.len());
    features::pack_all(features, &mut packed);
    debug_assert!(FeatureClass::ALL.len() <= 32, "a class fits into five bits");
    packed.into_boxed_slice()
}
