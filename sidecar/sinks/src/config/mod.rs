//! What the configuration file says about sinks, under `backend.sinks`.
//!
//! The types are the file's: their doc comments become the descriptions of its schema. Units stand in the names
//! (`_ms`, `_bytes`, `_days`), so that no number can be read in two ways. Secrets are never values here, always the
//! name of an environment variable or of a file. What types cannot say is checked by [`SinkConfig::check`], without
//! touching anything, so that `config check` and the daemon say the same.

mod queue;

use anomaly_scored::ScoredExecution;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use queue::QueueConfig;

use crate::clickhouse::ClickHouseConfig;
use crate::falcosidekick::FalcosidekickConfig;
use crate::file::FileConfig;
use crate::http::HttpConfig;
use crate::stdout::StdoutConfig;

/// One sink: where scored executions go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SinkConfig {
    /// Alerts in the shape in which Falco sends them.
    Falcosidekick(FalcosidekickConfig),
    /// Rows of a ClickHouse table.
    Clickhouse(ClickHouseConfig),
    /// Batches of JSON, posted to an address.
    Http(HttpConfig),
    /// JSON Lines in a file that is rotated.
    File(FileConfig),
    /// JSON Lines on the standard output.
    Stdout(StdoutConfig),
}

/// Which scored executions a sink gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Events {
    /// What is novel and the first of its alert group (workload, parent, name, uid) that day.
    Alerts,
    /// Everything at or above its workload's threshold.
    Novel,
    /// Every scored execution.
    All,
}

impl Events {
    /// Whether this execution is among them.
    pub fn include(self, execution: &ScoredExecution) -> bool {
        match self {
            Self::Alerts => execution.first,
            Self::Novel => execution.novel,
            Self::All => true,
        }
    }
}

/// A value that types let through and the sink cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct InvalidConfig {
    /// The key, below the sink: `endpoint`, `queue.bytes`.
    pub key: &'static str,
    /// What is wrong with it and what to write instead.
    pub problem: String,
}

impl InvalidConfig {
    pub(crate) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

impl SinkConfig {
    /// The name as configured, else the type's.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::Falcosidekick(config) => &config.name,
            Self::Clickhouse(config) => &config.name,
            Self::Http(config) => &config.name,
            Self::File(config) => &config.name,
            Self::Stdout(config) => &config.name,
        };
        name.as_deref().unwrap_or(self.kind())
    }

    /// The type as the file writes it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Falcosidekick(_) => "falcosidekick",
            Self::Clickhouse(_) => "clickhouse",
            Self::Http(_) => "http",
            Self::File(_) => "file",
            Self::Stdout(_) => "stdout",
        }
    }

    /// Which scored executions it gets.
    pub const fn events(&self) -> Events {
        match self {
            Self::Falcosidekick(config) => config.events,
            Self::Clickhouse(config) => config.events,
            Self::Http(config) => config.events,
            Self::File(config) => config.events,
            Self::Stdout(config) => config.events,
        }
    }

    /// How much may wait for it.
    pub const fn queue(&self) -> &QueueConfig {
        match self {
            Self::Falcosidekick(config) => &config.queue,
            Self::Clickhouse(config) => &config.queue,
            Self::Http(config) => &config.queue,
            Self::File(config) => &config.queue,
            Self::Stdout(config) => &config.queue,
        }
    }

    /// Whether the sink can work with this: addresses, names and ranges. Opens nothing, connects nowhere and reads no
    /// secret.
    ///
    /// # Errors
    /// The first value that it cannot work with.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        name(self.name())?;
        self.queue().check()?;
        match self {
            Self::Falcosidekick(config) => config.check(),
            Self::Clickhouse(config) => config.check(),
            Self::Http(config) => config.check(),
            Self::File(config) => config.check(),
            Self::Stdout(_) => Ok(()),
        }
    }
}

/// A sink's name is a folder's name and a metric's label.
fn name(name: &str) -> Result<(), InvalidConfig> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        let problem = "a sink's name has 1 to 64 letters, digits, dashes and underscores";
        return Err(InvalidConfig::new("name", problem));
    }
    Ok(())
}

/// `https://host:port/path`, without a user in it and without a fragment.
pub(crate) fn address(key: &'static str, text: &str) -> Result<reqwest::Url, InvalidConfig> {
    let invalid = |problem: &str| InvalidConfig::new(key, problem);
    let url = reqwest::Url::parse(text).map_err(|error| {
        invalid(&format!("no address ({error}): write one such as https://host:8443/path"))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the address begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "an address holds no user and no password: name them by environment variable or file",
        ));
    }
    if url.fragment().is_some() {
        return Err(invalid("an address has no fragment (#...)"));
    }
    Ok(url)
}

/// A number within what the sink can work with.
pub(crate) fn within(
    key: &'static str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), InvalidConfig> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(InvalidConfig::new(key, format!("{value} is not between {least} and {most}")))
}

/// The proxy, where one is configured.
pub(crate) fn proxy(text: Option<&str>) -> Result<(), InvalidConfig> {
    text.map_or(Ok(()), |text| address("proxy", text).map(drop))
}

/// At most one of two ways to name a secret.
pub(crate) fn one_source<E, F>(
    key: &'static str,
    environment: &Option<E>,
    file: &Option<F>,
) -> Result<(), InvalidConfig> {
    match (environment, file) {
        (Some(_), Some(_)) => {
            Err(InvalidConfig::new(key, "name an environment variable or a file, not both"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
