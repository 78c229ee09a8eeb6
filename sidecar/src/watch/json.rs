//! JSON Lines: an execution with everything that is known about it and every field that rules can ask for.
//!
//! The keys of a recording keep their names, so that the output can be replayed and reported on; the fields have
//! theirs without the class. What is not known is `null` where it is a field, and absent where a recording would leave
//! it out.

use std::io::Write;

use anomaly_baseline::{Level, Progress, Score, Standing, Verdict};
use anomaly_capture::FeedKind;
use anomaly_capture::recording::{Label, Recorded};
use anomaly_vectorizer::Surroundings;
use anomaly_vectorizer::act::Keys;
use serde::Serialize;

/// The keys in the order in which they are written.
#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    /// Seconds since the Unix epoch.
    time: f64,
    feed: FeedKind,
    pid: u32,
    ppid: u32,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    exe: &'a str,
    #[serde(flatten)]
    done: Keys<'a>,
    #[serde(flatten)]
    surroundings: &'a Surroundings,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'a str>,
    score: Option<Score>,
    score_permille: Option<u16>,
    distance: Option<Score>,
    smoothed: Option<Score>,
    threshold: Score,
    level: Level,
    novel: bool,
    first: bool,
    seen: u64,
    standing: &'static str,
    held: bool,
    reason: Option<&'a str>,
    nearest: Option<&'a str>,
    nearest_seen: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learning: Option<Learning>,
}

/// How far a workload's learning is.
#[derive(Debug, Serialize)]
struct Learning {
    executions: u64,
    executions_needed: u64,
    seconds: u64,
    seconds_needed: u64,
    new_percent: u8,
    new_percent_allowed: u8,
}

/// Writes one line.
pub(crate) fn write(out: &mut Vec<u8>, recorded: &Recorded, verdict: &Verdict) {
    let before = out.len();
    let outcome = anomaly_baseline::json::write(out, &Line::new(recorded, verdict));
    match outcome.and_then(|()| out.write_all(b"\n").map_err(serde_json::Error::io)) {
        Ok(()) => {}
        // Text, numbers and a vector of bytes: neither can fail. If it did, no half line may stay.
        Err(_) => out.truncate(before),
    }
}

impl<'a> Line<'a> {
    fn new(recorded: &'a Recorded, verdict: &'a Verdict) -> Self {
        let Recorded { observation, day, phase, label, session, split } = recorded;
        let execution = &observation.execution;
        let Verdict {
            workload,
            standing,
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
        let explanation = explanation.as_ref();
        let nearest = explanation.and_then(|explanation| explanation.nearest.as_deref());
        Self {
            workload,
            day: *day,
            phase: phase.as_deref(),
            // Exact to the microsecond until the year 2255.
            time: observation.time as f64 / 1e6,
            feed: observation.feed,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
            name: &execution.name,
            parent: &execution.parent,
            grandparent: &execution.grandparent,
            uid: execution.uid,
            exe: &observation.exe,
            done: execution.into(),
            surroundings: &observation.surroundings,
            label: *label,
            session: session.as_deref(),
            split: split.as_deref(),
            score: *score,
            score_permille: score.map(Score::permille),
            distance: *distance,
            smoothed: *smoothed,
            threshold: *threshold,
            level: *level,
            novel: *novel,
            first: *first,
            seen: *seen,
            standing: name(standing),
            held: verdict.held(),
            reason: explanation.map(|explanation| explanation.reason.as_str()),
            nearest,
            nearest_seen: nearest.and(explanation).map(|explanation| explanation.nearest_seen),
            learning: match standing {
                Standing::Learning(progress) => Some(Learning::from(*progress)),
                _ => None,
            },
        }
    }
}

impl From<Progress> for Learning {
    fn from(progress: Progress) -> Self {
        let Progress {
            executions,
            executions_needed,
            seconds,
            seconds_needed,
            new_percent,
            new_percent_allowed,
        } = progress;
        Self { executions, executions_needed, seconds, seconds_needed, new_percent, new_percent_allowed }
    }
}

/// A standing as a word.
const fn name(standing: &Standing) -> &'static str {
    match standing {
        Standing::Learning(_) => "learning",
        Standing::Known => "known",
        Standing::Learned => "learned",
        Standing::Held => "held",
        Standing::Denied => "denied",
        Standing::Unlearned => "unlearned",
        Standing::Loading => "loading",
        Standing::Waking => "waking",
        Standing::Refused => "refused",
    }
}
