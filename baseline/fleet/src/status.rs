//! How sharing goes, for another process to read.

use std::path::Path;

use anomaly_baseline::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Index};
use crate::counters::CounterValues;
use crate::names;

pub(crate) const STATUS: &str = "status.json";
pub(crate) const INDEX: &str = "index.json";

/// How sharing goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Where.
    pub place: String,
    /// The name of this machine there.
    pub machine: String,
    /// Seconds between rounds.
    pub interval: u64,
    /// On how many machines something has to be learned.
    pub agree: u16,
    /// How the engine forgets.
    pub retention_days: u16,
    /// When the last round ended, successful or not.
    pub tried: Option<Timestamp>,
    /// When a round last brought everything.
    pub merged: Option<Timestamp>,
    /// What was wrong the last time, a printable line.
    pub failing: Option<String>,
    /// Since the process began to share.
    pub counters: CounterValues,
    /// The other machines.
    #[serde(skip)]
    pub machines: Vec<MachineStatus>,
}

/// Another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineStatus {
    /// Its name.
    pub machine: String,
    /// When it published last, by its own clock. An hour ago at most where it runs.
    pub published: Timestamp,
    /// Its workloads.
    pub workloads: usize,
    /// Their rows.
    pub rows: u64,
    /// Their size, compressed.
    pub bytes: u64,
}

/// How sharing goes for a database, as the process that writes it told last; `None` where it never shared.
pub fn status(data: &Path, org: &str) -> Option<Status> {
    let cache = Cache::at(data, &names::org(org));
    let mut status: Status = cache.read(STATUS)?;
    let Index { machines } = cache.read(INDEX).unwrap_or_default();
    status.machines = machines
        .into_iter()
        .map(|(machine, known)| MachineStatus {
            machine,
            published: known.time,
            workloads: known.workloads.len(),
            rows: known.workloads.values().map(|entry| entry.rows).fold(0, u64::saturating_add),
            bytes: known.workloads.values().map(|entry| entry.bytes).sum(),
        })
        .collect();
    Some(status)
}
