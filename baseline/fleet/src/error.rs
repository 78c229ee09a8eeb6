//! Why something was not shared.

use std::io;
use std::path::{Path, PathBuf};

use anomaly_baseline::text::printable;

/// The longest cause that is told, in bytes.
const MAX_CAUSE: usize = 300;

/// Why something was not shared. Learning and scoring go on whatever this says.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The address is none.
    #[error("{address} is no place to share: {reason}; write s3://bucket/prefix or file:///folder")]
    Address {
        /// What was given, printable, without what may be a secret.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A machine's name is none.
    #[error("a machine's name has 1 to 64 letters, digits, dots and dashes and does not begin with a dot")]
    Name,
    /// The store cannot be set up.
    #[error("{place} cannot be used: {cause}")]
    Setup {
        /// Which.
        place: String,
        /// Why.
        cause: String,
    },
    /// One request failed. It is tried again.
    #[error("{place} cannot be reached ({operation}): {cause}")]
    Request {
        /// Which store.
        place: String,
        /// What was tried.
        operation: &'static str,
        /// Why.
        cause: String,
    },
    /// The store overwrites what was only to be created.
    #[error(
        "{place} wrote a key a second time although it was to be written only if it was new, so that machines would \
         overwrite each other there; nothing is shared: use a store that honours If-None-Match"
    )]
    Overwrites {
        /// Which.
        place: String,
    },
    /// Another machine has this machine's name.
    #[error(
        "another machine publishes as {machine} in {place}, so this one publishes nothing; give each a name of its own, \
         or end the other's claim with `anomalyctl baseline shared --forget {machine}`"
    )]
    NameTaken {
        /// The name.
        machine: String,
        /// Where.
        place: String,
    },
    /// What was published is not in the folder any more.
    #[error(
        "{place} does not have what this machine published there; mount it again, or restart this where it was emptied \
         on purpose"
    )]
    Emptied {
        /// Which.
        place: String,
    },
    /// There is no such machine.
    #[error("{place} knows no machine {machine}; `anomalyctl baseline shared` lists them")]
    Unknown {
        /// The name that was given.
        machine: String,
        /// Where.
        place: String,
    },
    /// A machine published in the very moment.
    #[error("machine {machine} is publishing; end it, or try again")]
    Busy {
        /// Which.
        machine: String,
    },
    /// A file of the local copy.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No thread can be started.
    #[error("cannot start a thread: {0}; raise the limit on tasks")]
    Thread(io::Error),
}

impl FleetError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

/// What caused an error in the first place, on one line: what lies around it repeats it behind addresses and times.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    printable(innermost.to_string().trim(), MAX_CAUSE)
}
