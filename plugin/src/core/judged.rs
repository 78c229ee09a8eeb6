//! What is kept of a verdict for the fields of later events.

use std::sync::Arc;

use anomaly_baseline::{Explanation, Level, Score, Verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What fields tell of one execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Whose baseline was asked.
    #[serde(serialize_with = "as_str", deserialize_with = "from_string")]
    pub(crate) workload: Arc<str>,
    /// `None` while it is not known.
    pub(crate) score: Option<Score>,
    pub(crate) distance: Option<Score>,
    pub(crate) smoothed: Option<Score>,
    pub(crate) threshold: Score,
    pub(crate) level: Level,
    pub(crate) novel: bool,
    pub(crate) first: bool,
    pub(crate) seen: u64,
    /// Printable, at most 200 bytes, as is `nearest`.
    pub(crate) reason: Option<Box<str>>,
    pub(crate) nearest: Option<Box<str>>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        let Verdict {
            workload,
            standing: _,
            score,
            distance,
            smoothed,
            threshold,
            level,
            novel,
            first,
            seen,
            explanation,
        } = verdict;
        let (reason, nearest) = match explanation {
            Some(Explanation { reason, nearest, nearest_seen: _ }) => {
                (Some(reason.into_boxed_str()), nearest.map(String::into_boxed_str))
            }
            None => (None, None),
        };
        Self {
            workload,
            score,
            distance,
            smoothed,
            threshold,
            level,
            novel,
            first,
            seen,
            reason: reason.filter(|reason| !reason.is_empty()),
            nearest,
        }
    }
}

fn as_str<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn from_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}
