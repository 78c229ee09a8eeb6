//! A baseline as a file that a person reads in a pull request, compares, signs and carries to other machines.
//!
//! JSON Lines: a header, then each workload followed by its rows, then how many there were. One row is one line, rows
//! are sorted by what was executed, and nothing in them depends on the machine or the moment of writing, so that two
//! exports of one baseline are the same bytes and a text comparison shows what changed. Vectors and features are left
//! out: they are computed again when it is read, so a file outlives feature versions.
//!
//! A file may come from anybody. All of it is checked before any of it is used ([`Reader`]); execution by execution it
//! is scrubbed again; and keys are computed, never read, so that no line can pass for another execution.

mod diff;
mod line;
mod merge;
mod read;
mod write;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use diff::{Change, Difference, diff};
pub use merge::{Conflict, Merged, merge, replace, shift};
pub use read::{MAX_LINE, ReadError, Reader};
pub use write::Writer;

use anomaly_baseline::{StoredRow, WorkloadRecord};

/// One workload of a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Portion {
    /// Whose.
    pub workload: String,
    /// What is kept beside its rows.
    pub record: WorkloadRecord,
    /// Its distinct executions.
    pub rows: Vec<StoredRow>,
}
