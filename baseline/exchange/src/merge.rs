//! Bringing a baseline into another.
//!
//! Merging the same file twice, or two files in either order, gives the same rows: counts become the greater of the
//! two, not their sum, days are put together, and of two states the stricter stands, so that what a person denied stays
//! denied whatever is imported.

use std::collections::HashMap;

use anomaly_baseline::{Day, DaySet, RowState, StoredRow, Timestamp, WorkloadRecord};
use anomaly_vectorizer::Kind;

use crate::Portion;

/// A row that both have in different states.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The row as it becomes.
    pub row: StoredRow,
    /// Its state before.
    pub ours: RowState,
    /// Its state in what was brought in.
    pub theirs: RowState,
}

/// What is to be done to a workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// What is kept beside the rows.
    pub record: WorkloadRecord,
    /// Rows to be written, new ones and those that change.
    pub rows: Vec<StoredRow>,
    /// Rows to be deleted, by kind and key.
    pub deleted: Vec<(Kind, u128)>,
    /// How many of the written rows are new.
    pub added: usize,
    /// How many rows of theirs change nothing.
    pub unchanged: usize,
    /// Rows that both have in different states.
    pub conflicts: Vec<Conflict>,
}

/// Adds their rows to ours.
pub fn merge(ours: &Portion, theirs: Portion) -> Merged {
    let known: HashMap<_, _> = ours.rows.iter().map(|row| ((row.execution.kind, row.key), row)).collect();
    let mut merged = Merged { record: records(&ours.record, &theirs.record), ..Merged::default() };
    for row in theirs.rows {
        match known.get(&(row.execution.kind, row.key)) {
            None => {
                merged.added += 1;
                merged.rows.push(row);
            }
            Some(before) => {
                let after = both(before, &row);
                if before.state != row.state {
                    let conflict = Conflict { row: after.clone(), ours: before.state, theirs: row.state };
                    merged.conflicts.push(conflict);
                }
                if after == **before {
                    merged.unchanged += 1;
                } else {
                    merged.rows.push(after);
                }
            }
        }
    }
    merged
}

/// Puts their rows in the place of ours. What was denied here stays denied.
pub fn replace(ours: &Portion, theirs: Portion) -> Merged {
    let mut brought: HashMap<_, _> =
        theirs.rows.iter().map(|row| (row.execution.kind, row.key)).zip(0..).collect();
    let mut merged = Merged { record: theirs.record, rows: theirs.rows, ..Merged::default() };
    for row in &ours.rows {
        let place: Option<usize> = brought.remove(&(row.execution.kind, row.key));
        match place.map(|place| &mut merged.rows[place]) {
            Some(after) if row.state == RowState::Denied && after.state != RowState::Denied => {
                let theirs = std::mem::replace(&mut after.state, RowState::Denied);
                merged.conflicts.push(Conflict { row: after.clone(), ours: row.state, theirs });
            }
            Some(after) => merged.unchanged += usize::from(after == row),
            None if row.state == RowState::Denied => {}
            None => merged.deleted.push((row.execution.kind, row.key)),
        }
    }
    merged.added = brought.len();
    merged
}

/// Moves all times of a workload, so that its newest day becomes `today`: what is imported later than the retention
/// would otherwise be forgotten at once. Whole days, so that the time of day stays.
pub fn shift(portion: &mut Portion, today: Day) {
    /// Microseconds.
    const DAY: Timestamp = 86_400_000_000;
    let rows = portion.rows.iter().map(|row| row.days);
    let Some(newest) =
        rows.chain([portion.record.days]).filter(|days| !days.is_empty()).map(|days| days.last).max()
    else {
        return;
    };
    let by = today.saturating_sub(newest);
    let day = |day: &mut Day| *day = day.saturating_add(by);
    let time = |time: &mut Timestamp| *time = time.saturating_add(DAY.saturating_mul(by.into()));
    let mut acts = std::mem::take(&mut portion.record.acts);
    for record in acts.values_mut().chain([&mut portion.record]) {
        time(&mut record.first_seen);
        time(&mut record.last_seen);
        record.learned_at.iter_mut().for_each(time);
        day(&mut record.first_day);
        day(&mut record.days.last);
    }
    portion.record.acts = acts;
    for row in &mut portion.rows {
        time(&mut row.first_seen);
        time(&mut row.last_seen);
        day(&mut row.first_day);
        day(&mut row.days.last);
    }
}

/// One execution as two machines know it.
fn both(ours: &StoredRow, theirs: &StoredRow) -> StoredRow {
    let mut both = ours.clone();
    both.state = ours.state.stricter(theirs.state);
    // What a held execution was seen with is no part of what is normal: the state that stands brings its own.
    if ours.state == theirs.state {
        both.seen.extend(theirs.seen);
    } else if both.state == theirs.state {
        both.seen = theirs.seen;
    }
    both.count = ours.count.max(theirs.count);
    both.first_seen = ours.first_seen.min(theirs.first_seen);
    both.last_seen = ours.last_seen.max(theirs.last_seen);
    both.first_day = ours.first_day.min(theirs.first_day);
    both.days = days(ours.days, theirs.days);
    both.distance = ours.distance.max(theirs.distance);
    both
}

fn records(ours: &WorkloadRecord, theirs: &WorkloadRecord) -> WorkloadRecord {
    let mut acts = ours.acts.clone();
    for (kind, theirs) in &theirs.acts {
        let both = acts.get(kind).map_or_else(|| theirs.clone(), |ours| records(ours, theirs));
        acts.insert(*kind, both);
    }
    WorkloadRecord { acts, ..of_kind(ours, theirs) }
}

fn of_kind(ours: &WorkloadRecord, theirs: &WorkloadRecord) -> WorkloadRecord {
    // A workload that nobody has seen yet has no times of its own.
    if ours.executions == 0 {
        return theirs.clone();
    }
    WorkloadRecord {
        executions: ours.executions.max(theirs.executions),
        first_seen: ours.first_seen.min(theirs.first_seen),
        last_seen: ours.last_seen.max(theirs.last_seen),
        first_day: ours.first_day.min(theirs.first_day),
        learned_at: match (ours.learned_at, theirs.learned_at) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        },
        days: days(ours.days, theirs.days),
        ..ours.clone()
    }
}

fn days(mut ours: DaySet, theirs: DaySet) -> DaySet {
    ours.extend(theirs);
    ours
}
