//! What thousands of workloads take in memory, and what it costs that not all of them are there.
//!
//! First ten thousand workloads of a hundred rows within the default budget. Their rows are made when they are asked
//! for instead of read, so that it is the engine's memory that is measured and not a database's. Then some hundred of
//! them in LanceDB, for how long a baseline takes to be read back. Last one large baseline, for what a row takes. The
//! memory is the process's resident set by the kernel, beside the engine's own estimate.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Access, DaySet, Engine, Method, RowState, Settings, Sighting, Standing, Store, StoreError, StoredRow,
    Teach, Verdict, WorkloadRecord,
};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{Context, Embedder, Embedding, Execution, Hashed, Kind, Seen};

#[path = "../../benches/support/mod.rs"]
mod support;

use support::{Numbers, execution};

/// Workloads, and rows of each.
const WORKLOADS: usize = 10_000;
const ROWS: usize = 100;

/// Workloads in LanceDB, and their budget: a fifth of what they take.
const IN_LANCEDB: usize = 150;
const BUDGET_IN_LANCEDB: usize = 2 << 20;

/// Rows of the large baseline.
const LARGE: usize = 100_000;

/// Executions per figure.
const ASKED: usize = 2_000;

/// How long a baseline may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let before = resident();
    let engine = engine(Settings::default(), Box::new(Made { workloads: WORKLOADS, rows: ROWS }));
    tell(&format!("{WORKLOADS} workloads of {ROWS} rows, loaded"), &engine, before);
    ask(&engine, WORKLOADS, true);
    ask(&engine, WORKLOADS, false);
    tell("the same, after these", &engine, before);
    drop(engine);

    let directory = tempfile::tempdir().expect("a directory");
    let open = || {
        let options = StoreOptions::new(directory.path(), Arc::new(Hashed::default()));
        Box::new(LanceStore::open(options).expect("a database"))
    };
    let mut store = open();
    for number in 0..IN_LANCEDB {
        let rows: Vec<_> = (0..ROWS).map(|row| made(number, row)).collect();
        store.save(&name(number), &record(), &rows).expect("it is saved");
    }
    drop(store);
    let before = resident();
    let engine = engine_with(BUDGET_IN_LANCEDB, open());
    tell(&format!("{IN_LANCEDB} workloads of {ROWS} rows in LanceDB"), &engine, before);
    ask(&engine, IN_LANCEDB, true);
    ask(&engine, IN_LANCEDB, false);
    drop(engine);

    let before = resident();
    let engine = engine_with(usize::MAX, Box::new(Made { workloads: 1, rows: LARGE }));
    tell(&format!("one workload of {LARGE} rows"), &engine, before);
    println!("{:>60} bytes a row", engine.memory().bytes / LARGE);
}

fn engine(settings: Settings, store: Box<dyn Store>) -> Engine {
    let engine = Engine::with_store(settings, Arc::new(Hashed::default()), Method::default(), store);
    let engine = engine.expect("a thread");
    engine.wait_loaded(Duration::from_secs(600)).expect("it loads");
    engine
}

fn engine_with(memory_budget: usize, store: Box<dyn Store>) -> Engine {
    engine(Settings { memory_budget, ..Settings::default() }, store)
}

/// The resident set in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn tell(what: &str, engine: &Engine, before: usize) {
    let memory = engine.memory();
    println!(
        "{what:<48}{:>7} awake{:>7} asleep{:>8.1} MiB estimated{:>8.1} MiB resident",
        memory.awake,
        memory.asleep,
        memory.bytes as f64 / f64::from(1 << 20),
        resident().saturating_sub(before) as f64 / 1_024.0,
    );
}

/// Asks about executions of workloads at random: repeats, or news.
fn ask(engine: &Engine, workloads: usize, repeats: bool) {
    let mut numbers = Numbers(7);
    let (mut there, mut woken) = (Vec::new(), Vec::new());
    let asked = if repeats { ASKED } else { ASKED / 4 };
    for _ in 0..asked {
        let number = numbers.below(workloads);
        let mut execution =
            of(number, if repeats { numbers.below(ROWS) } else { ROWS + numbers.below(ROWS) });
        if !repeats {
            execution.parent = "bash".into();
        }
        let before = engine.counters().while_waking;
        let began = Instant::now();
        let verdict = see(engine, &name(number), &execution);
        let took = began.elapsed();
        assert_ne!(verdict.standing, Standing::Waking, "it came back");
        assert!(!repeats || verdict.standing == Standing::Known, "{verdict:?}");
        if engine.counters().while_waking == before { &mut there } else { &mut woken }.push(took);
    }
    let what = if repeats { "repeats" } else { "novelties" };
    for (took, where_) in [(&mut there, "in memory"), (&mut woken, "read back first")] {
        took.sort_unstable();
        if let (Some(median), Some(most)) = (took.get(took.len() / 2), took.get(took.len() * 99 / 100)) {
            println!(
                "{:>24} {what} {where_}, median {median:.1?}, p99 {most:.1?}, features included",
                took.len()
            );
        }
    }
}

fn see(engine: &Engine, workload: &str, execution: &Execution) -> Verdict {
    let sighting = Sighting {
        workload,
        execution,
        context: Context::default(),
        time: 1,
        day: 0,
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    };
    engine.observe_patiently(&sighting, PATIENCE)
}

/// A store that makes its rows when it is asked for them, and forgets what it is told.
struct Made {
    workloads: usize,
    rows: usize,
}

fn name(number: usize) -> String {
    format!("docker.io/library/workload-{number}")
}

/// An execution of a workload, the same in every run.
fn of(workload: usize, row: usize) -> Execution {
    execution(&mut Numbers((workload as u64) << 32 | row as u64))
}

fn made(workload: usize, row: usize) -> StoredRow {
    let execution = of(workload, row);
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        execution,
        features: embedding.features,
        vector: embedding.vector.to_vec(),
        seen: Seen::from(Context::default()),
        count: 3,
        first_seen: 0,
        last_seen: 1,
        first_day: 0,
        days: DaySet::of(0),
        distance: 0.0,
        state: RowState::Active,
    }
}

fn record() -> WorkloadRecord {
    WorkloadRecord {
        executions: 300,
        last_seen: 1,
        learned_at: Some(1),
        days: DaySet::of(0),
        ..WorkloadRecord::default()
    }
}

impl Store for Made {
    fn access(&mut self) -> Access {
        Access::Writer
    }

    fn load(
        &mut self,
        each: &mut dyn FnMut(String, WorkloadRecord, Vec<StoredRow>),
    ) -> Result<Vec<String>, StoreError> {
        for number in 0..self.workloads {
            each(name(number), record(), (0..self.rows).map(|row| made(number, row)).collect());
        }
        Ok(Vec::new())
    }

    fn load_rows(
        &mut self,
        workload: &str,
        _: &mut Vec<String>,
    ) -> Result<Option<Vec<StoredRow>>, StoreError> {
        let number = workload.rsplit('-').next().and_then(|number| number.parse().ok());
        Ok(number.map(|number| (0..self.rows).map(|row| made(number, row)).collect()))
    }

    fn save(&mut self, _: &str, _: &WorkloadRecord, _: &[StoredRow]) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete(&mut self, _: &str, _: &[(Kind, u128)]) -> Result<(), StoreError> {
        Ok(())
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
