//! A workload's record as text in its table.
//!
//! The record travels in the table of its rows, as a row of a kind of its own, so that one commit holds both: after a
//! crash there are never new rows beside an old count. As JSON it can grow without a new schema; a member that this
//! release does not know is ignored, one that is missing has its default.

use std::collections::BTreeMap;

use anomaly_baseline::{DaySet, Recent, StoredRow, Timestamp, WorkloadRecord};
use anomaly_vectorizer::Kind;
use serde_json::{Map, Value, json};

/// The kind of the row that holds the record. No act has a name that starts with a dot.
pub(crate) const RECORD_KIND: &str = ".workload";

pub(crate) fn to_json(record: &WorkloadRecord) -> String {
    to_value(record).to_string()
}

fn to_value(record: &WorkloadRecord) -> Value {
    let WorkloadRecord {
        executions,
        first_seen,
        last_seen,
        first_day,
        learned_at,
        days,
        recent: Recent { far, seen, last_far },
        window,
        applied,
        acts,
    } = record;
    // A JSON number holds 53 bits everywhere; ids have 128.
    let applied: Vec<_> =
        applied.iter().map(|(id, outcome)| json!([format!("{id:032x}"), outcome])).collect();
    json!({
        "executions": executions,
        "first_seen": first_seen,
        "last_seen": last_seen,
        "first_day": first_day,
        "learned_at": learned_at,
        "last_day": days.last,
        "day_bits": days.bits,
        "recent": { "far": far, "seen": seen, "last_far": last_far },
        "window": window.map(|(from, until)| [from, until]),
        "applied": applied,
        "acts": acts.iter().map(|(kind, record)| (kind.to_string(), to_value(record))).collect::<Map<_, _>>(),
    })
}

/// The record of a text; `None` where it is no JSON object.
pub(crate) fn from_json(text: &str) -> Option<WorkloadRecord> {
    from_value(&serde_json::from_str(text).ok()?)
}

fn from_value(value: &Value) -> Option<WorkloadRecord> {
    let object = value.as_object()?;
    let signed = |name| object.get(name).and_then(Value::as_i64);
    let unsigned = |name| object.get(name).and_then(Value::as_u64).unwrap_or(0);
    let day = |name| signed(name).and_then(|day| day.try_into().ok()).unwrap_or(0);
    Some(WorkloadRecord {
        executions: unsigned("executions"),
        first_seen: signed("first_seen").unwrap_or(0),
        last_seen: signed("last_seen").unwrap_or(0),
        first_day: day("first_day"),
        learned_at: signed("learned_at"),
        days: DaySet { last: day("last_day"), bits: unsigned("day_bits") },
        recent: recent(&value["recent"]),
        window: window(&value["window"]),
        applied: value["applied"].as_array().into_iter().flatten().filter_map(applied).collect(),
        acts: value["acts"].as_object().into_iter().flatten().filter_map(act).collect(),
    })
}

/// What is kept of a kind of act. Acts have none of their own, so this ends however deep a damaged text is nested.
fn act((kind, value): (&String, &Value)) -> Option<(Kind, WorkloadRecord)> {
    let record = from_value(value)?;
    Some((Kind::named(kind)?, WorkloadRecord { acts: BTreeMap::new(), ..record }))
}

fn recent(value: &Value) -> Recent {
    Recent {
        far: value["far"].as_u64().unwrap_or(0),
        seen: value["seen"].as_u64().and_then(|seen| seen.try_into().ok()).unwrap_or(0),
        last_far: value["last_far"].as_i64().unwrap_or(0),
    }
}

fn window(value: &Value) -> Option<(Timestamp, Timestamp)> {
    Some((value[0].as_i64()?, value[1].as_i64()?))
}

fn applied(value: &Value) -> Option<(u128, String)> {
    Some((u128::from_str_radix(value[0].as_str()?, 16).ok()?, value[1].as_str()?.to_owned()))
}

/// What can be told of a workload from its rows alone, where its record is gone: it learns again, but from where it
/// was. Of no rows it is nothing.
#[derive(Debug, Default)]
pub(crate) struct FromRows(BTreeMap<Kind, WorkloadRecord>);

impl FromRows {
    pub(crate) fn add(&mut self, row: &StoredRow) {
        let new = || WorkloadRecord {
            first_seen: Timestamp::MAX,
            last_seen: Timestamp::MIN,
            first_day: i32::MAX,
            ..WorkloadRecord::default()
        };
        let record = self.0.entry(row.execution.kind).or_insert_with(new);
        record.executions = record.executions.saturating_add(row.count);
        record.first_seen = record.first_seen.min(row.first_seen);
        record.last_seen = record.last_seen.max(row.last_seen);
        record.first_day = record.first_day.min(row.first_day);
        record.days.extend(row.days);
    }

    pub(crate) fn record(mut self) -> WorkloadRecord {
        let executions = self.0.remove(&Kind::Exec).unwrap_or_default();
        WorkloadRecord { acts: self.0, ..executions }
    }
}

/// The same of rows that are at hand.
pub(crate) fn from_rows(rows: &[StoredRow]) -> WorkloadRecord {
    let mut record = FromRows::default();
    rows.iter().for_each(|row| record.add(row));
    record.record()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back() {
        for learned_at in [None, Some(i64::MAX)] {
            let record = WorkloadRecord {
                executions: u64::MAX,
                first_seen: i64::MIN,
                last_seen: 5,
                first_day: i32::MIN,
                learned_at,
                days: DaySet { last: 7, bits: u64::MAX },
                recent: Recent { far: u64::MAX, seen: 50, last_far: i64::MIN },
                window: learned_at.map(|until| (i64::MIN, until)),
                applied: vec![(u128::MAX, "1 \"approved\"\n".into()), (0, String::new())],
                acts: BTreeMap::new(),
            };
            let open = WorkloadRecord { executions: 3, ..record.clone() };
            let record = WorkloadRecord { acts: [(Kind::Open, open)].into(), ..record };
            assert_eq!(from_json(&to_json(&record)), Some(record));
        }
    }

    #[test]
    fn a_newer_releases_members_are_ignored_and_nonsense_is_no_record() {
        assert_eq!(from_json(r#"{"executions":3,"mood":"good"}"#).unwrap().executions, 3);
        assert_eq!(from_json("[]"), None);
        assert_eq!(from_json("{\"executions\":"), None);
    }
}
