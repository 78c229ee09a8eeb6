//! One row, and reading a file's rows.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListBuilder, PrimitiveArray, PrimitiveBuilder, RecordBatch,
    StringArray, StringBuilder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float32Type, Int32Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::{Deserialize, Serialize};

use crate::{Error, LINES};

/// Rows that are decoded at a time: a file is hostile until it is read, and what repeats in it is small there and large
/// in memory.
const AT_ONCE: usize = 256;

/// A row of a baseline, with the keys that its line in an export has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Whose.
    pub workload: String,
    /// What kind of act.
    pub kind: String,
    /// `active`, `held`, `denied` or `forgotten`.
    pub state: String,
    /// The program.
    pub name: String,
    /// The program that started it.
    pub parent: String,
    /// The program that started that one.
    pub grandparent: String,
    /// The effective user.
    pub uid: u32,
    /// What was passed to it, scrubbed.
    pub args: Vec<String>,
    /// What it was seen with, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// Whether it is kept for that alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_context: bool,
    /// How often it was seen.
    pub count: u64,
    /// First time, microseconds since the Unix epoch.
    #[serde(with = "crate::moment")]
    pub first_seen: i64,
    /// Last time, the same.
    #[serde(with = "crate::moment")]
    pub last_seen: i64,
    /// The first day: days since the Unix epoch, or a recording's own.
    pub first_day: i32,
    /// The days, oldest first.
    pub days: Vec<i32>,
    /// How far it was from what was known, 0 to 1.
    pub distance: f32,
}

/// The columns of every file.
pub(crate) fn schema() -> SchemaRef {
    let list = |of| DataType::List(Arc::new(Field::new_list_field(of, false)));
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields = [
        ("workload", DataType::Utf8),
        ("kind", DataType::Utf8),
        ("state", DataType::Utf8),
        ("name", DataType::Utf8),
        ("parent", DataType::Utf8),
        ("grandparent", DataType::Utf8),
        ("uid", DataType::UInt32),
        ("args", list(DataType::Utf8)),
        ("context", list(DataType::Utf8)),
        ("for_context", DataType::Boolean),
        ("count", DataType::UInt64),
        ("first_seen", time()),
        ("last_seen", time()),
        ("first_day", DataType::Int32),
        ("days", list(DataType::Int32)),
        ("distance", DataType::Float32),
    ];
    Arc::new(Schema::new(fields.map(|(name, of)| Field::new(name, of, false)).to_vec()))
}

/// Rows as columns, in the order of the schema.
pub(crate) fn encode(rows: &[Row], schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
    let text =
        |of: fn(&Row) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let columns = vec![
        text(|row| &row.workload),
        text(|row| &row.kind),
        text(|row| &row.state),
        text(|row| &row.name),
        text(|row| &row.parent),
        text(|row| &row.grandparent),
        numbers::<UInt32Type>(rows, |row| row.uid),
        texts(rows, |row| &row.args),
        texts(rows, |row| &row.context),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.for_context)))),
        numbers::<UInt64Type>(rows, |row| row.count),
        times(rows, |row| row.first_seen),
        times(rows, |row| row.last_seen),
        numbers::<Int32Type>(rows, |row| row.first_day),
        days(rows),
        numbers::<Float32Type>(rows, |row| row.distance),
    ];
    RecordBatch::try_new(schema, columns)
}

fn numbers<T: ArrowPrimitiveType>(rows: &[Row], of: fn(&Row) -> T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(rows.iter().map(of)))
}

fn times(rows: &[Row], of: fn(&Row) -> i64) -> ArrayRef {
    let times = rows.iter().map(of);
    Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from_iter_values(times).with_timezone("UTC"))
}

fn texts(rows: &[Row], of: fn(&Row) -> &[String]) -> ArrayRef {
    let item = Field::new_list_field(DataType::Utf8, false);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
    for row in rows {
        of(row).iter().for_each(|text| lists.values().append_value(text));
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn days(rows: &[Row]) -> ArrayRef {
    let item = Field::new_list_field(DataType::Int32, false);
    let mut lists = ListBuilder::new(PrimitiveBuilder::<Int32Type>::new()).with_field(item);
    for row in rows {
        lists.values().append_slice(&row.days);
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// A file's rows, in its order.
pub struct Rows {
    batches: ParquetRecordBatchReader,
    ready: std::vec::IntoIter<Row>,
    failed: bool,
}

impl Rows {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is no Parquet. Its columns are looked at with the first row.
    pub fn open(file: File) -> Result<Self, Error> {
        Ok(Self::with_lines(file)?.0)
    }

    /// Opens a file, and takes out of it the lines that are no rows.
    pub(crate) fn with_lines(file: File) -> Result<(Self, Option<String>), Error> {
        caught(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet)?;
            let metadata = builder.metadata().file_metadata().key_value_metadata();
            let lines = metadata.into_iter().flatten().find(|entry| entry.key == LINES);
            let lines = lines.and_then(|entry| entry.value.clone());
            let batches = builder.with_batch_size(AT_ONCE).build().map_err(Error::parquet)?;
            Ok((Self { batches, ready: Vec::new().into_iter(), failed: false }, lines))
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.ready.next() {
                return Some(Ok(row));
            }
            if self.failed {
                return None;
            }
            let next = caught(|| match self.batches.next() {
                None => Ok(None),
                Some(batch) => decode(&batch.map_err(Error::parquet)?).map(Some),
            });
            match next {
                Ok(Some(rows)) => self.ready = rows.into_iter(),
                Ok(None) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// A file is hostile, and the decoder is not ours: a panic of its is an error like any other. Fifteen thousand files with
/// flipped bits brought none about.
fn caught<T>(act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(Error::parquet("its decoder gave up")))
}

/// The rows of a batch whose columns may be anybody's.
fn decode(batch: &RecordBatch) -> Result<Vec<Row>, Error> {
    let workload = strings(batch, "workload")?;
    let kind = strings(batch, "kind")?;
    let state = strings(batch, "state")?;
    let name = strings(batch, "name")?;
    let parent = strings(batch, "parent")?;
    let grandparent = strings(batch, "grandparent")?;
    let uid = primitive::<UInt32Type>(batch, "uid")?;
    let args = string_lists(batch, "args")?;
    let context = string_lists(batch, "context")?;
    let for_context = column(batch, "for_context", |array| array.as_boolean_opt())?;
    let count = primitive::<UInt64Type>(batch, "count")?;
    let first_seen = primitive::<TimestampMicrosecondType>(batch, "first_seen")?;
    let last_seen = primitive::<TimestampMicrosecondType>(batch, "last_seen")?;
    let first_day = primitive::<Int32Type>(batch, "first_day")?;
    let days = lists(batch, "days", |items| {
        items.as_primitive_opt::<Int32Type>().map(|days| days.values().to_vec())
    })?;
    let distance = primitive::<Float32Type>(batch, "distance")?;
    let row = |at: usize| Row {
        workload: workload.value(at).into(),
        kind: kind.value(at).into(),
        state: state.value(at).into(),
        name: name.value(at).into(),
        parent: parent.value(at).into(),
        grandparent: grandparent.value(at).into(),
        uid: uid.value(at),
        args: args[at].clone(),
        context: context[at].clone(),
        for_context: for_context.value(at),
        count: count.value(at),
        first_seen: first_seen.value(at),
        last_seen: last_seen.value(at),
        first_day: first_day.value(at),
        days: days[at].clone(),
        distance: distance.value(at),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// A column of the type that `typed` makes of it, without nulls.
fn column<'a, T: ?Sized>(
    batch: &'a RecordBatch,
    column: &'static str,
    typed: impl FnOnce(&'a dyn Array) -> Option<&'a T>,
) -> Result<&'a T, Error> {
    let array = batch.column_by_name(column).filter(|array| array.null_count() == 0);
    array.and_then(|array| typed(array)).ok_or(Error::Column { column })
}

fn strings<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, Error> {
    column(batch, name, |array| array.as_string_opt())
}

fn primitive<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a PrimitiveArray<T>, Error> {
    column(batch, name, |array| array.as_primitive_opt())
}

/// A column of lists, each as `typed` makes it of its items.
fn lists<T>(
    batch: &RecordBatch,
    name: &'static str,
    typed: impl Fn(&ArrayRef) -> Option<Vec<T>>,
) -> Result<Vec<Vec<T>>, Error> {
    let lists = column(batch, name, |array| array.as_list_opt::<i32>())?;
    let items = |list: Option<ArrayRef>| list.filter(|items| items.null_count() == 0);
    lists
        .iter()
        .map(|list| items(list).as_ref().and_then(&typed).ok_or(Error::Column { column: name }))
        .collect()
}

fn string_lists(batch: &RecordBatch, name: &'static str) -> Result<Vec<Vec<String>>, Error> {
    lists(batch, name, |items| {
        let items = items.as_string_opt::<i32>()?;
        Some(items.iter().flatten().map(str::to_owned).collect())
    })
}
