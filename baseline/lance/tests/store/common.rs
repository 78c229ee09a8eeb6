//! Rows, stores and looking at directories.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anomaly_baseline::{DaySet, RowState, Store, StoreError, StoredRow, WorkloadRecord};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{
    Arguments, Described, Embedder, Embedding, Execution, Feature, FeatureClass, Kind, Seen, Space,
};

/// An embedder whose every version makes other keys. Not a good one: only the store is tested here.
pub(crate) struct TestEmbedder {
    pub(crate) scheme: &'static str,
    pub(crate) version: u32,
}

impl Embedder for TestEmbedder {
    fn space(&self) -> Space {
        Space { scheme: self.scheme, version: self.version, key_version: 1 }
    }

    fn embed(&self, execution: &Execution, embedding: &mut Embedding) {
        let text = format!("{} {} {:?}", self.version, execution.name, execution.arguments);
        // FNV-1a, 128 bits.
        let fnv =
            |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        embedding.key = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, fnv);
        let hash = embedding.key as u64;
        embedding.features.clear();
        embedding
            .features
            .extend((0..8).map(|n| Feature { hash: hash.wrapping_mul(n + 1), class: FeatureClass::Word }));
        embedding.features.sort_unstable();
        embedding.vector = std::array::from_fn(|n| ((hash >> (n % 48)) & 0xff) as f32 / 256.0);
    }

    fn describe(&self, _: &Execution) -> Vec<Described> {
        Vec::new()
    }
}

pub(crate) const SHAPES: TestEmbedder = TestEmbedder { scheme: "test", version: 1 };

pub(crate) fn options(path: &Path) -> StoreOptions {
    StoreOptions::new(path, Arc::new(SHAPES))
}

pub(crate) fn open(path: &Path) -> LanceStore {
    LanceStore::open(options(path)).expect("the store opens")
}

/// The `number`th execution of an ordinary workload.
pub(crate) fn row(number: u64) -> StoredRow {
    let execution = Execution {
        kind: Kind::Exec,
        name: format!("tool-{}", number % 50),
        parent: "sh".into(),
        grandparent: "systemd".into(),
        uid: 1000,
        arguments: Arguments::new([
            format!("/usr/bin/tool-{}", number % 50),
            "--job".into(),
            format!("job-{number}"),
        ]),
    };
    let mut embedding = Embedding::default();
    SHAPES.embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        execution,
        features: embedding.features,
        vector: embedding.vector.to_vec(),
        seen: Seen::from_bits([1, 1, 1, 1]),
        count: number + 1,
        first_seen: 1_700_000_000_000_000,
        last_seen: 1_700_000_000_000_000 + number as i64,
        first_day: 19_675,
        days: DaySet::of(19_675),
        distance: 0.25,
        state: RowState::Active,
    }
}

pub(crate) fn rows(range: std::ops::Range<u64>) -> Vec<StoredRow> {
    range.map(row).collect()
}

pub(crate) fn record(executions: u64) -> WorkloadRecord {
    WorkloadRecord {
        executions,
        first_seen: 1_700_000_000_000_000,
        last_seen: 1_700_000_001_000_000,
        first_day: 19_675,
        learned_at: Some(1_700_000_002_000_000),
        days: DaySet::of(19_675),
        ..WorkloadRecord::default()
    }
}

/// Everything in a database by workload, rows by key.
pub(crate) type Loaded = BTreeMap<String, (WorkloadRecord, BTreeMap<(Kind, u128), StoredRow>)>;

pub(crate) fn try_load(store: &mut LanceStore) -> Result<(Loaded, Vec<String>), StoreError> {
    let mut loaded = Loaded::new();
    let notices = store.load(&mut |workload, record, rows| {
        let count = rows.len();
        let by_key: BTreeMap<_, _> =
            rows.into_iter().map(|row| ((row.execution.kind, row.key), row)).collect();
        assert_eq!(by_key.len(), count, "a key appears once");
        assert!(loaded.insert(workload, (record, by_key)).is_none(), "a workload is handed over once");
    })?;
    Ok((loaded, notices))
}

pub(crate) fn load(store: &mut LanceStore) -> Loaded {
    let (loaded, notices) = try_load(store).expect("the store loads");
    assert_eq!(notices, [""; 0]);
    loaded
}

/// The counts of a workload's `job-N` rows by N.
pub(crate) fn jobs(loaded: &Loaded, workload: &str) -> BTreeMap<u64, u64> {
    let Some((_, rows)) = loaded.get(workload) else { return BTreeMap::new() };
    let number = |row: &StoredRow| {
        let job = row.execution.arguments.iter().nth(2).and_then(|job| job.strip_prefix("job-"));
        job.and_then(|number| number.parse().ok()).expect("a row of these tests")
    };
    rows.values().map(|row| (number(row), row.count)).collect()
}

/// The folder of a workload's table in the org `default`.
pub(crate) fn table(path: &Path, workload: &str) -> PathBuf {
    path.join("tables").join(format!("default__{workload}.lance"))
}

/// The manifests of a table, the newest first.
pub(crate) fn manifests(table: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(table.join("_versions"))
        .expect("a table")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "manifest"))
        .collect();
    found.sort();
    found
}

/// Every file below a folder with its content.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let content = fs::read(&path).expect("a file");
            found.insert(path, content);
        }
    }
    found
}

/// The number of files below a folder, and their bytes.
pub(crate) fn size(folder: &Path) -> (usize, u64) {
    let found = contents(folder);
    (found.len(), found.values().map(|content| content.len() as u64).sum())
}

/// Whether this is root, said where it is not.
pub(crate) fn is_root(what_needs_it: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: {what_needs_it} needs root");
    }
    root
}

/// Runs a command to its end. Why it failed, in its own words.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", said.lines().next().unwrap_or("it failed without a word")))
}

/// A mount that is undone when it is dropped.
pub(crate) struct Mount(pub(crate) PathBuf);

impl Mount {
    /// `mount ARGUMENTS... TARGET`; says that it was skipped where that is not possible.
    pub(crate) fn new(arguments: &[&str], target: &Path, what: &str) -> Option<Self> {
        match run(Command::new("mount").args(arguments).arg(target)) {
            Ok(()) => Some(Self(target.to_path_buf())),
            Err(cause) => {
                println!("skipped: {what}: {cause}");
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let umount = |arguments: &[&str]| run(Command::new("umount").args(arguments).arg(&self.0)).is_ok();
        // Another test's child has our descriptors for the moment between fork and exec.
        for _ in 0..100 {
            if umount(&[]) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        umount(&["-l"]);
    }
}
