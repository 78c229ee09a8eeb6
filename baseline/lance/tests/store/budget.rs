//! One workload read back while the others are in use.

use std::{collections::HashSet, fs, path::Path, sync::Arc, time::Duration};

use anomaly_baseline::{
    DaySet, Engine, Method, Part, Settings, Sighting, Standing, Store, StoredRow, Teach, Verdict,
    WorkloadRecord,
};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{Context, Embedder, Embedding, Execution, Hashed, Kind, Surroundings};

use crate::{common::*, months::execution};

const WORKLOADS: usize = 12;

fn engine(path: &Path) -> Engine {
    engine_within(path, 120_000)
}

fn engine_within(path: &Path, memory_budget: usize) -> Engine {
    let embedder = Arc::new(Hashed::default());
    let store = LanceStore::open(StoreOptions::new(path, embedder.clone())).unwrap();
    let settings =
        Settings { learn_executions: 8, learn_for: Duration::ZERO, memory_budget, ..Settings::default() };
    let engine = Engine::with_store(settings, embedder, Method::default(), Box::new(store)).unwrap();
    engine.wait_loaded(Duration::from_secs(60)).unwrap();
    engine
}

fn see(engine: &Engine, workload: usize, execution: &Execution) -> Verdict {
    let sighting = Sighting {
        workload: &format!("unit-{workload}"),
        execution,
        context: Context::default(),
        time: workload as i64,
        day: 0,
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    };
    engine.observe_patiently(&sighting, Duration::from_secs(30))
}

#[test]
fn what_sleeps_is_in_the_tables_and_comes_back_from_them() {
    let directory = tempfile::tempdir().unwrap();
    let bounded = engine(directory.path());
    for workload in 0..WORKLOADS {
        (0..20).for_each(|n| drop(see(&bounded, workload, &execution(n, false))));
    }
    bounded.flush(Duration::from_secs(60)).unwrap();
    assert!(bounded.memory().asleep >= 3, "{:?}", bounded.memory());
    for workload in 0..WORKLOADS {
        let repeat = see(&bounded, workload, &execution(3, false));
        assert_eq!((repeat.standing, repeat.seen), (Standing::Known, 2), "unit-{workload}");
        let news = see(&bounded, workload, &execution(100, true));
        assert!(news.score.is_some() && news.seen == 1, "unit-{workload}: {news:?}");
    }
    assert!(bounded.counters().woken >= 3, "{:?}", bounded.counters());
    bounded.close(Duration::from_secs(60)).unwrap();

    let again = engine(directory.path());
    assert!(again.memory().asleep >= 3);
    for workload in 0..WORKLOADS {
        assert_eq!(see(&again, workload, &execution(3, false)).seen, 3, "unit-{workload}");
        assert_eq!(see(&again, workload, &execution(100, true)).seen, 2, "unit-{workload}");
    }
    again.close(Duration::from_secs(60)).unwrap();
}

/// A row as the engine would have saved it.
fn learned(number: u64) -> StoredRow {
    let execution = execution(number, false);
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        execution,
        features: embedding.features,
        vector: embedding.vector.to_vec(),
        seen: Context::default().into(),
        last_seen: number as i64,
        first_day: 0,
        days: DaySet::of(0),
        count: 1,
        ..row(0)
    }
}

#[test]
fn a_table_larger_than_memory_is_read_in_parts_and_its_rows_by_their_keys() {
    const ROWS: u64 = 6_000;
    let directory = tempfile::tempdir().unwrap();
    let options = || StoreOptions::new(directory.path(), Arc::new(Hashed::default()));
    let mut store = LanceStore::open(options()).unwrap();
    let rows: Vec<_> = (0..ROWS).map(learned).collect();
    let keys: HashSet<_> = rows.iter().map(|row| row.key).collect();
    assert_eq!(keys.len() as u64, ROWS);
    let record = WorkloadRecord { days: DaySet::of(0), ..record(ROWS) };
    store.save("unit-0", &record, &rows).unwrap();

    let mut parts = Vec::new();
    let found = store.stream_rows("unit-0", &mut |part| parts.push(part), &mut Vec::new()).unwrap();
    let of_rows = |part: &Part| if let Part::Rows(rows) = part { Some(rows.len()) } else { None };
    let lengths: Vec<_> = parts.iter().filter_map(of_rows).collect();
    assert!(found && lengths.iter().sum::<usize>() as u64 == ROWS, "{lengths:?}");
    assert!(lengths.len() >= 5 && lengths.iter().all(|length| *length <= 1_024), "{lengths:?}");
    assert!(matches!(parts.first(), Some(Part::Begin)) && matches!(parts.last(), Some(Part::End(_))));

    let wanted: Vec<_> = rows.iter().step_by(7).map(|row| row.key).chain([1, 2, 3]).collect();
    let mut read = store.find("unit-0", Kind::Exec, &wanted).unwrap();
    read.sort_by_key(|row| row.last_seen);
    assert!(read.iter().eq(rows.iter().step_by(7)), "these rows and no others, as they were saved");
    assert_eq!(store.find("unit-0", Kind::Open, &wanted).unwrap(), [], "of another kind");
    assert_eq!(store.find("unit-1", Kind::Exec, &wanted).unwrap(), [], "of no table");
    drop(store);

    let engine = engine_within(directory.path(), 4 << 20);
    let status = || engine.status().remove(0);
    assert!(status().rows as u64 == ROWS && status().in_memory < status().rows, "{:?}", status());
    for number in 0..ROWS {
        let repeat = see(&engine, 0, &execution(number, false));
        assert_eq!((repeat.standing, repeat.seen), (Standing::Known, 2), "{number}");
    }
    let on_terminal = Context::of(&Surroundings { tty: Some(true), ..Surroundings::default() });
    let (first, time) = (execution(0, false), ROWS as i64);
    let (workload, teach) = ("unit-0", Teach::Policy);
    let sighting =
        Sighting { workload, execution: &first, context: on_terminal, time, day: 0, teach, pid: 0, ppid: 0 };
    let before = engine.counters().rows_read_back;
    let verdict = engine.observe_patiently(&sighting, Duration::from_secs(30));
    assert_eq!((verdict.standing, verdict.seen), (Standing::Known, 3), "it takes the terminal on");
    assert!(engine.counters().rows_read_back > before);
    engine.close(Duration::from_secs(60)).unwrap();

    let mut store = LanceStore::open(options()).unwrap();
    let all = load(&mut store);
    let (_, rows) = &all["unit-0"];
    assert_eq!(rows.len() as u64, ROWS);
    assert!(rows.values().all(|row| row.count == if row.execution == first { 3 } else { 2 }));
}

#[test]
fn a_table_that_is_damaged_in_the_middle_is_handed_over_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(1), &rows(0..3_000)).unwrap();
    store.save("host", &record(2), &rows(3_000..3_010)).unwrap();
    drop(store);
    // The data of the second commit.
    let data = table(directory.path(), "host").join("data");
    let files = fs::read_dir(data).unwrap().map(|file| file.unwrap().path());
    let smallest = files.min_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    let mut bytes = fs::read(&smallest).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 64].fill(0x5a);
    fs::write(&smallest, bytes).unwrap();

    let (mut parts, mut rows) = (Vec::new(), 0);
    let notices = open(directory.path()).stream(&mut |_, part| {
        match &part {
            Part::Begin => rows = 0,
            Part::Rows(some) => rows += some.len(),
            Part::End(_) => {}
        }
        parts.push(part);
    });
    let begun = parts.iter().filter(|part| matches!(part, Part::Begin)).count();
    let ended = parts.iter().filter(|part| matches!(part, Part::End(_))).count();
    assert_eq!((begun, ended), (2, 1), "what was damaged does not count");
    assert!((3_000..3_010).contains(&rows), "{rows}");
    assert!(notices.unwrap()[0].contains("damaged"));
}

#[test]
fn a_table_that_is_damaged_meanwhile_is_recovered_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(1), &rows(0..30)).unwrap();
    store.save("host", &record(2), &rows(30..40)).unwrap();
    let read = |store: &mut LanceStore| {
        let mut notices = Vec::new();
        let rows = store.load_rows("host", &mut notices);
        (rows.map(|rows| rows.map(|rows| rows.len())), notices)
    };
    assert_eq!(read(&mut store).0.unwrap(), Some(40));
    assert_eq!(store.load_rows("nobody", &mut Vec::new()).unwrap(), None);

    let newest = manifests(&table(directory.path(), "host")).remove(0);
    fs::write(&newest, b"").unwrap();
    // As a process that was started since: this one still has the newest version in its cache.
    drop(store);
    let mut store = open(directory.path());
    let (rows, notices) = read(&mut store);
    assert!(rows.unwrap() >= Some(30), "what the version before had");
    assert!(notices.iter().any(|notice| notice.starts_with("workload host: ")), "{notices:?}");
    store.save("host", &record(3), &crate::common::rows(40..50)).unwrap();
    assert!(read(&mut store).0.unwrap() >= Some(40));

    fs::remove_dir_all(table(directory.path(), "host")).unwrap();
    drop(store);
    assert_eq!(read(&mut open(directory.path())).0.unwrap(), None, "it is gone");
}
