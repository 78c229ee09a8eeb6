//! What was counted by what a new configuration replaced, so that counts are those since the start of the daemon.

use std::collections::BTreeMap;

use anomaly_baseline::CounterValues;
use anomaly_sinks::{Dropped, SinkStatus};

/// Sums of what was closed.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// The engine's.
    pub(super) engine: CounterValues,
    /// By name of the sink.
    sinks: BTreeMap<String, SinkStatus>,
}

impl Earlier {
    /// Takes over what closed sinks counted.
    pub(super) fn add_sinks(&mut self, closed: Vec<SinkStatus>) {
        for mut status in closed {
            self.complete(&mut status);
            self.sinks.insert(status.name.clone(), status);
        }
    }

    /// Adds to a sink's counts what it counted before, under the same name.
    pub(super) fn complete(&self, status: &mut SinkStatus) {
        let Some(earlier) = self.sinks.get(&status.name) else { return };
        status.accepted += earlier.accepted;
        status.recovered += earlier.recovered;
        status.sent += earlier.sent;
        status.retries += earlier.retries;
        let Dropped { queue, spool, rejected, unreadable, oversized, closed } = &mut status.dropped;
        *queue += earlier.dropped.queue;
        *spool += earlier.dropped.spool;
        *rejected += earlier.dropped.rejected;
        *unreadable += earlier.dropped.unreadable;
        *oversized += earlier.dropped.oversized;
        *closed += earlier.dropped.closed;
        status.last_success = status.last_success.or(earlier.last_success);
    }
}
