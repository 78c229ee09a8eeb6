//! A writer in a process of its own, which can be killed and whose disk can be cut off.
//!
//! It saves batches without end, and after each tells on its standard output that the batch was acknowledged. What
//! must be there afterwards follows from the numbers of the acknowledged batches alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{Arc, mpsc::Receiver},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anomaly_baseline::{Access, Store};
use anomaly_lance::{LanceStore, Schedule};
use anomaly_vectorizer::Kind;

use crate::common::*;

/// The test that is the writer.
const WRITER: &str = "helper::writer_process";

const TEST: &str = "ANOMALY_STORE_TEST";
const ROLE: &str = "ANOMALY_STORE_TEST_ROLE";
const PATH: &str = "ANOMALY_STORE_TEST_PATH";
const FROM: &str = "ANOMALY_STORE_TEST_FROM";

/// New rows in a batch. A batch also changes one row of the batch before; every tenth deletes one of three before.
const ROWS: u64 = 5;

/// What a changed row's count is raised by.
const CHANGE: u64 = 1_000_000;

/// How the writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Through the store.
    Store,
    /// Through LanceDB alone: the control, which shows what a test can find.
    Bare,
}

/// A process of this program that works until it is killed, and tells what it has done: `ack NUMBER` a line.
pub(crate) struct Child {
    child: process::Child,
    /// Hears of every acknowledgement.
    progress: Receiver<()>,
    acknowledged: JoinHandle<Vec<u64>>,
    /// What it says on standard error.
    said: Option<JoinHandle<String>>,
}

impl Child {
    /// Starts the test of this name in a process of its own, and returns when it has acknowledged something.
    pub(crate) fn start(test: &str, role: &str, path: &Path, from: u64) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", test, "--nocapture"])
            .env(TEST, test)
            .env(ROLE, role)
            .env(PATH, path)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, progress) = std::sync::mpsc::channel();
        let acknowledged = thread::spawn(move || {
            let mut acknowledged = Vec::new();
            for line in output.lines().map_while(Result::ok) {
                if let Some(number) = line.strip_prefix("ack ") {
                    acknowledged.push(number.parse().expect("a number"));
                    let _ = tell.send(());
                }
            }
            acknowledged
        });
        let mut errors = child.stderr.take().expect("a pipe");
        let said = thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).map(|_| said).unwrap_or_default()
        });
        let mut child = Self { child, progress, acknowledged, said: Some(said) };
        child.wait_for(1);
        child
    }

    /// In the process: which database and where to begin; `None` where this is no such process of this test.
    pub(crate) fn told(test: &str) -> Option<(PathBuf, u64)> {
        let is_told = env::var(TEST).is_ok_and(|told| told == test);
        let from = env::var(FROM).ok()?.parse().expect("a number");
        is_told.then(|| (env::var(PATH).expect("a path").into(), from))
    }

    /// Waits for so many further acknowledgements.
    pub(crate) fn wait_for(&mut self, acknowledgements: u64) {
        for _ in 0..acknowledgements {
            if let Err(error) = self.progress.recv_timeout(Duration::from_secs(60)) {
                // Its end is told by its own words.
                let _ = self.child.kill();
                let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
                panic!("the process does not go on ({error}): {said}");
            }
        }
    }

    /// SIGKILL. Returns what was acknowledged.
    pub(crate) fn kill(mut self) -> Vec<u64> {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.acknowledged.join().expect("its output was read")
    }
}

/// A running writer.
pub(crate) struct Writer(Child);

impl Writer {
    /// Starts one whose first batch is `from`, and returns when it has acknowledged that.
    pub(crate) fn start(role: Role, path: &Path, from: u64) -> Self {
        Self(Child::start(WRITER, &format!("{role:?}"), path, from))
    }

    /// Waits for so many further acknowledgements.
    pub(crate) fn wait_for(&mut self, acknowledgements: u64) {
        self.0.wait_for(acknowledgements);
    }

    /// SIGKILL. Returns the batches that were acknowledged.
    pub(crate) fn kill(self) -> Vec<u64> {
        self.0.kill()
    }
}

/// What must be there after all these batches were acknowledged, and what must not.
#[derive(Default)]
pub(crate) struct Expected {
    counts: BTreeMap<u64, u64>,
    gone: BTreeSet<u64>,
    last: Option<u64>,
    pub(crate) batches: usize,
}

impl Expected {
    pub(crate) fn add(&mut self, batches: &[u64]) {
        for &batch in batches {
            for job in batch * ROWS..(batch + 1) * ROWS {
                self.counts.insert(job, job + 1);
            }
            if let Some(changed) = changed_by(batch) {
                self.counts.entry(changed).and_modify(|count| *count += CHANGE);
            }
            if let Some(deleted) = deleted_by(batch) {
                self.counts.remove(&deleted);
                self.gone.insert(deleted);
            }
            self.last = self.last.max(Some(batch));
        }
        self.batches += batches.len();
    }

    pub(crate) fn rows(&self) -> usize {
        self.counts.len()
    }

    /// What is lost of what was acknowledged, in words; empty where nothing is.
    pub(crate) fn lost(&self, loaded: &Loaded) -> Vec<String> {
        let jobs = jobs(loaded, "host");
        let mut lost = Vec::new();
        for (job, count) in &self.counts {
            match jobs.get(job) {
                // A batch may arrive though it was never acknowledged, and with it a change or a deletion.
                Some(found) if found >= count => {}
                None if unacknowledged_deletion(*job, self.last) => {}
                found => lost.push(format!("row {job}: count {found:?} instead of {count}")),
            }
        }
        lost.extend(
            self.gone.iter().filter(|job| jobs.contains_key(job)).map(|job| format!("row {job} is back")),
        );
        let executions = loaded.get("host").map(|(record, _)| record.executions);
        if executions < self.last {
            lost.push(format!("record of batch {executions:?} instead of {:?}", self.last));
        }
        lost
    }
}

fn changed_by(batch: u64) -> Option<u64> {
    Some(batch.checked_sub(1)? * ROWS)
}

fn deleted_by(batch: u64) -> Option<u64> {
    (batch % 10 == 9).then(|| (batch - 3) * ROWS + 1)
}

fn unacknowledged_deletion(job: u64, last: Option<u64>) -> bool {
    last.and_then(|last| deleted_by(last + 1)) == Some(job)
}

#[test]
fn writer_process() {
    let Some((path, from)) = Child::told(WRITER) else { return };
    if env::var(ROLE).is_ok_and(|role| role == "Bare") {
        bare(&path, from);
    } else {
        through_the_store(&path, from);
    }
}

pub(crate) fn acknowledge(batch: u64) {
    let mut output = std::io::stdout().lock();
    // The harness has left its own words on the line.
    write!(output, "\nack {batch}\n").and_then(|()| output.flush()).expect("the parent reads");
}

/// The store of a process that compacts and prunes all the time, as soon as the writer before it is gone.
pub(crate) fn open_as_writer(path: &Path) -> LanceStore {
    let mut options = options(path);
    options.schedule = Schedule {
        commits: 3,
        rest: Duration::from_millis(500),
        keep_for: Duration::ZERO,
        least_versions: 2,
        ..Schedule::default()
    };
    let mut store = LanceStore::open(options).expect("the store opens");
    let deadline = Instant::now() + Duration::from_secs(10);
    while store.access() == Access::Reader {
        assert!(Instant::now() < deadline, "the writer before is gone");
        thread::sleep(Duration::from_millis(20));
    }
    store
}

fn through_the_store(path: &Path, from: u64) {
    let mut store = open_as_writer(path);
    store.load(&mut |_, _, _| {}).expect("the store loads");
    for batch in from.. {
        let mut rows = rows(batch * ROWS..(batch + 1) * ROWS);
        if let Some(changed) = changed_by(batch).filter(|_| batch > from) {
            let mut changed = row(changed);
            changed.count += CHANGE;
            rows.push(changed);
        }
        store.save("host", &record(batch), &rows).expect("it is saved");
        if let Some(deleted) = deleted_by(batch).filter(|_| batch > from + 3) {
            store.delete("host", &[(Kind::Exec, row(deleted).key)]).expect("it is deleted");
        }
        acknowledge(batch);
        match store.maintain() {
            // What a power cut left of an old version is found when that is pruned, and said once.
            Err(error)
                if error.to_string().contains("an old version could not be read and was moved aside") => {}
            result => result.expect("housekeeping works"),
        }
    }
}

fn bare(path: &Path, from: u64) {
    use arrow::{array::UInt64Array, record_batch::RecordBatch};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let batch = |number: u64| {
            let numbers = Arc::new(UInt64Array::from(vec![number])) as _;
            RecordBatch::try_from_iter([("number", numbers)]).expect("one column")
        };
        let connection =
            lancedb::connect(path.to_str().expect("a path")).execute().await.expect("it connects");
        let table = connection.create_table("bare", batch(from)).execute().await.expect("it is made");
        acknowledge(from);
        for number in from + 1.. {
            table.add(batch(number)).execute().await.expect("it is added");
            acknowledge(number);
        }
    });
}
