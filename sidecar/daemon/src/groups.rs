//! Rows as people see them: those of one alert group together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anomaly_baseline::{DaySet, Engine, Inspection, RowView, Score, Timestamp};

use crate::ids::Id;

/// Rows that a person sees as one thing.
pub struct Group {
    /// The group's id, or the row's where each stands for itself.
    pub id: Id,
    /// The rows, the one that scores highest first.
    pub rows: Vec<RowView>,
    /// How the first one's score comes about; `None` where it could not be looked at.
    pub inspection: Option<Inspection>,
}

impl Group {
    fn of(id: Id, mut rows: Vec<(RowView, Option<Inspection>)>) -> Self {
        rows.sort_by_key(|(row, inspection)| {
            (Reverse(inspection.as_ref().and_then(|inspection| inspection.score)), row.key)
        });
        let inspection = rows.first().and_then(|(_, inspection)| inspection.clone());
        Self { id, rows: rows.into_iter().map(|(row, _)| row).collect(), inspection }
    }

    /// The row that scores highest.
    pub fn example(&self) -> &RowView {
        self.rows.first().expect("a group is made of at least one row")
    }

    /// What the example would score now; `None` while its workload learns.
    pub fn score(&self) -> Option<Score> {
        self.inspection.as_ref()?.score
    }

    /// How often the rows were seen together.
    pub fn seen(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.count))
    }

    /// On which days.
    pub fn days(&self) -> DaySet {
        let mut days = DaySet::default();
        self.rows.iter().for_each(|row| days.extend(row.days));
        days
    }

    /// The first time that one of them was seen.
    pub fn first_seen(&self) -> Timestamp {
        self.rows.iter().map(|row| row.first_seen).min().unwrap_or_default()
    }

    /// The last time.
    pub fn last_seen(&self) -> Timestamp {
        self.rows.iter().map(|row| row.last_seen).max().unwrap_or_default()
    }
}

/// Groups rows, the most novel group first; with `each`, every row stands for itself.
pub fn gather(engine: &Engine, rows: Vec<RowView>, each: bool) -> Vec<Group> {
    let mut by_id: BTreeMap<Id, Vec<(RowView, Option<Inspection>)>> = BTreeMap::new();
    for row in rows {
        let id = if each { Id::of_row(&row) } else { Id::of_group(&row.workload, &row.execution) };
        let inspection = engine.inspect_row(&row.workload, row.key);
        by_id.entry(id).or_default().push((row, inspection));
    }
    let mut groups: Vec<_> = by_id.into_iter().map(|(id, rows)| Group::of(id, rows)).collect();
    groups.sort_by_key(|group| (Reverse(group.score()), Reverse(group.last_seen()), group.id));
    groups
}
