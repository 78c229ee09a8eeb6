//! What an execution costs, beside asking LanceDB about it: the same rows, the same run, one core.
//!
//! LanceDB is asked as the article asks it: the ten nearest by cosine, for every execution, repeat or not. First comes
//! a table with medians, 99th percentiles and the ratio to LanceDB, then criterion's own statistics. The percentiles
//! stand twice: over what each execution costs (the fastest of [`PASSES`], so that it is the work that is compared) and
//! over all that the clock showed, interruptions by the rest of the machine included. `make bench`
//! builds all of it at optimisation level 3; the first line says what was built, for an unoptimised LanceDB would
//! flatter us thirtyfold.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{Engine, Method, Settings, Sighting, Teach};
use anomaly_vectorizer::{Context, DIMENSIONS, Embedder, Embedding, Execution, Hashed, Vector};
use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use criterion::{BenchmarkId, Criterion};
use futures::TryStreamExt;
use lancedb::query::{ExecutableQuery, QueryBase};
use tokio::runtime::Runtime;

#[path = "../../benches/support/mod.rs"]
mod support;

use support::{Numbers, execution};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Executions asked about per figure.
const ASKED: usize = 2_000;

/// How often each execution is asked about.
const PASSES: usize = 5;

/// LanceDB is asked less often: it takes milliseconds.
const ASKED_OF_LANCEDB: usize = 200;

fn main() {
    println!(
        "built with {}",
        if cfg!(debug_assertions) {
            "LanceDB unoptimised: the ratios below flatter us; run `make bench`"
        } else {
            "optimisation level 3, LanceDB included"
        }
    );
    let mut criterion = Criterion::default().configure_from_args();
    let heads = ["median", "p99", "p99, clock", "LanceDB / ours"];
    println!("{:<44}{:>12}{:>12}{:>12}{:>16}", "", heads[0], heads[1], heads[2], heads[3]);
    for size in SIZES {
        let case = Case::new(size);
        case.table();
        case.measure(&mut criterion);
    }
    criterion.final_summary();
}

/// A workload of some size, in our engine (both searches) and in LanceDB.
struct Case {
    size: usize,
    engine: Engine,
    exact: Engine,
    known: Vec<Execution>,
    novel: Vec<Execution>,
    lancedb: LanceDb,
}

struct LanceDb {
    runtime: Runtime,
    table: lancedb::Table,
    _directory: tempfile::TempDir,
}

impl Case {
    fn new(size: usize) -> Self {
        let mut numbers = Numbers(7);
        let rows: Vec<_> = (0..size).map(|_| execution(&mut numbers)).collect();
        let novel = (0..ASKED).map(|_| execution(&mut numbers)).collect();
        let engine = |exact_search| {
            let settings =
                Settings { learn_executions: u64::MAX, max_rows: usize::MAX, ..Settings::default() };
            let method = Method { exact_search, ..Method::default() };
            let engine = Engine::in_memory(settings, Arc::new(Hashed::default()), method);
            rows.iter().for_each(|row| drop(engine.observe(&sighting(row, Teach::Policy))));
            engine.finish_learning(0);
            engine
        };
        let known = rows.iter().step_by((size / ASKED).max(1)).take(ASKED).cloned().collect();
        let (approximate, exact) = (engine(false), engine(true));
        let lancedb = LanceDb::new(&rows);
        Self { size, engine: approximate, exact, known, novel, lancedb }
    }

    fn table(&self) {
        let Self { size, engine, exact, known, novel, lancedb } = self;
        let mut embedding = Embedding::default();
        let embedder = Hashed::default();
        let features = Tail::of(known, |execution| {
            embedder.embed(execution, &mut embedding);
            black_box(&embedding);
        });
        fn observe(engine: &Engine, teach: Teach) -> impl FnMut(&Execution) {
            move |execution| drop(black_box(engine.observe(&sighting(execution, teach))))
        }
        let repeat = Tail::of(known, observe(engine, Teach::Policy));
        let novelty = Tail::of(novel, observe(engine, Teach::Nothing));
        let scan = Tail::of(novel, observe(exact, Teach::Nothing));
        let asked = Tail::of(&novel[..ASKED_OF_LANCEDB], |execution| {
            embedder.embed(execution, &mut embedding);
            lancedb.ask(&embedding.vector);
        });
        let distance =
            |engine: &Engine, execution| engine.observe(&sighting(execution, Teach::Nothing)).distance;
        let same = novel.iter().filter(|novel| distance(engine, *novel) == distance(exact, *novel)).count();
        println!("{size} distinct rows");
        features.print("features + vector", None);
        repeat.print("a repeat, features included", Some(&asked));
        repeat.less(&features).print("a repeat after its features", Some(&asked));
        novelty.print("a novelty, explanation included", Some(&asked));
        scan.print("  the same by a plain scan of every row", Some(&asked));
        asked.print("  the same by asking LanceDB", None);
        println!("  found what the plain scan finds: {:.4}", same as f64 / novel.len() as f64);
    }

    fn measure(&self, criterion: &mut Criterion) {
        let Self { size, engine, exact, known, novel, lancedb } = self;
        let mut group = criterion.benchmark_group("per execution");
        let mut each = |name, executions: &[Execution], ask: &mut dyn FnMut(&Execution)| {
            let mut next = executions.iter().cycle();
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| ask(next.next().expect("it cycles")));
            });
        };
        each("repeat", known, &mut |execution| {
            drop(black_box(engine.observe(&sighting(execution, Teach::Policy))))
        });
        each("novelty", novel, &mut |execution| {
            drop(black_box(engine.observe(&sighting(execution, Teach::Nothing))))
        });
        each("plain scan", novel, &mut |execution| {
            drop(black_box(exact.observe(&sighting(execution, Teach::Nothing))));
        });
        let mut embedding = Embedding::default();
        each("LanceDB", novel, &mut |execution| {
            Hashed::default().embed(execution, &mut embedding);
            lancedb.ask(&embedding.vector);
        });
        group.finish();
    }
}

impl LanceDb {
    fn new(rows: &[Execution]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let vector = DataType::FixedSizeList(Arc::clone(&item), DIMENSIONS as i32);
        let schema = Arc::new(Schema::new(vec![Field::new("vector", vector, false)]));
        let mut embedding = Embedding::default();
        let mut components = Vec::with_capacity(rows.len() * DIMENSIONS);
        for row in rows {
            Hashed::default().embed(row, &mut embedding);
            components.extend_from_slice(&embedding.vector);
        }
        let values: ArrayRef = Arc::new(Float32Array::from(components));
        let column = FixedSizeListArray::new(item, DIMENSIONS as i32, values, None);
        let batch = RecordBatch::try_new(schema, vec![Arc::new(column)]).expect("one column of the schema");
        let table = runtime.block_on(async {
            let path = directory.path().to_str().expect("a printable path");
            let connection = lancedb::connect(path).execute().await.expect("a database");
            connection.create_table("rows", batch).execute().await.expect("a table")
        });
        Self { runtime, table, _directory: directory }
    }

    fn ask(&self, vector: &Vector) {
        let found = self.runtime.block_on(async {
            let query = self.table.query().nearest_to(vector.as_slice()).expect("a query");
            let stream = query
                .distance_type(lancedb::DistanceType::Cosine)
                .limit(10)
                .execute()
                .await
                .expect("it runs");
            stream.try_collect::<Vec<_>>().await.expect("it answers")
        });
        black_box(found);
    }
}

fn sighting(execution: &Execution, teach: Teach) -> Sighting<'_> {
    let context = Context::default();
    Sighting { workload: "bench", execution, context, time: 0, day: 0, teach, pid: 0, ppid: 0 }
}

/// Times in nanoseconds.
struct Tail {
    median: u64,
    p99: u64,
    p99_by_the_clock: u64,
}

impl Tail {
    fn of(executions: &[Execution], mut ask: impl FnMut(&Execution)) -> Self {
        let mut fastest = vec![u64::MAX; executions.len()];
        let mut all = Vec::with_capacity(executions.len() * PASSES);
        executions.iter().take(100).for_each(&mut ask);
        for _ in 0..PASSES {
            for (execution, fastest) in executions.iter().zip(&mut fastest) {
                let start = Instant::now();
                ask(execution);
                let took = start.elapsed().as_nanos() as u64;
                *fastest = took.min(*fastest);
                all.push(took);
            }
        }
        fastest.sort_unstable();
        all.sort_unstable();
        let at = |times: &[u64], percent| times[times.len() * percent / 100];
        Self { median: at(&fastest, 50), p99: at(&fastest, 99), p99_by_the_clock: at(&all, 99) }
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            median: self.median.saturating_sub(other.median),
            p99: self.p99.saturating_sub(other.p99),
            p99_by_the_clock: self.p99_by_the_clock.saturating_sub(other.p99_by_the_clock),
        }
    }

    fn print(&self, what: &str, rival: Option<&Self>) {
        let time = |nanoseconds| format!("{:.2?}", Duration::from_nanos(nanoseconds));
        let ratio =
            rival.map_or(String::new(), |rival| format!("{:.0}x", rival.median as f64 / self.median as f64));
        let Self { median, p99, p99_by_the_clock } = self;
        let (median, p99, by_the_clock) = (time(*median), time(*p99), time(*p99_by_the_clock));
        println!("  {what:<42}{median:>12}{p99:>12}{by_the_clock:>12}{ratio:>16}");
    }
}
