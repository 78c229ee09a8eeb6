//! What the store does not have yet.
//!
//! Rows wait in their workload, by number, until the store's thread takes them; what could not be written is given back.

use anomaly_vectorizer::Embedder;

use super::Workload;
use crate::elsewhere::Revision;
use crate::row::StoredRow;
use crate::rows::{Unsaved, to_stored};

/// Rows that the store does not have yet, by number, and keys that it still has.
#[derive(Debug, Clone)]
pub(crate) struct UnsavedRows {
    rows: Vec<u32>,
    counts: Vec<u32>,
    pub(crate) deleted: Vec<u128>,
    pub(super) record: bool,
    /// The record alone is reason enough to write at once.
    pub(crate) urgent: bool,
    /// Decisions that are noted in the record as soon as every row that follows them goes with it.
    pub(crate) applied: Vec<(u128, String)>,
    /// How far what was seen here is.
    pub(crate) revision: Revision,
}

impl Default for UnsavedRows {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            counts: Vec::new(),
            deleted: Vec::new(),
            record: false,
            urgent: false,
            applied: Vec::new(),
            revision: Revision::new(),
        }
    }
}

impl UnsavedRows {
    /// The store still has this key.
    pub(crate) fn delete(&mut self, key: u128) {
        self.deleted.push(key);
        self.revision.bump(true);
    }
}

/// What the store has to write for one kind of act of a workload, beside its record.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<StoredRow>,
    pub(crate) deleted: Vec<u128>,
}

impl Workload {
    pub(crate) fn mark(&mut self, number: u32, unsaved: Unsaved) {
        let Some(row) = self.rows.get_mut(number) else { return };
        self.unsaved.revision.bump(unsaved == Unsaved::Row);
        if unsaved > row.unsaved {
            row.unsaved = unsaved;
            match unsaved {
                Unsaved::Row => self.unsaved.rows.push(number),
                Unsaved::Counts => self.unsaved.counts.push(number),
                Unsaved::Nothing => {}
            }
        }
    }

    /// Takes at most `most` rows that the store does not have yet; counts only where `with_counts`. `None` when there
    /// is nothing to write.
    pub(crate) fn take_unsaved(
        &mut self,
        most: usize,
        with_counts: bool,
        embedder: &dyn Embedder,
    ) -> Option<Batch> {
        let UnsavedRows { rows, counts, deleted, record, urgent, applied, revision: _ } = &mut self.unsaved;
        let mut numbers = rows.split_off(rows.len().saturating_sub(most));
        if with_counts {
            numbers.append(&mut counts.split_off(counts.len().saturating_sub(most - numbers.len())));
        }
        let mut gone = deleted.split_off(deleted.len().saturating_sub(most));
        let record_alone = (with_counts && *record) || *urgent;
        if numbers.is_empty() && gone.is_empty() && !record_alone {
            return None;
        }
        // What is there again is replaced and not deleted.
        gone.retain(|key| {
            let row = self.rows.find(*key).and_then(|number| self.rows.get(number));
            row.is_none_or(|row| row.own_state().is_none())
        });
        if rows.is_empty() && deleted.is_empty() {
            // Every row that follows these decisions is in this batch or was in one before.
            self.record.applied.append(applied);
            *urgent = false;
        }
        *record = false;
        let mut batch = Batch { rows: Vec::new(), deleted: gone };
        let embedding = &mut self.scratch.get_or_insert_default().embedding;
        for number in numbers {
            let Some(row) = self.rows.get_mut(number) else { continue };
            // A number may be listed for its counts and for itself: once is enough.
            if std::mem::replace(&mut row.unsaved, Unsaved::Nothing) != Unsaved::Nothing {
                batch.rows.extend(to_stored(row, embedder, embedding));
            }
        }
        Some(batch)
    }

    /// Gives back what could not be written.
    pub(crate) fn put_back(&mut self, batch: &Batch) {
        for row in &batch.rows {
            if let Some(number) = self.rows.find(row.key) {
                self.mark(number, Unsaved::Row);
            }
        }
        self.unsaved.deleted.extend(&batch.deleted);
        self.unsaved.record = true;
        if !self.record.applied.is_empty() {
            self.unsaved.applied.append(&mut self.record.applied);
            self.unsaved.urgent = true;
        }
    }

    /// How many rows the store does not have as they are; those whose counts alone changed only `with_counts`.
    pub(crate) fn waiting(&self, with_counts: bool) -> usize {
        let UnsavedRows { rows, counts, deleted, .. } = &self.unsaved;
        rows.len() + deleted.len() + if with_counts { counts.len() } else { 0 }
    }
}
