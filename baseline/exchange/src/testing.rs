//! What the tests are made of.

use anomaly_baseline::{DaySet, RowState, StoredRow, WorkloadRecord};
use anomaly_vectorizer::{Arguments, Embedder, Embedding, Execution, Hashed, Kind, Seen};
use proptest::prelude::*;

use crate::Portion;

/// A row of one execution, as the embedder makes it.
pub(crate) fn embedded(execution: Execution) -> StoredRow {
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        features: embedding.features.clone(),
        vector: embedding.vector.to_vec(),
        execution,
        seen: Seen::default(),
        count: 1,
        first_seen: 1_000_000,
        last_seen: 2_000_000,
        first_day: 20,
        days: DaySet::of(20),
        distance: 0.25,
        state: RowState::Active,
    }
}

pub(crate) fn row(name: &str) -> StoredRow {
    embedded(Execution {
        kind: Kind::Exec,
        name: name.into(),
        parent: "sh".into(),
        grandparent: "nginx".into(),
        uid: 33,
        arguments: Arguments::new([name, "--flag"]),
    })
}

pub(crate) fn state() -> impl Strategy<Value = RowState> {
    (0..4u8).prop_map(|state| RowState::from_u8(state).expect("one of four"))
}

pub(crate) fn any_row() -> impl Strategy<Value = StoredRow> {
    let counted = (1..u64::MAX, 0..4_000_000_000_000_000i64, 0..1_000_000_000i64, 0f32..=1.0);
    let days = (-300..30_000i32, any::<u64>());
    let seen = (0..4u32, 0..8u32, 0..16u32, 0..128u32);
    (0..12usize, counted, days, state(), seen).prop_map(
        |(name, (count, first_seen, later, distance), (last, bits), state, seen)| {
            let names = ["a", "b", "c", "d", "e", "f", "g\u{1b}[2J", "h\u{202e}", "i\"", "j\n", "日", "-l"];
            StoredRow {
                count,
                first_seen,
                last_seen: first_seen + later,
                distance,
                days: DaySet { last, bits: bits | 1 },
                first_day: last - 3,
                state,
                seen: Seen::from_bits([seen.0, seen.1, seen.2, seen.3]),
                ..row(names[name])
            }
        },
    )
}

/// A workload whose rows differ.
pub(crate) fn portion() -> impl Strategy<Value = Portion> {
    (proptest::collection::vec(any_row(), 0..8), any::<u64>()).prop_map(|(mut rows, executions)| {
        rows.sort_by_key(|row| row.key);
        rows.dedup_by_key(|row| row.key);
        let record = WorkloadRecord {
            executions: executions | 1,
            first_seen: 5,
            last_seen: 6,
            first_day: 7,
            learned_at: Some(8),
            days: DaySet::of(9),
            ..WorkloadRecord::default()
        };
        Portion { workload: "web\u{7f}".into(), record, rows }
    })
}
