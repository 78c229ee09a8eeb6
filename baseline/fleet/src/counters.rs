//! What sharing did, in figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)* }

        /// The counters at one moment, since this process began to share.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct CounterValues { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            pub(crate) fn values(&self) -> CounterValues {
                CounterValues { $($name: self.$name.0.load(Relaxed),)* }
            }
        }
    };
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }
}

counters! {
    /// Heads of ours that were published.
    published,
    /// Workloads whose rows were sent.
    sent,
    /// Bytes that were sent, compressed.
    sent_bytes,
    /// Workloads of other machines that were received.
    received,
    /// Bytes that were received, compressed.
    received_bytes,
    /// How often what others know of a workload was handed to the engine.
    merged,
    /// Rounds that failed because the store could not be reached or refused.
    failed,
    /// Heads and rows that were not what they should be, and were left out.
    corrupt,
    /// Times that another machine was found to publish under this one's name.
    conflicts,
    /// What was left out because a bound was reached.
    over_bounds,
}
