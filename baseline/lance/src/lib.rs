//! The durable store behind the baseline: LanceDB, and what it leaves to its caller.
//!
//! LanceDB keeps one table per `(org, workload)` with a row per distinct execution, and searches them when somebody
//! asks widely. It is off the event path: the engine loads everything at start, and one thread of its own writes
//! behind. What LanceDB does not do is done here:
//!
//! - it never syncs: a commit's files and folders are synced before [`save`](anomaly_baseline::Store::save) returns
//!   and before anything old is pruned ([`durable`]);
//! - it opens the newest version of a table or nothing: a damaged one is moved aside, never deleted, and what older
//!   versions and undamaged parts have is used ([`load`], [`recover`]);
//! - it has no checksums: every row carries one ([`checksum`]);
//! - it keeps what was deleted and every version: tables are compacted and pruned by number of commits ([`upkeep`]);
//! - it lets anybody write: one process holds the lock, others read and take over ([`directory`]);
//! - what people decide comes from processes that do not hold the lock: they append to a log of their own, and the
//!   writer settles it ([`feedback`]);
//! - what rows mean to a sentence model lies beside the tables, for search alone, and may be lost ([`meanings`]);
//! - it takes as many threads as there are cores: here it runs on the caller's, with at most four beside ([`runtime`]).

mod cause;
mod checksum;
mod convert;
mod counters;
mod directory;
mod durable;
mod feedback;
mod feedback_rows;
mod load;
mod manifests;
mod marker;
mod meanings;
mod names;
mod open_table;
mod record;
mod recover;
mod rows;
mod runtime;
mod schema;
mod store;
mod survey;
mod table;
#[cfg(test)]
mod testing;
mod upkeep;
mod write;

pub use counters::Counters;
pub use meanings::{MEANING_DIMENSIONS, Meanings, meaning_id};
pub use store::{LanceStore, StoreOptions};
pub use survey::Files;
pub use upkeep::Schedule;
