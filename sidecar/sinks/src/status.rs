//! What is known about a sink: whether it answers, what waits for it, and what was lost for which cause.
//!
//! Every execution that a sink was given is in exactly one place: `accepted + recovered` is what waits in memory
//! (`queued`) and on the disk (`spooled`), was delivered (`sent`) or was lost (`dropped`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anomaly_baseline::text::printable;
use parking_lot::Mutex;
use serde::Serialize;

/// Whether a sink takes what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkState {
    /// It took the last batch, or none was sent yet.
    #[default]
    Healthy,
    /// It did not take the last batch, which is being repeated.
    Retrying,
    /// It did not take the last batch however often it was repeated, or it waits for the operator; what it gets is kept,
    /// and it is tried at intervals.
    Failed,
}

impl SinkState {
    /// The state as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
        }
    }
}

/// How many executions were lost, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Dropped {
    /// The queue in memory was full, and there is no spool or it could not be written.
    pub queue: u64,
    /// The spool was full: the oldest went.
    pub spool: u64,
    /// The sink answered that it will never take them.
    pub rejected: u64,
    /// They were damaged on the disk, or written by another release.
    pub unreadable: u64,
    /// One execution alone was larger than 256 KiB.
    pub oversized: u64,
    /// The sink has ended for good (a closed pipe), or there was no place to keep them at its end.
    pub closed: u64,
}

impl Dropped {
    /// Each cause by its name, as a metric's label has it.
    pub const fn by_cause(&self) -> [(&'static str, u64); 6] {
        let Self { queue, spool, rejected, unreadable, oversized, closed } = *self;
        [
            ("queue", queue),
            ("spool", spool),
            ("rejected", rejected),
            ("unreadable", unreadable),
            ("oversized", oversized),
            ("closed", closed),
        ]
    }

    /// All causes together.
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, count)| count).sum()
    }
}

/// A sink at this moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SinkStatus {
    /// Its name in the configuration.
    pub name: String,
    /// `falcosidekick`, `clickhouse`, `http`, `file` or `stdout`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it takes what it is sent.
    pub state: SinkState,
    /// Why it does not, or why its spool cannot be used, in one line that is safe to print.
    pub last_error: Option<String>,
    /// Executions that it was given.
    pub accepted: u64,
    /// Executions that an earlier process had left on the disk.
    pub recovered: u64,
    /// Executions that wait in memory.
    pub queued: u64,
    /// Executions that wait on the disk.
    pub spooled: u64,
    /// Bytes that those take.
    pub spooled_bytes: u64,
    /// Executions that it took.
    pub sent: u64,
    /// Executions that were lost.
    pub dropped: Dropped,
    /// Attempts that were made after one that failed, to send or only to get ready for it.
    pub retries: u64,
    /// When it took the last batch, in seconds since the Unix epoch.
    pub last_success: Option<f64>,
}

/// What is counted about a sink, by whoever sends and by the sinks' thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) recovered: AtomicU64,
    /// Handed out from memory and not yet delivered.
    pub(crate) in_hand: AtomicU64,
    pub(crate) spooled: AtomicU64,
    pub(crate) spooled_bytes: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) dropped_queue: AtomicU64,
    pub(crate) dropped_spool: AtomicU64,
    pub(crate) dropped_rejected: AtomicU64,
    pub(crate) dropped_unreadable: AtomicU64,
    pub(crate) dropped_oversized: AtomicU64,
    pub(crate) dropped_closed: AtomicU64,
    pub(crate) health: Mutex<Health>,
}

/// What is said about a sink's condition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    pub(crate) state: SinkState,
    pub(crate) last_error: Option<String>,
    pub(crate) spool_error: Option<String>,
    pub(crate) last_success: Option<SystemTime>,
}

/// Adds to a counter. Counters are read one by one, so no order between them is promised.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn status(&self, name: &str, kind: &'static str, waiting: usize) -> SinkStatus {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Health { state, last_error, spool_error, last_success } = self.health.lock().clone();
        SinkStatus {
            name: name.to_owned(),
            kind,
            state,
            last_error: last_error.or(spool_error),
            accepted: get(&self.accepted),
            recovered: get(&self.recovered),
            queued: waiting as u64 + get(&self.in_hand),
            spooled: get(&self.spooled),
            spooled_bytes: get(&self.spooled_bytes),
            sent: get(&self.sent),
            dropped: Dropped {
                queue: get(&self.dropped_queue),
                spool: get(&self.dropped_spool),
                rejected: get(&self.dropped_rejected),
                unreadable: get(&self.dropped_unreadable),
                oversized: get(&self.dropped_oversized),
                closed: get(&self.dropped_closed),
            },
            retries: get(&self.retries),
            last_success: last_success
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .map(|since| since.as_secs_f64()),
        }
    }
}

/// The longest error that is kept, in bytes.
const MAX_ERROR: usize = 300;

/// An error as one line that is safe to print.
pub(crate) fn one_line(error: &str) -> String {
    printable(error.trim(), MAX_ERROR)
}
