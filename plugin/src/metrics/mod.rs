//! What Falco's metrics tell of the plugin.
//!
//! Falco asks on its web server's thread while events are parsed on another, so everything here is an atomic, and what
//! would take a lock is copied into one by the feed's thread.
//!
//! Falco takes words such as `_bytes` and `_ns` out of names, wherever they stand, to put a unit of its own to the end,
//! which for a plugin's is always `_total`. So units are spelled in other ways here.

mod histogram;

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anomaly_baseline::CounterValues;
use anomaly_capture::{Counters, FeedKind, Loss};
use falco_plugin::base::{Metric, MetricLabel, MetricType, MetricValue};

pub(crate) use histogram::Histogram;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $kind:ident,)*) => {
        /// Counters and gauges of the plugin itself.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[$doc])* pub(crate) $name: Number,)*
            /// Time spent in the parse of an execution.
            pub(crate) parse: Histogram,
            /// Time spent in extracting a field; one of many is measured.
            pub(crate) extract: Histogram,
            /// Time spent in answering for an act other than an execution.
            pub(crate) acts: Histogram,
        }

        impl Metrics {
            /// Name, kind and value of all numbers.
            fn numbers(&self) -> impl Iterator<Item = (&'static CStr, MetricType, u64)> {
                [$((name(concat!(stringify!($name), "\0")), MetricType::$kind, self.$name.get()),)*].into_iter()
            }
        }
    };
}

numbers! {
    /// Executions that Falco's own events told of.
    falco_executions: Monotonic,
    /// Of those, with a record of ours.
    joined: Monotonic,
    /// Of those, without one: judged from Falco's event.
    judged_from_event: Monotonic,
    /// Records that no event of Falco's came for in time, judged without one.
    judged_without_event: Monotonic,
    /// Records that had to make room before they were judged.
    lost_unjoined: Monotonic,
    /// Executions in containers whose image did not become known in time.
    unknown_containers: Monotonic,
    /// Executions that wait for their container's image.
    waiting_for_image: NonMonotonic,
    /// Threads of which Falco's table knows nothing.
    missing_threads: Monotonic,
    /// Events injected: where Falco has no driver, and of verdicts that came late.
    injected: Monotonic,
    /// Events that Falco did not take.
    lost_injected: Monotonic,
    /// Rows of all workloads, held ones included.
    rows: NonMonotonic,
    /// Workloads.
    workloads: NonMonotonic,
    /// Of those, still learning.
    learning_workloads: NonMonotonic,
    /// Rows that are not on the disk yet.
    unsaved_rows: NonMonotonic,
    /// Baselines that are kept as exact keys alone, to stay within the memory budget.
    sleeping_baselines: NonMonotonic,
    /// Executions that wait for their baseline to be read back into memory.
    waiting_for_baseline: NonMonotonic,
    /// What the baselines take, estimated from their rows, in bytes.
    memory_byte_count: NonMonotonic,
    /// Other machines that baselines are shared with.
    shared_machines: NonMonotonic,
    /// Workloads whose rows were published.
    shared_sent: Monotonic,
    /// Workloads of other machines that were taken.
    shared_received: Monotonic,
    /// Rounds of sharing that failed.
    shared_failed: Monotonic,
    /// What other machines published and was damaged.
    shared_corrupt: Monotonic,
    /// Times that another machine had this one's name.
    shared_conflicts: Monotonic,
    /// Seconds since everything that others published was taken.
    shared_age: NonMonotonic,
}

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Everything, as Falco wants it.
pub(crate) fn all(own: &Metrics, feeds: &Counters, engine: &CounterValues, panics: u64) -> Vec<Metric> {
    let mut all: Vec<Metric> = own.numbers().map(|(name, kind, value)| metric(name, kind, value)).collect();
    let count = |name, value| metric(name, MetricType::Monotonic, value);
    all.extend(
        FeedKind::ALL.into_iter().filter_map(|kind| Some(count(executions(kind)?, feeds.executions(kind)))),
    );
    all.extend(Loss::ALL.into_iter().map(|cause| count(lost(cause), feeds.lost(cause))));
    let CounterValues {
        scored,
        learned,
        held,
        novel,
        while_loading,
        refused,
        while_waking,
        slept,
        woken,
        failed_wakes,
        rows_read_back,
        rows_compared,
        rows_in_reach,
        without_room,
        failed_saves,
        rows_saved,
        acts_scored,
        acts_learning,
        acts_held,
        ..
    } = *engine;
    all.extend([
        count(c"panics", panics),
        count(c"scored", scored),
        count(c"learned", learned),
        count(c"held", held),
        count(c"novel", novel),
        count(c"unscored_while_loading", while_loading),
        count(c"unscored_for_too_many_workloads", refused),
        count(c"put_off_while_waking", while_waking),
        count(c"slept_baselines", slept),
        count(c"woken_baselines", woken),
        count(c"failed_wakes", failed_wakes),
        count(c"read_back_rows", rows_read_back),
        count(c"compared_rows", rows_compared),
        count(c"comparable_rows", rows_in_reach),
        count(c"without_room", without_room),
        count(c"failed_saves", failed_saves),
        count(c"saved_rows", rows_saved),
        count(c"acts_scored", acts_scored),
        count(c"acts_learning", acts_learning),
        count(c"acts_held", acts_held),
    ]);
    for (share, parse, extract, acts) in [
        (0.5, c"parse_nanoseconds_p50", c"extract_nanoseconds_p50", c"acts_nanoseconds_p50"),
        (0.9, c"parse_nanoseconds_p90", c"extract_nanoseconds_p90", c"acts_nanoseconds_p90"),
        (0.99, c"parse_nanoseconds_p99", c"extract_nanoseconds_p99", c"acts_nanoseconds_p99"),
    ] {
        all.push(metric(parse, MetricType::NonMonotonic, own.parse.quantile(share)));
        all.push(metric(extract, MetricType::NonMonotonic, own.extract.quantile(share)));
        all.push(metric(acts, MetricType::NonMonotonic, own.acts.quantile(share)));
    }
    all
}

fn metric(name: &'static CStr, kind: MetricType, value: u64) -> Metric {
    MetricLabel::new(name, kind).with_value(MetricValue::U64(value))
}

/// A name that the compiler put a NUL behind.
fn name(text: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(text.as_bytes()).expect("the macro ends names with one NUL")
}

/// Executions of a feed; no recording is ever read here.
fn executions(kind: FeedKind) -> Option<&'static CStr> {
    match kind {
        FeedKind::Ebpf => Some(c"executions_ebpf"),
        FeedKind::EbpfEnter => Some(c"executions_ebpf_enter"),
        FeedKind::Connector => Some(c"executions_connector"),
        FeedKind::Proc => Some(c"executions_proc"),
        FeedKind::Falco => Some(c"executions_falco"),
        FeedKind::Seed => Some(c"executions_seed"),
        FeedKind::Replay => None,
    }
}

fn lost(cause: Loss) -> &'static CStr {
    match cause {
        Loss::RingBuffer => c"lost_ring_buffer",
        Loss::Socket => c"lost_socket",
        Loss::Vanished => c"lost_vanished",
        Loss::Queue => c"lost_queue",
        Loss::Malformed => c"lost_malformed",
    }
}
