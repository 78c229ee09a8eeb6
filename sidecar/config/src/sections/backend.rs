//! `backend`: where scored executions are sent.

use std::path::PathBuf;

use anomaly_sinks::SinkConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::path_or_none;

/// Where scored executions are sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backend {
    /// The directory in which what a sink cannot take yet waits on the disk. Without it, `spool` in the database's
    /// directory. How much may wait is each sink's own `queue`.
    #[serde(deserialize_with = "path_or_none")]
    #[schemars(example = &"/var/spool/falco-anomaly")]
    pub spool: Option<PathBuf>,
    /// Each with its `type`: `falcosidekick`, `clickhouse`, `http`, `file` or `stdout`, and `events`, which it gets:
    /// `alerts` (novel, and the first of its kind that day), `novel` or `all`. Secrets are named, by environment variable
    /// or file, and never written here.
    pub sinks: Vec<SinkConfig>,
}
