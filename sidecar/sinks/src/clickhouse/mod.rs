//! ClickHouse over its HTTP interface: one row for each execution, in one flat table.
//!
//! Made for every server there is, from Debian's 18.16 to the current release: nothing is asked of a server that its
//! version does not know. What comes twice is kept once: the table replaces rows of the same workload, time and id when
//! it merges, and servers that can recognise a repeated batch are told its key and leave it out at once.

mod codes;
mod config;
mod encoder;
mod retention;
mod schema;
mod service;

pub use config::ClickHouseConfig;
pub(crate) use service::ClickHouseService;
