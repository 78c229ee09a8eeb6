//! Rows as record batches and back.
//!
//! A row whose checksum or one of whose values is impossible is left out and counted: what cannot be trusted must not
//! become normal.

use std::{collections::HashSet, ops::Range, sync::Arc};

use anomaly_baseline::{DaySet, RowState, StoredRow};
use anomaly_vectorizer::{Arguments, DIMENSIONS, Execution, Feature, FeatureClass, Kind, Seen};
use arrow::{
    array::{
        Array, ArrayRef, AsArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder, FixedSizeListBuilder,
        Float32Builder, Int32Builder, ListArray, ListBuilder, StringArray, StringBuilder,
        TimestampMicrosecondBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
    },
    datatypes::{
        ArrowPrimitiveType, Float32Type, Int32Type, SchemaRef, TimestampMicrosecondType, UInt8Type,
        UInt32Type, UInt64Type,
    },
    error::ArrowError,
    record_batch::RecordBatch,
};

use crate::{checksum::checksum, record::RECORD_KIND, schema::UTC};

/// A row of a table: an execution's, or the one that holds the workload's record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) row: StoredRow,
    pub(crate) record: Option<String>,
}

/// Why a row cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error("a vector has {0} dimensions instead of {DIMENSIONS}")]
    Dimensions(usize),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// The lines as one batch of this schema.
pub(crate) fn encode<'a>(
    schema: SchemaRef,
    lines: impl Iterator<Item = (&'a StoredRow, Option<&'a str>)>,
) -> Result<RecordBatch, EncodeError> {
    let mut columns = Columns::new();
    for (row, record) in lines {
        if row.vector.len() != DIMENSIONS {
            return Err(EncodeError::Dimensions(row.vector.len()));
        }
        columns.push(row, record)?;
    }
    Ok(RecordBatch::try_new(schema, columns.finish())?)
}

/// The lines of a batch, and how many rows were left out because their checksum or a value of theirs is wrong.
///
/// # Errors
/// A column is missing or has another type: the table is not what its metadata says.
pub(crate) fn decode(batch: &RecordBatch) -> Result<(Vec<Line>, u64), String> {
    let cells = Cells::of(batch)?;
    let mut lines = Vec::with_capacity(batch.num_rows());
    let mut damaged = 0;
    for index in 0..batch.num_rows() {
        match cells.line(index) {
            Some(line) => lines.push(line),
            None => damaged += 1,
        }
    }
    Ok((lines, damaged))
}

/// Adds the row numbers of a batch whose kind and key are these to `numbers`.
///
/// # Errors
/// As [`decode`].
pub(crate) fn numbers_of(
    batch: &RecordBatch,
    kind: Kind,
    keys: &HashSet<u128>,
    numbers: &mut Vec<u64>,
) -> Result<(), String> {
    let column = |name| batch.column_by_name(name).ok_or_else(|| format!("column {name} is missing"));
    let other = |name| format!("column {name} is of another type");
    let kinds = column("kind")?.as_string_opt::<i32>().ok_or_else(|| other("kind"))?;
    let all = column("key")?.as_fixed_size_binary_opt().ok_or_else(|| other("key"))?;
    let ids = column("_rowid")?.as_primitive_opt::<UInt64Type>().ok_or_else(|| other("_rowid"))?;
    for index in 0..batch.num_rows() {
        let key = all.value(index).try_into().map(u128::from_be_bytes);
        if key.is_ok_and(|key| keys.contains(&key)) && kinds.value(index) == kind.as_str() {
            numbers.push(ids.value(index));
        }
    }
    Ok(())
}

/// One builder a column, in the order of the schema.
struct Columns {
    kind: StringBuilder,
    key: FixedSizeBinaryBuilder,
    name: StringBuilder,
    parent: StringBuilder,
    grandparent: StringBuilder,
    uid: UInt32Builder,
    args: ListBuilder<StringBuilder>,
    feature_hashes: ListBuilder<UInt64Builder>,
    feature_classes: ListBuilder<UInt8Builder>,
    vector: FixedSizeListBuilder<Float32Builder>,
    context: FixedSizeListBuilder<UInt32Builder>,
    count: UInt64Builder,
    first_seen: TimestampMicrosecondBuilder,
    last_seen: TimestampMicrosecondBuilder,
    first_day: Int32Builder,
    last_day: Int32Builder,
    day_bits: UInt64Builder,
    distance: Float32Builder,
    state: UInt8Builder,
    record: StringBuilder,
    checksum: UInt64Builder,
}

impl Columns {
    fn new() -> Self {
        Self {
            kind: StringBuilder::new(),
            key: FixedSizeBinaryBuilder::new(16),
            name: StringBuilder::new(),
            parent: StringBuilder::new(),
            grandparent: StringBuilder::new(),
            uid: UInt32Builder::new(),
            args: ListBuilder::new(StringBuilder::new()),
            feature_hashes: ListBuilder::new(UInt64Builder::new()),
            feature_classes: ListBuilder::new(UInt8Builder::new()),
            vector: FixedSizeListBuilder::new(Float32Builder::new(), DIMENSIONS as i32),
            context: FixedSizeListBuilder::new(UInt32Builder::new(), 4),
            count: UInt64Builder::new(),
            first_seen: TimestampMicrosecondBuilder::new().with_timezone(UTC),
            last_seen: TimestampMicrosecondBuilder::new().with_timezone(UTC),
            first_day: Int32Builder::new(),
            last_day: Int32Builder::new(),
            day_bits: UInt64Builder::new(),
            distance: Float32Builder::new(),
            state: UInt8Builder::new(),
            record: StringBuilder::new(),
            checksum: UInt64Builder::new(),
        }
    }

    fn push(&mut self, row: &StoredRow, record: Option<&str>) -> Result<(), ArrowError> {
        let Execution { kind, name, parent, grandparent, uid, arguments } = &row.execution;
        self.kind.append_value(if record.is_some() { RECORD_KIND } else { kind.as_str() });
        self.key.append_value(row.key.to_be_bytes())?;
        self.name.append_value(name);
        self.parent.append_value(parent);
        self.grandparent.append_value(grandparent);
        self.uid.append_value(*uid);
        self.args.append_value(arguments.iter().map(Some));
        self.feature_hashes.append_value(row.features.iter().map(|feature| Some(feature.hash)));
        self.feature_classes.append_value(row.features.iter().map(|feature| Some(feature.class as u8)));
        self.vector.values().append_slice(&row.vector);
        self.vector.append(true);
        self.context.values().append_slice(&row.seen.bits());
        self.context.append(true);
        self.count.append_value(row.count);
        self.first_seen.append_value(row.first_seen);
        self.last_seen.append_value(row.last_seen);
        self.first_day.append_value(row.first_day);
        self.last_day.append_value(row.days.last);
        self.day_bits.append_value(row.days.bits);
        self.distance.append_value(row.distance);
        self.state.append_value(row.state as u8);
        self.record.append_option(record);
        self.checksum.append_value(checksum(row, record));
        Ok(())
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.kind.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.parent.finish()),
            Arc::new(self.grandparent.finish()),
            Arc::new(self.uid.finish()),
            Arc::new(self.args.finish()),
            Arc::new(self.feature_hashes.finish()),
            Arc::new(self.feature_classes.finish()),
            Arc::new(self.vector.finish()),
            Arc::new(self.context.finish()),
            Arc::new(self.count.finish()),
            Arc::new(self.first_seen.finish()),
            Arc::new(self.last_seen.finish()),
            Arc::new(self.first_day.finish()),
            Arc::new(self.last_day.finish()),
            Arc::new(self.day_bits.finish()),
            Arc::new(self.distance.finish()),
            Arc::new(self.state.finish()),
            Arc::new(self.record.finish()),
            Arc::new(self.checksum.finish()),
        ]
    }
}

/// The columns of a batch, found by name and checked for their type once; slices where a row is a part of one.
struct Cells<'a> {
    kind: &'a StringArray,
    key: &'a FixedSizeBinaryArray,
    name: &'a StringArray,
    parent: &'a StringArray,
    grandparent: &'a StringArray,
    uid: &'a [u32],
    args: (&'a [i32], &'a StringArray),
    feature_hashes: (&'a [i32], &'a [u64]),
    feature_classes: (&'a [i32], &'a [u8]),
    vector: &'a [f32],
    context: &'a [u32],
    count: &'a [u64],
    first_seen: &'a [i64],
    last_seen: &'a [i64],
    first_day: &'a [i32],
    last_day: &'a [i32],
    day_bits: &'a [u64],
    distance: &'a [f32],
    state: &'a [u8],
    record: &'a StringArray,
    checksum: &'a [u64],
}

impl<'a> Cells<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, String> {
        let expected = crate::schema::schema(Default::default());
        for field in expected.fields() {
            match batch.schema_ref().field_with_name(field.name()) {
                Ok(found) if found.data_type() == field.data_type() => {}
                Ok(found) => return Err(format!("column {} is a {}", field.name(), found.data_type())),
                Err(_) => return Err(format!("column {} is missing", field.name())),
            }
        }
        let column = |name| batch.column_by_name(name).expect("every column was found above");
        let text = |name| column(name).as_string::<i32>();
        let list = |name| {
            let list: &ListArray = column(name).as_list();
            (list.value_offsets(), list.values())
        };
        let fixed = |name, width: usize| {
            let list = column(name).as_fixed_size_list();
            // A sliced batch keeps the whole child.
            (list.values(), list.offset() * width)
        };
        let (hash_offsets, hashes) = list("feature_hashes");
        let (class_offsets, classes) = list("feature_classes");
        let (arg_offsets, args) = list("args");
        let (vector, vector_start) = fixed("vector", DIMENSIONS);
        let (context, context_start) = fixed("context", 4);
        Ok(Self {
            kind: text("kind"),
            key: column("key").as_fixed_size_binary(),
            name: text("name"),
            parent: text("parent"),
            grandparent: text("grandparent"),
            uid: numbers::<UInt32Type>(column("uid")),
            args: (arg_offsets, args.as_string()),
            feature_hashes: (hash_offsets, numbers::<UInt64Type>(hashes)),
            feature_classes: (class_offsets, numbers::<UInt8Type>(classes)),
            vector: &numbers::<Float32Type>(vector)[vector_start..],
            context: &numbers::<UInt32Type>(context)[context_start..],
            count: numbers::<UInt64Type>(column("count")),
            first_seen: numbers::<TimestampMicrosecondType>(column("first_seen")),
            last_seen: numbers::<TimestampMicrosecondType>(column("last_seen")),
            first_day: numbers::<Int32Type>(column("first_day")),
            last_day: numbers::<Int32Type>(column("last_day")),
            day_bits: numbers::<UInt64Type>(column("day_bits")),
            distance: numbers::<Float32Type>(column("distance")),
            state: numbers::<UInt8Type>(column("state")),
            record: text("record"),
            checksum: numbers::<UInt64Type>(column("checksum")),
        })
    }

    /// The line at `index`; `None` where a value is impossible or the checksum another.
    fn line(&self, index: usize) -> Option<Line> {
        let hashes = part(self.feature_hashes, index)?;
        let classes = part(self.feature_classes, index)?;
        if hashes.len() != classes.len() {
            return None;
        }
        let features = hashes.iter().zip(classes);
        let features = features
            .map(|(&hash, &class)| Some(Feature { hash, class: FeatureClass::from_u8(class)? }))
            .collect::<Option<Vec<_>>>()?;
        let (offsets, arguments) = self.args;
        let arguments = range(offsets, index, arguments.len())?.map(|at| arguments.value(at));
        let vector = self.vector.get(index * DIMENSIONS..(index + 1) * DIMENSIONS)?;
        let context = self.context.get(index * 4..(index + 1) * 4)?;
        let record = self.record.is_valid(index).then(|| self.record.value(index).to_owned());
        let kind = self.kind.value(index);
        if record.is_some() != (kind == RECORD_KIND) {
            return None;
        }
        let kind = if record.is_some() { Kind::default() } else { Kind::named(kind)? };
        let row = StoredRow {
            key: u128::from_be_bytes(self.key.value(index).try_into().ok()?),
            execution: Execution {
                kind,
                name: self.name.value(index).to_owned(),
                parent: self.parent.value(index).to_owned(),
                grandparent: self.grandparent.value(index).to_owned(),
                uid: self.uid[index],
                arguments: Arguments::new(arguments),
            },
            features,
            vector: vector.to_vec(),
            seen: Seen::from_bits(context.try_into().ok()?),
            count: self.count[index],
            first_seen: self.first_seen[index],
            last_seen: self.last_seen[index],
            first_day: self.first_day[index],
            days: DaySet { last: self.last_day[index], bits: self.day_bits[index] },
            distance: self.distance[index],
            state: RowState::from_u8(self.state[index])?,
        };
        (checksum(&row, record.as_deref()) == self.checksum[index]).then_some(Line { row, record })
    }
}

/// All values of a column.
fn numbers<T: ArrowPrimitiveType>(column: &ArrayRef) -> &[T::Native] {
    column.as_primitive::<T>().values()
}

/// The indices of one list's items among `count` items.
fn range(offsets: &[i32], index: usize, count: usize) -> Option<Range<usize>> {
    let at = |index: usize| usize::try_from(*offsets.get(index)?).ok();
    let (start, end) = (at(index)?, at(index + 1)?);
    (start <= end && end <= count).then_some(start..end)
}

/// One list's items.
fn part<'a, T>((offsets, items): (&[i32], &'a [T]), index: usize) -> Option<&'a [T]> {
    items.get(range(offsets, index, items.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{schema::schema, testing};

    fn lines(batch: &RecordBatch) -> (Vec<Line>, u64) {
        decode(batch).expect("the columns are ours")
    }

    #[test]
    fn rows_come_back_also_from_a_slice() {
        let rows: Vec<_> = (0..50).map(testing::hostile_row).collect();
        let batch = encode(schema(Default::default()), rows.iter().map(|row| (row, None)))
            .expect("they can be stored");
        let (back, damaged) = lines(&batch);
        assert_eq!(damaged, 0);
        assert!(back.iter().map(|line| &line.row).eq(&rows));
        let (back, damaged) = lines(&batch.slice(17, 20));
        assert_eq!(damaged, 0);
        assert!(back.iter().map(|line| &line.row).eq(&rows[17..37]));
    }

    #[test]
    fn a_changed_value_in_any_column_is_noticed() {
        let row = testing::hostile_row(1);
        let other = StoredRow { state: RowState::Denied, ..testing::hostile_row(2) };
        let encode = |row, record| encode(schema(Default::default()), [(row, record)].into_iter()).unwrap();
        let batch = encode(&row, Some("{}"));
        let other = encode(&other, Some("{ }"));
        for (index, field) in batch.schema().fields().iter().enumerate() {
            let mut columns = batch.columns().to_vec();
            columns[index] = Arc::clone(other.column(index));
            if columns[index].as_ref() == batch.column(index).as_ref() {
                assert_eq!(field.name(), "kind", "the two rows differ in every other column");
                continue;
            }
            let mixed = RecordBatch::try_new(batch.schema(), columns).unwrap();
            assert_eq!(lines(&mixed), (vec![], 1), "{}", field.name());
        }
    }

    #[test]
    fn a_missing_column_and_a_wrong_type_are_errors() {
        let batch =
            encode(schema(Default::default()), [(&testing::hostile_row(1), None)].into_iter()).unwrap();
        assert_eq!(decode(&batch.project(&[0, 1]).unwrap()).unwrap_err(), "column name is missing");
        let swapped = RecordBatch::try_from_iter([("kind", Arc::clone(batch.column(5)))]).unwrap();
        assert_eq!(decode(&swapped).unwrap_err(), "column kind is a UInt32");
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let row = StoredRow { vector: vec![0.0; 3], ..testing::hostile_row(1) };
        let refused = encode(schema(Default::default()), [(&row, None)].into_iter());
        assert!(matches!(refused, Err(EncodeError::Dimensions(3))));
    }
}
