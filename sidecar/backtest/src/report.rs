//! Everything that a report says, as one JSON object: the page is drawn from it, and scripts read it.

use anomaly_baseline::{Prior, Score, Threshold};
use serde::{Serialize, Serializer};

use crate::budget::{Budget, Suggestion};
use crate::novel::Novel;
use crate::outcome::{AtBudget, AtFalsePositives, AtThreshold, Daily, Outcome, Part, Tally};

/// Rates of false positives at which the recall of events is told.
const RATES: [f64; 2] = [0.001, 0.01];

/// Budgets at which the recall of sessions is told, alert groups per workload and day.
const BUDGETS: [f64; 3] = [0.2, 1.0, 3.0];

/// Parts of the range of scores.
const BINS: usize = 50;

/// How the scores came about.
#[derive(Debug, Clone, Serialize)]
pub struct How {
    /// The release.
    pub version: &'static str,
    /// How executions were compared.
    pub scorer: String,
    /// The recordings that were learned from, and those that were scored.
    pub baseline: Vec<String>,
    /// See `baseline`.
    pub events: Vec<String>,
    /// Whether benign events taught.
    pub online: bool,
    /// On how many days each attack was repeated.
    pub repeat_attack: u16,
    /// From which score an execution was novel.
    #[serde(serialize_with = "as_text")]
    pub threshold: Threshold,
    /// From which score the level is `warn`.
    pub warn: Score,
    /// The curve of novelty that was expected, `[a, b, c]`; `None` where scores were not calibrated.
    #[serde(serialize_with = "coefficients")]
    pub prior: Option<Prior>,
    /// The hash's key, where it was not the usual one.
    pub hash_key: Option<u32>,
}

/// What came of a back-test.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How the scores came about.
    pub how: How,
    /// How many events there were.
    pub tally: Tally,
    /// Workloads without a baseline, whose events have no score.
    pub unknown_workloads: Vec<String>,
    /// Area under the ROC curve; `None` without events of both kinds.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` without events of both kinds.
    pub average_precision: Option<f64>,
    /// Recall of attack events at rates of false positives.
    pub false_positives: Vec<AtFalsePositives>,
    /// Recall of sessions at budgets.
    pub budgets: Vec<AtBudget>,
    /// Costs and finds at the score of a warning, and at each execution's own threshold.
    pub thresholds: Vec<AtThreshold>,
    /// The threshold for the budget that was asked for.
    pub suggestion: Suggestion,
    /// Each workload by itself, at the thresholds above.
    pub workloads: Vec<Part>,
    /// Each kind of day by itself, at the thresholds above.
    pub day_kinds: Vec<Part>,
    /// How each occurrence of repeated attacks fared; empty where none was repeated.
    pub occurrences: Vec<Daily>,
    /// The most novel alert groups.
    pub novel: Vec<Novel>,
    /// What every threshold costs and finds.
    pub budget_curve: Vec<AtThreshold>,
    /// False-positive and true-positive rate.
    pub roc: Vec<(f64, f64)>,
    /// Recall and precision.
    pub precision_recall: Vec<(f64, f64)>,
    /// Benign and attack events in equal parts of the range of scores.
    pub histogram: Vec<(u64, u64)>,
}

impl Report {
    /// The report on an outcome.
    pub fn new(outcome: &Outcome, how: How, budget: Budget, unknown_workloads: Vec<String>) -> Self {
        let thresholds = [Some(how.warn), None];
        let tally = outcome.tally();
        let both = tally.benign > 0 && tally.attack > 0;
        let when_both = |value: Option<f64>| value.filter(|_| both);
        Self {
            tally,
            unknown_workloads,
            roc_auc: when_both(outcome.roc_auc()),
            average_precision: when_both(outcome.average_precision()),
            false_positives: RATES.map(|rate| outcome.at_false_positives(rate)).into(),
            budgets: BUDGETS.map(|budget| outcome.at_budget(budget)).into(),
            thresholds: thresholds.map(|threshold| outcome.at_threshold(threshold)).into(),
            suggestion: outcome.suggest(budget),
            workloads: outcome.by_workload(&thresholds),
            day_kinds: outcome.by_kind(&thresholds),
            occurrences: if how.repeat_attack > 1 { outcome.by_occurrence(how.warn) } else { Vec::new() },
            novel: outcome.novel(),
            budget_curve: outcome.thresholds(),
            roc: outcome.roc(),
            precision_recall: outcome.precision_recall(),
            histogram: outcome.histogram(BINS),
            how,
        }
    }

    /// Whether there were events of both kinds, without which a rate, a budget or a recall says nothing.
    pub fn has_both(&self) -> bool {
        self.roc_auc.is_some()
    }
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn coefficients<S: Serializer>(prior: &Option<Prior>, serializer: S) -> Result<S::Ok, S::Error> {
    prior.map(|Prior { a, b, c }| [a, b, c]).serialize(serializer)
}
