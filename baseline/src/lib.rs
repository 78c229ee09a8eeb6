//! What each workload normally runs, and how far an execution is from it.
//!
//! The event path is memory alone: per workload an exact map answers repeats and an index of distinct vectors answers
//! novelty. A [`Store`] behind it makes the rows durable; one thread of ours owns it, and nothing here waits for it.

mod row;
mod store;

pub use row::{DaySet, RowState, StoredRow, Timestamp, WorkloadRecord};
pub use store::{Access, Store, StoreError};
