//! What the loop that takes executions tells everybody else about itself.
//!
//! The loop owns its feed and cannot be asked: it writes down where it stands, a few times a second. When it wrote last
//! says whether it still goes round, which readiness and systemd's watchdog are about.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Where the loop stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sense {
    /// The feed's name.
    pub feed: &'static str,
    /// What it misses, in words.
    pub misses: String,
    /// Executions per feed.
    pub executions: Vec<(&'static str, u64)>,
    /// Executions that were noticed and not scored, per cause.
    pub lost: Vec<(&'static str, u64)>,
    /// Executions of containers whose image stayed unknown.
    pub unresolved: u64,
    /// Executions that waited for what is known of their workload longer than they could.
    pub not_woken: u64,
}

/// The latest [`Sense`], and when it was written.
#[derive(Debug)]
pub struct Senses(Mutex<(Sense, Instant)>);

impl Senses {
    /// Before the first.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new((Sense::default(), now)))
    }

    /// Writes down where the loop stands.
    pub fn write(&self, sense: Sense, now: Instant) {
        *self.0.lock() = (sense, now);
    }

    /// Where it stood last.
    pub fn read(&self) -> Sense {
        self.0.lock().0.clone()
    }

    /// How long ago that was.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.0.lock().1)
    }
}
