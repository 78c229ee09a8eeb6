//! `storage`: where baselines are kept, for how long, how large, and with whom they are shared.

use std::path::PathBuf;
use std::time::Duration;

use anomaly_baseline::Settings;
use anomaly_fleet::{Address, is_machine_name};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::{DURATION, SIZE, duration, from_one, path_or_none, size, text_or_none};

/// Where baselines are kept, for how long, how large, and with whom they are shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The database's directory, one writer per directory on a machine. Without it, /var/lib/falco-anomaly, or
    /// falco-anomaly in the data directory of a user who is not root.
    #[serde(deserialize_with = "path_or_none")]
    #[schemars(example = &"/var/lib/falco-anomaly")]
    pub path: Option<PathBuf>,
    /// What was not seen for this many days is forgotten; what came back in two different weeks is kept for 35.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1, max = 65535))]
    pub retention_days: u16,
    /// What the baselines of all workloads may take in memory. Those that nothing asked for longest are kept as exact keys
    /// and read back when they are needed.
    #[serde(with = "size")]
    #[schemars(with = "String", regex(pattern = SIZE))]
    pub memory_budget: u64,
    /// Distinct executions kept per workload.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1))]
    pub max_rows: usize,
    /// Held and denied executions kept per workload.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1))]
    pub max_held: usize,
    /// Workloads kept.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1))]
    pub max_workloads: usize,
    /// Workloads that may begin within an hour, so that what starts containers without end under ever new names cannot fill
    /// the database.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1))]
    pub max_new_workloads: usize,
    /// Where baselines are shared with other machines: `s3://bucket/prefix` or `file:///folder`. Credentials, region and
    /// endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT).
    #[serde(with = "text_or_none")]
    #[schemars(with = "Option<String>", example = &"s3://baselines/production")]
    pub shared: Option<Address>,
    /// This machine's name in what is shared. Without it, the host's and eight digits of its own.
    #[serde(deserialize_with = "machine")]
    #[schemars(example = &"web-1")]
    pub shared_machine: Option<String>,
    /// How often to publish what was seen here and to look for what others published.
    #[serde(serialize_with = "duration::serialize", deserialize_with = "duration::seconds")]
    #[schemars(with = "String", regex(pattern = DURATION))]
    pub shared_interval: Duration,
    /// On how many other machines something has to be learned to be normal here.
    #[serde(deserialize_with = "from_one")]
    #[schemars(range(min = 1, max = 65535))]
    pub shared_agree: u16,
}

impl Default for Storage {
    fn default() -> Self {
        let Settings {
            retention_days,
            memory_budget,
            max_rows,
            max_held,
            max_workloads,
            max_new_workloads,
            ..
        } = Settings::default();
        Self {
            path: None,
            retention_days,
            memory_budget: memory_budget as u64,
            max_rows,
            max_held,
            max_workloads,
            max_new_workloads,
            shared: None,
            shared_machine: None,
            shared_interval: Duration::from_secs(60),
            shared_agree: 1,
        }
    }
}

fn machine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    match name {
        Some(name) if !is_machine_name(&name) => {
            Err(D::Error::custom("write 1 to 64 letters, digits, dots and dashes"))
        }
        name => Ok(name),
    }
}
