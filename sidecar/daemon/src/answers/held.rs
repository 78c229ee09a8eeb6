//! What waits for a decision, a page of groups at a time.
//!
//! A fleet of build machines holds a hundred thousand rows as easily as ten. So the groups of a page are chosen by what
//! costs nothing, when they were seen last; only theirs are copied, a few of each, and only the latest of these are looked
//! at, because that is a search in the workload for each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anomaly_api::ServiceError;
use anomaly_api::model::{Held, HeldGroup, HeldQuery, RowsState};
use anomaly_baseline::{
    DaySet, Engine, Glimpse, Inspection, Pattern, RowState, RowView, Score, Timestamp, WorkloadStatus,
};

use super::{compared, pattern, seconds};
use crate::ids::Id;

/// Groups of one answer where nothing is said, and at most.
const USUAL: u16 = 50;
const MOST: u16 = 200;

/// Rows of a group that are listed, the latest.
const LISTED: usize = 20;

/// Rows of a group that are looked at, the latest.
const INSPECTED: usize = 3;

/// Where a group stands: what was seen last is first.
type Place = (Reverse<Timestamp>, Id);

/// A state in the engine's words.
pub(super) const fn state(state: RowsState) -> RowState {
    match state {
        RowsState::Held => RowState::Held,
        RowsState::Denied => RowState::Denied,
        RowsState::Learned => RowState::Active,
    }
}

/// Passes over the rows of one state, of those workloads that `of` wants: of the others nothing is read back into memory.
pub(super) fn pass(
    engine: &Engine,
    wanted: RowsState,
    of: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&Glimpse<'_>),
) {
    let of = |status: &WorkloadStatus| {
        let rows = match wanted {
            RowsState::Held => status.held,
            RowsState::Denied => status.denied,
            RowsState::Learned => status.rows,
        };
        rows > 0 && of(&status.workload)
    };
    let mut each = |row: &Glimpse<'_>| {
        if row.state == state(wanted) {
            each(row);
        }
    };
    match wanted {
        RowsState::Held | RowsState::Denied => engine.pass_held_or_denied(&of, &mut each),
        RowsState::Learned => engine.pass(&of, &mut each),
    }
}

/// A page of groups.
pub(super) fn held(engine: &Engine, query: &HeldQuery) -> Result<Held, ServiceError> {
    let HeldQuery { workload, state, group, limit, after } = query;
    let workload = pattern(workload.as_ref())?;
    let state = state.unwrap_or_default();
    let limit = match limit {
        None => USUAL,
        Some(limit) if (1..=MOST).contains(limit) => *limit,
        Some(_) => return Err(ServiceError::Invalid(format!("limit is a number from 1 to {MOST}"))),
    };
    let after = after.as_deref().map(place).transpose()?;
    if let Some(group) = group {
        let Some(id) = Id::read(group).filter(|id| id.is_group()) else {
            return Err(ServiceError::Invalid("group is g and 16 hexadecimal digits".into()));
        };
        let groups = gathered(engine, state, &|name| matches(workload.as_ref(), name), &[id]);
        let executions = groups.iter().map(|group| group.executions).sum();
        return Ok(Held { total: groups.len(), executions, groups, next: None });
    }

    let mut executions = 0;
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut all: HashMap<Id, (Timestamp, usize)> = HashMap::new();
    pass(engine, state, &|name| matches(workload.as_ref(), name), &mut |row| {
        executions += 1;
        if names.last().is_none_or(|name| name != row.workload) {
            names.push(Arc::clone(row.workload));
        }
        let (last_seen, _) =
            all.entry(Id::of_group(row.workload, row.execution)).or_insert((Timestamp::MIN, names.len() - 1));
        *last_seen = row.last_seen.max(*last_seen);
    });
    let total = all.len();
    let mut page: Vec<(Place, usize)> = all
        .into_iter()
        .map(|(id, (last_seen, name))| ((Reverse(last_seen), id), name))
        .filter(|(place, _)| after.is_none_or(|after| *place > after))
        .collect();
    page.sort_unstable();
    let more = page.len() > usize::from(limit);
    page.truncate(limit.into());
    let next = page.last().filter(|_| more).map(|((Reverse(seen), id), _)| format!("{seen}.{}", id.full()));

    let ids: Vec<_> = page.iter().map(|((_, id), _)| *id).collect();
    let of: HashSet<&str> =
        page.iter().filter_map(|(_, name)| names.get(*name)).map(|name| &**name).collect();
    let groups = gathered(engine, state, &|name| of.contains(name), &ids);
    Ok(Held { groups, total, executions, next })
}

fn matches(pattern: Option<&Pattern>, name: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.matches(name))
}

/// Reads what an answer gave as `next`.
fn place(text: &str) -> Result<Place, ServiceError> {
    let read = || {
        let (seen, id) = text.split_once('.')?;
        Some((Reverse(seen.parse().ok()?), Id::read(id)?))
    };
    read().ok_or_else(|| ServiceError::Invalid("after is what an earlier answer has as next".into()))
}

/// What is counted of a group, and its latest rows.
#[derive(Default)]
struct Gathered {
    executions: usize,
    seen: u64,
    days: DaySet,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    latest: BTreeMap<(Timestamp, u128), RowView>,
}

impl Gathered {
    fn add(&mut self, row: &Glimpse<'_>) {
        self.executions += 1;
        self.seen = self.seen.saturating_add(row.count);
        self.days.extend(row.days);
        self.first_seen = Some(self.first_seen.map_or(row.first_seen, |first| first.min(row.first_seen)));
        self.last_seen = Some(self.last_seen.map_or(row.last_seen, |last| last.max(row.last_seen)));
        let place = (row.last_seen, row.key);
        let full = self.latest.len() >= LISTED;
        if full && self.latest.first_key_value().is_some_and(|(earliest, _)| *earliest > place) {
            return;
        }
        self.latest.insert(place, row.view());
        if full {
            self.latest.pop_first();
        }
    }
}

/// The groups of these ids that there still are, in their order.
fn gathered(engine: &Engine, state: RowsState, of: &dyn Fn(&str) -> bool, ids: &[Id]) -> Vec<HeldGroup> {
    let mut by_id: HashMap<Id, Gathered> = ids.iter().map(|id| (*id, Gathered::default())).collect();
    pass(engine, state, of, &mut |row| {
        if let Some(group) = by_id.get_mut(&Id::of_group(row.workload, row.execution)) {
            group.add(row);
        }
    });
    ids.iter().filter_map(|id| group(engine, state, *id, by_id.remove(id)?)).collect()
}

fn group(engine: &Engine, state: RowsState, id: Id, gathered: Gathered) -> Option<HeldGroup> {
    let Gathered { executions, seen, days, first_seen, last_seen, latest } = gathered;
    let rows: Vec<_> = latest.into_values().rev().collect();
    let RowView { workload, execution, .. } = rows.first()?;
    let inspection = most_novel(engine, state, &rows);
    let inspection = inspection.as_ref();
    Some(HeldGroup {
        id: id.full(),
        state,
        workload: workload.to_string(),
        parent: execution.parent.to_string(),
        name: execution.name.to_string(),
        uid: execution.uid,
        executions,
        seen,
        days: days.len(),
        first_seen: seconds(first_seen?),
        last_seen: seconds(last_seen?),
        score: inspection.and_then(|inspection| inspection.score).map(Score::value),
        threshold: inspection.map(|inspection| inspection.threshold.value()),
        reason: inspection.map(|inspection| inspection.explanation.reason.clone()),
        nearest: inspection.and_then(|inspection| inspection.explanation.nearest.clone()),
        rows: rows.iter().map(compared::row).collect(),
    })
}

/// The row among the latest that scores highest. What is learned scores nothing, and whatever is denied the most.
fn most_novel(engine: &Engine, state: RowsState, rows: &[RowView]) -> Option<Inspection> {
    let looked_at = match state {
        RowsState::Held => INSPECTED,
        RowsState::Denied => 1,
        RowsState::Learned => 0,
    };
    // Of those that score alike the latest.
    let inspections =
        rows.iter().take(looked_at).rev().filter_map(|row| engine.inspect_row(&row.workload, row.key));
    inspections.max_by_key(|inspection| inspection.score)
}
