//! What the engine asks of a durable store.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::feedback::{FeedbackLog, Settled};
use anomaly_vectorizer::Kind;

use crate::row::{StoredRow, WorkloadRecord};

/// Whether this process may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It holds the lock: the one writer of this database on this machine.
    Writer,
    /// Another process writes: load and score, learn nothing.
    Reader,
}

/// Why a store did not do what it was asked. Every variant says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be used at all.
    #[error("{} cannot be used as a database: {cause}; {remedy}", path.display())]
    Unusable {
        /// The database's directory.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The database was made by a newer release.
    #[error("{} holds {what} {found}, and this release knows {known}; upgrade, or choose another directory", path.display())]
    Newer {
        /// The database's directory.
        path: PathBuf,
        /// Which version: `schema version` or `feature version`.
        what: &'static str,
        /// What the database has.
        found: u32,
        /// The newest that this release knows.
        known: u32,
    },
    /// One operation failed; the store may work again later.
    #[error("{operation} of workload {workload} failed: {cause}")]
    Failed {
        /// What was tried: `saving`, `loading`, `compacting`.
        operation: &'static str,
        /// Whose table.
        workload: String,
        /// The cause, one line.
        cause: String,
    },
}

/// What is handed over of a workload while it is read.
#[derive(Debug)]
pub enum Part {
    /// It begins. What was handed over of it before does not count: it turned out to be damaged, and is read again.
    Begin,
    /// Some of its rows.
    Rows(Vec<StoredRow>),
    /// That was all, and this belongs to it.
    End(WorkloadRecord),
}

/// A durable store of rows per workload. Used by one thread of the engine's, never on the event path.
pub trait Store: Send {
    /// Whether this process may write. May turn from reader to writer when the writer goes away.
    fn access(&mut self) -> Access;

    /// Every workload of the database, one after another and each a part at a time, so that one of any size is read in
    /// little memory. A table that cannot be read is set aside, never deleted, and named in the returned notices; the
    /// others are loaded. What began and did not end does not count.
    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError>;

    /// The same of one workload, as it was saved last; `false` where it has no table any more. What was wrong with it
    /// and what was done about it goes to `notices`, one line each.
    fn stream_rows(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
        notices: &mut Vec<String>,
    ) -> Result<bool, StoreError>;

    /// The rows of these keys, those that there are, in any order.
    fn find(&mut self, workload: &str, kind: Kind, keys: &[u128]) -> Result<Vec<StoredRow>, StoreError> {
        let wanted: HashSet<_> = keys.iter().copied().collect();
        let mut found = Vec::new();
        let of_these = |row: &StoredRow| row.execution.kind == kind && wanted.contains(&row.key);
        self.stream_rows(
            workload,
            &mut |part| match part {
                Part::Begin => found.clear(),
                Part::Rows(rows) => found.extend(rows.into_iter().filter(of_these)),
                Part::End(_) => {}
            },
            &mut Vec::new(),
        )?;
        Ok(found)
    }

    /// Every workload with its record and all of its rows: for whoever needs a workload whole.
    fn load(
        &mut self,
        each: &mut dyn FnMut(String, WorkloadRecord, Vec<StoredRow>),
    ) -> Result<Vec<String>, StoreError> {
        let mut all = Vec::new();
        self.stream(&mut |workload, part| match part {
            Part::Begin => all.clear(),
            Part::Rows(mut rows) => all.append(&mut rows),
            Part::End(record) => each(workload.to_owned(), record, std::mem::take(&mut all)),
        })
    }

    /// All rows of one workload; `None` where it has no table any more.
    fn load_rows(
        &mut self,
        workload: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<Vec<StoredRow>>, StoreError> {
        let mut all = Vec::new();
        let found = self.stream_rows(
            workload,
            &mut |part| match part {
                Part::Begin => all.clear(),
                Part::Rows(mut rows) => all.append(&mut rows),
                Part::End(_) => {}
            },
            notices,
        )?;
        Ok(found.then_some(all))
    }

    /// Writes the rows (insert, or replace by kind and key) and the record. When it returns `Ok`, they are on the
    /// disk: they survive a power cut.
    fn save(&mut self, workload: &str, record: &WorkloadRecord, rows: &[StoredRow])
    -> Result<(), StoreError>;

    /// Deletes rows by kind and key. Durable as `save`.
    fn delete(&mut self, workload: &str, keys: &[(Kind, u128)]) -> Result<(), StoreError>;

    /// Housekeeping that is due: compaction, sync, pruning of old versions. Called every few seconds when idle.
    fn maintain(&mut self) -> Result<(), StoreError>;

    /// What people decided, where anything was added since the log had the version `known`; everything where that is
    /// `None`. A decision that is settled is in the rows that are loaded afterwards. A store without such a log has
    /// nothing to tell.
    fn feedback(&mut self, known: Option<u64>) -> Result<Option<FeedbackLog>, StoreError> {
        let _ = known;
        Ok(None)
    }

    /// Notes what came of decisions, by id. Durable as `save`; the rows that follow them were saved before.
    fn settle(&mut self, settled: &[(u128, Settled)]) -> Result<(), StoreError> {
        let _ = settled;
        Ok(())
    }
}
