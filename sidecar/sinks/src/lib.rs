//! Where scored executions go: Falcosidekick, ClickHouse, any address that takes JSON, files and the standard output.
//!
//! Whoever scores must never wait for whoever is told. So [`Sinks::send`] puts an execution into a bounded queue for
//! each sink that wants it and returns; one thread of its own with one event loop does everything else, but for writing
//! where a write may hang: to a file or a pipe. Each sink is a
//! `Service`, which can deliver one batch, and shares the rest with the others: a worker that gathers batches and
//! repeats what failed, and a store that keeps what waits in memory and, once the sink does not answer, on the disk.
//!
//! What is promised is *at least once*: an execution that a sink was given is delivered, or counted under the cause for
//! which it was not. It may come twice, after a lost answer or a crash, and then has the same `id`. Only what came in
//! during the last moments before the process is killed, and was neither delivered nor on the disk, is lost uncounted.

mod aside;
mod backoff;
mod build;
mod clickhouse;
mod client;
mod closing;
mod config;
mod error;
mod event;
mod falcosidekick;
mod file;
mod http;
mod notices;
mod prepared;
mod queue;
mod secret;
mod service;
mod sink;
mod sinks;
mod spool;
mod status;
mod stdout;
mod store;
mod worker;

#[cfg(test)]
mod testing;

pub use clickhouse::ClickHouseConfig;
pub use closing::Closed;
pub use config::{Events, InvalidConfig, QueueConfig, SinkConfig};
pub use error::SinkError;
pub use falcosidekick::FalcosidekickConfig;
pub use file::FileConfig;
pub use http::HttpConfig;
pub use prepared::Prepared;
pub use secret::SecretError;
pub use sinks::Sinks;
pub use status::{Dropped, SinkState, SinkStatus};
pub use stdout::StdoutConfig;
