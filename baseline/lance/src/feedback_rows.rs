//! The log of people's decisions as record batches and back.
//!
//! A decision is one row and what came of it another, with the same id: rows are only ever added, so that whoever
//! decides and whoever settles never write the same one. A flipped bit must not turn *deny* into *approve*, so each row
//! carries a checksum, and one that is wrong is left out and counted.

use std::{collections::HashMap, hash::Hasher, sync::Arc, time::Duration};

use anomaly_baseline::{Feedback, Settled};
use arrow::{
    array::{
        ArrayRef, AsArray, BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder, TimestampMicrosecondBuilder,
        UInt32Builder, UInt64Builder,
    },
    datatypes::{
        DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt32Type, UInt64Type,
    },
    error::ArrowError,
    record_batch::RecordBatch,
};
use siphasher::sip::SipHasher13;

use crate::schema::UTC;

/// The version of these columns, in the table's metadata.
pub(crate) const VERSION: u32 = 1;

/// Where the version is.
pub(crate) const VERSION_KEY: &str = "falco-anomaly.feedback";

/// The kind of a row that tells what came of a decision. No action has this name.
const SETTLED: &str = "settled";

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A decision; its `settled` is always `None`.
    Given(Feedback),
    /// What came of one.
    Settled(u128, Settled),
    /// A decision of a kind that only a newer release knows: kept, and not applied.
    Unknown,
}

/// The columns in their order; every one is filled in every row.
struct Cells<'a> {
    id: u128,
    kind: &'a str,
    org: &'a str,
    texts: [&'a str; 5],
    uid: u32,
    time: i64,
    window: u64,
    keys: &'a [u128],
}

impl<'a> Cells<'a> {
    fn of(org: &'a str, entry: &'a Entry) -> Option<Self> {
        Some(match entry {
            Entry::Given(feedback) => {
                let Feedback { id, time, who, uid, why, action, workload, asked, keys, window, settled: _ } =
                    feedback;
                let texts = [workload.as_str(), who, why, asked, ""];
                let (kind, window) = (action.as_str(), window.as_secs());
                Self { id: *id, kind, org, texts, uid: *uid, time: *time, window, keys }
            }
            Entry::Settled(id, Settled { time, outcome }) => {
                let texts = ["", "", "", "", outcome];
                Self { id: *id, kind: SETTLED, org, texts, uid: 0, time: *time, window: 0, keys: &[] }
            }
            Entry::Unknown => return None,
        })
    }

    /// SipHash-1-3 over all of it, lengths before what has a length.
    fn checksum(&self) -> u64 {
        let Self { id, kind, org, texts, uid, time, window, keys } = self;
        let mut hasher = SipHasher13::new();
        for text in [kind, org].into_iter().chain(texts) {
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
        }
        hasher.write(&(keys.len() as u64).to_le_bytes());
        for key in [id].into_iter().chain(*keys) {
            hasher.write(&key.to_le_bytes());
        }
        hasher.write(&uid.to_le_bytes());
        hasher.write(&time.to_le_bytes());
        hasher.write(&window.to_le_bytes());
        hasher.finish()
    }
}

/// The columns of text, in the order of [`Cells`].
const TEXTS: [&str; 5] = ["workload", "who", "why", "asked", "outcome"];

fn schema() -> SchemaRef {
    let text = |name| (name, DataType::Utf8);
    let mut fields = vec![("id", DataType::FixedSizeBinary(16)), text("kind"), text("org")];
    fields.extend(TEXTS.map(text));
    fields.extend([
        ("uid", DataType::UInt32),
        ("time", DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))),
        ("window", DataType::UInt64),
        // One behind the other, 16 bytes each.
        ("keys", DataType::Binary),
        ("checksum", DataType::UInt64),
    ]);
    let fields: Vec<_> = fields.into_iter().map(|(name, kind)| Field::new(name, kind, false)).collect();
    let metadata = HashMap::from([(VERSION_KEY.to_owned(), VERSION.to_string())]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Entries of an organisation as one batch.
pub(crate) fn encode(org: &str, entries: &[Entry]) -> Result<RecordBatch, ArrowError> {
    let mut id = FixedSizeBinaryBuilder::new(16);
    let mut kind = StringBuilder::new();
    let mut orgs = StringBuilder::new();
    let mut texts = TEXTS.map(|_| StringBuilder::new());
    let mut uid = UInt32Builder::new();
    let mut time = TimestampMicrosecondBuilder::new().with_timezone(UTC);
    let mut window = UInt64Builder::new();
    let mut keys = BinaryBuilder::new();
    let mut checksum = UInt64Builder::new();
    for cells in entries.iter().filter_map(|entry| Cells::of(org, entry)) {
        id.append_value(cells.id.to_be_bytes())?;
        kind.append_value(cells.kind);
        orgs.append_value(cells.org);
        texts.iter_mut().zip(cells.texts).for_each(|(column, text)| column.append_value(text));
        uid.append_value(cells.uid);
        time.append_value(cells.time);
        window.append_value(cells.window);
        keys.append_value(cells.keys.iter().flat_map(|key| key.to_be_bytes()).collect::<Vec<_>>());
        checksum.append_value(cells.checksum());
    }
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(id.finish()), Arc::new(kind.finish()), Arc::new(orgs.finish())];
    columns.extend(texts.map(|mut column| Arc::new(column.finish()) as ArrayRef));
    columns.extend([
        Arc::new(uid.finish()) as ArrayRef,
        Arc::new(time.finish()),
        Arc::new(window.finish()),
        Arc::new(keys.finish()),
        Arc::new(checksum.finish()),
    ]);
    RecordBatch::try_new(schema(), columns)
}

/// The entries of an organisation in a batch, and how many rows were left out because their checksum is wrong.
///
/// # Errors
/// A column is missing or has another type.
pub(crate) fn decode(org: &str, batch: &RecordBatch) -> Result<(Vec<Entry>, u64), String> {
    for field in schema().fields() {
        let found = batch.schema_ref().field_with_name(field.name()).map(|found| found.data_type().clone());
        if found.is_ok_and(|found| found != *field.data_type())
            || batch.column_by_name(field.name()).is_none()
        {
            return Err(format!("column {} is not what it should be", field.name()));
        }
    }
    let column = |name| batch.column_by_name(name).expect("every column was found above");
    let text = |name| column(name).as_string::<i32>();
    let (id, kind, orgs) = (column("id").as_fixed_size_binary(), text("kind"), text("org"));
    let texts = TEXTS.map(text);
    let uid = column("uid").as_primitive::<UInt32Type>();
    let time = column("time").as_primitive::<TimestampMicrosecondType>();
    let window = column("window").as_primitive::<UInt64Type>();
    let keys = column("keys").as_binary::<i32>();
    let checksum = column("checksum").as_primitive::<UInt64Type>();

    let (mut entries, mut damaged) = (Vec::new(), 0);
    for row in 0..batch.num_rows() {
        let listed: Vec<_> = keys.value(row).chunks(16).map(number).collect();
        let cells = Cells {
            id: number(id.value(row)),
            kind: kind.value(row),
            org: orgs.value(row),
            texts: texts.each_ref().map(|column| column.value(row)),
            uid: uid.value(row),
            time: time.value(row),
            window: window.value(row),
            keys: &listed,
        };
        if cells.checksum() != checksum.value(row) {
            damaged += 1;
        } else if cells.org == org {
            entries.push(entry(&cells));
        }
    }
    Ok((entries, damaged))
}

fn entry(cells: &Cells<'_>) -> Entry {
    let Cells { id, kind, org: _, texts, uid, time, window, keys } = *cells;
    let [workload, who, why, asked, outcome] = texts.map(str::to_owned);
    if kind == SETTLED {
        return Entry::Settled(id, Settled { time, outcome });
    }
    let Ok(action) = kind.parse() else { return Entry::Unknown };
    let (keys, window) = (keys.to_vec(), Duration::from_secs(window));
    Entry::Given(Feedback { id, time, who, uid, why, action, workload, asked, keys, window, settled: None })
}

fn number(bytes: &[u8]) -> u128 {
    bytes.try_into().map_or(0, u128::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::Action;

    use super::*;

    fn entries() -> Vec<Entry> {
        let given = |id, action, keys: &[u128]| {
            Entry::Given(Feedback {
                id,
                time: i64::MAX,
                who: "na\u{1b}me".into(),
                uid: u32::MAX,
                why: String::new(),
                action,
                workload: "a/b\0é".into(),
                asked: "*".into(),
                keys: keys.into(),
                window: Duration::from_secs(3600),
                settled: None,
            })
        };
        vec![
            given(u128::MAX, Action::Deny, &[0, u128::MAX]),
            given(1, Action::Learn, &[]),
            Entry::Settled(1, Settled { time: i64::MIN, outcome: "opened".into() }),
        ]
    }

    #[test]
    fn entries_come_back_to_their_organisation_alone() {
        let batch = encode("one", &entries()).expect("a batch");
        assert_eq!(decode("one", &batch), Ok((entries(), 0)));
        assert_eq!(decode("two", &batch), Ok((Vec::new(), 0)));
        assert_eq!(decode("one", &batch.slice(1, 2)), Ok((entries()[1..].to_vec(), 0)));
    }

    #[test]
    fn one_word_for_another_is_damage() {
        let batch = encode("one", &entries()).expect("a batch");
        let mut columns = batch.columns().to_vec();
        columns[1] = Arc::new(arrow::array::StringArray::from(vec!["approve", "learn", "settled"]));
        let changed = RecordBatch::try_new(batch.schema(), columns).expect("a batch");
        assert_eq!(decode("one", &changed), Ok((entries()[1..].to_vec(), 1)));
        let without = batch.project(&[0, 1]).expect("two columns");
        assert!(decode("one", &without).is_err());
    }
}
