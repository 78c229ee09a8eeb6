//! Where executions come from: this machine or recordings, behind one face.

use std::time::Duration;

use super::event::Event;
use super::live::Live;
use super::replay::Replay;
use crate::failure::Failure;

/// What a source has next.
#[expect(clippy::large_enum_variant, reason = "made once per execution and taken apart at once, never kept")]
pub(crate) enum Next {
    /// An execution.
    Event(Event),
    /// Nothing at the moment, or nothing worth scoring.
    Nothing,
    /// Nothing ever more.
    End,
    /// Nothing ever more, and not for a good reason.
    Failed(Failure),
}

/// Where executions come from.
pub(super) enum Source {
    /// This machine.
    Live(Box<Live>),
    /// Recordings.
    Replay(Box<Replay>),
}

impl Source {
    /// Whether its executions happen now.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// The next execution; waits for it no longer than `patience`.
    pub(super) fn next(&mut self, patience: Duration) -> Next {
        match self {
            Self::Live(live) => live.next(patience),
            Self::Replay(replay) => replay.next(patience),
        }
    }

    /// Asks it to end. Returns whether executions that happened before are still to be taken, until [`Next::End`]; a
    /// recording has no such moment.
    pub(super) fn stop(&mut self) -> bool {
        match self {
            Self::Live(live) => {
                live.stop();
                true
            }
            Self::Replay(_) => false,
        }
    }

    /// What there is to say since the last call, one line each.
    pub(super) fn notices(&mut self) -> Vec<String> {
        match self {
            Self::Live(live) => live.notices(),
            Self::Replay(replay) => replay.notices(),
        }
    }

    /// Executions per feed; `replayed` of a recording.
    pub(super) fn executions(&self, replayed: u64) -> Vec<(&'static str, u64)> {
        match self {
            Self::Live(live) => live.executions(),
            Self::Replay(_) => vec![("replay", replayed)],
        }
    }

    /// Executions that happened and were not scored, per cause.
    pub(super) fn lost(&self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Live(live) => live.lost(),
            Self::Replay(_) => Vec::new(),
        }
    }

    /// Executions of containers whose image stayed unknown.
    pub(super) fn unresolved(&self) -> u64 {
        match self {
            Self::Live(live) => live.unresolved(),
            Self::Replay(_) => 0,
        }
    }

    /// Bytes of a recording that were read, and of how many, where that is known.
    pub(super) fn bytes_read(&self) -> Option<(u64, u64)> {
        match self {
            Self::Live(_) => None,
            Self::Replay(replay) => replay.bytes_read(),
        }
    }

    /// Lines of a recording that could not be read.
    pub(super) fn bad_lines(&self) -> Option<u64> {
        match self {
            Self::Live(_) => None,
            Self::Replay(replay) => Some(replay.bad_lines()),
        }
    }
}
