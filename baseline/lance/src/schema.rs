//! The columns of a workload's table, and what the table says about itself.

use std::{collections::HashMap, sync::Arc};

use anomaly_vectorizer::{DIMENSIONS, Space};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The version of the columns and of what they mean. Raised by every change that an older release would misread.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Time zone of the time columns.
pub(crate) const UTC: &str = "UTC";

/// Whose table it is and in which feature space its rows are. Kept in the table's own metadata, so that it is
/// replaced in one commit with the rows that it describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) org: String,
    pub(crate) workload: String,
    pub(crate) schema_version: u32,
    pub(crate) space: StoredSpace,
}

/// A [`Space`] as stored: the scheme may be one that this release does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSpace {
    pub(crate) scheme: String,
    pub(crate) version: u32,
    pub(crate) key_version: u32,
}

impl From<Space> for StoredSpace {
    fn from(space: Space) -> Self {
        let Space { scheme, version, key_version } = space;
        Self { scheme: scheme.into(), version, key_version }
    }
}

const ORG: &str = "falco-anomaly.org";
const WORKLOAD: &str = "falco-anomaly.workload";
const SCHEMA: &str = "falco-anomaly.schema";
const SCHEME: &str = "falco-anomaly.scheme";
const FEATURE_VERSION: &str = "falco-anomaly.feature_version";
const KEY_VERSION: &str = "falco-anomaly.key_version";

impl Identity {
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        let Self { org, workload, schema_version, space } = self;
        let StoredSpace { scheme, version, key_version } = space;
        [
            (ORG, org.clone()),
            (WORKLOAD, workload.clone()),
            (SCHEMA, schema_version.to_string()),
            (SCHEME, scheme.clone()),
            (FEATURE_VERSION, version.to_string()),
            (KEY_VERSION, key_version.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// From a table's metadata; `None` where it is no table of ours.
    pub(crate) fn of(schema: &Schema) -> Option<Self> {
        let text = |name| schema.metadata.get(name).cloned();
        let number = |name| schema.metadata.get(name)?.parse().ok();
        Some(Self {
            org: text(ORG)?,
            workload: text(WORKLOAD)?,
            schema_version: number(SCHEMA)?,
            space: StoredSpace {
                scheme: text(SCHEME)?,
                version: number(FEATURE_VERSION)?,
                key_version: number(KEY_VERSION)?,
            },
        })
    }
}

/// The columns. Everything that is not text, a list or a vector has a fixed width, and nothing but `record` is null.
pub(crate) fn schema(metadata: HashMap<String, String>) -> SchemaRef {
    let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, true)));
    let fixed = |item: DataType, size: usize| {
        let size = i32::try_from(size).expect("a handful of dimensions");
        DataType::FixedSizeList(Arc::new(Field::new("item", item, true)), size)
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let fields = [
        ("kind", DataType::Utf8),
        // The 128-bit key, big-endian.
        ("key", DataType::FixedSizeBinary(16)),
        ("name", DataType::Utf8),
        ("parent", DataType::Utf8),
        ("grandparent", DataType::Utf8),
        ("uid", DataType::UInt32),
        ("args", list(DataType::Utf8)),
        // Two lists of one length: the features sorted by hash, and the class of each.
        ("feature_hashes", list(DataType::UInt64)),
        ("feature_classes", list(DataType::UInt8)),
        ("vector", fixed(DataType::Float32, DIMENSIONS)),
        // The bits of the contexts seen, per dimension.
        ("context", fixed(DataType::UInt32, 4)),
        ("count", DataType::UInt64),
        ("first_seen", time.clone()),
        ("last_seen", time),
        ("first_day", DataType::Int32),
        ("last_day", DataType::Int32),
        ("day_bits", DataType::UInt64),
        ("distance", DataType::Float32),
        ("state", DataType::UInt8),
        // Only in the one row of kind `.workload`.
        ("record", DataType::Utf8),
        // Over all other columns: LanceDB has none of its own.
        ("checksum", DataType::UInt64),
    ];
    let fields: Vec<_> = fields.map(|(name, kind)| Field::new(name, kind, name == "record")).into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_whose_it_is() {
        let identity = Identity {
            org: String::new(),
            workload: "a\u{1b}b\0é".into(),
            schema_version: SCHEMA_VERSION,
            space: StoredSpace { scheme: "shapes".into(), version: 3, key_version: 1 },
        };
        assert_eq!(Identity::of(&schema(identity.metadata())), Some(identity));
        assert_eq!(Identity::of(&schema(HashMap::new())), None);
    }
}
