//! The store itself: who may write, and what it means that something is saved.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use anomaly_baseline::{Access, FeedbackLog, Part, Settled, Store, StoreError, StoredRow, WorkloadRecord};
use anomaly_vectorizer::Embedder;
use lancedb::Connection;

use crate::{
    cause::{self, Kind},
    counters::Counters,
    directory::Directory,
    manifests, names,
    open_table::OpenTable,
    rows::EncodeError,
    runtime::{self, Executor, RunError},
    schema::{Identity, SCHEMA_VERSION, StoredSpace},
    table::{self, ReadError},
    upkeep::Schedule,
};

/// How many tables are kept open between two uses. Opening one takes a millisecond, keeping it some memory.
const OPEN_TABLES: usize = 32;

/// What a store is opened with.
pub struct StoreOptions {
    /// The database's directory; made where it is missing.
    pub path: PathBuf,
    /// Whose workloads: several organisations can share a directory, and each sees its own.
    pub org: String,
    /// The feature space of the rows, and what computes rows of an older version anew.
    pub embedder: Arc<dyn Embedder>,
    /// The rhythm of compaction and pruning.
    pub schedule: Schedule,
}

impl StoreOptions {
    /// The defaults beside a directory and an embedder.
    pub fn new(path: impl Into<PathBuf>, embedder: Arc<dyn Embedder>) -> Self {
        Self { path: path.into(), org: "default".into(), embedder, schedule: Schedule::default() }
    }
}

/// A [`Store`] on LanceDB: one table per `(org, workload)` in one directory.
///
/// For one thread at a time, and for the process that opened it: after a fork it refuses to work. When
/// [`access`](Store::access) turns from reader to writer, load again before saving: what was loaded as a reader is older
/// than what the writer before wrote last, and a row that is saved replaces the stored one.
pub struct LanceStore {
    pub(crate) executor: Executor,
    pub(crate) connection: Connection,
    pub(crate) directory: Directory,
    pub(crate) org: String,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) schedule: Schedule,
    pub(crate) counters: Arc<Counters>,
    /// What is known of each table by its name, open or not.
    pub(crate) tables: HashMap<String, OpenTable>,
    /// What there is to say before the first loading.
    pub(crate) notices: Vec<String>,
    /// Told of every path that is on the disk now.
    pub(crate) on_sync: Box<dyn FnMut(&Path) + Send>,
    /// Counts uses, so that the table that was not used for longest can be closed.
    uses: u64,
}

/// Why an operation on a table failed, before the caller's words for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Lance(#[from] lancedb::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Syncing, listing or moving files.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The table is one that this release must not write.
    #[error(transparent)]
    Refused(#[from] StoreError),
    #[error("{0}")]
    Other(String),
}

impl LanceStore {
    /// Opens a database, or makes one of a missing or empty directory. Without the right to write, or while another
    /// process writes, it opens as a reader.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] where the directory is somebody else's, cannot be read or made, or holds another
    /// scheme's features; [`StoreError::Newer`] where a newer release wrote it. Nothing is written in either case.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        Self::with(options, Directory::open)
    }

    /// Opens a database that is there to look at it, beside its writer or without one: nothing is made, locked or
    /// moved, and [`access`](Store::access) stays with reading.
    ///
    /// # Errors
    /// As [`open`](Self::open), and where there is no database.
    pub fn open_to_read(options: StoreOptions) -> Result<Self, StoreError> {
        Self::with(options, |path, space, _| Directory::open_to_read(path, space))
    }

    fn with(
        options: StoreOptions,
        directory: impl FnOnce(&Path, &StoredSpace, &mut Vec<String>) -> Result<Directory, StoreError>,
    ) -> Result<Self, StoreError> {
        let StoreOptions { path, org, embedder, schedule } = options;
        let unusable = |cause: String, remedy: &str| StoreError::Unusable {
            path: path.clone(),
            cause,
            remedy: remedy.to_owned(),
        };
        if let Some((variable, least)) = runtime::invalid_variable() {
            return Err(unusable(
                format!("the environment variable {variable} is no number of at least {least}"),
                "correct it or leave it out",
            ));
        }
        let mut notices = Vec::new();
        let directory = directory(&path, &embedder.space().into(), &mut notices)?;
        let executor = Executor::new()
            .map_err(|error| unusable(cause::sentence(&error), "allow this process more threads"))?;
        let connection = connect(&executor, &directory)
            .map_err(|fault| unusable(fault.sentence(), "choose another directory"))?;
        Ok(Self {
            executor,
            connection,
            directory,
            org,
            embedder,
            schedule,
            counters: Arc::default(),
            tables: HashMap::new(),
            notices,
            on_sync: Box::new(|_| {}),
            uses: 0,
        })
    }

    /// The counters, which stay valid when the store is gone.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Has `observer` told of every file and folder when it is on the disk: for tests of what survives a power cut.
    pub fn observe_syncs(&mut self, observer: impl FnMut(&Path) + Send + 'static) {
        self.on_sync = Box::new(observer);
    }

    /// The database's directory, absolute.
    pub fn path(&self) -> &Path {
        &self.directory.root
    }

    /// The process that writes the database now, if any does: its id, where it left one.
    pub fn writer(&self) -> Option<Option<u32>> {
        self.directory.writer()
    }

    /// When anything of the database was saved last, as far as its tables tell.
    pub fn last_saved(&self) -> Option<SystemTime> {
        let tables = fs::read_dir(self.directory.tables()).ok()?;
        let newest = |entry: io::Result<fs::DirEntry>| {
            manifests::list(&entry.ok()?.path()).ok()?.first().map(|manifest| manifest.written)
        };
        tables.filter_map(newest).max()
    }

    /// Forgets every open table and all that was read: files changed under us.
    pub(crate) fn reconnect(&mut self) -> Result<(), Fault> {
        self.connection = connect(&self.executor, &self.directory)?;
        for table in self.tables.values_mut() {
            table.close();
        }
        Ok(())
    }

    pub(crate) fn space(&self) -> StoredSpace {
        self.embedder.space().into()
    }

    pub(crate) fn identity(&self, workload: &str) -> Identity {
        Identity {
            org: self.org.clone(),
            workload: workload.to_owned(),
            schema_version: SCHEMA_VERSION,
            space: self.space(),
        }
    }

    /// The directory of a table.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.directory.tables().join(format!("{name}.lance"))
    }

    /// Closes the tables that were not used for longest, so that at most [`OPEN_TABLES`] stay open.
    fn close_idle(&mut self) {
        let mut open: Vec<_> = self.tables.values_mut().filter(|table| table.is_open()).collect();
        if open.len() > OPEN_TABLES {
            open.sort_unstable_by_key(|table| table.used);
            let surplus = open.len() - OPEN_TABLES;
            open.into_iter().take(surplus).for_each(OpenTable::close);
        }
    }

    /// Runs a writing operation on a workload's table; what every one of them has in common.
    pub(crate) fn write<T>(
        &mut self,
        operation: &'static str,
        workload: &str,
        act: impl FnOnce(&mut Self, &str) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let name = names::table_name(&self.org, workload);
        let result = if self.directory.is_writer() {
            act(self, &name)
        } else {
            Err(Fault::Other("this process may not write the database".into()))
        };
        self.uses += 1;
        if let Some(table) = self.tables.get_mut(&name) {
            table.used = self.uses;
            if result.is_err() {
                // Whatever it was, the next attempt looks at the files again.
                table.close();
            }
        }
        self.close_idle();
        result.map_err(|fault| fault.into_error(operation, workload))
    }
}

impl Store for LanceStore {
    fn access(&mut self) -> Access {
        let (access, taken_over) = self.directory.access();
        if taken_over {
            // What was read as a reader may be older than what the predecessor wrote last.
            self.tables.clear();
            if let Err(fault) = self.reconnect() {
                self.notices.push(format!("opening the database anew failed: {}", fault.sentence()));
            }
        }
        access
    }

    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        self.stream_all(each)
    }

    fn stream_rows(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
        notices: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        let found = self.stream_one(workload, each);
        notices.append(&mut self.notices);
        found
    }

    fn find(
        &mut self,
        workload: &str,
        kind: anomaly_vectorizer::Kind,
        keys: &[u128],
    ) -> Result<Vec<StoredRow>, StoreError> {
        self.find_rows(workload, kind, keys).map_err(|fault| fault.into_error("loading", workload))
    }

    fn save(
        &mut self,
        workload: &str,
        record: &WorkloadRecord,
        rows: &[StoredRow],
    ) -> Result<(), StoreError> {
        let result =
            self.write("saving", workload, |store, name| store.save_rows(name, workload, record, rows));
        match &result {
            Ok(()) => {
                self.counters.saves.fetch_add(1, Relaxed);
                self.counters.rows_saved.fetch_add(rows.len() as u64, Relaxed);
            }
            Err(_) => drop(self.counters.failed_saves.fetch_add(1, Relaxed)),
        }
        result
    }

    fn delete(
        &mut self,
        workload: &str,
        keys: &[(anomaly_vectorizer::Kind, u128)],
    ) -> Result<(), StoreError> {
        let result = self.write("deleting", workload, |store, name| store.delete_rows(name, workload, keys));
        match &result {
            Ok(rows) => drop(self.counters.rows_deleted.fetch_add(*rows, Relaxed)),
            Err(_) => drop(self.counters.failed_saves.fetch_add(1, Relaxed)),
        }
        result.map(drop)
    }

    /// Compacts or prunes the one table that is most in need of it, if any is.
    fn maintain(&mut self) -> Result<(), StoreError> {
        let Some((name, workload, due)) = self.most_due().filter(|_| self.directory.is_writer()) else {
            return Ok(());
        };
        let result = self.write("compacting", &workload, |store, _| store.keep_up(&name, &workload, due));
        if result.is_err() {
            self.counters.failed_compactions.fetch_add(1, Relaxed);
        }
        result
    }

    fn feedback(&mut self, known: Option<u64>) -> Result<Option<FeedbackLog>, StoreError> {
        self.read_feedback(known).map_err(|fault| fault.into_error("reading feedback", "every workload"))
    }

    fn settle(&mut self, settled: &[(u128, Settled)]) -> Result<(), StoreError> {
        self.settle_feedback(settled).map_err(|fault| fault.into_error("settling feedback", "every workload"))
    }
}

fn connect(executor: &Executor, directory: &Directory) -> Result<Connection, Fault> {
    if directory.is_writer() || directory.tables().is_dir() {
        return Ok(executor.run(table::connect(&directory.tables()))??);
    }
    Err(Fault::Other("it holds no tables yet and cannot be written".into()))
}

impl Fault {
    pub(crate) fn kind(&self) -> Kind {
        cause::kind(self)
    }

    pub(crate) fn sentence(&self) -> String {
        cause::sentence(self)
    }

    pub(crate) fn into_error(self, operation: &'static str, workload: &str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            fault => {
                StoreError::Failed { operation, workload: cause::one_line(workload), cause: fault.sentence() }
            }
        }
    }
}
