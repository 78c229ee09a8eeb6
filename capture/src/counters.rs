//! What was seen and what was lost, readable at any time from any thread.
//!
//! Metrics, the status line and the summary read these while feeds write them, so they are plain atomics: a reader
//! never delays a feed. Numbers are monotone and independent of each other; a reader sees no consistent cut.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anomaly_vectorizer::Context;

use crate::{FeedKind, Observation};

/// Why an execution that happened was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Loss {
    /// The kernel's ring buffer was full.
    RingBuffer = 0,
    /// The proc connector's socket overflowed: at least this many times, each of any number of messages.
    Socket = 1,
    /// It was noticed, but its process had gone or had executed something else before /proc could tell what it was.
    Vanished = 2,
    /// The reader was too slow and the queue full.
    Queue = 3,
    /// A record that could not be understood.
    Malformed = 4,
}

impl Loss {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 5] = [Self::RingBuffer, Self::Socket, Self::Vanished, Self::Queue, Self::Malformed];

    /// The cause as metrics and summaries have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingBuffer => "ring_buffer",
            Self::Socket => "socket",
            Self::Vanished => "vanished",
            Self::Queue => "queue",
            Self::Malformed => "malformed",
        }
    }
}

/// Counts of everything that passed through the feeds of one capture.
#[derive(Debug, Default)]
pub struct Counters {
    executions: [AtomicU64; FeedKind::ALL.len()],
    lost: [AtomicU64; Loss::ALL.len()],
    unknown_context: AtomicU64,
    truncated: AtomicU64,
}

impl Counters {
    /// Counts one delivered observation, what its feed could not tell about its context, and whether its arguments
    /// were cut.
    pub fn delivered(&self, observation: &Observation) {
        self.executions[observation.feed as usize].fetch_add(1, Relaxed);
        let unknown = Context::of(&observation.surroundings).unknown();
        if unknown > 0 {
            self.unknown_context.fetch_add(unknown as u64, Relaxed);
        }
        if observation.argument_bytes as usize >= anomaly_vectorizer::MAX_ARGUMENT_BYTES {
            self.truncated.fetch_add(1, Relaxed);
        }
    }

    /// Counts `many` lost executions.
    pub fn lose(&self, cause: Loss, many: u64) {
        self.lost[cause as usize].fetch_add(many, Relaxed);
    }

    /// Executions that `feed` delivered.
    pub fn executions(&self, feed: FeedKind) -> u64 {
        self.executions[feed as usize].load(Relaxed)
    }

    /// Executions lost for this cause.
    pub fn lost(&self, cause: Loss) -> u64 {
        self.lost[cause as usize].load(Relaxed)
    }

    /// Dimensions of context that a feed could not tell, over all executions.
    pub fn unknown_context(&self) -> u64 {
        self.unknown_context.load(Relaxed)
    }

    /// Executions whose arguments were longer than what counts.
    pub fn truncated(&self) -> u64 {
        self.truncated.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_positions() {
        for (position, kind) in FeedKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
        }
        for (position, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, position);
        }
    }
}
