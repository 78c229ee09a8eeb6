//! The recording, and asking it in the article's way.

use anomaly_search::Candidate;
use anomaly_vectorizer::canonical::{Raw, area};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Article, Context, Embedder, Embedding, Execution, Surroundings};
use serde::Deserialize;

/// A line of a recording; what else it has is ignored.
#[derive(Deserialize)]
struct Line {
    workload: String,
    name: String,
    parent: String,
    #[serde(default)]
    grandparent: String,
    uid: u32,
    args: Vec<String>,
    #[serde(default)]
    session: String,
    #[serde(flatten)]
    surroundings: Surroundings,
}

/// A distinct execution, as a baseline would have it.
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) execution: Execution,
    pub(crate) surroundings: Vec<&'static str>,
    /// Which question it answers; empty for most.
    pub(crate) session: String,
}

impl Row {
    /// The row as the search sees it. All were seen once, so that nothing but the question puts them in an order.
    pub(crate) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            execution: &self.execution,
            surroundings: &self.surroundings,
            count: 1,
            first_seen: 0,
            last_seen: 0,
            meaning: None,
        }
    }
}

/// The recording beside this file.
pub(crate) fn made_up() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in include_str!("recording.jsonl").lines() {
        let line: Line = serde_json::from_str(line).expect("a line of a recording");
        let arguments = area(&line.args);
        let raw = Raw {
            name: line.name.as_bytes(),
            parent: line.parent.as_bytes(),
            grandparent: line.grandparent.as_bytes(),
            uid: line.uid,
            arguments: &arguments,
            ..Raw::default()
        };
        let row = Row {
            workload: line.workload,
            execution: raw.execution(&Scrubber::default()),
            surroundings: Context::of(&line.surroundings).words().collect(),
            session: line.session,
        };
        let is_known =
            rows.iter().any(|known| known.workload == row.workload && known.execution == row.execution);
        assert!(!is_known, "twice the same: {}", row.execution.command_line());
        rows.push(row);
    }
    rows
}

/// The ten nearest as the article finds them: the question is embedded as if it were a command line of its own name.
pub(crate) fn by_the_article(rows: &[Row], question: &str) -> Vec<usize> {
    let vector = |execution: &Execution| {
        let mut embedding = Embedding::default();
        Article::default().embed(execution, &mut embedding);
        embedding.vector
    };
    let asked = Execution {
        name: question.to_owned(),
        arguments: question.split(' ').collect(),
        ..Execution::default()
    };
    let asked = vector(&asked);
    let mut near: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let cosine: f32 = asked.iter().zip(vector(&row.execution)).map(|(a, b)| a * b).sum();
            (cosine, index)
        })
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    near.into_iter().take(10).map(|(_, index)| index).collect()
}
