//! What the server itself counts.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::StatusCode;

use crate::model::{Metric, MetricKind, Sample};

/// Every status that is answered; the last place is for those that are not in the list.
const STATUSES: [u16; 15] = [200, 304, 400, 401, 403, 404, 405, 408, 413, 415, 422, 500, 503, 504, OTHER];
const OTHER: u16 = 0;

/// What the server counted since its start. Clones share the numbers.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    requests: [AtomicU64; STATUSES.len()],
    connections: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    panics: AtomicU64,
    metrics_left_out: AtomicU64,
}

impl Counters {
    pub(crate) fn answered(&self, status: StatusCode) {
        let place = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.0.requests[place].fetch_add(1, Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.0.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.0.failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.0.panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn left_out(&self, metrics: u64) {
        self.0.metrics_left_out.fetch_add(metrics, Relaxed);
    }

    /// Requests answered with this status.
    pub fn requests(&self, status: u16) -> u64 {
        STATUSES
            .iter()
            .position(|known| *known == status && status != OTHER)
            .map_or(0, |place| self.0.requests[place].load(Relaxed))
    }

    /// Connections taken.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Relaxed)
    }

    /// Connections turned away because there were too many.
    pub fn connections_refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// Connections that ended in an error: not HTTP, too slow, cut off; and those that could not be taken.
    pub fn connections_failed(&self) -> u64 {
        self.0.failed.load(Relaxed)
    }

    /// Panics caught over a request.
    pub fn panics(&self) -> u64 {
        self.0.panics.load(Relaxed)
    }

    /// The numbers for Prometheus. The server adds them to the service's own at `/metrics`.
    pub fn metrics(&self) -> Vec<Metric> {
        let one = |name, help, value: u64| Metric {
            name,
            help,
            kind: MetricKind::Counter,
            samples: vec![Sample { labels: vec![], value: value as f64 }],
        };
        let requests = STATUSES.iter().zip(&self.0.requests).map(|(status, count)| {
            let status =
                if *status == OTHER { Cow::Borrowed("other") } else { Cow::Owned(status.to_string()) };
            Sample { labels: vec![("status", status)], value: count.load(Relaxed) as f64 }
        });
        vec![
            Metric {
                name: "anomaly_api_requests",
                help: "Requests to the API, by status",
                kind: MetricKind::Counter,
                samples: requests.collect(),
            },
            one("anomaly_api_connections", "Connections to the API", self.connections()),
            one(
                "anomaly_api_connections_refused",
                "Connections to the API turned away because there were too many",
                self.connections_refused(),
            ),
            one(
                "anomaly_api_connections_failed",
                "Connections to the API that were not HTTP, too slow or cut off",
                self.connections_failed(),
            ),
            one("anomaly_api_panics", "Mistakes of the daemon over a request", self.panics()),
            one(
                "anomaly_api_metrics_left_out",
                "Samples left out of the metrics because their name, labels or value break the format",
                self.0.metrics_left_out.load(Relaxed),
            ),
        ]
    }
}
