//! What each workload normally runs, and how far an execution is from it.
//!
//! The event path is memory alone: per workload an exact map answers repeats and an index of distinct vectors answers
//! novelty. A [`Store`] behind it makes the rows durable; one thread of ours owns it, and nothing here waits for it.

mod row;
mod score;
mod settings;
mod store;
mod verdict;

pub use row::{Day, DaySet, RowState, StoredRow, Timestamp, WorkloadRecord, utc_day};
pub use score::{Level, ParseScoreError, Score};
pub use settings::{Settings, Threshold};
pub use store::{Access, Store, StoreError};
pub use verdict::{Explanation, Progress, Sighting, Standing, Teach, Verdict, WorkloadStatus};
