//! What is asked of LanceDB, one function each.

use std::{collections::HashSet, fmt::Write, path::Path, sync::Arc};

use anomaly_baseline::{StoredRow, WorkloadRecord};
use anomaly_vectorizer::Kind;
use arrow::{
    datatypes::Schema,
    record_batch::{RecordBatch, RecordBatchIterator},
};
use futures::TryStreamExt;
use lance::{
    Dataset,
    dataset::{
        builder::DatasetBuilder,
        cleanup::{CleanupPolicy, RemovalStats},
        fragment::FileFragment,
        scanner::Scanner,
    },
};
use lancedb::{
    Connection, ObjectStoreRegistry, Session, Table,
    database::CreateTableMode,
    table::{CompactionOptions, OptimizeAction},
};

use crate::{record, rows, schema::Identity};

/// Bytes of the caches that all tables share: indexes, of which there are none below 50,000 rows, and metadata.
const INDEX_CACHE: usize = 8 << 20;
const METADATA_CACHE: usize = 16 << 20;

/// Rows that a compacted file has at least. Larger ones are left alone until rows in them are replaced, so that a
/// large table is not rewritten whole for every handful of new rows.
const ROWS_PER_FILE: usize = 8192;

/// Rows that are read at a time: some two megabytes.
const ROWS_AT_ONCE: usize = 1024;

/// Keys that are.
const KEYS_AT_ONCE: usize = 16_384;

/// Bytes of files that are read ahead.
const IO_BUFFER: u64 = 16 << 20;

/// How many keys go into one deletion's condition.
pub(crate) const KEYS_PER_DELETION: usize = 500;

/// Why a table was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Lance(#[from] lancedb::Error),
    #[error("{0}")]
    Content(String),
}

/// A table's content.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) identity: Identity,
    /// `None` where the row that holds it is gone or damaged.
    pub(crate) record: Option<WorkloadRecord>,
    pub(crate) rows: Vec<StoredRow>,
    /// Rows left out, see [`rows::decode`].
    pub(crate) damaged: u64,
    /// Whether its files hold rows that were deleted or replaced.
    pub(crate) holds_deleted: bool,
}

impl Content {
    pub(crate) fn of(identity: Identity) -> Self {
        Self { identity, record: None, rows: Vec::new(), damaged: 0, holds_deleted: false }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ReadError> {
        let mut rest = Rest::default();
        self.rows.append(&mut rest.take(batch)?);
        self.add_rest(rest);
        Ok(())
    }

    fn add_rest(&mut self, rest: Rest) {
        let Rest { record, damaged, holds_deleted } = rest;
        self.record = record.or(self.record.take());
        self.damaged += damaged;
        self.holds_deleted |= holds_deleted;
    }
}

/// What a table has beside its rows.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) record: Option<WorkloadRecord>,
    /// Rows left out, see [`rows::decode`].
    pub(crate) damaged: u64,
    /// Whether its files hold rows that were deleted or replaced.
    pub(crate) holds_deleted: bool,
}

impl Rest {
    /// The rows of a batch; what else is in it is kept here.
    fn take(&mut self, batch: &RecordBatch) -> Result<Vec<StoredRow>, ReadError> {
        let (lines, damaged) = rows::decode(batch).map_err(ReadError::Content)?;
        self.damaged += damaged;
        let mut rows = Vec::with_capacity(lines.len());
        for line in lines {
            match line.record {
                Some(record) => self.record = record::from_json(&record),
                None => rows.push(line.row),
            }
        }
        Ok(rows)
    }
}

/// A connection with its own caches, so that a new one has forgotten everything.
pub(crate) async fn connect(tables: &Path) -> lancedb::Result<Connection> {
    // Absolute, or LanceDB would take a directory whose name starts with `db` for its cloud.
    lancedb::connect(text(tables)).session(session()).execute().await
}

/// Opens the newest version.
pub(crate) async fn open(connection: &Connection, name: &str) -> lancedb::Result<Table> {
    connection.open_table(name).execute().await
}

/// Creates the table with these rows, or replaces all rows and the metadata of one that is there in one commit.
pub(crate) async fn create(
    connection: &Connection,
    name: &str,
    batches: Vec<RecordBatch>,
    replace: bool,
) -> lancedb::Result<Table> {
    let mode = if replace { CreateTableMode::Overwrite } else { CreateTableMode::Create };
    connection.create_table(name, batches).mode(mode).execute().await
}

/// The newest version of a table to read from.
pub(crate) async fn newest(connection: &Connection, name: &str) -> lancedb::Result<Arc<Dataset>> {
    dataset(&open(connection, name).await?).await
}

/// Another version of the table in `folder` to read from. LanceDB would open the newest one first, and that may be
/// what is damaged.
pub(crate) async fn version(folder: &Path, version: u64) -> lancedb::Result<Dataset> {
    let builder = DatasetBuilder::from_uri(text(folder)).with_version(version).with_session(session());
    Ok(builder.load().await?)
}

/// Reads everything: a damaged data file shows itself only here.
pub(crate) async fn read(dataset: &Dataset) -> Result<Content, ReadError> {
    let mut content = Content::of(identity(dataset)?);
    let mut rows = Vec::new();
    let rest = stream(dataset, &mut |mut some| rows.append(&mut some)).await?;
    content.rows = rows;
    content.add_rest(rest);
    Ok(content)
}

/// The same, handing the rows over a part at a time.
pub(crate) async fn stream(
    dataset: &Dataset,
    each: &mut dyn FnMut(Vec<StoredRow>),
) -> Result<Rest, ReadError> {
    let mut rest = Rest::default();
    let scan = bounded(dataset, ROWS_AT_ONCE);
    let mut batches = scan.try_into_stream().await.map_err(lancedb::Error::from)?;
    while let Some(batch) = batches.try_next().await.map_err(lancedb::Error::from)? {
        each(rest.take(&batch)?);
    }
    rest.holds_deleted = dataset.count_deleted_rows().await.map_err(lancedb::Error::from)? > 0;
    Ok(rest)
}

/// The rows of these keys: the keys of all rows are looked through, and only those rows read.
pub(crate) async fn find(
    dataset: &Dataset,
    kind: Kind,
    keys: &HashSet<u128>,
) -> Result<Vec<StoredRow>, ReadError> {
    let mut scan = bounded(dataset, KEYS_AT_ONCE);
    scan.project(&["kind", "key"]).map_err(lancedb::Error::from)?.with_row_id();
    let mut batches = scan.try_into_stream().await.map_err(lancedb::Error::from)?;
    let mut numbers = Vec::with_capacity(keys.len());
    while let Some(batch) = batches.try_next().await.map_err(lancedb::Error::from)? {
        rows::numbers_of(&batch, kind, keys, &mut numbers).map_err(ReadError::Content)?;
        if numbers.len() >= keys.len() {
            break;
        }
    }
    drop(batches);
    let mut found = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(ROWS_AT_ONCE) {
        let batch =
            dataset.take_rows(numbers, dataset.schema().clone()).await.map_err(lancedb::Error::from)?;
        found.append(&mut Rest::default().take(&batch)?);
    }
    Ok(found)
}

/// A scan that has little of a table in memory at a time, whatever its size. By itself LanceDB reads ahead as many
/// batches as there are cores, and two gigabytes of files.
fn bounded(dataset: &Dataset, rows: usize) -> Scanner {
    let mut scan = dataset.scan();
    scan.batch_size(rows).batch_readahead(1).fragment_readahead(1).io_buffer_size(IO_BUFFER);
    scan
}

/// Reads one of the parts that a table is stored in, of which each can be read without the others.
pub(crate) async fn read_fragment(fragment: &FileFragment, content: &mut Content) -> Result<(), ReadError> {
    let mut part = Content::of(content.identity.clone());
    let mut batches = fragment.scan().try_into_stream().await.map_err(lancedb::Error::from)?;
    while let Some(batch) = batches.try_next().await.map_err(lancedb::Error::from)? {
        part.add(&batch)?;
    }
    content.rows.append(&mut part.rows);
    content.record = part.record.or(content.record.take());
    content.damaged += part.damaged;
    Ok(())
}

/// Whose table it is.
pub(crate) fn identity(dataset: &Dataset) -> Result<Identity, ReadError> {
    let schema = Schema::from(dataset.schema());
    Identity::of(&schema).ok_or_else(|| ReadError::Content("its metadata is not ours".into()))
}

/// Inserts the rows, or replaces those of the same kind and key, in one commit.
pub(crate) async fn upsert(table: &Table, batch: RecordBatch) -> lancedb::Result<()> {
    let mut merge = table.merge_insert(&["kind", "key"]);
    merge.when_matched_update_all(None).when_not_matched_insert_all();
    let schema = batch.schema();
    merge.execute(Box::new(RecordBatchIterator::new([Ok(batch)], schema))).await.map(drop)
}

/// Deletes rows in one commit. At most [`KEYS_PER_DELETION`] keys, of any kinds.
pub(crate) async fn delete(table: &Table, keys: &[(Kind, u128)]) -> lancedb::Result<u64> {
    let mut condition = String::new();
    for (kind, key) in keys {
        if !condition.is_empty() {
            condition.push_str(" OR ");
        }
        write!(condition, "(key = X'{key:032x}' AND kind = '{kind}')")
            .expect("writing to a string cannot fail");
    }
    Ok(table.delete(&condition).await?.num_deleted_rows)
}

/// Adds rows in one commit.
pub(crate) async fn append(table: &Table, batch: RecordBatch) -> lancedb::Result<()> {
    table.add(vec![batch]).execute().await.map(drop)
}

/// Every batch of a version.
pub(crate) async fn batches(dataset: &Dataset) -> lancedb::Result<Vec<RecordBatch>> {
    let stream = dataset.scan().try_into_stream().await.map_err(lancedb::Error::from)?;
    stream.try_collect().await.map_err(lancedb::Error::from)
}

/// Merges small files. `purge` rewrites every file with a deleted row, so that deleted rows are in no file of the
/// newest version; otherwise a file may keep a tenth of them.
pub(crate) async fn compact(table: &Table, purge: bool) -> lancedb::Result<()> {
    let mut options = CompactionOptions {
        target_rows_per_fragment: ROWS_PER_FILE,
        num_threads: Some(1),
        ..CompactionOptions::default()
    };
    if purge {
        options.materialize_deletions_threshold = 0.0;
    }
    table.optimize(OptimizeAction::Compact { options, remap_options: None }).await.map(drop)
}

/// Removes these versions, and every file that no remaining version needs. Nobody else may be writing: what a
/// commit in progress has written is removed too, and so are a killed predecessor's leavings. Where others may be,
/// `alone` is false, and files that no version knows are left alone for a week.
pub(crate) async fn prune(
    table: &Table,
    versions: HashSet<u64>,
    alone: bool,
) -> lancedb::Result<RemovalStats> {
    let policy = CleanupPolicy {
        versions: Some(versions),
        delete_unverified: alone,
        error_if_tagged_old_versions: false,
        ..CleanupPolicy::default()
    };
    Ok(dataset(table).await?.cleanup_with_policy(policy).await?)
}

/// The dataset behind a table.
pub(crate) async fn dataset(table: &Table) -> lancedb::Result<Arc<Dataset>> {
    match table.dataset() {
        Some(dataset) => dataset.get().await,
        None => Err(lancedb::Error::NotSupported { message: "this table is not local".into() }),
    }
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(INDEX_CACHE, METADATA_CACHE, Arc::new(ObjectStoreRegistry::default())))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the directory's name was checked when it was opened, and ours is ASCII")
}
