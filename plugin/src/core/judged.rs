//! What is kept of an execution and its verdict for the fields of later events.

use std::sync::Arc;

use anomaly_baseline::text::printable;
use anomaly_baseline::{Explanation, Level, Score, Verdict};
use anomaly_capture::Observation;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest command line that is shown, in bytes. Falcosidekick cuts long alerts where it likes.
const MAX_COMMAND_LINE: usize = 200;

/// The same of a reason and of the nearest known command line, which come so from the engine.
const MAX_EXPLANATION: usize = 200;

/// The longest name that is shown, in bytes.
const MAX_NAME: usize = 128;

/// The longest workload's name that is shown, in bytes.
pub(crate) const MAX_WORKLOAD: usize = 253;

/// What fields tell of one execution. All text is printable and without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) name: Box<str>,
    pub(crate) parent: Box<str>,
    pub(crate) cmdline: Box<str>,
    /// In the initial namespaces, as is `uid`.
    pub(crate) pid: u32,
    pub(crate) uid: u32,
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
    /// At most 200 bytes, as is `nearest`.
    pub(crate) reason: Option<Box<str>>,
    pub(crate) nearest: Option<Box<str>>,
}

impl Judged {
    /// What is to be told of an execution and the verdict on it.
    pub(crate) fn new(observation: &Observation, verdict: Verdict) -> Self {
        let execution = &observation.execution;
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
        let (reason, nearest) = explained(explanation);
        Self {
            name: shown(&execution.name, MAX_NAME),
            parent: shown(&execution.parent, MAX_NAME),
            cmdline: shown(&execution.arguments.joined(), MAX_COMMAND_LINE),
            pid: observation.identity.tgid,
            uid: execution.uid,
            workload,
            score,
            distance,
            smoothed,
            threshold,
            level,
            novel,
            first,
            seen,
            reason,
            nearest,
        }
    }

    /// The same as it is shown, where it comes from a recording: whoever made that wrote what they liked.
    pub(crate) fn cleaned(self) -> Self {
        let Self { name, parent, cmdline, workload, reason, nearest, .. } = &self;
        let explained = |text: &Option<Box<str>>| text.as_deref().map(|text| shown(text, MAX_EXPLANATION));
        Self {
            name: shown(name, MAX_NAME),
            parent: shown(parent, MAX_NAME),
            cmdline: shown(cmdline, MAX_COMMAND_LINE),
            workload: printable(workload, MAX_WORKLOAD).into(),
            reason: explained(reason),
            nearest: explained(nearest),
            ..self
        }
    }
}

/// The reason and the nearest known, as they are kept.
pub(super) fn explained(explanation: Option<Explanation>) -> (Option<Box<str>>, Option<Box<str>>) {
    let Some(Explanation { reason, nearest, nearest_seen: _ }) = explanation else { return (None, None) };
    let reason = (!reason.is_empty()).then(|| reason.into_boxed_str());
    (reason, nearest.map(String::into_boxed_str))
}

fn shown(text: &str, limit: usize) -> Box<str> {
    printable(text, limit).into_boxed_str()
}

fn as_str<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn from_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}
