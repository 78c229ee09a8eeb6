//! Search in plain words over what is known.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use anomaly_api::ServiceError;
use anomaly_api::model::{Match, Part, RowsState, SearchAnswer, SearchMode, SearchRequest};
use anomaly_baseline::{Engine, RowState, RowView, Score, WorkloadStatus};
use anomaly_search::{Candidate, Hit, Options, Query, Source};
use anomaly_vectorizer::Kind;

use super::{Meaning, compared, micros, pattern, seconds};

/// Matches of one answer where nothing is said, and at most.
const USUAL: u16 = 20;
const MOST: u16 = 100;

/// What the words mean, best first.
pub(super) fn search(
    engine: &Engine,
    meaning: Result<&dyn Meaning, &str>,
    request: &SearchRequest,
) -> Result<SearchAnswer, ServiceError> {
    let SearchRequest { query, org_id: _, workload, state, since, until, limit, mode } = request;
    let meaning = match mode {
        SearchMode::Words => None,
        SearchMode::Semantic => Some(meaning.map_err(|reason| ServiceError::Invalid(reason.to_owned()))?),
    };
    let query = Query::parse(query).map_err(|error| ServiceError::Invalid(error.to_string()))?;
    let workload = pattern(workload.as_ref())?;
    let limit = match limit {
        None => USUAL,
        Some(limit) if (1..=MOST).contains(limit) => *limit,
        Some(_) => return Err(ServiceError::Invalid(format!("limit is a number from 1 to {MOST}"))),
    };
    let options = Options {
        limit: limit.into(),
        since: since.map(micros).transpose()?,
        until: until.map(micros).transpose()?,
        ..Options::default()
    };
    let learning = RefCell::new(HashSet::new());
    let rows = engine.rows_of(
        &|status: &WorkloadStatus| {
            let wanted = workload.as_ref().is_none_or(|pattern| pattern.matches(&status.workload));
            if wanted && status.learning.is_some() {
                learning.borrow_mut().insert((Arc::clone(&status.workload), status.kind));
            }
            wanted
        },
        &|_, row, _| match state {
            None => row != RowState::Forgotten,
            Some(RowsState::Learned) => row == RowState::Active,
            Some(RowsState::Held) => row == RowState::Held,
            Some(RowsState::Denied) => row == RowState::Denied,
        },
    );
    let near = match meaning {
        Some(meaning) => meaning.nearness(query.text(), &rows).map_err(ServiceError::Unavailable)?,
        None => Vec::new(),
    };
    let near = near.into_iter().chain(std::iter::repeat(None));
    let candidates = rows.iter().zip(near).map(|(row, near)| candidate(row, near));
    let hits = query.rank(candidates, &options);
    let mut novelties = Novelties { engine, learning: learning.into_inner(), silent: HashSet::new() };
    Ok(SearchAnswer {
        searched: rows.len(),
        understood: query.terms().map(|term| term.name.to_owned()).collect(),
        matches: hits
            .iter()
            .filter_map(|hit| {
                let row = rows.get(hit.index)?;
                Some(found(row, novelties.of(row), hit))
            })
            .collect(),
    })
}

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

/// How novel rows would be now.
struct Novelties<'e> {
    engine: &'e Engine,
    learning: HashSet<(Arc<str>, Kind)>,
    /// Workloads of which what they know could not be read back: they are not waited for again.
    silent: HashSet<Arc<str>>,
}

impl Novelties<'_> {
    fn of(&mut self, row: &RowView) -> Option<Score> {
        let whose = (Arc::clone(&row.workload), row.execution.kind);
        if self.learning.contains(&whose) || self.silent.contains(&row.workload) {
            return None;
        }
        if row.state == RowState::Active {
            // No need to read back what a workload knows to say of what it has learned that it is no news.
            return Some(Score::default());
        }
        let inspection = self.engine.inspect_row(&row.workload, row.key);
        if inspection.is_none() {
            self.silent.insert(Arc::clone(&row.workload));
        }
        inspection?.score
    }
}

fn found(row: &RowView, novelty: Option<Score>, hit: &Hit) -> Match {
    let command = row.execution.command_line();
    let relevance = Score::floor(hit.score.into()).value();
    Match {
        relevance,
        novelty: novelty.map(Score::value),
        score: relevance,
        timestamp: seconds(row.last_seen),
        workload: row.workload.to_string(),
        parts: parts(&command, &hit.spans),
        matched: hit
            .matches
            .iter()
            .map(|found| match found.source {
                Source::Word => found.asked.clone(),
                Source::Term(term) => format!("{term} ({})", found.found.join(", ")),
            })
            .collect(),
        row: compared::row(row),
    }
}

/// A command line in parts, those in `spans` (ranges of bytes, in order, apart) marked.
fn parts(command: &str, spans: &[(usize, usize)]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    let mut part = |from: usize, to: usize, marked: bool| {
        if let Some(text) = command.get(from..to).filter(|text| !text.is_empty()) {
            parts.push(Part { text: text.to_owned(), marked });
        }
    };
    for &(from, to) in spans {
        part(at, from, false);
        part(from, to, true);
        at = to;
    }
    part(at, command.len(), false);
    parts
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn the_parts_are_the_command() {
        let marked = |spans: &[(usize, usize)]| {
            let parts = parts("curl -s x | sh", spans);
            assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), "curl -s x | sh");
            parts.into_iter().filter(|part| part.marked).map(|part| part.text).collect::<Vec<_>>()
        };
        assert_eq!(marked(&[(0, 4), (12, 14)]), ["curl", "sh"]);
        assert_eq!(marked(&[]), Vec::<String>::new());
        assert_eq!(marked(&[(0, 14)]), ["curl -s x | sh"]);
    }
}
