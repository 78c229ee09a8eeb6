//! `agent`: whose executions these are and where they come from.

use std::time::Duration;

use anomaly_capture::workload::Template;
use anomaly_capture::{FeedChoice, Options};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::{DURATION, VARIABLE, duration, name, name_or_none, text, variable_or_none, within};

/// Whose executions these are and where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// Whose baselines these are: organisations that share a database do not share what is normal.
    #[serde(deserialize_with = "name")]
    pub org: String,
    /// How workloads are named: text with {image}, {unit}, {namespace} and {container}. Where one of them has no value,
    /// the image names the workload, else the systemd unit, else `host`.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub workload: Template,
    /// Where executions come from: `ebpf` (the kernel program), `ebpf-enter` (for kernels without BTF), `connector`, `proc`,
    /// or `auto`, the best of them that works here. Any other than auto is used or nothing.
    #[schemars(schema_with = "feeds")]
    pub feed: FeedChoice,
    /// This machine's name in what is sent. Without it, the name that the kernel knows.
    #[serde(deserialize_with = "name_or_none")]
    #[schemars(example = &"web-1")]
    pub host: Option<String>,
    /// The environment variable that holds this machine's name, where `host` is not written: in a pod, the node's.
    #[serde(deserialize_with = "variable_or_none")]
    #[schemars(with = "Option<String>", regex(pattern = VARIABLE), example = &"NODE_NAME")]
    pub host_env: Option<String>,
    /// How often the feed `proc` looks, from 1ms to 1m.
    #[serde(serialize_with = "duration::serialize", deserialize_with = "poll_every")]
    #[schemars(with = "String", regex(pattern = DURATION))]
    pub poll_every: Duration,
    /// How many executions wait to be scored before more are dropped and counted, at most 1,000,000: there is room for all
    /// of them from the start.
    #[serde(deserialize_with = "queue")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue: usize,
}

impl Default for Agent {
    fn default() -> Self {
        let Options { poll_every, queue, .. } = Options::default();
        Self {
            org: "default".to_owned(),
            workload: Template::default(),
            feed: FeedChoice::default(),
            host: None,
            host_env: None,
            poll_every,
            queue,
        }
    }
}

impl Agent {
    /// This machine's name, where the file or the environment says one.
    pub fn host(&self) -> Option<String> {
        let named = || std::env::var(self.host_env.as_ref()?).ok();
        self.host.clone().or_else(named).filter(|name| !name.trim().is_empty())
    }
}

fn poll_every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration::within(Duration::from_millis(1), Duration::from_secs(60), deserializer)
}

fn queue<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(1, 1_000_000, deserializer)
}

fn feeds(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": FeedChoice::ALL.map(FeedChoice::as_str) })
}
