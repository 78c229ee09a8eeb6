//! Rows for tests.

use anomaly_baseline::{DaySet, RowState, StoredRow};
use anomaly_vectorizer::{Arguments, DIMENSIONS, Execution, Feature, FeatureClass, Kind, Seen};

/// A row in which every column differs from that of another `number`, with text that nobody would choose.
pub(crate) fn hostile_row(number: u64) -> StoredRow {
    let features = (0..number % 7 + 1)
        .map(|n| Feature {
            hash: u64::MAX - 10 * (number + 1) + n,
            class: FeatureClass::ALL[(number + n) as usize % 16],
        })
        .collect();
    StoredRow {
        key: (u128::MAX / 3).wrapping_mul(u128::from(number)).wrapping_add(1),
        execution: Execution {
            kind: Kind::ALL[number as usize % Kind::ALL.len()],
            name: format!("na\u{1b}[2Jme'\"\0{number}"),
            parent: "\u{202e}é".repeat(number as usize % 5 + 1),
            grandparent: number.to_string(),
            uid: u32::MAX - number as u32,
            arguments: match number % 4 {
                0 => Arguments::default(),
                1 => Arguments::new([""]),
                2 => Arguments::new([number.to_string(), String::new(), "\n\t\\'); DROP TABLE".into()]),
                _ => Arguments::new([format!("{number}{}", "x".repeat(9000))]),
            },
        },
        features,
        vector: (0..DIMENSIONS).map(|n| (n as u64 + number) as f32 / 1000.0).collect(),
        seen: Seen::from_bits([number as u32, u32::MAX, 0, 7 * number as u32]),
        count: u64::MAX - number,
        first_seen: i64::MIN + number as i64,
        last_seen: i64::MAX - number as i64,
        first_day: i32::MIN + number as i32,
        days: DaySet { last: i32::MAX - number as i32, bits: u64::MAX - number },
        distance: 1.0 / (number + 1) as f32,
        state: RowState::from_u8(number as u8 % 4).expect("four states"),
    }
}
