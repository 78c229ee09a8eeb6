//! `scoring`: what is learned, and from which score on something is novel.

use std::time::Duration;

use anomaly_baseline::{Pattern, Score, Settings, Threshold};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::values::{DURATION, duration, score, threshold};

/// What is learned, and from which score on something is novel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scoring {
    /// An execution at least this far from everything learned is held instead of learned.
    #[serde(with = "score")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub learn_below: Score,
    /// A workload has no score before it was seen to execute this often: a fifth of it where it is quiet, four times as
    /// many where it never is.
    pub learn_executions: u64,
    /// A workload has no score before this much time has passed since its first execution.
    #[serde(with = "duration")]
    #[schemars(with = "String", regex(pattern = DURATION))]
    pub learn_for: Duration,
    /// A kind of act beside executions (open, connect, ...) is learned for this long at least.
    #[serde(with = "duration")]
    #[schemars(with = "String", regex(pattern = DURATION))]
    pub learn_acts_for: Duration,
    /// From which score an execution is novel: a number, or `auto`, which is 0.85 on a quiet day and rises while a flood of
    /// novelty spends the day's budget of about one alert.
    #[serde(with = "threshold")]
    #[schemars(schema_with = "threshold::schema")]
    pub threshold: Threshold,
    /// The threshold of workloads whose name a pattern matches (* and ?), each as PATTERN=THRESHOLD; of several the closest
    /// counts.
    #[serde(serialize_with = "show_rules", deserialize_with = "rules")]
    #[schemars(with = "Vec<String>", inner(regex(pattern = "=(auto|[01]?(\\.[0-9]{0,4})?)$")), example = ["ci*=0.95"])]
    pub thresholds: Vec<(Pattern, Threshold)>,
    /// From which score the level is `warn`.
    #[serde(with = "score")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub warn: Score,
    /// From which score the level is `critical`; at least `warn`.
    #[serde(with = "score")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub critical: Score,
    /// Programs that are never learned, by name, not even while a workload learns. What is written here replaces the list.
    pub never_learn: Vec<String>,
}

impl Default for Scoring {
    fn default() -> Self {
        let Settings {
            learn_below,
            learn_executions,
            learn_for,
            learn_acts_for,
            threshold,
            thresholds,
            warn,
            critical,
            never_learn,
            ..
        } = Settings::default();
        Self {
            learn_below: Score::floor(learn_below),
            learn_executions,
            learn_for,
            learn_acts_for,
            threshold,
            thresholds,
            warn,
            critical,
            never_learn,
        }
    }
}

fn show_rules<S: Serializer>(rules: &[(Pattern, Threshold)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(|(pattern, threshold)| format!("{pattern}={threshold}")))
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Pattern, Threshold)>, D::Error> {
    let rules = Vec::<String>::deserialize(deserializer)?;
    let rule = |text: &String| {
        // The last one: a workload's name may have any character in it.
        let (pattern, of) = text.rsplit_once('=').ok_or("write PATTERN=THRESHOLD, such as ci*=0.95")?;
        let pattern = pattern.parse::<Pattern>().map_err(|error| error.to_string())?;
        Ok::<_, String>((pattern, threshold::parse(of)?))
    };
    rules.iter().map(rule).collect::<Result<_, _>>().map_err(D::Error::custom)
}
