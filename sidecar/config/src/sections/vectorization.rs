//! `vectorization`: from an execution to its features.

use anomaly_vectorizer::scrub::{Scrubber, SecretPattern};
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
    /// Regular expressions of secrets of your own: what one matches in an argument is taken out, or its first group where
    /// it has groups.
    #[serde(deserialize_with = "expressions")]
    #[schemars(example = ["EMP-[0-9]{6}"])]
    pub scrub_patterns: Vec<String>,
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.iter().all(|name| Scrubber::is_name(name)) {
        return Ok(names);
    }
    Err(D::Error::custom("write a list of names, each of two to 64 letters, digits, -, _ and ."))
}

fn expressions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let expressions = Vec::<String>::deserialize(deserializer)?;
    for expression in &expressions {
        let error = match expression.parse::<SecretPattern>() {
            Ok(_) => continue,
            Err(error) => error,
        };
        return Err(D::Error::custom(format!(
            "write a list of regular expressions; one of them is none: {error}"
        )));
    }
    Ok(expressions)
}
