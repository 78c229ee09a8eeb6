//! From what a person typed to the rows that are meant.

use std::collections::BTreeMap;

use anomaly_baseline::{Action, Engine, Pattern, RowState, RowView};
use anomaly_vectorizer::Execution;

use crate::failure::Failure;
use crate::words::{count, list};
use anomaly_daemon::ids::{self, Id};

/// Whether a pattern matches an execution: its command line, its name or its workload.
pub(super) fn matches(pattern: &Pattern, workload: &str, execution: &Execution) -> bool {
    pattern.matches(workload)
        || pattern.matches(&execution.name)
        || pattern.matches(&execution.command_line())
}

/// The states in which an action touches rows that a pattern matches.
fn states(action: Action) -> &'static [RowState] {
    match action {
        Action::Approve => &[RowState::Held],
        Action::Deny => &[RowState::Held, RowState::Active],
        Action::Forget | Action::Learn => {
            &[RowState::Held, RowState::Active, RowState::Denied, RowState::Forgotten]
        }
    }
}

/// The rows that are meant by ids and patterns, each once, those of a workload together; where a state is named, those
/// in it alone.
pub(super) fn select(
    engine: &Engine,
    action: Action,
    wanted: &[String],
    within: Option<&Pattern>,
    state: Option<RowState>,
) -> Result<Vec<RowView>, Failure> {
    let inside = |workload: &str| within.is_none_or(|within| within.matches(workload));
    let named = state.map(|state| [state]);
    let states = named.as_ref().map_or(states(action), |state| &state[..]);
    let mut selected = BTreeMap::new();
    for wanted in wanted {
        let mut rows = Vec::new();
        if ids::is_id(wanted) {
            let all = by_id(engine, wanted)?;
            let there = all.iter().filter(|row| inside(&row.workload)).count();
            rows = meant(&all, wanted, state);
            rows.retain(|row| inside(&row.workload));
            if rows.is_empty() && there > 0 {
                return Err(other_states(wanted, &all, state));
            }
        }
        if rows.is_empty() {
            let pattern: Pattern = wanted.parse().map_err(|error| Failure::new(format!("{error}")))?;
            rows = engine.rows(&|workload, state, execution| {
                inside(workload) && states.contains(&state) && matches(&pattern, workload, execution)
            });
        }
        if rows.is_empty() {
            return Err(nothing(engine, action, wanted));
        }
        selected.extend(rows.into_iter().map(|row| ((row.workload.clone(), row.key), row)));
    }
    Ok(selected.into_values().collect())
}

/// Every row of an id, whatever its state: one row, or those of a group.
fn by_id(engine: &Engine, wanted: &str) -> Result<Vec<RowView>, Failure> {
    let all = engine.rows(&|workload, _, execution| {
        wanted.starts_with('r') || Id::of_group(workload, execution).begins_with(wanted)
    });
    let of = |row: &RowView| match wanted.starts_with('r') {
        true => Id::of_row(row),
        false => Id::of_group(&row.workload, &row.execution),
    };
    let rows: Vec<_> = all.into_iter().filter(|row| of(row).begins_with(wanted)).collect();
    let mut found: Vec<_> = rows.iter().map(of).collect();
    found.sort_unstable();
    found.dedup();
    if found.len() > 1 {
        let all = list(found.iter().map(|id| id.full()), 4);
        return Err(Failure::new(format!("{wanted} can be any of {all}; give more of it")));
    }
    Ok(rows)
}

/// Those of an id's rows that a decision is about: of a group what is held, unless another state is named. What is
/// learned of a group is never meant by the way: the same command once more would deny what is normal.
fn meant(rows: &[RowView], wanted: &str, state: Option<RowState>) -> Vec<RowView> {
    let state = state.or_else(|| wanted.starts_with('g').then_some(RowState::Held));
    rows.iter().filter(|row| state.is_none_or(|state| row.state == state)).cloned().collect()
}

/// That an id has nothing in the state that is meant, and what it has.
fn other_states(wanted: &str, rows: &[RowView], state: Option<RowState>) -> Failure {
    let of = |state: RowState| rows.iter().filter(|row| row.state == state).count();
    let all = [RowState::Held, RowState::Denied, RowState::Active, RowState::Forgotten];
    let there = all.into_iter().filter(|state| of(*state) > 0);
    let there = list(there.map(|state| format!("{} {}", of(state), state.as_str())), 4);
    let state = state.unwrap_or(RowState::Held).as_str();
    Failure::new(format!("nothing of {wanted} is {state}, there is {there}; name with --state what is meant"))
}

/// The row of an id; of a group the one that `anomalyctl held` shows, or where nothing is held any.
pub(super) fn one(engine: &Engine, id: &str) -> Result<Option<RowView>, Failure> {
    let score =
        |row: &RowView| engine.inspect_row(&row.workload, row.key).and_then(|inspection| inspection.score);
    let all = by_id(engine, id)?;
    let held = meant(&all, id, None);
    let rows = if held.is_empty() { all } else { held };
    Ok(rows.into_iter().min_by_key(|row| (std::cmp::Reverse(score(row)), row.key)))
}

fn nothing(engine: &Engine, action: Action, wanted: &str) -> Failure {
    let held = engine.rows(&|_, state, _| state == RowState::Held).len() as u64;
    let what = match action {
        Action::Approve => "nothing that is held matches",
        Action::Deny => "nothing that is held or learned matches",
        Action::Forget | Action::Learn => "nothing matches",
    };
    let hint = if ids::is_id(wanted) { ", and nothing has it as its id" } else { "" };
    Failure::new(format!(
        "{what} {wanted}{hint}; `anomalyctl held` lists what waits ({})",
        count(held, "execution")
    ))
}
