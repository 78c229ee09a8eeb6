//! One workload read back while the others are in use.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anomaly_baseline::{Engine, Method, Settings, Sighting, Standing, Store, Teach, Verdict};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{Context, Execution, Hashed};

use crate::{common::*, months::execution};

const WORKLOADS: usize = 12;

fn engine(path: &Path) -> Engine {
    let embedder = Arc::new(Hashed::default());
    let store = LanceStore::open(StoreOptions::new(path, embedder.clone())).unwrap();
    let settings = Settings {
        learn_executions: 8,
        learn_for: Duration::ZERO,
        memory_budget: 120_000,
        ..Settings::default()
    };
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
