//! One number over a whole row.
//!
//! LanceDB has no checksums, and what comes back from a disk is hostile input: a flipped bit can turn a held execution
//! into a normal one.

use std::hash::Hasher;

use anomaly_baseline::StoredRow;
use anomaly_vectorizer::{Execution, Feature};
use siphasher::sip::SipHasher13;

use crate::record::RECORD_KIND;

/// SipHash-1-3 over every column in its order, lengths before what has a length. Not a secret and no signature: it
/// finds damage, not forgery.
pub(crate) fn checksum(row: &StoredRow, record: Option<&str>) -> u64 {
    let StoredRow {
        key,
        execution,
        features,
        vector,
        seen,
        count,
        first_seen,
        last_seen,
        first_day,
        days,
        distance,
        state,
    } = row;
    let Execution { kind, name, parent, grandparent, uid, arguments } = execution;
    let kind = if record.is_some() { RECORD_KIND } else { kind.as_str() };
    let mut hasher = SipHasher13::new();
    let mut text = |text: &str| {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    };
    for part in [kind, name, parent, grandparent] {
        text(part);
    }
    arguments.iter().for_each(&mut text);
    text(record.unwrap_or_default());
    for length in [arguments.len(), features.len(), vector.len(), usize::from(record.is_some())] {
        hasher.write(&(length as u64).to_le_bytes());
    }
    hasher.write(&key.to_le_bytes());
    hasher.write(&uid.to_le_bytes());
    for Feature { hash, class } in features {
        hasher.write(&hash.to_le_bytes());
        hasher.write(&[*class as u8]);
    }
    for value in vector {
        hasher.write(&value.to_bits().to_le_bytes());
    }
    for bits in seen.bits() {
        hasher.write(&bits.to_le_bytes());
    }
    for value in [*count, days.bits] {
        hasher.write(&value.to_le_bytes());
    }
    for time in [first_seen, last_seen] {
        hasher.write(&time.to_le_bytes());
    }
    for day in [first_day, &days.last] {
        hasher.write(&day.to_le_bytes());
    }
    hasher.write(&distance.to_bits().to_le_bytes());
    hasher.write(&[*state as u8]);
    hasher.finish()
}
