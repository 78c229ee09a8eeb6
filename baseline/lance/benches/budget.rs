//! What thousands of workloads take in memory, and what it costs that not all of them are there.
//!
//! First ten thousand workloads of a hundred rows within the default budget, and one of a million. Their rows are made
//! when they are asked for instead of read, so that it is the engine's memory that is measured and not a database's. Then
//! some hundred of them in LanceDB, for how long a baseline takes to be read back. Last one large baseline that is in
//! memory whole, for what a row takes. The memory is the process's resident set by the kernel, beside the engine's own
//! estimate. One of these parts alone: its name as an argument.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Access, DaySet, Engine, Method, Part, RowState, Settings, Sighting, Standing, Store, StoreError,
    StoredRow, Teach, Verdict, WorkloadRecord,
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

/// Rows of a baseline that is larger than the budget.
const MILLION: usize = 1_000_000;

/// Rows of the large baseline that is in memory whole.
const LARGE: usize = 100_000;

/// Executions per figure.
const ASKED: usize = 2_000;

/// How long a baseline may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let named: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, fn()); 5] =
        [("many", many), ("million", million), ("both", both), ("lancedb", in_lancedb), ("whole", whole)];
    for (name, part) in parts {
        if named.is_empty() || named.iter().any(|named| named == name) {
            part();
        }
    }
}

fn many() {
    let before = resident();
    let engine =
        engine(Settings::default(), Box::new(Made { workloads: WORKLOADS, rows: ROWS, million: false }));
    tell(&format!("{WORKLOADS} workloads of {ROWS} rows, loaded"), &engine, before);
    ask(&engine, WORKLOADS, true);
    ask(&engine, WORKLOADS, false);
    tell("the same, after these", &engine, before);
}

fn million() {
    let before = resident();
    let began = Instant::now();
    let engine = engine(Settings::default(), Box::new(Made { workloads: 0, rows: 0, million: true }));
    println!("{:>60.1?} to load", began.elapsed());
    tell(&format!("one workload of {MILLION} rows, loaded"), &engine, before);
    ask_large(&engine, true);
    tell("after repeats", &engine, before);
    ask_large(&engine, false);
    tell("after novelties too", &engine, before);
}

fn both() {
    let before = resident();
    let engine =
        engine(Settings::default(), Box::new(Made { workloads: WORKLOADS, rows: ROWS, million: true }));
    tell("both at once, loaded", &engine, before);
    ask(&engine, WORKLOADS, true);
    ask_large(&engine, true);
    ask_large(&engine, false);
    tell("after these", &engine, before);
}

fn in_lancedb() {
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
}

fn whole() {
    let before = resident();
    let engine = engine_with(usize::MAX, Box::new(Made { workloads: 1, rows: LARGE, million: false }));
    tell(&format!("one workload of {LARGE} rows, whole"), &engine, before);
    println!("{:>60} bytes a row", engine.memory().bytes / LARGE);
}

/// Asks about executions of the large baseline: repeats of any of its rows, or news.
fn ask_large(engine: &Engine, repeats: bool) {
    let mut numbers = Numbers(11);
    let before = engine.counters();
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let mut execution =
            of(WORKLOADS, if repeats { numbers.below(MILLION) } else { MILLION + numbers.below(MILLION) });
        if !repeats {
            execution.parent = "bash".into();
        }
        let began = Instant::now();
        let verdict = see(engine, &name(WORKLOADS), &execution);
        took.push(began.elapsed());
        assert!(!repeats || verdict.standing == Standing::Known, "{verdict:?}");
        assert_ne!(verdict.standing, Standing::Waking);
    }
    took.sort_unstable();
    let (median, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let what = if repeats { "repeats" } else { "novelties" };
    println!("{:>24} {what}, median {median:.1?}, p99 {most:.1?}, features included", took.len());
    let counters = engine.counters();
    if let Some(reach) = (counters.rows_in_reach - before.rows_in_reach).checked_div(ASKED as u64)
        && reach > 0
    {
        // A few of the million are the same by chance.
        let status = engine.status().into_iter().max_by_key(|status| status.rows).expect("it is there");
        let compared = (counters.rows_compared - before.rows_compared) / ASKED as u64;
        println!("{:>24} rows in memory; each compared with {compared} of {reach}", status.in_memory);
    }
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
    /// Whether there is one more, of a million rows.
    million: bool,
}

impl Made {
    /// The rows of a workload, a part at a time.
    fn hand_over(&self, number: usize, each: &mut dyn FnMut(Part)) {
        let rows = if number < self.workloads { self.rows } else { MILLION };
        each(Part::Begin);
        for start in (0..rows).step_by(1_024) {
            let end = rows.min(start + 1_024);
            each(Part::Rows((start..end).map(|row| made(number, row)).collect()));
        }
        each(Part::End(record()));
    }
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
        last_seen: row as i64,
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

    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        let large = self.million.then_some(WORKLOADS);
        for number in (0..self.workloads).chain(large) {
            self.hand_over(number, &mut |part| each(&name(number), part));
        }
        Ok(Vec::new())
    }

    fn stream_rows(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
        _: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        let number = workload.rsplit('-').next().and_then(|number| number.parse().ok());
        if let Some(number) = number {
            self.hand_over(number, each);
        }
        Ok(number.is_some())
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
