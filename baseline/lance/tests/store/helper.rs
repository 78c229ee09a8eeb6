//! A writer in a process of its own, which can be killed and whose disk can be cut off.
//!
//! It saves batches without end, and after each tells on its standard output that the batch was acknowledged. What
//! must be there afterwards follows from the numbers of the acknowledged batches alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc::Receiver},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anomaly_baseline::{Access, Store};
use anomaly_lance::{LanceStore, Schedule};
use anomaly_vectorizer::Kind;

use crate::common::*;

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

/// A running writer.
pub(crate) struct Writer {
    child: Child,
    /// Hears of every acknowledgement.
    progress: Receiver<()>,
    acknowledged: JoinHandle<Vec<u64>>,
}

impl Writer {
    /// Starts one whose first batch is `from`, and returns when it has acknowledged that.
    pub(crate) fn start(role: Role, path: &Path, from: u64) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "helper::writer_process", "--nocapture"])
            .env(ROLE, format!("{role:?}"))
            .env(PATH, path)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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
        let writer = Self { child, progress, acknowledged };
        writer.wait_for(1);
        writer
    }

    /// Waits for so many further acknowledgements.
    pub(crate) fn wait_for(&self, acknowledgements: u64) {
        for _ in 0..acknowledgements {
            self.progress.recv_timeout(Duration::from_secs(60)).expect("the writer goes on");
        }
    }

    /// SIGKILL. Returns the batches that were acknowledged.
    pub(crate) fn kill(mut self) -> Vec<u64> {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.acknowledged.join().expect("its output was read")
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
    let (Ok(role), Ok(path), Ok(from)) = (env::var(ROLE), env::var(PATH), env::var(FROM)) else { return };
    let from = from.parse().expect("a number");
    if role == "Bare" { bare(Path::new(&path), from) } else { through_the_store(Path::new(&path), from) }
}

fn acknowledge(batch: u64) {
    let mut output = std::io::stdout().lock();
    // The harness has left its own words on the line.
    write!(output, "\nack {batch}\n").and_then(|()| output.flush()).expect("the parent reads");
}

fn through_the_store(path: &Path, from: u64) {
    let mut options = options(path);
    // Compaction and pruning all the time.
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
        store.maintain().expect("housekeeping works");
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
