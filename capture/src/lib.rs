//! The feeds of executions and the ladder between them; process and container context.

mod observation;

pub use observation::{Feed, Identity, Observation};
