//! Hits as a table and as JSON.

use std::io;

use anomaly_baseline::text::printable;
use anomaly_baseline::{RowView, Score};
use anomaly_daemon::ids::Id;
use anomaly_search::{Hit, Match, Source};
use anomaly_vectorizer::act::Keys;
use serde::Serialize;

use super::marked::{finished, marked};
use crate::failure::Failure;
use crate::feedback::table::{self, print, print_json};
use crate::table::Table;
use crate::terminal;
use crate::watch::clock::Clock;
use crate::words::{list, thousands};

/// How much of a command line is shown, in bytes.
const MAX_COMMAND: usize = 400;

/// Features that are named below a hit for each part of the question.
const NAMED: usize = 4;

/// How much of each of them is shown, in bytes.
const MAX_NAMED: usize = 80;

/// A hit with what is known of it.
pub(super) struct Found<'a> {
    pub(super) hit: &'a Hit,
    pub(super) row: &'a RowView,
    /// How novel it would be now; `None` while its workload learns.
    pub(super) score: Option<Score>,
}

/// Prints hits for people.
pub(super) fn table(found: &[Found<'_>]) -> Result<(), Failure> {
    let clock = Clock::local();
    let mut table =
        Table::new(&["ID", ">MATCH", ">SCORE", "STATE", "WORKLOAD", "PARENT > NAME (UID)", ">SEEN", "LAST"]);
    for Found { hit, row, score } in found {
        let cells = vec![
            Id::of_row(row).short(),
            format!("{:.2}", hit.score),
            score.map_or_else(|| "learning".into(), |score| score.to_string()),
            row.state.as_str().to_owned(),
            table::workload(&row.workload),
            table::group(&row.execution),
            thousands(row.count),
            clock.moment(row.last_seen),
        ];
        let below = vec![marked(&row.execution.command_line(), &hit.spans, MAX_COMMAND), why(hit)];
        table.row(cells, below);
    }
    let text = table.text(terminal::width(&io::stdout()));
    print(&finished(&text, terminal::stdout_has_colours()))
}

/// Why it is a hit: the parts of the question that it has, and how near in meaning it is.
fn why(hit: &Hit) -> String {
    let meaning =
        hit.meaning.filter(|meaning| *meaning > 0.0).map(|meaning| format!("meaning: {meaning:.2}"));
    hit.matches.iter().map(told).chain(meaning).collect::<Vec<_>>().join("; ")
}

/// A part of the question and by what it was found: `reverse shell: flag -e, name nc`.
fn told(found: &Match) -> String {
    let features = list(found.found.iter().map(|text| printable(text, MAX_NAMED)), NAMED);
    match found.source {
        Source::Word => format!("{}: {features}", printable(&found.asked, MAX_NAMED)),
        Source::Term(term) => format!("{term}: {features}"),
    }
}

/// What `--json` prints of a hit.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    /// How much of the question it has; `score` is how novel it is, as everywhere.
    relevance: f64,
    /// How near in meaning; `null` where no sentence model was asked.
    meaning: Option<f64>,
    score: Option<Score>,
    workload: &'a str,
    state: &'static str,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    #[serde(flatten)]
    done: Keys<'a>,
    command: String,
    /// Ranges of bytes of `command`.
    spans: &'a [(usize, usize)],
    matches: Vec<Part<'a>>,
    surroundings: &'a [&'static str],
    seen: u64,
    days: u32,
    first_seen: f64,
    last_seen: f64,
}

#[derive(Serialize)]
struct Part<'a> {
    asked: &'a str,
    /// The term of the vocabulary; `null` of a word that was looked for as it is.
    term: Option<&'static str>,
    strength: f64,
    found: &'a [String],
}

/// Prints hits for programs.
pub(super) fn json(found: &[Found<'_>]) -> Result<(), Failure> {
    print_json(&found.iter().map(Line::of).collect::<Vec<_>>())
}

impl<'a> Line<'a> {
    fn of(found: &'a Found<'a>) -> Self {
        let Found { hit, row, score } = found;
        let execution = &row.execution;
        Self {
            id: Id::of_row(row).full(),
            relevance: rounded(hit.score),
            meaning: hit.meaning.map(rounded),
            score: *score,
            workload: &row.workload,
            state: row.state.as_str(),
            name: &execution.name,
            parent: &execution.parent,
            grandparent: &execution.grandparent,
            uid: execution.uid,
            done: execution.into(),
            command: execution.command_line(),
            spans: &hit.spans,
            matches: hit.matches.iter().map(Part::of).collect(),
            surroundings: &row.surroundings,
            seen: row.count,
            days: row.days.len(),
            first_seen: row.first_seen as f64 / 1e6,
            last_seen: row.last_seen as f64 / 1e6,
        }
    }
}

impl<'a> Part<'a> {
    fn of(found: &'a Match) -> Self {
        let Match { asked, source, strength, found } = found;
        let term = match source {
            Source::Word => None,
            Source::Term(term) => Some(*term),
        };
        Self { asked, term, strength: rounded(*strength), found }
    }
}

/// Four digits, as scores have.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1e4).floor() / 1e4
}
