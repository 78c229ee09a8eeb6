//! What a sink has to be able to do, and how it can fail.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;

/// Delivers batches to one place. Called by one worker, one batch at a time; a call may be abandoned when the daemon
/// ends.
pub(crate) trait Service {
    /// Makes sure that the place can take a batch, such as by making a table. Called before every batch, so it
    /// remembers that it was.
    async fn prepare(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Delivers all of a batch that is not empty. After an error all of it is sent again or none.
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure>;
}

/// Why a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may be taken if it is sent again.
    Transient {
        /// What happened.
        problem: String,
        /// How long the sink asks to be left alone.
        after: Option<Duration>,
    },
    /// Nothing will be taken before somebody changes something, such as a password.
    Refused(String),
    /// Something in this batch will never be taken.
    Rejected(String),
    /// Nothing will ever be taken again.
    Ended(String),
}

impl Failure {
    pub(crate) fn transient(problem: impl Into<String>) -> Self {
        Self::Transient { problem: problem.into(), after: None }
    }

    pub(crate) fn problem(&self) -> &str {
        match self {
            Self::Transient { problem, .. }
            | Self::Refused(problem)
            | Self::Rejected(problem)
            | Self::Ended(problem) => problem,
        }
    }
}

/// How a sink wants its batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// At most so many events.
    pub(crate) events: usize,
    /// At most about so many bytes of JSON.
    pub(crate) bytes: usize,
    /// How old the oldest event of a smaller batch may become.
    pub(crate) interval: Duration,
    /// How often a batch is repeated before the sink counts as failed.
    pub(crate) retry_max: u32,
}
