//! What the file says about batches over HTTP.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Events, InvalidConfig, QueueConfig, address, one_source, proxy, within};

/// The environment variable with the value of `auth_header`, where the file names none.
const DEFAULT_AUTH_ENV: &str = "ANOMALY_AUTH";

/// Batches over HTTP: `{"host": ..., "events": [...]}`, posted as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// What the sink is called in the status, in metrics and on the disk: letters, digits, dashes and underscores.
    #[serde(default)]
    pub name: Option<String>,
    /// Which executions it gets.
    #[serde(default = "all")]
    pub events: Events,
    /// Where batches are posted to, such as `https://telemetry.internal/v1/events`.
    pub endpoint: String,
    /// The header that carries the credential, such as `X-API-Key` or `Authorization`; none where absent.
    #[serde(default)]
    pub auth_header: Option<String>,
    /// The environment variable that holds the value of that header; `ANOMALY_AUTH` where neither it nor a file is
    /// named.
    #[serde(default)]
    pub auth_env: Option<String>,
    /// The file that holds the value of that header, read at start.
    #[serde(default)]
    pub auth_file: Option<PathBuf>,
    /// How long one request may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 100, max = 300_000))]
    pub timeout_ms: u64,
    /// How often a batch is repeated at once before the sink counts as failed. After that it is tried at longer
    /// intervals until it answers; nothing is dropped for it.
    #[serde(default = "retry_max")]
    #[schemars(range(max = 100))]
    pub retry_max: u32,
    /// A batch is sent when its oldest event is this old, in milliseconds.
    #[serde(default = "batch_interval_ms")]
    #[schemars(range(min = 10, max = 3_600_000))]
    pub batch_interval_ms: u64,
    /// A batch is sent when it has this many events.
    #[serde(default = "max_batch_size")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_batch_size: u64,
    /// Whether bodies are compressed with gzip.
    #[serde(default = "yes")]
    pub gzip: bool,
    /// A proxy to go through, such as `http://proxy:3128`. Those of the environment are not used.
    #[serde(default)]
    pub proxy: Option<String>,
    /// A file of certificates (PEM) to trust besides the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How much may wait for it.
    #[serde(default)]
    pub queue: QueueConfig,
}

const fn all() -> Events {
    Events::All
}

const fn timeout_ms() -> u64 {
    5_000
}

const fn retry_max() -> u32 {
    3
}

const fn batch_interval_ms() -> u64 {
    60_000
}

const fn max_batch_size() -> u64 {
    500
}

const fn yes() -> bool {
    true
}

impl HttpConfig {
    /// The defaults with this address.
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self {
            name: None,
            events: all(),
            endpoint: endpoint.into(),
            auth_header: None,
            auth_env: None,
            auth_file: None,
            timeout_ms: timeout_ms(),
            retry_max: retry_max(),
            batch_interval_ms: batch_interval_ms(),
            max_batch_size: max_batch_size(),
            gzip: yes(),
            proxy: None,
            ca_file: None,
            queue: QueueConfig::default(),
        }
    }

    /// The environment variable that holds the credential; `None` where there is none or a file holds it.
    pub fn auth_variable(&self) -> Option<&str> {
        match (&self.auth_header, &self.auth_file) {
            (Some(_), None) => Some(self.auth_env.as_deref().unwrap_or(DEFAULT_AUTH_ENV)),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        address("endpoint", &self.endpoint)?;
        within("timeout_ms", self.timeout_ms, 100..=300_000)?;
        within("retry_max", self.retry_max.into(), 0..=100)?;
        within("batch_interval_ms", self.batch_interval_ms, 10..=3_600_000)?;
        within("max_batch_size", self.max_batch_size, 1..=10_000)?;
        match &self.auth_header {
            Some(header) => {
                reqwest::header::HeaderName::from_bytes(header.as_bytes()).map_err(|_| {
                    InvalidConfig::new("auth_header", "no header's name: write one such as X-API-Key")
                })?;
            }
            None if self.auth_env.is_some() || self.auth_file.is_some() => {
                let problem = "a credential needs the header that carries it: write auth_header: X-API-Key";
                return Err(InvalidConfig::new("auth_header", problem));
            }
            None => {}
        }
        one_source("auth_file", &self.auth_env, &self.auth_file)?;
        proxy(self.proxy.as_deref())
    }
}
