//! Search in plain words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::decisions::RowsState;
use super::inspection::KnownRow;
use super::whole;

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchMode {
    /// By words that occur in commands, and the vocabulary of the trade.
    #[default]
    Words,
    /// By the meaning of the sentence, where a model is configured.
    Semantic,
}

/// What to search for.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// In plain words: `reverse shell bash outbound connection`.
    #[schema(min_length = 1, max_length = 1000)]
    pub query: String,
    /// Whose baselines; this daemon has one organisation, and another one is not found.
    #[serde(default, rename = "orgId")]
    #[schema(min_length = 1, max_length = 250)]
    pub org_id: Option<String>,
    /// Only in workloads that this name or pattern (`*`, `?`) matches.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 250)]
    pub workload: Option<String>,
    /// Only what counts for this; `learned`, `held` and `denied` where nothing is said.
    #[serde(default)]
    pub state: Option<RowsState>,
    /// Only what was seen at this time or later.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 253402300799_i64)]
    pub since: Option<f64>,
    /// Only what was seen before this time.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 253402300799_i64)]
    pub until: Option<f64>,
    /// How many at most; 20 where nothing is said.
    #[serde(default, deserialize_with = "whole::option")]
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    /// How.
    #[serde(default)]
    pub mode: SearchMode,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// The best first.
    pub matches: Vec<Match>,
    /// How many distinct executions were looked at.
    pub searched: usize,
    /// The terms of the trade that the question was understood to name.
    pub understood: Vec<String>,
}

/// One match.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Match {
    /// How well it matches, 0 to 1.
    pub relevance: f64,
    /// How novel it would be, were it to run now: what is called score everywhere else. `null` while its workload learns, and
    /// where what that knows could not be read back in time.
    pub novelty: Option<f64>,
    /// `relevance`, by the name that the article gives it.
    pub score: f64,
    /// `last_seen`, by the name that the article gives it.
    pub timestamp: f64,
    /// Whose.
    pub workload: String,
    /// The row.
    #[serde(flatten)]
    pub row: KnownRow,
    /// The command line in parts, those that matched marked; together they are `command`.
    pub parts: Vec<Part>,
    /// What it matched, in words: terms of the trade and words of the question.
    pub matched: Vec<String>,
}

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// The text.
    pub text: String,
    /// Whether it matched.
    pub marked: bool,
}
