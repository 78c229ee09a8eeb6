//! What every feed is to those who read it: something to drain.
//!
//! A feed is pulled, never pushed. Inside Falco the kernel program's records are drained while Falco's own event is
//! parsed, on Falco's thread; in the sidecar [`Capture`](crate::Capture) drains on a thread of its own. The same feed
//! serves both because it owns neither a thread nor a queue.

use std::{sync::Arc, time::Duration};

use anomaly_vectorizer::{MAX_ARGUMENT_BYTES, scrub::Scrubber};

use crate::{CaptureError, Counters, FeedKind, HostRoot, Observation, ebpf::RING_BYTES};

/// A source of executions, pulled by whoever reads it.
pub trait Feed: Send {
    /// Which feed this is.
    fn kind(&self) -> FeedKind;

    /// Delivers, in the order in which they happened as far as the feed can tell, the executions since the last call,
    /// and returns without waiting for more.
    ///
    /// Every delivered observation has an empty `workload`. What is delivered and what is lost is counted in
    /// [`Feed::counters`] by the feed itself. A process that vanishes between two reads is not an error.
    ///
    /// # Errors
    /// Only when the feed as a whole cannot go on; the next call would fail again.
    fn drain(&mut self, deliver: &mut dyn FnMut(Observation)) -> Result<(), CaptureError>;

    /// Waits until draining is likely to be worth it, but no longer than `limit`.
    fn wait(&mut self, limit: Duration);

    /// Called once, before anything else, on a thread that does nothing but drain this feed. Feeds that are drained on
    /// somebody else's thread are never told.
    fn own_thread(&mut self) {}

    /// Where this feed counts.
    fn counters(&self) -> &Arc<Counters>;
}

/// How feeds are opened; every field has a default that needs no thought.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the host's `/proc`, `/sys` and runtime files are.
    pub root: HostRoot,
    /// What removes secrets before anything else sees an execution.
    pub scrubber: Scrubber,
    /// How many bytes of the argument area the kernel program copies, at most 31 KiB.
    pub argument_bytes: u32,
    /// How large the ring between the kernel program and its reader is, in bytes; a power of two of pages, at least
    /// 64 KiB, is made of it.
    pub ring_bytes: u32,
    /// How often the /proc feed looks.
    pub poll_every: Duration,
    /// How many observations wait for their reader before more are dropped and counted.
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: HostRoot::default(),
            scrubber: Scrubber::default(),
            argument_bytes: MAX_ARGUMENT_BYTES as u32,
            ring_bytes: RING_BYTES,
            poll_every: Duration::from_millis(50),
            queue: 8192,
        }
    }
}
