//! A disk that fills up.

use std::{process::Command, time::Duration};

use anomaly_baseline::Store;
use anomaly_lance::LanceStore;
use anomaly_vectorizer::Kind;

use crate::{common::*, months};

const WHAT: &str = "a full disk";

#[test]
fn a_full_disk_fails_saves_with_one_sentence_and_loses_nothing() {
    if !is_root(WHAT) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=3m", "none"], directory.path(), WHAT) else {
        return;
    };
    let path = mount.0.join("database");
    let mut store = open(&path);
    let mut saved = 0;
    let said = loop {
        match store.save("host", &record(saved), &rows(saved * 20..(saved + 1) * 20)) {
            Ok(()) => saved += 1,
            Err(error) => break error.to_string(),
        }
        assert!(saved < 1000, "three megabytes are full at some time");
    };
    assert_eq!(
        said,
        "saving of workload host failed: the disk is full; free some space, nothing that was saved is lost"
    );
    for _ in 0..5 {
        assert!(store.save("nginx", &record(1), &rows(0..20)).is_err());
        let _ = store.delete("host", &[(Kind::Exec, row(0).key)]);
        let _ = store.maintain();
    }
    let all = |loaded: &Loaded| (1..saved * 20).all(|job| jobs(loaded, "host").contains_key(&job));
    assert!(all(&load(&mut store)), "still loaded in the same process");
    drop(store);
    let mut store = open(&path);
    assert!(all(&load(&mut store)), "and at the next start");

    let grown = Command::new("mount").args(["-o", "remount,size=16m"]).arg(&mount.0).status().unwrap();
    assert!(grown.success());
    store.save("host", &record(saved), &rows(saved * 20..(saved + 1) * 20)).unwrap();
    assert!(all(&load(&mut store)));
    println!(
        "faults: full disk: 1 tried, 1 survived, 0 rows lost of {} in {saved} acknowledged batches",
        saved * 20
    );
}

#[test]
fn a_database_cannot_be_made_on_a_full_disk_and_this_is_said() {
    if !is_root(WHAT) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["-t", "tmpfs", "-o", "size=64k", "none"];
    let Some(mount) = Mount::new(&arguments, directory.path(), WHAT) else { return };
    let path = mount.0.join("database");
    std::fs::create_dir(&path).unwrap();
    let fill = std::fs::write(mount.0.join("fill"), vec![0; 1 << 20]);
    assert!(fill.is_err(), "it is full");
    let error = LanceStore::open(options(&path)).err().expect("it cannot be made").to_string();
    let said = "cannot be used as a database: the disk is full; free some space, or choose another directory";
    assert!(error.ends_with(said), "{error}");
}

#[test]
fn before_a_full_disk_scoring_goes_on_and_what_was_seen_is_saved_when_there_is_room() {
    if !is_root(WHAT) {
        return;
    }
    const SEEN: u64 = 3_000;
    let directory = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "none"], directory.path(), WHAT) else {
        return;
    };
    let path = mount.0.join("database");
    let engine = months::open(&path);
    let mut scored = 0;
    for number in 0..SEEN {
        let verdict = months::see(&engine, &months::execution(number, true), 0, number as usize);
        scored += u64::from(verdict.score.is_some());
    }
    assert!(scored > SEEN / 2, "{scored} had a score");
    let said = engine.flush(Duration::from_secs(60)).unwrap_err().to_string();
    assert!(said.contains("the disk is full"), "{said}");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while engine.counters().failed_saves == 0 {
        assert!(std::time::Instant::now() < deadline, "the counter tells of it");
        std::thread::sleep(Duration::from_millis(20));
    }
    let rows = engine.rows(&|_, _, _| true).len();
    let waiting = engine.unsaved_rows();
    assert!(waiting > 0 && waiting <= rows, "{waiting} of {rows} rows wait");
    assert!(engine.notices().iter().any(|notice| notice.contains("scoring goes on from memory")));

    let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&mount.0).status().unwrap();
    assert!(grown.success());
    engine.close(Duration::from_secs(60)).unwrap();
    let engine = months::open(&path);
    assert_eq!(engine.rows(&|_, _, _| true).len(), rows, "everything that was seen is there");
    engine.close(Duration::from_secs(60)).unwrap();
    println!(
        "faults: full disk before a running engine: 1 tried, 1 survived; {waiting} of {rows} rows waited in memory, 0 lost"
    );
}
