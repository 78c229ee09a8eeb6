//! Rows as people see them: those of one alert group together, for a command that a person waits for. The API has a page
//! at a time, from [`answers`](crate::Answers).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anomaly_baseline::{DaySet, Engine, Inspection, RowState, RowView, Score, Timestamp};

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

/// A group that is put together: of all that is looked at, the highest score is kept.
#[derive(Default)]
struct Gathered {
    rows: Vec<(Reverse<Option<Score>>, RowView)>,
    highest: Option<Inspection>,
}

/// Groups rows, the most novel group first; with `each`, every row stands for itself.
///
/// Learned rows score nothing among themselves, and looking at each is a search: of a group that has no others one is
/// looked at.
pub fn gather(engine: &Engine, rows: Vec<RowView>, each: bool) -> Vec<Group> {
    let mut by_id: BTreeMap<Id, Gathered> = BTreeMap::new();
    for row in rows {
        let id = if each { Id::of_row(&row) } else { Id::of_group(&row.workload, &row.execution) };
        let group = by_id.entry(id).or_default();
        let looked_at = row.state != RowState::Active || group.rows.is_empty();
        let inspection = looked_at.then(|| engine.inspect_row(&row.workload, row.key)).flatten();
        let score = inspection.as_ref().and_then(|inspection| inspection.score);
        if group.highest.as_ref().is_none_or(|highest| score > highest.score) {
            group.highest = inspection.or(group.highest.take());
        }
        group.rows.push((Reverse(score), row));
    }
    let mut groups: Vec<_> = by_id.into_iter().map(|(id, gathered)| gathered.group(id)).collect();
    groups.sort_by_key(|group| (Reverse(group.score()), Reverse(group.last_seen()), group.id));
    groups
}

impl Gathered {
    fn group(self, id: Id) -> Group {
        let Self { mut rows, highest } = self;
        let shown = highest.as_ref().and_then(|inspection| inspection.row.as_ref()).map(|row| row.key);
        rows.sort_by_key(|(score, row)| (*score, Some(row.key) != shown, row.key));
        Group { id, rows: rows.into_iter().map(|(_, row)| row).collect(), inspection: highest }
    }
}
