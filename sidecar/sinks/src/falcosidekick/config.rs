//! What the file says about Falcosidekick.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Events, InvalidConfig, QueueConfig, address, proxy, within};

/// Falcosidekick: alerts in the shape in which Falco sends them, one a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FalcosidekickConfig {
    /// What the sink is called in the status, in metrics and on the disk: letters, digits, dashes and underscores.
    pub name: Option<String>,
    /// Which executions it gets.
    pub events: Events,
    /// Where Falcosidekick listens.
    pub endpoint: String,
    /// Where people reach the daemon's page, such as `http://127.0.0.1:7300/`: alerts end with the link to their execution.
    #[schemars(example = "http://127.0.0.1:7300/")]
    pub page: Option<String>,
    /// How long one request may take, in milliseconds.
    #[schemars(range(min = 100, max = 300_000))]
    pub timeout_ms: u64,
    /// How often a request is repeated at once before the sink counts as failed. After that it is tried at longer
    /// intervals until it answers; nothing is dropped for it.
    #[schemars(range(max = 100))]
    pub retry_max: u32,
    /// A proxy to go through, such as `http://proxy:3128`. Those of the environment are not used.
    pub proxy: Option<String>,
    /// A file of certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How much may wait for it.
    pub queue: QueueConfig,
}

impl Default for FalcosidekickConfig {
    fn default() -> Self {
        Self {
            name: None,
            events: Events::Alerts,
            endpoint: "http://127.0.0.1:2801/".to_owned(),
            page: None,
            timeout_ms: 5_000,
            retry_max: 3,
            proxy: None,
            ca_file: None,
            queue: QueueConfig::default(),
        }
    }
}

impl FalcosidekickConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        address("endpoint", &self.endpoint)?;
        if let Some(page) = &self.page {
            address("page", page)?;
        }
        within("timeout_ms", self.timeout_ms, 100..=300_000)?;
        within("retry_max", self.retry_max.into(), 0..=100)?;
        proxy(self.proxy.as_deref())
    }
}
