//! Two processes on one database: one writes, the other reads and takes over.

use std::{
    thread,
    time::{Duration, Instant},
};

use anomaly_baseline::{Access, Store};
use anomaly_lance::LanceStore;
use anomaly_vectorizer::Kind;

use crate::{
    common::*,
    helper::{Expected, Role, Writer},
};

fn becomes_writer(store: &mut LanceStore) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if store.access() == Access::Writer {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn a_reader_loads_does_not_write_and_takes_over_when_the_writer_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let writer = Writer::start(Role::Store, &path, 0);
    let mut reader = open(&path);
    assert_eq!(reader.access(), Access::Reader);
    let mut loads = 0;
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        // The writer compacts and prunes all the while.
        let (loaded, notices) = try_load(&mut reader).unwrap();
        let said: Vec<_> = notices.iter().filter(|notice| !notice.contains("another process")).collect();
        assert!(said.is_empty(), "{said:?}");
        assert!(!jobs(&loaded, "host").is_empty());
        loads += 1;
    }
    let said = reader.save("host", &record(1), &rows(0..1)).unwrap_err().to_string();
    assert_eq!(said, "saving of workload host failed: this process may not write the database");
    assert!(reader.delete("host", &[(Kind::Exec, row(0).key)]).is_err());
    reader.maintain().unwrap();
    assert_eq!(reader.access(), Access::Reader);

    let mut expected = Expected::default();
    expected.add(&writer.kill());
    assert!(becomes_writer(&mut reader));
    let loaded = load(&mut reader);
    assert_eq!(expected.lost(&loaded), [""; 0]);
    reader.save("host", &record(1_000_000), &rows(900_000..900_003)).unwrap();
    assert_eq!(expected.lost(&load(&mut reader)), [""; 0]);
    println!(
        "faults: two processes: {loads} loads beside a busy writer, then a takeover; 0 rows lost of its {} batches",
        expected.batches
    );
}

#[test]
fn the_notice_says_who_writes() {
    let directory = tempfile::tempdir().unwrap();
    let writer = open(directory.path());
    let mut reader = open(directory.path());
    let (_, notices) = try_load(&mut reader).unwrap();
    let process = std::process::id();
    assert_eq!(
        notices,
        [format!(
            "{} is written by another process (process {process}): this one scores and does not learn until that one \
             ends",
            directory.path().display()
        )]
    );
    drop(writer);
    assert!(becomes_writer(&mut reader));
    let mut third = open(directory.path());
    assert_eq!(third.access(), Access::Reader);
}
