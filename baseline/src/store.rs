//! What the engine asks of a durable store.

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

/// A durable store of rows per workload. Used by one thread of the engine's, never on the event path.
pub trait Store: Send {
    /// Whether this process may write. May turn from reader to writer when the writer goes away.
    fn access(&mut self) -> Access;

    /// Every workload of the database with its record and rows, handed over one at a time. A table that cannot be
    /// read is set aside, never deleted, and named in the returned notices; the others are loaded.
    fn load(
        &mut self,
        each: &mut dyn FnMut(String, WorkloadRecord, Vec<StoredRow>),
    ) -> Result<Vec<String>, StoreError>;

    /// The rows of one workload, as they were saved last; `None` where it has no table any more. What was wrong with it
    /// and what was done about it goes to `notices`, one line each.
    fn load_rows(
        &mut self,
        workload: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<Vec<StoredRow>>, StoreError>;

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
