//! `--dump-features`: recordings as another detector needs them, so that rivals are given the very same input.

use anomaly_baseline::Day;
use anomaly_capture::recording::Recorded;
use anomaly_vectorizer::{Arguments, Embedder, Embedding};
use serde::Serialize;

use crate::failure::Failure;

/// Which part of a back-test a line belongs to.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Baseline,
    Events,
}

/// The keys in the order in which they are written.
#[derive(Debug, Serialize)]
struct Line<'a> {
    part: Part,
    workload: &'a str,
    day: Day,
    phase: Option<&'a str>,
    time: f64,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    exe: &'a str,
    args: &'a Arguments,
    label: &'static str,
    session: Option<&'a str>,
    /// In words.
    features: Vec<String>,
    /// The dimensions that are not 0, with their values.
    vector: Vec<(usize, f32)>,
}

/// Writes one line.
pub(super) fn write(
    out: &mut Vec<u8>,
    embedder: &dyn Embedder,
    (part, recorded, day): (Part, &Recorded, Day),
) -> Result<(), Failure> {
    let observation = &recorded.observation;
    let execution = &observation.execution;
    let mut embedding = Embedding::default();
    embedder.embed(execution, &mut embedding);
    let line = Line {
        part,
        workload: &observation.workload,
        day,
        phase: recorded.phase.as_deref(),
        time: observation.time as f64 / 1e6,
        name: &execution.name,
        parent: &execution.parent,
        grandparent: &execution.grandparent,
        uid: execution.uid,
        exe: &observation.exe,
        args: &execution.arguments,
        label: if recorded.is_attack() { "attack" } else { "benign" },
        session: recorded.session.as_deref(),
        features: embedder.describe(execution).into_iter().map(|feature| feature.text).collect(),
        vector: embedding.vector.iter().copied().enumerate().filter(|(_, value)| *value != 0.0).collect(),
    };
    serde_json::to_writer(&mut *out, &line)
        .map_err(|error| Failure::new(format!("cannot put an event into words: {error}; report this")))?;
    out.push(b'\n');
    Ok(())
}
