//! The feeds of executions and the ladder between them; process and container context.

mod capture;
mod counters;
mod error;
mod feed;
mod host;
mod observation;

pub use capture::Capture;
pub use counters::{Counters, Loss};
pub use error::CaptureError;
pub use feed::{Feed, Options};
pub use host::HostRoot;
pub use observation::{FeedKind, Identity, Observation};
