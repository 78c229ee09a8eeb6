//! What is saved comes back, whatever it is called.

use anomaly_baseline::{RowState, Store};
use anomaly_lance::{Files, LanceStore, StoreOptions};
use anomaly_vectorizer::{Arguments, Execution, Kind};

use crate::common::*;

#[test]
fn rows_records_and_names_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let names = [
        "host".to_owned(),
        "docker.io/library/nginx".to_owned(),
        String::new(),
        "..".to_owned(),
        "../../etc".to_owned(),
        "a__b".to_owned(),
        "a_b\u{1b}[2J\n\0'\"; DROP".to_owned(),
        "наблюдатель/é\u{202e}".to_owned(),
        "x".repeat(5000),
        format!("{}y", "x".repeat(4999)),
    ];
    let mut store = open(directory.path());
    assert!(load(&mut store).is_empty());
    let mut hostile = row(7);
    hostile.execution = Execution {
        kind: Kind::Other,
        name: "na\u{1b}[2Jme'\"\0".into(),
        parent: "\u{202e}".into(),
        grandparent: String::new(),
        uid: u32::MAX,
        arguments: Arguments::new(["", "\n\t\\'); DROP TABLE", &"é".repeat(4000)]),
    };
    (hostile.first_seen, hostile.last_seen) = (i64::MIN, i64::MAX);
    (hostile.count, hostile.key) = (u64::MAX, u128::MAX);
    let mut other_kind = row(1);
    other_kind.execution.kind = Kind::Open;
    for (number, name) in names.iter().enumerate() {
        let mut rows = rows(0..number as u64);
        rows.extend([hostile.clone(), other_kind.clone()]);
        store.save(name, &record(number as u64), &rows).unwrap();
    }
    let saved = load(&mut store);
    drop(store);

    let again = load(&mut open(directory.path()));
    assert_eq!(again, saved);
    assert_eq!(again.len(), names.len());
    for (number, name) in names.iter().enumerate() {
        let (found, rows) = &again[name];
        assert_eq!(*found, record(number as u64), "{name:?}");
        assert_eq!(rows.len(), number + 2, "{name:?}");
        assert_eq!(rows[&(hostile.execution.kind, hostile.key)], hostile, "{name:?}");
        assert_eq!(rows[&(other_kind.execution.kind, other_kind.key)], other_kind, "{name:?}");
    }
}

#[test]
fn saving_again_replaces_and_a_key_that_comes_twice_is_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(1), &rows(0..20)).unwrap();
    store.save("host", &record(1), &rows(0..20)).unwrap();
    assert_eq!(load(&mut store)["host"].1.len(), 20);

    let mut changed = row(3);
    changed.state = RowState::Held;
    let mut twice = vec![changed.clone(), row(100)];
    changed.state = RowState::Denied;
    twice.push(changed.clone());
    store.save("host", &record(2), &twice).unwrap();
    let loaded = load(&mut store);
    let (found, rows) = &loaded["host"];
    assert_eq!((found.executions, rows.len()), (2, 21));
    assert_eq!(rows[&(Kind::Exec, changed.key)].state, RowState::Denied, "the last one counts");

    // A record alone, and a workload without rows.
    store.save("host", &record(3), &[]).unwrap();
    store.save("empty", &record(4), &[]).unwrap();
    let loaded = load(&mut store);
    assert_eq!((loaded["host"].0.executions, loaded["host"].1.len()), (3, 21));
    assert_eq!((loaded["empty"].0.executions, loaded["empty"].1.len()), (4, 0));
}

#[test]
fn a_large_batch_is_saved_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save("host", &record(1), &rows(0..20_000)).unwrap();
    drop(store);
    assert!(jobs(&load(&mut open(directory.path())), "host").into_keys().eq(0..20_000));
}

#[test]
fn deleted_rows_are_gone_and_leave_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.schedule.rest = std::time::Duration::ZERO;
    options.schedule.keep_for = std::time::Duration::ZERO;
    options.schedule.least_versions = 1;
    let mut store = LanceStore::open(options).unwrap();
    let mut rows = rows(0..1500);
    rows[7].execution.arguments = Arguments::new(["", "", "job-7", "the-needle"]);
    rows[8].execution.kind = Kind::Open;
    store.save("host", &record(1), &rows).unwrap();
    let found =
        || contents(&table(directory.path(), "host")).values().any(|file| contains(file, b"the-needle"));
    assert!(found(), "the test can find what is on the disk");

    // Of every three rows one; and a key under another kind, which is another row.
    let mut keys: Vec<_> =
        (rows.iter().skip(1).step_by(3)).map(|row| (row.execution.kind, row.key)).collect();
    keys.push((Kind::Other, rows[0].key));
    keys.push((rows[8].execution.kind, rows[8].key));
    store.delete("host", &keys).unwrap();
    store.delete("never heard of", &keys).unwrap();
    let loaded = load(&mut store);
    let left = &loaded["host"].1;
    assert_eq!((left.len(), loaded["host"].0.clone()), (999, record(1)));
    assert!(!left.contains_key(&(Kind::Exec, rows[7].key)), "deleted");
    assert!(left.contains_key(&(Kind::Exec, rows[0].key)));

    assert!(found(), "the file is still the same");
    store.maintain().unwrap();
    assert!(!found(), "what was deleted is in no file");
    assert_eq!(load(&mut store)["host"].1.len(), 999);
}

#[test]
fn a_table_is_compacted_at_once_when_somebody_asks() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.schedule.keep_for = std::time::Duration::ZERO;
    options.schedule.least_versions = 1;
    let mut store = LanceStore::open(options).unwrap();
    assert_eq!(store.files("host").unwrap(), Files::default());
    let said = store.compact("host").unwrap_err().to_string();
    assert!(said.contains("there is no such table"), "{said}");
    for number in 0..20 {
        store.save("host", &record(number), &rows(number * 100..number * 100 + 100)).unwrap();
    }
    let keys: Vec<_> = rows(0..1_900).into_iter().map(|row| (row.execution.kind, row.key)).collect();
    store.delete("host", &keys).unwrap();
    let before = store.files("host").unwrap();
    let (files, bytes) = size(&table(directory.path(), "host"));
    assert_eq!((before.files, before.bytes), (files as u64, bytes));
    assert_eq!(before.versions as usize, manifests(&table(directory.path(), "host")).len());
    store.compact("host").unwrap();
    let after = store.files("host").unwrap();
    assert!(after.bytes * 4 < before.bytes && after.versions == 1, "{before:?} became {after:?}");
    assert_eq!(jobs(&load(&mut store), "host").len(), 100);
}

#[test]
fn each_org_sees_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let org = |org: &str| StoreOptions { org: org.into(), ..options(directory.path()) };
    let long = "w".repeat(400);
    for (name, number) in [("a", 1), ("b", 2)] {
        let mut store = LanceStore::open(org(name)).unwrap();
        assert!(load(&mut store).is_empty());
        store.save("host", &record(number), &rows(0..number)).unwrap();
        store.save(&long, &record(number), &rows(0..number)).unwrap();
    }
    for (name, number) in [("a", 1), ("b", 2)] {
        let loaded = load(&mut LanceStore::open(org(name)).unwrap());
        assert_eq!(loaded.len(), 2, "{name}");
        assert_eq!((loaded["host"].0.executions, loaded[&long].1.len()), (number, number as usize), "{name}");
    }
}

#[test]
fn more_tables_than_stay_open_work_alike() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for round in 1..=2 {
        for workload in 0..40 {
            store.save(&format!("w{workload}"), &record(round), &rows(0..round)).unwrap();
        }
    }
    let loaded = load(&mut store);
    assert_eq!(loaded.len(), 40);
    assert!(loaded.values().all(|(record, rows)| record.executions == 2 && rows.len() == 2));
}

#[test]
fn a_directory_of_any_name_will_do() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["db", "with space", "100%25", "a#b?c=d&e", "~", "é\u{202e}", "s3:", "$HOME", "back\\slash"]
    {
        let path = directory.path().join(name);
        let mut store = open(&path);
        store.save("host", &record(1), &rows(0..3)).unwrap();
        drop(store);
        assert_eq!(load(&mut open(&path))["host"].1.len(), 3, "{name}");
        assert!(table(&path, "host").is_dir(), "{name}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 9, "nothing was made elsewhere");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
