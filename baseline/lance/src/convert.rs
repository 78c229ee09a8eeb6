//! Rows of an older feature version, computed anew from the executions that they keep.
//!
//! Pure. A newer version may tell two executions apart that an older one did not, and can no more do so for rows that
//! are one already; or it may see two as one, and then their rows become one: counts add up, and what a person or
//! the policy said about either is kept, the stricter first. A row that is held for its surroundings alone stays one
//! beside the row of the execution itself.

use std::collections::{HashMap, HashSet};

use anomaly_baseline::{StoredRow, key_in_surroundings, key_without_surroundings};
use anomaly_vectorizer::{Embedder, Embedding};

/// The rows in the embedder's space.
pub(crate) fn convert(rows: Vec<StoredRow>, embedder: &dyn Embedder) -> Vec<StoredRow> {
    let before: HashSet<_> = rows.iter().map(|row| (row.execution.kind, row.key)).collect();
    let mut embedding = Embedding::default();
    let mut places = HashMap::with_capacity(rows.len());
    let mut converted: Vec<StoredRow> = Vec::with_capacity(rows.len());
    for mut row in rows {
        embedder.embed(&row.execution, &mut embedding);
        let exact = key_without_surroundings(row.key, row.seen);
        let for_surroundings = exact != row.key && before.contains(&(row.execution.kind, exact));
        row.key = if for_surroundings { key_in_surroundings(embedding.key, row.seen) } else { embedding.key };
        row.features.clone_from(&embedding.features);
        row.vector = embedding.vector.to_vec();
        let place = *places.entry((row.execution.kind, row.key)).or_insert(converted.len());
        match converted.get_mut(place) {
            Some(same) => merge(same, row),
            None => converted.push(row),
        }
    }
    converted
}

/// Adds what `other` counted to `row`: two rows of one execution.
fn merge(row: &mut StoredRow, other: StoredRow) {
    row.seen.extend(other.seen);
    row.count = row.count.saturating_add(other.count);
    row.first_seen = row.first_seen.min(other.first_seen);
    row.last_seen = row.last_seen.max(other.last_seen);
    row.first_day = row.first_day.min(other.first_day);
    row.days.extend(other.days);
    row.distance = row.distance.min(other.distance);
    row.state = row.state.stricter(other.state);
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::{DaySet, RowState};
    use anomaly_vectorizer::{DIMENSIONS, Described, Execution, Kind, Seen, Space};

    use super::*;
    use crate::testing;

    /// Sees nothing but the user id.
    struct Coarse;

    impl Embedder for Coarse {
        fn space(&self) -> Space {
            Space { scheme: "coarse", version: 1, key_version: 1 }
        }

        fn embed(&self, execution: &Execution, embedding: &mut Embedding) {
            embedding.key = u128::from(execution.uid);
            embedding.features.clear();
            embedding.vector = [0.5; DIMENSIONS];
        }

        fn describe(&self, _: &Execution) -> Vec<Described> {
            Vec::new()
        }
    }

    #[test]
    fn rows_that_become_one_add_up_and_the_stricter_state_wins() {
        let mut held = testing::hostile_row(1);
        let mut denied = testing::hostile_row(2);
        let mut other = testing::hostile_row(3);
        for row in [&mut held, &mut denied, &mut other] {
            row.execution.kind = Kind::Exec;
        }
        (held.state, denied.state, other.state) = (RowState::Held, RowState::Denied, RowState::Active);
        (held.execution.uid, denied.execution.uid, other.execution.uid) = (7, 7, 8);
        (held.count, denied.count) = (3, 4);
        (held.days, denied.days) = (DaySet { last: 10, bits: 0b1 }, DaySet { last: 8, bits: 0b101 });
        let expected_first = held.first_seen.min(denied.first_seen);
        let converted = convert(vec![held, other.clone(), denied], &Coarse);
        let [one, two] = &converted[..] else { panic!("two user ids") };
        assert_eq!((one.key, one.count, one.state), (7, 7, RowState::Denied));
        assert_eq!(one.days, DaySet { last: 10, bits: 0b10101 });
        assert_eq!(one.first_seen, expected_first);
        assert_eq!(one.vector, [0.5; DIMENSIONS]);
        assert_eq!((two.key, two.count, &two.execution), (8, other.count, &other.execution));
    }

    #[test]
    fn what_is_held_for_its_surroundings_does_not_become_normal() {
        let mut normal = testing::hostile_row(1);
        normal.state = RowState::Active;
        normal.seen = Seen::from_bits([1, 0, 0, 0]);
        let seen = Seen::from_bits([2, 0, 1, 0]);
        let held = StoredRow {
            state: RowState::Held,
            seen,
            key: key_in_surroundings(normal.key, seen),
            ..normal.clone()
        };
        let converted = convert(vec![held, normal.clone()], &Coarse);
        let [held, kept] = &converted[..] else { panic!("two rows") };
        assert_eq!(held.key, key_in_surroundings(u128::from(normal.execution.uid), seen));
        assert_eq!((held.state, held.seen), (RowState::Held, seen));
        assert_eq!((kept.state, kept.seen), (RowState::Active, normal.seen));
    }

    #[test]
    fn kinds_stay_apart() {
        let mut exec = testing::hostile_row(1);
        exec.execution.kind = Kind::Exec;
        let mut open = exec.clone();
        open.execution.kind = Kind::Open;
        assert_eq!(convert(vec![exec, open], &Coarse).len(), 2);
    }
}
