//! What the file says about the standard output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Events, QueueConfig};

/// JSON Lines on the standard output. Nothing waits for it on the disk: after a restart somebody else reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StdoutConfig {
    /// What the sink is called in the status and in metrics: letters, digits, dashes and underscores.
    pub name: Option<String>,
    /// Which executions it gets.
    pub events: Events,
    /// How much may wait for a slow reader.
    pub queue: QueueConfig,
}

impl Default for StdoutConfig {
    fn default() -> Self {
        Self { name: None, events: Events::Novel, queue: QueueConfig::without_spool() }
    }
}
