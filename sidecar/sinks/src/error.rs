//! Why the sinks cannot start.

use std::io;
use std::path::PathBuf;

use crate::config::InvalidConfig;
use crate::secret::SecretError;

/// Why the sinks cannot start. Names the sink, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A value that it cannot work with.
    #[error("sink {name}: {source}")]
    Config {
        /// The sink.
        name: String,
        /// Which value, and what is wrong with it.
        source: InvalidConfig,
    },
    /// Two sinks of one name would share a spool.
    #[error("two sinks are called {0}: give one of them another name")]
    SameName(String),
    /// A credential that cannot be had.
    #[error("sink {name}: {source}")]
    Secret {
        /// The sink.
        name: String,
        /// Which, and why not.
        source: SecretError,
    },
    /// Certificates or a proxy that the HTTP client cannot work with.
    #[error("sink {name}: {problem}")]
    Client {
        /// The sink.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The folder where it keeps what it cannot deliver is not usable.
    #[error("sink {name}: its spool {} cannot be used: {source}", path.display())]
    Spool {
        /// The sink.
        name: String,
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has that folder.
    #[error("sink {name}: another process uses its spool {}: stop that one, or give this one another folder", path.display())]
    SpoolLocked {
        /// The sink.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// The thread or its event loop cannot be started.
    #[error("the thread of the sinks cannot be started: {0}; raise the limit on tasks")]
    Thread(#[source] io::Error),
}
