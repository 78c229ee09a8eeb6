//! What differs between two baselines.

use std::collections::HashMap;

use anomaly_baseline::StoredRow;

/// What became of one execution from the first baseline to the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change<'a> {
    /// Only the second has it.
    New(&'a StoredRow),
    /// Only the first has it.
    Gone(&'a StoredRow),
    /// Both have it, in different states.
    State {
        /// As the first has it.
        before: &'a StoredRow,
        /// As the second has it.
        after: &'a StoredRow,
    },
}

/// What differs within one workload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference<'a> {
    /// The new, the gone and those of another state, each in the order of its baseline.
    pub changes: Vec<Change<'a>>,
    /// Executions that both have in the same state.
    pub same: usize,
    /// Those of them that one has seen more often than the other.
    pub counted_differently: usize,
}

/// Compares the rows of one workload. Counts, times and distances change with every run and make no difference.
pub fn diff<'a>(before: &'a [StoredRow], after: &'a [StoredRow]) -> Difference<'a> {
    let index = |rows: &'a [StoredRow]| -> HashMap<_, &'a StoredRow> {
        rows.iter().map(|row| ((row.execution.kind, row.key), row)).collect()
    };
    let (old, new) = (index(before), index(after));
    let mut difference = Difference::default();
    let mut states = Vec::new();
    for row in after {
        match old.get(&(row.execution.kind, row.key)) {
            None => difference.changes.push(Change::New(row)),
            Some(before) if before.state != row.state => states.push(Change::State { before, after: row }),
            Some(before) => {
                difference.same += 1;
                difference.counted_differently += usize::from(before.count != row.count);
            }
        }
    }
    let gone = before.iter().filter(|row| !new.contains_key(&(row.execution.kind, row.key)));
    difference.changes.extend(gone.map(Change::Gone));
    difference.changes.append(&mut states);
    difference
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::RowState;

    use super::*;
    use crate::testing::row;

    #[test]
    fn new_gone_and_changed_rows_are_told_apart_and_counts_are_no_change() {
        let (same, gone, new) = (row("same"), row("gone"), row("new"));
        let changed = StoredRow { state: RowState::Denied, ..row("changed") };
        let more = StoredRow { count: same.count + 1, ..same.clone() };
        let before = [same, gone.clone(), row("changed")];
        let after = [new.clone(), more, changed.clone()];
        let difference = diff(&before, &after);
        assert_eq!(
            difference.changes,
            [Change::New(&new), Change::Gone(&gone), Change::State { before: &before[2], after: &changed }]
        );
        assert_eq!((difference.same, difference.counted_differently), (1, 1));
        assert_eq!(diff(&before, &before), Difference { same: 3, ..Difference::default() });
    }
}
