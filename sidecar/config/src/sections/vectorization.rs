//! `vectorization`: from an execution to its features.

use anomaly_vectorizer::scrub::Scrubber;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// From an execution to its features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vectorization {
    /// Flags, variables, fields and headers of these names have secret values, beside the many that are known. Their
    /// values are taken out before anything else sees an execution; capitals make no difference.
    #[serde(deserialize_with = "names")]
    #[schemars(example = ["licence-number"], inner(length(min = 2)))]
    pub scrub: Vec<String>,
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.iter().all(|name| Scrubber::is_name(name)) {
        return Ok(names);
    }
    Err(D::Error::custom("write a list of names, each of two to 64 letters, digits, -, _ and ."))
}
