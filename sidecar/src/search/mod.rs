//! `anomalyctl search`: executions that plain words mean, among all that every workload knows.
//!
//! It reads the database beside its writer or without one, as `held` does, and asks nothing of the event path.

pub(crate) mod arguments;
mod marked;
mod meaning;
mod output;

use std::process::ExitCode;

use anomaly_baseline::RowView;
use anomaly_search::{Candidate, Options, Query};

use crate::failure::{Failure, say};
use crate::words::count;
use arguments::Search;
pub(crate) use meaning::Mind;
use output::Found;

/// The code of a search that found nothing, as grep(1) has it.
const NOTHING: u8 = 1;

/// Runs the command.
pub(crate) fn run(arguments: &Search) -> Result<ExitCode, Failure> {
    let asked = |text: &str| Query::parse(text).map_err(|error| Failure::new(error.to_string()));
    let query = match &*arguments.words {
        [] => None,
        words => Some(asked(&words.join(" "))?),
    };
    let database = arguments.which.database()?;
    let mut mind = Mind::load(&arguments.semantic, &database)?;
    let view = database.open()?;
    let rows = view.engine.rows(&|workload, state, _| {
        arguments.wants(state) && arguments.workload.as_ref().is_none_or(|pattern| pattern.matches(workload))
    });
    let options = Options {
        limit: arguments.limit.into(),
        since: arguments.since.map(|when| when.0),
        until: arguments.until.map(|when| when.0),
        ..Options::default()
    };
    if let Some(mind) = mind.as_mut().filter(|_| arguments.semantic.index) {
        mind.index(&rows)?;
    }
    let Some(query) = query else { return Ok(ExitCode::SUCCESS) };
    let near = match &mut mind {
        Some(mind) => mind.nearness(query.text(), &rows)?,
        None => vec![None; rows.len()],
    };
    let candidates = rows.iter().zip(near).map(|(row, meaning)| candidate(row, meaning));
    let hits = query.rank(candidates, &options);
    let found: Vec<_> = hits
        .iter()
        .map(|hit| {
            let row = &rows[hit.index];
            let score =
                view.engine.inspect_row(&row.workload, row.key).and_then(|inspection| inspection.score);
            Found { hit, row, score }
        })
        .collect();
    if arguments.json {
        output::json(&found)?;
    } else if !found.is_empty() {
        output::table(&found)?;
    }
    if !found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "nothing among {} has any of it; use words of commands, or of the trade such as persistence",
        count(rows.len() as u64, "distinct execution")
    ));
    Ok(ExitCode::from(NOTHING))
}

/// A row as the search sees it.
fn candidate(row: &RowView, meaning: Option<f32>) -> Candidate<'_> {
    Candidate {
        execution: &row.execution,
        surroundings: &row.surroundings,
        count: row.count,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
        meaning,
    }
}
