//! The feeds of executions and the ladder between them; process and container context.

mod alive;
mod capture;
mod connector;
mod counters;
pub mod ebpf;
mod error;
mod feed;
mod host;
pub mod ladder;
mod lineage;
mod observation;
mod polling;
mod proc;
pub mod recording;
mod seed;
pub mod workload;

pub use alive::{Alive, alive};
pub use capture::Capture;
pub use connector::ConnectorFeed;
pub use counters::{Counters, Loss};
pub use error::CaptureError;
pub use feed::{Feed, Options};
pub use host::HostRoot;
pub use ladder::{FeedChoice, StepDown};
pub use observation::{FeedKind, Identity, Observation};
pub use polling::ProcFeed;
pub use seed::running;

#[cfg(test)]
mod testing {
    /// Says why nothing is checked, past the test harness, which shows no output of tests that pass.
    pub(crate) fn skipped(why: impl std::fmt::Display) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
}
