//! What the file says about ClickHouse.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Events, InvalidConfig, QueueConfig, address, one_source, proxy, within};

/// ClickHouse over its HTTP interface: one row for each execution. The table is made where it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClickHouseConfig {
    /// What the sink is called in the status, in metrics and on the disk: letters, digits, dashes and underscores.
    pub name: Option<String>,
    /// Which executions it gets.
    pub events: Events,
    /// The server's HTTP interface.
    pub endpoint: String,
    /// The database; it has to be there.
    pub database: String,
    /// The table; it is made where it is missing.
    pub table: String,
    /// For how many days rows stay, 0 for ever: by the table's TTL where the server has that, else by dropping days
    /// from the table. A change takes effect on a table that is made afterwards.
    #[schemars(range(max = 36_500))]
    pub retention_days: u32,
    /// The environment variable that holds the user's name.
    pub user_env: Option<String>,
    /// The file that holds the user's name, read at start.
    pub user_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password, read at start.
    pub password_file: Option<PathBuf>,
    /// How long one request may take, in milliseconds.
    #[schemars(range(min = 100, max = 300_000))]
    pub timeout_ms: u64,
    /// How often a batch is repeated at once before the sink counts as failed. After that it is tried at longer
    /// intervals until it answers; nothing is dropped for it.
    #[schemars(range(max = 100))]
    pub retry_max: u32,
    /// A batch is sent when its oldest event is this old, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub batch_interval_ms: u64,
    /// A batch is sent when it has this many events.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_batch_size: u64,
    /// A proxy to go through, such as `http://proxy:3128`. Those of the environment are not used.
    pub proxy: Option<String>,
    /// A file of certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How much may wait for it.
    pub queue: QueueConfig,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            name: None,
            events: Events::All,
            endpoint: "http://127.0.0.1:8123/".to_owned(),
            database: "default".to_owned(),
            table: "security_events".to_owned(),
            retention_days: 30,
            user_env: None,
            user_file: None,
            password_env: None,
            password_file: None,
            timeout_ms: 10_000,
            retry_max: 3,
            batch_interval_ms: 5_000,
            max_batch_size: 5_000,
            proxy: None,
            ca_file: None,
            queue: QueueConfig::default(),
        }
    }
}

impl ClickHouseConfig {
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let endpoint = address("endpoint", &self.endpoint)?;
        if endpoint.query().is_some() {
            let problem = "the address has no query (?...): database and table are keys of their own";
            return Err(InvalidConfig::new("endpoint", problem));
        }
        identifier("database", &self.database)?;
        identifier("table", &self.table)?;
        within("retention_days", self.retention_days.into(), 0..=36_500)?;
        within("timeout_ms", self.timeout_ms, 100..=300_000)?;
        within("retry_max", self.retry_max.into(), 0..=100)?;
        within("batch_interval_ms", self.batch_interval_ms, 10..=3_600_000)?;
        within("max_batch_size", self.max_batch_size, 1..=100_000)?;
        one_source("user_file", &self.user_env, &self.user_file)?;
        one_source("password_file", &self.password_env, &self.password_file)?;
        proxy(self.proxy.as_deref())
    }
}

/// What needs no quoting in SQL, so that nothing else can be said with it.
fn identifier(key: &'static str, text: &str) -> Result<(), InvalidConfig> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let problem = "1 to 64 letters, digits and underscores, the first of them no digit";
    Err(InvalidConfig::new(key, problem))
}
