//! One baseline for many machines, without a service of ours.
//!
//! Each machine learns for itself. To a bucket or a shared folder it publishes its own sightings alone, under names that
//! are its own, and from there it takes what the others published. So nobody shares a file with anybody, nothing has to
//! be locked, and a machine that publishes nonsense can be told from the others and left out.
//!
//! ```text
//! PREFIX/v1/ORG/heads/MACHINE/SEQUENCE.json.gz    what MACHINE knows: its workloads, each with an object's SHA-256
//! PREFIX/v1/ORG/rows/MACHINE/SHA256.jsonl.gz      one workload's rows, as `anomalyctl baseline export` writes them
//! ```
//!
//! Objects never change. A machine publishes by creating its next head, on the condition that nobody did so before: that
//! one condition (`If-None-Match: *`) is all that is asked of a store, and it is tried before a store is used. Head 0 is
//! the machine's claim on its name. One listing of `heads/` tells what is new of all machines.
//!
//! What the others know is kept on the local disk too, so that neither a restart nor an hour without network costs more
//! than freshness. It counts for scores and is never published again: counts do not echo.

mod agent;
mod bucket;
mod cache;
mod counters;
mod error;
mod fetch;
mod files;
mod forget;
mod head;
#[cfg(feature = "s3")]
mod http;
mod identity;
mod local;
mod merge;
mod names;
mod object;
mod place;
mod publish;
mod recall;
mod status;

#[cfg(test)]
mod faulty;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use agent::{Fleet, Options};
pub use counters::CounterValues;
pub use error::FleetError;
pub use files::Files;
pub use forget::forget;
pub use local::Local;
pub use merge::{Terms, fold};
pub use names::is_machine as is_machine_name;
pub use place::{Address, Place};
pub use recall::recall;
pub use status::{MachineStatus, Status, status};
