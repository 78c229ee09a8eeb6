//! `search`: questions in plain words.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::path_or_none;

/// Questions in plain words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// The directory of a sentence model (all-MiniLM-L6-v2: config.json, tokenizer.json, model.safetensors), for a search by
    /// meaning beside the one by words. Needs a build with `--features semantic`.
    #[serde(deserialize_with = "path_or_none")]
    #[schemars(example = &"/var/lib/falco-anomaly/model")]
    pub model: Option<PathBuf>,
    /// The SHA-256 that files of the model must have, by the file's name, in hexadecimal digits. Without it, those of the
    /// published model.
    #[serde(deserialize_with = "digests")]
    #[schemars(schema_with = "digests_schema")]
    pub digests: BTreeMap<String, String>,
}

fn digests_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": "string", "pattern": "^[0-9a-f]{64}$" } })
}

fn digests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let digests = BTreeMap::<String, String>::deserialize(deserializer)?;
    let is_digest = |text: &String| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if digests.values().all(is_digest) {
        return Ok(digests);
    }
    Err(D::Error::custom(
        "write FILE: DIGEST, with a digest of 64 hexadecimal digits in small letters, as sha256sum has it",
    ))
}
