//! Rows in passing: whoever counts or chooses among a hundred thousand rows looks at each where it is, and copies those
//! alone that are wanted.

use std::sync::Arc;

use anomaly_vectorizer::{Execution, Seen};

use crate::inspect::RowView;
use crate::row::{Day, DaySet, RowState, StoredRow, Timestamp};
use crate::workload::Workload;

/// A row as it is passed by.
#[derive(Debug, Clone, Copy)]
pub struct Glimpse<'a> {
    /// Whose it is.
    pub workload: &'a Arc<str>,
    /// Its key, unique in the workload.
    pub key: u128,
    /// What it counts for.
    pub state: RowState,
    /// What ran.
    pub execution: &'a Execution,
    /// How often.
    pub count: u64,
    /// On which days.
    pub days: DaySet,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
    /// Whether it is in memory; otherwise it was read from the store for this passing.
    pub in_memory: bool,
    first_day: Day,
    seen: Seen,
}

impl<'a> Glimpse<'a> {
    /// A row that the store has; `runs` is how often it ran as far as memory knows.
    pub(crate) fn of_stored(workload: &'a Arc<str>, row: &'a StoredRow, runs: u64) -> Self {
        Self {
            workload,
            key: row.key,
            state: row.state,
            execution: &row.execution,
            count: row.count.max(runs),
            days: row.days,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            in_memory: false,
            first_day: row.first_day,
            seen: row.seen,
        }
    }

    /// A copy to keep.
    pub fn view(&self) -> RowView {
        RowView {
            workload: Arc::clone(self.workload),
            key: self.key,
            state: self.state,
            execution: self.execution.clone(),
            surroundings: self.seen.words().collect(),
            count: self.count,
            days: self.days,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            first_day: self.first_day,
        }
    }
}

impl Workload {
    /// Passes over the rows that are in memory.
    pub(crate) fn pass(&self, each: &mut dyn FnMut(&Glimpse<'_>)) {
        for row in (0..self.rows.end()).filter_map(|number| self.rows.get(number)) {
            each(&Glimpse {
                workload: &self.name,
                key: row.key,
                state: row.state,
                execution: &row.execution,
                count: row.total(),
                days: row.days,
                first_seen: row.first_seen,
                last_seen: row.last_seen,
                in_memory: true,
                first_day: row.first_day,
                seen: row.seen,
            });
        }
    }
}
