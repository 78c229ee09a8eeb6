//! A workload from the rows that a store hands over a part at a time.
//!
//! However many there are, those of the most recently seen that there is room for are in memory, and a part. What is
//! kept with the workload beside its rows may come last.

use std::sync::Arc;

use anomaly_vectorizer::Kind;

use super::cold::Cold;
use super::cool::{LEAST_ROWS, cut, may_be_cold};
use super::{Shared, Workload};
use crate::history::Today;
use crate::row::{Day, RowState, StoredRow, Timestamp, WorkloadRecord};
use crate::rows::{Row, from_stored};

/// What a row takes in memory beside what it has itself, in the index and in maps, about.
const BESIDE: usize = 2 * size_of::<Row>() + 384;

/// A kind of act of a workload on its way into memory.
pub(crate) struct Loading {
    name: Arc<str>,
    kind: Kind,
    /// What it may take, in bytes.
    limit: usize,
    /// In the order of the store.
    rows: Vec<Row>,
    /// What those will take.
    bytes: usize,
    cold: Option<Box<Cold>>,
    /// When those were seen last for which there is no room.
    until: Option<Timestamp>,
    /// The crowds that all rows make.
    crowds: crate::crowds::Crowds,
    last_day: Day,
}

impl Loading {
    pub(crate) fn new(name: Arc<str>, kind: Kind, limit: usize) -> Self {
        let (rows, cold, crowds) = (Vec::new(), None, Default::default());
        Self { name, kind, limit, rows, bytes: 0, cold, until: None, crowds, last_day: Day::MIN }
    }

    /// Takes some rows on.
    pub(crate) fn add(&mut self, rows: impl IntoIterator<Item = StoredRow>, shared: &Shared) {
        for row in rows.into_iter().map(from_stored) {
            self.crowds.add(&row);
            self.last_day = self.last_day.max(row.days.last);
            if !self.give_back(&row) {
                self.bytes += row.bytes() + BESIDE;
                self.rows.push(row);
            }
        }
        let cold = self.cold.as_ref().map_or(0, |cold| cold.bytes());
        if self.bytes.saturating_add(cold) > self.limit && self.rows.len() >= 2 * LEAST_ROWS {
            self.give_back_half(shared);
        }
    }

    /// Gives back the half of the rows that was seen least recently.
    fn give_back_half(&mut self, shared: &Shared) {
        let may_cool = |row: &&Row| may_be_cold(row.state);
        let times: Vec<Timestamp> = self.rows.iter().filter(may_cool).map(|row| row.last_seen).collect();
        let mut left = self.rows.len() / 2;
        let Some(until) = cut(times, left) else { return };
        let (last_day, most_known) = (self.last_day, shared.settings.most_known());
        self.cold.get_or_insert_with(|| Box::new(Cold::new(last_day, most_known)));
        self.until = Some(until);
        for row in std::mem::take(&mut self.rows) {
            // Many may have been seen at one time.
            if left > 0 && self.give_back(&row) {
                left -= 1;
            } else {
                self.rows.push(row);
            }
        }
        self.bytes = self.rows.iter().map(|row| row.bytes() + BESIDE).sum();
    }

    /// Gives a row back where it was seen before the others that there is room for. Whether it did.
    fn give_back(&mut self, row: &Row) -> bool {
        let (Some(until), Some(cold)) = (self.until, &mut self.cold) else { return false };
        let gives_back = row.last_seen <= until && may_be_cold(row.state) && cold.add(row);
        if gives_back {
            cold.add_up(row);
        }
        gives_back
    }

    /// The workload. Its last day is today until a later one is seen.
    pub(crate) fn finish(self, record: WorkloadRecord, shared: &Shared) -> Workload {
        let Self { name, kind, rows, mut cold, crowds, .. } = self;
        let day = record.days.last.max(record.first_day);
        let mut workload = Workload::new(name, kind, shared, record.first_seen, record.first_day);
        workload.record = record;
        workload.today = Today::new(day);
        workload.rows.reserve(rows.len());
        for row in rows {
            let (state, key) = (row.state, row.key);
            if let Some(cold) = &mut cold {
                // A store that has two rows of a key, which none of ours does.
                cold.take(key);
            }
            let number = workload.rows.insert(row);
            if state == RowState::Active {
                workload.activate(number, shared);
            } else if state == RowState::Held {
                workload.resume_today(key, shared.settings.warn);
                workload.resume_warning(key, shared);
            }
        }
        workload.rows.crowds = crowds;
        if let Some(cold) = &mut cold {
            workload.add_up_cold(cold);
        }
        workload.cold = cold;
        workload.calibration = workload.own.calibration(shared.method.prior, workload.record.first_day, day);
        workload
    }
}
