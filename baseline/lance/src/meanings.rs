//! What rows mean, kept: the vectors of a sentence model, for search by meaning.
//!
//! A table of its own for each organisation, in a folder of its own beside the baseline's tables: nothing that happens to
//! it can stand in the baseline's way, and whoever scores never opens it. It is a cache. Every vector can be computed
//! anew from its row, so nothing is synced, what will not open is begun anew, and so is what another model made. It holds
//! no text: a row is known by a digest of its workload, kind and key.
//!
//! It is written by whoever searches, under a lock of its own that is held for one batch: a daemon and a person who has
//! everything indexed do not wait for each other. Should both compute a row, it is there twice and found once.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    hash::Hasher,
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anomaly_baseline::StoreError;
use anomaly_vectorizer::Kind;
use arrow::{
    array::{Array, AsArray, FixedSizeBinaryBuilder, FixedSizeListBuilder, Float32Builder, RecordBatch},
    datatypes::{DataType, Field, Float32Type, Schema, SchemaRef},
};
use futures::TryStreamExt;
use lancedb::{
    Connection, DistanceType,
    query::{ExecutableQuery, QueryBase, Select},
};
use rustix::fs::Access as Permission;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::{directory, manifests, names, runtime::Executor, store::Fault, table};

/// Dimensions of a meaning.
pub const MEANING_DIMENSIONS: usize = 384;

/// The folder's lock.
const LOCK: &str = "writer.lock";

/// What stands for a workload in the table's name.
const NAME: &str = "semantic";

/// The version of the columns and of what they mean.
const VERSION: &str = "1";

/// What the table says about itself: its columns' version, and which model made it.
const VERSION_KEY: &str = "falco-anomaly.semantic";
const MODEL_KEY: &str = "falco-anomaly.model";

/// Versions after which the table is compacted.
const COMPACT_AFTER: usize = 32;

/// Versions that stay, for those that are reading them.
const KEPT: usize = 2;

/// How often the lock is tried: for ten seconds.
const LOCK_ATTEMPTS: usize = 200;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Rows of one deletion.
const PER_DELETION: usize = 500;

/// The meanings of one organisation's rows by one model.
pub struct Meanings {
    executor: Executor,
    connection: Connection,
    name: String,
    /// The table's folder.
    folder: PathBuf,
    model: String,
    /// Whether this process may write.
    is_writable: bool,
    /// Whether there is a table of this model.
    is_there: bool,
}

/// The digest that a row is known by.
pub fn meaning_id(workload: &str, kind: Kind, key: u128) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write(&key.to_be_bytes());
    hasher.write(&[kind as u8]);
    hasher.write(workload.as_bytes());
    hasher.finish128().as_u128()
}

impl Meanings {
    /// What a model made of an organisation's rows in the database at `path`; nothing where it made none yet. Where this
    /// process may write, it [can be added to](Self::is_writable).
    ///
    /// # Errors
    /// The directory cannot be read, or LanceDB cannot be started.
    pub fn open(path: &Path, org: &str, model: [u8; 32]) -> Result<Self, StoreError> {
        Self::open_all(path, org, model).map_err(failed("opening what was indexed"))
    }

    fn open_all(path: &Path, org: &str, model: [u8; 32]) -> Result<Self, Fault> {
        let parent = fs::canonicalize(path)?.join(directory::SEMANTIC);
        let is_writable = make(&parent);
        let executor = Executor::new()?;
        let connection = executor.run(table::connect(&parent))??;
        let name = names::table_name(org, NAME);
        let folder = parent.join(format!("{name}.lance"));
        let model = model.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut meanings = Self { executor, connection, name, folder, model, is_writable, is_there: false };
        match meanings.made_by() {
            Ok(Some(made_by)) => meanings.is_there = made_by == meanings.model,
            Ok(None) => {}
            Err(fault) => meanings.begin_anew(fault)?,
        }
        Ok(meanings)
    }

    /// Whether this process may add to it.
    pub fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// The rows whose meaning is kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn known(&mut self) -> Result<HashSet<u128>, StoreError> {
        if !self.is_there {
            return Ok(HashSet::new());
        }
        let read = |meanings: &Self| -> Result<HashSet<u128>, Fault> {
            let batches: Vec<RecordBatch> = meanings.executor.run(async {
                let table = table::open(&meanings.connection, &meanings.name).await?;
                table.query().select(Select::columns(&["row"])).execute().await?.try_collect().await
            })??;
            Ok(batches.iter().flat_map(ids).collect())
        };
        match read(self) {
            Ok(known) => Ok(known),
            Err(fault) => {
                self.begin_anew(fault).map_err(failed("reading what was indexed"))?;
                Ok(HashSet::new())
            }
        }
    }

    /// Keeps meanings, each of [`MEANING_DIMENSIONS`] numbers, of rows that are not [known](Self::known). What another
    /// model made is replaced.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&mut self, meanings: &[(u128, Vec<f32>)]) -> Result<(), StoreError> {
        self.add_all(meanings).map_err(failed("indexing"))
    }

    fn add_all(&mut self, meanings: &[(u128, Vec<f32>)]) -> Result<(), Fault> {
        let _alone = self.alone()?;
        let mut rows = FixedSizeBinaryBuilder::new(16);
        let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), MEANING_DIMENSIONS as i32);
        for (row, meaning) in meanings {
            if meaning.len() != MEANING_DIMENSIONS {
                return Err(Fault::Other(format!("a meaning has {} dimensions", meaning.len())));
            }
            rows.append_value(row.to_be_bytes()).expect("an id has 16 bytes");
            vectors.values().append_slice(meaning);
            vectors.append(true);
        }
        let columns: Vec<Arc<dyn Array>> = vec![Arc::new(rows.finish()), Arc::new(vectors.finish())];
        let batch = RecordBatch::try_new(self.schema(), columns)
            .map_err(|error| Fault::Other(format!("it cannot be encoded: {error}")))?;
        // Another process may have begun the table, or begun it anew for another model.
        self.is_there = self.made_by()?.is_some_and(|made_by| made_by == self.model);
        if self.is_there {
            self.executor.run(async {
                table::append(&table::open(&self.connection, &self.name).await?, batch).await
            })??;
        } else {
            let is_new = !self.folder.is_dir();
            self.executor.run(table::create(&self.connection, &self.name, vec![batch], !is_new))??;
            self.is_there = true;
        }
        self.keep_house(false)
    }

    /// Forgets rows, also on the disk.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn remove(&mut self, rows: &[u128]) -> Result<(), StoreError> {
        self.remove_all(rows).map_err(failed("forgetting what was indexed"))
    }

    fn remove_all(&mut self, rows: &[u128]) -> Result<(), Fault> {
        let _alone = self.alone()?;
        if !self.is_there || rows.is_empty() {
            return Ok(());
        }
        for rows in rows.chunks(PER_DELETION) {
            let ids: Vec<_> = rows.iter().map(|row| format!("X'{row:032x}'")).collect();
            let condition = format!("row IN ({})", ids.join(", "));
            self.executor.run(async {
                table::open(&self.connection, &self.name).await?.delete(&condition).await.map(drop)
            })??;
        }
        self.keep_house(true)
    }

    /// The rows whose meaning is nearest, at most `limit`, each with its cosine, the nearest first.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn nearest(&self, meaning: &[f32], limit: usize) -> Result<Vec<(u128, f32)>, StoreError> {
        if !self.is_there {
            return Ok(Vec::new());
        }
        self.nearest_of_all(meaning, limit).map_err(failed("searching what was indexed"))
    }

    fn nearest_of_all(&self, meaning: &[f32], limit: usize) -> Result<Vec<(u128, f32)>, Fault> {
        let batches: Vec<RecordBatch> = self.executor.run(async {
            let table = table::open(&self.connection, &self.name).await?;
            let query = table.query().nearest_to(meaning)?.distance_type(DistanceType::Cosine);
            let query = query.limit(limit).select(Select::columns(&["row", "_distance"]));
            query.execute().await?.try_collect().await
        })??;
        let mut nearest = Vec::new();
        for batch in &batches {
            let distances = batch
                .column_by_name("_distance")
                .and_then(|column| column.as_primitive_opt::<Float32Type>())
                .ok_or_else(|| Fault::Other("the answer has no distances".into()))?;
            nearest.extend(ids(batch).into_iter().zip(distances.values().iter().map(|far| 1.0 - far)));
        }
        Ok(nearest)
    }

    /// Which model made the table that is there; `None` where there is none, or a release before or after this one made
    /// it.
    fn made_by(&self) -> Result<Option<String>, Fault> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        let dataset = self.executor.run(table::newest(&self.connection, &self.name))??;
        let metadata = Schema::from(dataset.schema()).metadata;
        let is_ours = metadata.get(VERSION_KEY).is_some_and(|version| version == VERSION);
        Ok(metadata.get(MODEL_KEY).filter(|_| is_ours).cloned())
    }

    /// Takes what cannot be read away, where this process may; all of it can be computed again.
    fn begin_anew(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.is_writable {
            return Err(fault);
        }
        let _alone = self.alone()?;
        fs::remove_dir_all(&self.folder)?;
        self.is_there = false;
        let parent = self.folder.parent().expect("the table lies in its folder");
        self.connection = self.executor.run(table::connect(parent))??;
        Ok(())
    }

    /// Compacts the table when it has many versions, or rows that are to be in no file any more, and prunes old versions.
    fn keep_house(&self, purge: bool) -> Result<(), Fault> {
        let versions = || manifests::list(&self.folder);
        if versions()?.len() < COMPACT_AFTER && !purge {
            return Ok(());
        }
        let open = async || table::open(&self.connection, &self.name).await;
        self.executor.run(async { table::compact(&open().await?, purge).await })??;
        let kept = if purge { 1 } else { KEPT };
        let old: HashSet<_> = versions()?.iter().skip(kept).map(|manifest| manifest.version).collect();
        if !old.is_empty() {
            self.executor.run(async { table::prune(&open().await?, old, true).await.map(drop) })??;
        }
        Ok(())
    }

    /// Keeps every other process from writing while it lives.
    fn alone(&self) -> Result<File, Fault> {
        if !self.is_writable {
            return Err(Fault::Other("this process may not write here".into()));
        }
        let path = self.folder.with_file_name(LOCK);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        for _ in 0..LOCK_ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        Err(Fault::Other("another process writes there and does not come to an end".into()))
    }

    fn schema(&self) -> SchemaRef {
        let metadata = [(VERSION_KEY, VERSION), (MODEL_KEY, &*self.model)];
        let metadata: HashMap<_, _> = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let fields = vec![
            Field::new("row", DataType::FixedSizeBinary(16), false),
            Field::new("meaning", DataType::FixedSizeList(item, MEANING_DIMENSIONS as i32), false),
        ];
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }
}

/// The ids in a batch; what is no id is passed over.
fn ids(batch: &RecordBatch) -> Vec<u128> {
    let column = batch.column_by_name("row").and_then(|column| column.as_fixed_size_binary_opt());
    let ids = column.into_iter().flat_map(|column| column.iter().flatten());
    ids.filter_map(|id| id.try_into().ok().map(u128::from_be_bytes)).collect()
}

/// Makes the folder where it is missing. Whether this process may write there.
fn make(folder: &Path) -> bool {
    let made = DirBuilder::new().mode(0o700).create(folder);
    let is_there = made.is_ok() || made.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists);
    is_there && rustix::fs::access(folder, Permission::WRITE_OK | Permission::EXEC_OK).is_ok()
}

fn failed(operation: &'static str) -> impl FnOnce(Fault) -> StoreError {
    move |fault| fault.into_error(operation, "every workload")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: [u8; 32] = [7; 32];

    /// A made-up meaning that is nearest to those with numbers near its own.
    fn meaning(number: u16) -> Vec<f32> {
        let angle = f32::from(number) / 1000.0;
        let mut meaning = vec![0.0; MEANING_DIMENSIONS];
        (meaning[0], meaning[383]) = (angle.cos(), angle.sin());
        meaning
    }

    fn open(path: &Path, model: [u8; 32]) -> Meanings {
        Meanings::open(path, "default", model).expect("a folder that can be written")
    }

    #[test]
    fn what_was_added_is_found_by_nearness_after_opening_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut meanings = open(folder.path(), MODEL);
        assert!(meanings.is_writable() && meanings.known().expect("empty").is_empty());
        assert_eq!(meanings.nearest(&meaning(0), 5).expect("empty"), []);
        for batch in 0..40u16 {
            let rows: Vec<_> =
                (0..5).map(|row| (u128::from(batch * 5 + row), meaning(batch * 5 + row))).collect();
            meanings.add(&rows).expect("room");
        }
        let versions = manifests::list(&meanings.folder).expect("a table").len();
        assert!(versions < COMPACT_AFTER, "{versions} versions after 40 batches");
        drop(meanings);
        let mut meanings = open(folder.path(), MODEL);
        assert_eq!(meanings.known().expect("all").len(), 200);
        let nearest = meanings.nearest(&meaning(100), 3).expect("found");
        assert_eq!(nearest[0].0, 100);
        assert!((nearest[0].1 - 1.0).abs() < 1e-5, "{nearest:?}");
        let others: HashSet<_> = nearest[1..].iter().map(|(row, _)| *row).collect();
        assert_eq!(others, HashSet::from([99, 101]));
    }

    #[test]
    fn two_write_in_turn_and_both_see_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, mut other) = (open(folder.path(), MODEL), open(folder.path(), MODEL));
        one.add(&[(1, meaning(1))]).expect("room");
        other.add(&[(2, meaning(2)), (1, meaning(1))]).expect("room");
        one.add(&[(3, meaning(3))]).expect("room");
        for meanings in [&mut one, &mut other] {
            assert_eq!(meanings.known().expect("read"), HashSet::from([1, 2, 3]));
        }
        one.remove(&[1]).expect("removed");
        assert_eq!(other.known().expect("read"), HashSet::from([2, 3]), "both of the same row");
    }

    #[test]
    fn whoever_may_not_write_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path(), MODEL).add(&[(1, meaning(1))]).expect("room");
        let mut reader = Meanings { is_writable: false, ..open(folder.path(), MODEL) };
        assert_eq!(reader.known().expect("read"), HashSet::from([1]));
        let error = reader.add(&[(2, meaning(2))]).expect_err("it may not write");
        assert!(error.to_string().contains("may not write"), "{error}");
    }

    #[test]
    fn another_models_meanings_are_none_and_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path(), MODEL).add(&[(1, meaning(1)), (2, meaning(2))]).expect("room");
        let mut other = open(folder.path(), [8; 32]);
        assert!(
            other.known().expect("none").is_empty()
                && other.nearest(&meaning(1), 2).expect("none").is_empty()
        );
        other.add(&[(3, meaning(3))]).expect("room");
        drop(other);
        assert!(open(folder.path(), MODEL).known().expect("none").is_empty());
        assert_eq!(open(folder.path(), [8; 32]).known().expect("one"), HashSet::from([3]));
        let elsewhere = Meanings::open(folder.path(), "other", [8; 32]);
        assert!(
            elsewhere.expect("a folder").known().expect("none").is_empty(),
            "organisations share nothing"
        );
    }

    #[test]
    fn what_is_forgotten_is_in_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut meanings = open(folder.path(), MODEL);
        let id = 0x6f72_6967_696e_616c_5f72_6f77_5f69_6421_u128;
        meanings.add(&[(id, meaning(1)), (2, meaning(2))]).expect("room");
        let holds = |folder: &Path| {
            let files = fs::read_dir(folder.join("data")).expect("a folder").flatten();
            files
                .filter(|file| {
                    let bytes = fs::read(file.path()).expect("a file");
                    bytes.windows(16).any(|window| window == id.to_be_bytes())
                })
                .count()
        };
        assert_eq!(holds(&meanings.folder), 1);
        meanings.remove(&[id]).expect("removed");
        assert_eq!(meanings.known().expect("read"), HashSet::from([2]));
        assert_eq!(holds(&meanings.folder), 0);
    }

    #[test]
    fn what_will_not_open_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut meanings = open(folder.path(), MODEL);
        meanings.add(&[(1, meaning(1))]).expect("room");
        for manifest in manifests::list(&meanings.folder).expect("a table") {
            fs::write(manifest.path, b"").expect("a file");
        }
        drop(meanings);
        let mut meanings = open(folder.path(), MODEL);
        assert!(meanings.known().expect("none").is_empty());
        meanings.add(&[(2, meaning(2))]).expect("room");
        assert_eq!(open_to_read(folder.path()), HashSet::from([2]));
        // A damaged data file shows itself only when it is read.
        for file in fs::read_dir(meanings.folder.join("data")).expect("a folder").flatten() {
            fs::write(file.path(), b"no data").expect("a file");
        }
        drop(meanings);
        assert!(open(folder.path(), MODEL).known().expect("none").is_empty());
    }

    fn open_to_read(path: &Path) -> HashSet<u128> {
        open(path, MODEL).known().expect("it can be read")
    }

    #[test]
    fn rows_of_two_workloads_and_kinds_are_two() {
        let ids =
            [meaning_id("a", Kind::Exec, 1), meaning_id("b", Kind::Exec, 1), meaning_id("a", Kind::Open, 1)];
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    }
}
