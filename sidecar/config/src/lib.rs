//! The configuration file of the daemon: one YAML file whose every key has a default.
//!
//! The types are the file's: what is written about a field is its description in the schema and in the example, so that
//! the three cannot tell different stories. A mistake is told with its line and column, what is wrong and what to write
//! instead; all of a file's mistakes at once. Nothing in the file is expanded and no secret stands in it.
//!
//! ```text
//! text --tree--> keys and values with their places --article--> our keys --decode--> Config --check--> Config
//! ```

mod article;
mod check;
mod decode;
mod example;
#[cfg(test)]
mod hostile_tests;
mod keys;
mod problem;
mod reading;
#[cfg(test)]
mod schema_tests;
mod sections;
#[cfg(test)]
mod tests;
mod tree;
mod values;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anomaly_baseline::Settings;
use anomaly_capture::{HostRoot, Options};
use anomaly_vectorizer::scrub::Scrubber;
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

pub use problem::{ConfigError, Place, Problem};
pub use sections::{Agent, Api, Backend, Ebpf, Scoring, Search, Storage, Vectorization};
pub use values::{duration, size};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration of `anomalyctl run`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "falco-anomaly")]
pub struct Config {
    /// Whose executions these are and where they come from.
    pub agent: Agent,
    /// The kernel program.
    pub ebpf: Ebpf,
    /// From an execution to its features.
    pub vectorization: Vectorization,
    /// Where baselines are kept, for how long, how large, and with whom they are shared.
    pub storage: Storage,
    /// What is learned, and from which score on something is novel.
    pub scoring: Scoring,
    /// Where scored executions are sent.
    pub backend: Backend,
    /// Who may ask this daemon, and how much.
    pub api: Api,
    /// Questions in plain words.
    pub search: Search,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or says what cannot be followed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads text; `name` is the file's in what is said about it.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with all that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        reading::read(text).map_err(|problems| ConfigError::Refused { name: name.to_owned(), problems })
    }

    /// What the engine is to do.
    pub fn settings(&self) -> Settings {
        let Scoring {
            learn_below,
            learn_executions,
            learn_for,
            learn_acts_for,
            threshold,
            thresholds,
            warn,
            critical,
            never_learn,
        } = &self.scoring;
        let Storage {
            retention_days,
            memory_budget,
            max_rows,
            max_held,
            max_workloads,
            max_new_workloads,
            ..
        } = &self.storage;
        Settings {
            learn_below: learn_below.value(),
            learn_executions: *learn_executions,
            learn_for: *learn_for,
            learn_acts_for: *learn_acts_for,
            threshold: *threshold,
            thresholds: thresholds.clone(),
            warn: *warn,
            critical: *critical,
            retention_days: *retention_days,
            never_learn: never_learn.clone(),
            max_rows: *max_rows,
            max_held: *max_held,
            max_workloads: *max_workloads,
            max_new_workloads: *max_new_workloads,
            memory_budget: usize::try_from(*memory_budget).unwrap_or(usize::MAX),
            learn_until_far_share: Settings::default().learn_until_far_share,
        }
    }

    /// What takes secrets out of executions.
    pub fn scrubber(&self) -> Scrubber {
        let Vectorization { scrub, scrub_patterns } = &self.vectorization;
        // They are read once more: each was when the file was.
        let patterns = scrub_patterns.iter().filter_map(|expression| expression.parse().ok());
        Scrubber::default().with_names(scrub).with_patterns(patterns)
    }

    /// How feeds are opened on the machine whose files are at `root`.
    pub fn capture(&self, root: HostRoot) -> Options {
        Options {
            root,
            scrubber: self.scrubber(),
            ring_bytes: u32::try_from(self.ebpf.ring).unwrap_or(u32::MAX),
            poll_every: self.agent.poll_every,
            queue: self.agent.queue,
            ..Options::default()
        }
    }

    /// Files with secrets that are missing, or open to everybody, one sentence each. Looks at the files.
    pub fn given_away(&self) -> Vec<String> {
        check::secrets(self).into_iter().filter_map(|(key, path)| check::given_away(&key, path)).collect()
    }

    /// The JSON schema of the file.
    pub fn schema() -> serde_json::Value {
        schema_for!(Self).to_value()
    }

    /// A file with every key, what it means, and its default.
    pub fn example() -> String {
        example::file()
    }
}
