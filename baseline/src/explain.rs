//! Why a score is what it is, in words.

use anomaly_vectorizer::{Context, Described, Embedder, Execution, Feature, FeatureClass};

use crate::features::{self, Packed};
use crate::row::RowState;
use crate::rows::Row;
use crate::text::printable;
use crate::verdict::Explanation;

/// The longest reason and nearest command line: Falcosidekick cuts longer ones when an alert is large.
const MAX_BYTES: usize = 200;

/// Explains an execution beside the nearest row.
///
/// `is_known` tells which features the workload has ever learned. News is what it has not; where every feature is
/// known, what the nearest row lacks is said to be new *together*. `state` is that of its own row, if it has one: that a
/// person denied it comes before all else.
pub(crate) fn explain(
    embedder: &dyn Embedder,
    execution: &Execution,
    context: &Context,
    nearest: Option<&Row>,
    is_known: &dyn Fn(Packed) -> bool,
    state: Option<RowState>,
) -> Explanation {
    let described = embedder.describe(execution);
    let packed = |feature: &Described| features::pack(Feature { hash: feature.hash, class: feature.class });
    let mut parts = Vec::new();
    let new: Vec<_> = described.iter().filter(|feature| !is_known(packed(feature))).collect();
    if let Some(words) = list(&new) {
        parts.push(format!("new: {words}"));
    } else if let Some(row) = nearest {
        let other: Vec<_> = described
            .iter()
            .filter(|feature| row.features.binary_search(&packed(feature)).is_err())
            .collect();
        parts.extend(list(&other).map(|words| format!("new together: {words}")));
    }
    if let Some(row) = nearest {
        let surroundings: Vec<_> = context.news(&row.seen).collect();
        if !surroundings.is_empty() {
            // Named first: it is the rarer kind of news, and the end of a long reason is cut.
            parts.insert(0, format!("for the first time with {}", surroundings.join(", ")));
        }
    }
    if state == Some(RowState::Denied) {
        parts.insert(0, "denied by a person".into());
    }
    if parts.is_empty() {
        let nothing_new = match (state, nearest) {
            (Some(RowState::Active), _) => "learned: exactly this has run before",
            (Some(_), _) => "seen before, but not learned",
            (None, Some(_)) => "nothing of it is new by itself",
            (None, None) => "nothing is learned yet",
        };
        parts.push(nothing_new.into());
    }
    Explanation {
        reason: printable(&parts.join("; "), MAX_BYTES),
        nearest: nearest.map(|row| printable(&row.execution.command_line(), MAX_BYTES)),
        nearest_seen: nearest.map_or(0, Row::total),
    }
}

/// The features as a list, pairs of arguments only where there is nothing else to name.
fn list(features: &[&Described]) -> Option<String> {
    // What an act does in a place says it better than each of the objects there.
    let place = features.iter().any(|feature| feature.class == FeatureClass::Place);
    let named = |feature: &&&Described| {
        feature.class != FeatureClass::Bigram && !(place && feature.class == FeatureClass::Object)
    };
    let words = |features: Vec<&str>| (!features.is_empty()).then(|| features.join(", "));
    words(features.iter().filter(named).map(|feature| feature.text.as_str()).collect())
        .or_else(|| words(features.iter().map(|feature| feature.text.as_str()).collect()))
}
