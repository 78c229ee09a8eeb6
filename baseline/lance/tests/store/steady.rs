//! One save a second for ever must not fill the disk.

use std::{fs, time::Duration};

use anomaly_baseline::Store;
use anomaly_lance::{LanceStore, Schedule};

use crate::common::*;

#[test]
fn single_saves_do_not_pile_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.schedule = Schedule { commits: 32, most_versions: 32, ..Schedule::default() };
    let mut store = LanceStore::open(options).unwrap();
    let (mut most_files, mut most_bytes) = (0, 0);
    let mut half = 0;
    for number in 0..300 {
        store.save("host", &record(number), &[row(number)]).unwrap();
        store.maintain().unwrap();
        let (files, bytes) = size(directory.path());
        (most_files, most_bytes) = (files.max(most_files), bytes.max(most_bytes));
        if number == 149 {
            half = most_files;
        }
    }
    let (files, bytes) = size(directory.path());
    println!(
        "300 saves of one row: {files} files, {bytes} bytes; at most {most_files} files, {most_bytes} bytes"
    );
    // A version is a manifest, a transaction, a data file and a deletion file; compaction adds two versions.
    assert!(most_files < 4 * (2 * 32 + 8) + 40, "{most_files} files");
    assert!(most_files <= half + 8, "{most_files} files after 300 saves, {half} after 150");
    assert_eq!(load(&mut store)["host"].1.len(), 300);
}

#[test]
fn a_table_at_rest_shrinks_to_its_last_versions() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.schedule =
        Schedule { keep_for: Duration::ZERO, rest: Duration::from_secs(1), ..Schedule::default() };
    let mut store = LanceStore::open(options).unwrap();
    for number in 0..20 {
        store.save("host", &record(number), &[row(number)]).unwrap();
    }
    assert_eq!(manifests(&table(directory.path(), "host")).len(), 20);
    std::thread::sleep(Duration::from_secs(1));
    store.maintain().unwrap();
    assert_eq!(manifests(&table(directory.path(), "host")).len(), 4);
    assert_eq!(load(&mut store)["host"].1.len(), 20);
}

#[test]
fn a_damaged_old_version_does_not_stop_pruning_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path());
    options.schedule =
        Schedule { commits: 5, keep_for: Duration::ZERO, least_versions: 1, ..Schedule::default() };
    let mut store = LanceStore::open(options).unwrap();
    for number in 0..5 {
        store.save("host", &record(number), &[row(number)]).unwrap();
    }
    let old = manifests(&table(directory.path(), "host")).pop().unwrap();
    fs::write(&old, "damaged").unwrap();
    let error = store.maintain().unwrap_err().to_string();
    assert!(error.contains("moved aside"), "{error}");
    assert!(!old.exists());
    drop(store);
    let mut options = crate::common::options(directory.path());
    options.schedule =
        Schedule { commits: 1, keep_for: Duration::ZERO, least_versions: 1, ..Schedule::default() };
    let mut store = LanceStore::open(options).unwrap();
    load(&mut store);
    store.save("host", &record(5), &[row(5)]).unwrap();
    store.maintain().unwrap();
    assert_eq!(manifests(&table(directory.path(), "host")).len(), 1);
    assert_eq!(load(&mut store)["host"].1.len(), 6);
}
