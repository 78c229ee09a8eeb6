//! What the file says about files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Events, InvalidConfig, QueueConfig, within};

/// JSON Lines in a file, which only its owner can read. It is rotated to `PATH.1`, `PATH.2` and so on, and made anew
/// where another program has moved it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// What the sink is called in the status, in metrics and on the disk: letters, digits, dashes and underscores.
    #[serde(default)]
    pub name: Option<String>,
    /// Which executions it gets.
    #[serde(default = "novel")]
    pub events: Events,
    /// The file; its folder has to be there.
    pub path: PathBuf,
    /// The file is rotated before it grows beyond this; 0 for never.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// The file is rotated when it is this old, in hours; 0 for never.
    #[serde(default)]
    pub max_age_hours: u64,
    /// How many rotated files are kept.
    #[serde(default = "keep")]
    #[schemars(range(max = 1_000))]
    pub keep: u32,
    /// How much may wait for it, as when its disk is full.
    #[serde(default)]
    pub queue: QueueConfig,
}

const fn novel() -> Events {
    Events::Novel
}

const fn max_bytes() -> u64 {
    100 << 20
}

const fn keep() -> u32 {
    5
}

impl FileConfig {
    /// The defaults with this path.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self {
            name: None,
            events: novel(),
            path: path.into(),
            max_bytes: max_bytes(),
            max_age_hours: 0,
            keep: keep(),
            queue: QueueConfig::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        if self.path.file_name().is_none() {
            return Err(InvalidConfig::new(
                "path",
                "no file's name: write one such as /var/log/falco-anomaly/anomaly.jsonl",
            ));
        }
        if self.max_bytes != 0 {
            within("max_bytes", self.max_bytes, 64 << 10..=1 << 40)?;
        }
        within("max_age_hours", self.max_age_hours, 0..=87_600)?;
        within("keep", self.keep.into(), 0..=1_000)
    }
}
