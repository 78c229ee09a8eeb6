//! Databases of another feature version.

use std::{fs, path::Path, sync::Arc};

use anomaly_baseline::{Store, StoreError};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{Embedder, Embedding};

use crate::common::*;

const NEWER: TestEmbedder = TestEmbedder { scheme: "test", version: 2 };

fn newer(path: &Path) -> Result<LanceStore, StoreError> {
    LanceStore::open(StoreOptions { embedder: Arc::new(NEWER), ..options(path) })
}

#[test]
fn an_older_feature_version_is_computed_anew_and_the_older_release_then_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(7), &rows(0..50)).unwrap();
    store.save("nginx", &record(8), &rows(0..5)).unwrap();
    drop(store);

    // A reader converts for itself and writes nothing.
    let writer = open(directory.path());
    let before = contents(directory.path());
    let (converted, notices) = try_load(&mut newer(directory.path()).unwrap()).unwrap();
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert_eq!(contents(directory.path()), before);
    drop(writer);

    let mut store = newer(directory.path()).unwrap();
    let (loaded, notices) = try_load(&mut store).unwrap();
    assert_eq!(loaded, converted);
    assert_eq!(notices[0], "workload host: its rows of feature version 1 were computed anew for 2");
    let (found, rows) = &loaded["host"];
    assert_eq!((found, rows.len()), (&record(7), 50));
    for row in rows.values() {
        let mut embedding = Embedding::default();
        NEWER.embed(&row.execution, &mut embedding);
        assert_eq!(
            (row.key, &row.features, &row.vector[..]),
            (embedding.key, &embedding.features, &embedding.vector[..])
        );
    }
    assert_eq!(jobs(&loaded, "host").values().sum::<u64>(), 50 * 51 / 2, "counts are kept");
    let mut row = rows.values().next().unwrap().clone();
    row.count = 1_000_000;
    store.save("host", &record(9), &[row]).unwrap();
    drop(store);

    let mut store = newer(directory.path()).unwrap();
    let again = load(&mut store);
    assert_eq!((again["host"].1.len(), again["host"].0.executions), (50, 9));
    drop(store);

    let before = contents(directory.path());
    let error = LanceStore::open(options(directory.path())).err().unwrap();
    let said = "holds feature version 2, and this release knows 1; upgrade, or choose another directory";
    assert!(error.to_string().ends_with(said), "{error}");
    assert_eq!(contents(directory.path()), before, "untouched, byte for byte");
    println!(
        "faults: older and newer feature version: 55 rows computed anew, 0 lost; the older release refuses"
    );
}

#[test]
fn a_conversion_that_was_interrupted_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for workload in ["a", "b", "c"] {
        store.save(workload, &record(1), &rows(0..10)).unwrap();
    }
    drop(store);
    // One workload's table from before, as if the conversion had ended after the others.
    let kept = directory.path().join("quarantine-by-hand");
    assert!(
        std::process::Command::new("cp")
            .arg("-r")
            .args([table(directory.path(), "b"), kept.clone()])
            .status()
            .unwrap()
            .success()
    );
    try_load(&mut newer(directory.path()).unwrap()).unwrap();
    fs::remove_dir_all(table(directory.path(), "b")).unwrap();
    fs::rename(kept, table(directory.path(), "b")).unwrap();
    let (loaded, notices) = try_load(&mut newer(directory.path()).unwrap()).unwrap();
    assert_eq!(notices, ["workload b: its rows of feature version 1 were computed anew for 2"]);
    assert!(loaded.values().all(|(_, rows)| rows.len() == 10) && loaded.len() == 3);
    load(&mut newer(directory.path()).unwrap());
}

#[test]
fn a_newer_table_in_an_older_database_is_refused() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    open(old.path()).save("a", &record(1), &rows(0..3)).unwrap();
    newer(new.path()).unwrap().save("b", &record(1), &rows(0..3)).unwrap();
    fs::rename(table(new.path(), "b"), table(old.path(), "b")).unwrap();
    let before = contents(old.path());
    let mut store = open(old.path());
    let error = try_load(&mut store).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { what: "feature version", found: 2, known: 1, .. }),
        "{error}"
    );
    let error = store.save("b", &record(1), &rows(0..3)).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    drop(store);
    let mut after = contents(old.path());
    let lock = old.path().join("writer.lock");
    after.insert(lock.clone(), before[&lock].clone());
    assert_eq!(after, before);
}

#[test]
fn another_scheme_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).save("a", &record(1), &rows(0..3)).unwrap();
    let before = contents(directory.path());
    let article = TestEmbedder { scheme: "article", version: 1 };
    let error =
        LanceStore::open(StoreOptions { embedder: Arc::new(article), ..options(directory.path()) }).err();
    let said = "it was learned with the features `test` and not `article`; configure those, or choose another directory";
    assert!(error.unwrap().to_string().ends_with(said));
    assert_eq!(contents(directory.path()), before);
}
