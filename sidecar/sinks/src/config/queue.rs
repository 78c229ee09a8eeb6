//! How much may wait for a sink that is slow or away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InvalidConfig, within};

/// How much may wait for a sink: in memory while it answers, on the disk while it does not. When both are full, the
/// oldest are dropped and counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// How many executions may wait in memory, 16 to 1,000,000.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub events: u64,
    /// How many bytes may wait in memory, 64 KiB to 1 GiB.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub bytes: u64,
    /// How many bytes may wait on the disk: 0 for none, else 1 MiB to 1 TiB. A million executions take about 700 MB.
    #[schemars(range(min = 0, max = 1_099_511_627_776_u64))]
    pub spool_bytes: u64,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { events: 10_000, bytes: 16 << 20, spool_bytes: 256 << 20 }
    }
}

impl QueueConfig {
    /// In memory alone.
    pub(crate) fn without_spool() -> Self {
        Self { spool_bytes: 0, ..Self::default() }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        within("queue.events", self.events, 16..=1_000_000)?;
        within("queue.bytes", self.bytes, 64 << 10..=1 << 30)?;
        match self.spool_bytes {
            0 => Ok(()),
            bytes => within("queue.spool_bytes", bytes, 1 << 20..=1 << 40),
        }
    }
}
