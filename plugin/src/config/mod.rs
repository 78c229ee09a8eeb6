//! `init_config`: the sidecar's keys, flat, because Falco checks it with a validator that is weak in nested schemas.
//!
//! A key that nobody knows is refused here and not by the schema, whose message would name the key but not the one that
//! was meant.

mod duration;
mod keys;
mod sharing;

use std::borrow::Cow;
use std::env;
use std::path::PathBuf;

use anomaly_baseline::text::nearest;
use anomaly_baseline::{Pattern, Score, Settings, Threshold};
use anomaly_capture::FeedChoice;
use anomaly_capture::workload::Template;
use anomaly_vectorizer::scrub::{Scrubber, SecretPattern};
use falco_plugin::schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::guard::{Health, fault_point};
use keys::{FEEDS, KEYS};
pub(crate) use sharing::Sharing;

/// Where the baselines are kept by root.
const SYSTEM_PATH: &str = "/var/lib/falco-anomaly";

/// What `feed` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedSetting {
    /// The kernel program where it can be loaded, else Falco's events, else whatever works.
    Auto,
    /// This feed of ours or nothing.
    Own(FeedChoice),
    /// Falco's events alone.
    Falco,
}

/// The configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub(crate) path: PathBuf,
    pub(crate) org: String,
    pub(crate) workload: Template,
    pub(crate) feed: FeedSetting,
    pub(crate) settings: Settings,
    /// Names beside the known ones whose values are secret.
    pub(crate) scrub: Vec<String>,
    /// Regular expressions of secrets beside the known forms; each compiles.
    pub(crate) scrub_patterns: Vec<String>,
    pub(crate) sharing: Sharing,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: default_path(),
            org: "default".to_owned(),
            workload: Template::default(),
            feed: FeedSetting::Auto,
            settings: Settings::default(),
            scrub: Vec::new(),
            scrub_patterns: Vec::new(),
            sharing: Sharing::default(),
        }
    }
}

/// What is wrong with a configuration, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("init_config has no key {found:?}; did you mean {meant:?}?")]
    Misspelt { found: String, meant: &'static str },
    #[error("init_config has no key {0:?}; there are {all}", all = names())]
    Unknown(String),
    #[error("{key} is {found}, which is not {wanted}; write for example {example}")]
    Value { key: &'static str, found: String, wanted: Cow<'static, str>, example: &'static str },
}

impl Config {
    fn read(map: Map<String, Value>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (name, value) in map {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let found: String = name.chars().take(64).collect();
                return Err(match nearest(&name, KEYS.iter().map(|key| key.name)) {
                    Some(meant) => ConfigError::Misspelt { found, meant },
                    None => ConfigError::Unknown(found),
                });
            };
            config.set(key.name, &value).map_err(|wanted| ConfigError::Value {
                key: key.name,
                found: value.to_string().chars().take(64).collect(),
                wanted,
                example: key.example,
            })?;
        }
        let Settings { warn, critical, .. } = config.settings;
        if warn > critical {
            return Err(ConfigError::Value {
                key: "warn",
                found: warn.to_string(),
                wanted: format!("at most `critical`, {critical}").into(),
                example: "0.85",
            });
        }
        Ok(config)
    }

    /// Sets one key, or tells what its value has to be.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), Cow<'static, str>> {
        if let Some(set) = self.sharing.set(name, value) {
            return set;
        }
        let settings = &mut self.settings;
        match name {
            "path" => self.path = text(value).map(PathBuf::from).ok_or("a directory")?,
            "org" => self.org = text(value).ok_or("a name")?.to_owned(),
            "workload" => {
                let template = text(value).ok_or("a template")?;
                self.workload = template.parse().map_err(|error| format!("a template ({error})"))?;
            }
            "feed" => self.feed = feed(value).ok_or_else(|| format!("one of {}", FEEDS.join(", ")))?,
            "learn_below" => settings.learn_below = score(value).ok_or(A_SCORE)?.value(),
            "learn_executions" => settings.learn_executions = value.as_u64().ok_or("a whole number")?,
            "learn_acts_for" => {
                settings.learn_acts_for = text(value).and_then(duration::parse).ok_or(A_DURATION)?;
            }
            "learn_for" => {
                settings.learn_for = text(value).and_then(duration::parse).ok_or(A_DURATION)?;
            }
            "threshold" => {
                settings.threshold = number_or_text(value)
                    .and_then(|text| text.parse().ok())
                    .ok_or("`auto` or a number from 0 to 1 with at most four digits")?;
            }
            "thresholds" => {
                let rules = value.as_array().map(|rules| rules.iter().map(rule).collect());
                settings.thresholds = rules.flatten().ok_or("a list of PATTERN=THRESHOLD")?;
            }
            "scrub" => {
                let names = value.as_array().map(|names| names.iter().map(secret).collect());
                self.scrub =
                    names.flatten().ok_or("a list of names of two to 64 letters, digits, - _ and .")?;
            }
            "scrub_patterns" => {
                let expressions = value.as_array().ok_or("a list of regular expressions")?;
                let read = |value: &Value| {
                    let expression = text(value).ok_or_else(|| "a list of regular expressions".to_owned())?;
                    let pattern: Result<SecretPattern, _> = expression.parse();
                    pattern.map_err(|error| format!("a list of regular expressions ({error})"))?;
                    Ok::<_, String>(expression.to_owned())
                };
                self.scrub_patterns = expressions.iter().map(read).collect::<Result<_, _>>()?;
            }
            "warn" => settings.warn = score(value).ok_or(A_SCORE)?,
            "critical" => settings.critical = score(value).ok_or(A_SCORE)?,
            "memory_budget" => {
                let budget = value.as_u64().and_then(|mib| usize::try_from(mib).ok()).filter(|mib| *mib > 0);
                let budget = budget.and_then(|mib| mib.checked_mul(1 << 20));
                settings.memory_budget = budget.ok_or("a number of MiB, at least 1")?;
            }
            "max_rows" => settings.max_rows = at_least_one(value).ok_or(AT_LEAST_ONE)?,
            "max_held" => settings.max_held = at_least_one(value).ok_or(AT_LEAST_ONE)?,
            "max_new_workloads" => settings.max_new_workloads = at_least_one(value).ok_or(AT_LEAST_ONE)?,
            "retention_days" => {
                let days = value.as_u64().and_then(|days| u16::try_from(days).ok()).filter(|days| *days > 0);
                settings.retention_days = days.ok_or("a number of days from 1 to 65535")?;
            }
            _ => unreachable!("the caller took the name from the table of keys"),
        }
        Ok(())
    }

    /// What takes secrets out.
    pub(crate) fn scrubber(&self) -> Scrubber {
        let patterns = self.scrub_patterns.iter().filter_map(|expression| expression.parse().ok());
        Scrubber::default().with_names(&self.scrub).with_patterns(patterns)
    }

    /// A key's default as people write it.
    fn default_of(name: &str) -> String {
        if let Some(default) = Sharing::default_of(name) {
            return default;
        }
        let Self { path: _, org, workload, feed: _, settings, scrub: _, scrub_patterns: _, sharing: _ } =
            Self::default();
        match name {
            // Not this machine's: the schema is the same everywhere.
            "path" => SYSTEM_PATH.to_owned(),
            "org" => org,
            "workload" => workload.to_string(),
            "feed" => FEEDS[0].to_owned(),
            "learn_below" => settings.learn_below.to_string(),
            "learn_executions" => settings.learn_executions.to_string(),
            "learn_for" => format!("{}s", settings.learn_for.as_secs()),
            "learn_acts_for" => format!("{}h", settings.learn_acts_for.as_secs() / 3_600),
            "threshold" => settings.threshold.to_string(),
            "thresholds" | "scrub" | "scrub_patterns" => "[]".to_owned(),
            "warn" => settings.warn.value().to_string(),
            "critical" => settings.critical.value().to_string(),
            "memory_budget" => (settings.memory_budget >> 20).to_string(),
            "max_rows" => settings.max_rows.to_string(),
            "max_held" => settings.max_held.to_string(),
            "max_new_workloads" => settings.max_new_workloads.to_string(),
            "retention_days" => settings.retention_days.to_string(),
            _ => unreachable!("the caller took the name from the table of keys"),
        }
    }
}

const A_SCORE: &str = "a number from 0 to 1 with at most four digits";
const A_DURATION: &str = "a duration: a whole number and s, m, h or d";
/// Rows and workloads are numbered in four bytes.
const AT_LEAST_ONE: &str = "a whole number from 1 to 4294967295";

fn at_least_one(value: &Value) -> Option<usize> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.filter(|number| *number > 0).map(|number| number as usize)
}

fn secret(value: &Value) -> Option<String> {
    text(value).filter(|name| Scrubber::is_name(name)).map(str::to_owned)
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        match Health::default().guard("init_config", || {
            fault_point("init_config");
            Self::read(map)
        }) {
            Some(config) => config.map_err(D::Error::custom),
            None => Err(D::Error::custom("reading init_config panicked; report this")),
        }
    }
}

impl JsonSchema for Config {
    fn schema_name() -> Cow<'static, str> {
        "anomaly".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys = KEYS.iter().map(|key| (key.name.to_owned(), key.schema(&Self::default_of(key.name))));
        let schema = json!({
            "description": "How unusual is what this workload runs? Every key has a default that needs no thought.",
            "type": "object",
            "properties": keys.collect::<Map<_, _>>(),
        });
        Schema::try_from(schema).expect("an object is a schema")
    }
}

/// The database's directory where none is configured: a user's own data directory without root.
fn default_path() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = || {
        let data = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
        data.or_else(|| set("HOME").map(|home| home.join(".local/share")))
    };
    if rustix::process::geteuid().is_root() {
        return SYSTEM_PATH.into();
    }
    own().map_or_else(|| SYSTEM_PATH.into(), |data| data.join("falco-anomaly"))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn number_or_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn rule(value: &Value) -> Option<(Pattern, Threshold)> {
    // The last one: a workload's name may have any character in it.
    let (pattern, threshold) = value.as_str()?.rsplit_once('=')?;
    Some((pattern.parse().ok()?, threshold.parse().ok()?))
}

fn score(value: &Value) -> Option<Score> {
    number_or_text(value)?.parse().ok()
}

fn feed(value: &Value) -> Option<FeedSetting> {
    match value.as_str()? {
        "auto" => Some(FeedSetting::Auto),
        "falco" => Some(FeedSetting::Falco),
        name => name.parse().ok().map(FeedSetting::Own),
    }
}

fn names() -> String {
    KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
