//! From an execution to named features to a hashed, L2-normalised vector.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The vector of a given execution is the same bytes on
//! every machine and in every release of one feature version (`tests/golden` proves it), because a baseline that was
//! learned by one release on one machine must mean the same to another.
//!
//! The way through this crate is the way of an execution:
//!
//! 1. [`canonical`] turns what a feed saw (any bytes, any length) into an [`Execution`]: text, bounded, with a script's
//!    arguments as they were passed to exec and not as the kernel rewrote them, and with secrets [scrubbed](scrub).
//! 2. An [`Embedder`] turns the execution into an [`Embedding`]: features, exact key, vector.
//! 3. [`act`] tells what a process does beside executing in the same terms.
//! 4. [`context`] holds what surrounds an execution and is kept *beside* its vector: terminal, login, origin, sockets.

pub mod act;
mod article;
pub mod canonical;
pub mod context;
mod embedder;
mod execution;
pub mod hashed;
pub mod scrub;

pub use act::{Act, Kind};
pub use article::Article;
pub use context::{Context, Seen, Surroundings};
pub use embedder::{DIMENSIONS, Described, Embedder, Embedding, Feature, FeatureClass, Space, Vector};
pub use execution::{Arguments, CUT, Execution, MAX_ARGUMENT_BYTES, MAX_NAME_BYTES};
pub use hashed::Hashed;
