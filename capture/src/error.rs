//! What can go wrong with a feed, in one sentence each.

use std::{io, path::PathBuf};

use crate::FeedKind;

/// A feed cannot be opened or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A feed does not work on this machine or with these privileges.
    #[error("the {feed} feed does not work here: {cause}; {remedy}")]
    Unavailable {
        /// Which feed.
        feed: FeedKind,
        /// Why, in one clause.
        cause: String,
        /// What to do about it, in one clause.
        remedy: &'static str,
    },
    /// A feed that worked stopped working.
    #[error("the {feed} feed failed: {cause}; restart to choose a feed anew")]
    Failed {
        /// Which feed.
        feed: FeedKind,
        /// Why, in one clause.
        cause: String,
    },
    /// A file or directory that a feed cannot do without.
    #[error("cannot read {}: {source}; check that it is mounted and readable", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No thread could be started for a feed.
    #[error("cannot start a thread for the {feed} feed: {source}; raise the limit on tasks")]
    Thread {
        /// Which feed.
        feed: FeedKind,
        /// Why.
        source: io::Error,
    },
}

impl CaptureError {
    /// Why, without the feed's name and without the remedy.
    pub fn cause(&self) -> String {
        match self {
            Self::Unavailable { cause, .. } | Self::Failed { cause, .. } => cause.clone(),
            Self::Read { path, source } => format!("cannot read {}: {source}", path.display()),
            Self::Thread { source, .. } => format!("cannot start a thread: {source}"),
        }
    }
}
