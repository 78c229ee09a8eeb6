//! What a database's directory may be, and what is said where it may not.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use anomaly_baseline::{Access, Store, StoreError};
use anomaly_lance::LanceStore;

use crate::common::*;

fn refused(path: &Path) -> String {
    match LanceStore::open(options(path)) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_foreign_directory_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.doc"), "years of work").unwrap();
    let before = contents(directory.path());
    let said = refused(directory.path());
    assert!(said.ends_with("(it holds thesis.doc); choose an empty directory"), "{said}");
    assert_eq!(contents(directory.path()), before);

    let tables = tempfile::tempdir().unwrap();
    fs::create_dir(tables.path().join("tables")).unwrap();
    assert!(refused(tables.path()).contains("it holds tables"));
    let file = directory.path().join("thesis.doc");
    assert!(refused(&file).contains("is not a directory; choose a directory"), "{}", refused(&file));
    assert!(refused(&file.join("below")).contains("Not a directory"), "{}", refused(&file.join("below")));
}

#[test]
fn looking_at_a_database_changes_nothing_and_hinders_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let look = || LanceStore::open_to_read(options(&path));
    let said = look().err().expect("there is none").to_string();
    assert!(said.ends_with("there is no such directory; name the directory of a database"), "{said}");
    fs::create_dir(&path).unwrap();
    let said = look().err().expect("it is empty").to_string();
    assert!(said.ends_with("it holds no baseline; name the directory of a database"), "{said}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);

    let mut onlooker = {
        let mut writer = open(&path);
        writer.save("host", &record(1), &rows(0..3)).unwrap();
        look().unwrap()
    };
    let before = contents(&path);
    assert_eq!(jobs(&load(&mut onlooker), "host").len(), 3);
    assert_eq!(onlooker.access(), Access::Reader, "though nobody writes");
    let said = onlooker.save("host", &record(1), &rows(3..4)).unwrap_err().to_string();
    assert!(said.contains("may not write"), "{said}");
    assert_eq!(contents(&path), before);
    let mut writer = open(&path);
    assert_eq!(writer.access(), Access::Writer);
    writer.save("host", &record(2), &rows(3..4)).unwrap();
    assert_eq!(jobs(&load(&mut onlooker), "host").len(), 4, "what the writer wrote since");
}

#[test]
fn what_is_made_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/database");
    open(&path).save("host", &record(1), &rows(0..1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    for folder in [directory.path().join("a"), path.clone(), path.join("tables")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in ["falco-anomaly.json", "writer.lock"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
    let (mut folders, mut files) = (vec![path.join("tables")], 0);
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert_eq!(mode(&entry), 0o600, "{}", entry.display());
                files += 1;
            }
        }
    }
    assert!(files >= 3, "a table has a manifest, a transaction and rows");
    fs::set_permissions(path.join("tables"), fs::Permissions::from_mode(0o755)).unwrap();
    let (_, notices) = try_load(&mut open(&path)).unwrap();
    assert!(
        notices[0].ends_with("(mode 755), and command lines are in it; run chmod 700 on it"),
        "{notices:?}"
    );
}

#[test]
fn a_damaged_marker_is_moved_aside_and_written_anew() {
    for damaged in ["", "{\"format\":", "something else"] {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path()).save("host", &record(1), &rows(0..3)).unwrap();
        // What the daemon and whoever shares put beside the tables is no reason to refuse it.
        for beside in ["findings", "spool", "fleet"] {
            fs::create_dir(directory.path().join(beside)).unwrap();
        }
        fs::write(directory.path().join("falco-anomaly.json"), damaged).unwrap();
        let (loaded, notices) = try_load(&mut open(directory.path())).unwrap();
        assert_eq!(loaded["host"].1.len(), 3);
        assert!(notices[0].contains("was damaged; it was moved to quarantine"), "{notices:?}");
        let kept = fs::read(directory.path().join("quarantine/falco-anomaly.damaged")).unwrap();
        assert_eq!(kept, damaged.as_bytes());
        load(&mut open(directory.path()));
    }
}

#[test]
fn a_lost_marker_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).save("host", &record(1), &rows(0..3)).unwrap();
    fs::remove_file(directory.path().join("falco-anomaly.json")).unwrap();
    assert_eq!(load(&mut open(directory.path()))["host"].1.len(), 3);
    assert!(directory.path().join("falco-anomaly.json").exists());
}

#[test]
fn a_read_only_directory_is_read() {
    if !is_root("mounting a directory read-only") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut store = open(&path);
    store.save("host", &record(1), &rows(0..3)).unwrap();
    let view = directory.path().join("view");
    fs::create_dir(&view).unwrap();
    let what = "a read-only directory";
    let Some(_bound) = Mount::new(&["--bind", path.to_str().unwrap()], &view, what) else { return };
    let mut through = LanceStore::open(options(&view)).unwrap();
    assert_eq!(through.access(), Access::Reader, "the other one writes");
    drop(store);
    let Some(_read_only) = Mount::new(&["-o", "remount,ro,bind"], &view, what) else { return };

    let mut reader = open(&view);
    assert_eq!(reader.access(), Access::Reader);
    let (loaded, notices) = try_load(&mut reader).unwrap();
    assert_eq!(loaded["host"].1.len(), 3);
    assert!(
        notices[0].ends_with("is not written, nothing is learned: Read-only file system (os error 30)"),
        "{notices:?}"
    );
    let said = reader.save("host", &record(2), &rows(0..4)).unwrap_err().to_string();
    assert_eq!(said, "saving of workload host failed: this process may not write the database");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(reader.access(), Access::Reader);

    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let Some(_bound) = Mount::new(&["--bind", empty.to_str().unwrap()], &empty, what) else { return };
    let Some(_read_only) = Mount::new(&["-o", "remount,ro,bind"], &empty, what) else { return };
    let said = refused(&empty);
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.ends_with("make it writable, or choose another directory"), "{said}");
    println!(
        "faults: read-only directory: 2 tried, 2 survived: 0 of 3 rows lost, an empty one refused in one sentence"
    );
}

#[test]
fn a_directory_that_turns_read_only_fails_saves_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut store = open(&path);
    store.save("host", &record(1), &rows(0..3)).unwrap();
    // A mount cannot turn read-only while the lock is open for writing; an attribute can, for root too.
    let change = |how: &str| run(Command::new("chattr").args(["-R", how]).arg(path.join("tables")));
    if let Err(cause) = change("+i") {
        println!("skipped: a directory that turns read-only: {cause}");
        let _ = change("-i");
        return;
    }
    let saved = store.save("host", &record(2), &rows(0..4));
    let made = store.save("nginx", &record(2), &rows(0..4));
    let maintained = store.maintain();
    let reopened = LanceStore::open(options(&path)).map(|mut store| store.access());
    change("-i").unwrap();
    let said = "saving of workload host failed: Operation not permitted (os error 1)";
    assert_eq!(saved.unwrap_err().to_string(), said);
    assert!(made.is_err());
    maintained.unwrap();
    assert_eq!(reopened.unwrap(), Access::Reader);
    store.save("host", &record(3), &rows(0..5)).unwrap();
    assert_eq!(load(&mut store)["host"].1.len(), 5);
    println!("faults: directory that turns read-only while running: 1 tried, 1 survived, 0 rows lost");
}

#[test]
fn a_directory_that_may_not_be_read_is_refused_with_the_reason() {
    if !is_root("giving up the right to read everything") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    open(&path).save("host", &record(1), &rows(0..1)).unwrap();
    // Somebody else's, and then read by a root that is like any other user in this.
    std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    let output = Command::new("setpriv")
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "directory::say_why_not", "--nocapture"])
        .env(WHY_NOT, &path)
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains("Permission denied (os error 13); run as the user who owns it"), "{said}");
        }
        Err(error) => println!("skipped: giving up the right to read everything: setpriv: {error}"),
    }
}

const WHY_NOT: &str = "ANOMALY_STORE_TEST_WHY_NOT";

/// Not a test by itself: says in another process why a directory is refused.
#[test]
fn say_why_not() {
    if let Ok(path) = std::env::var(WHY_NOT) {
        println!("{}", refused(Path::new(&path)));
    }
}

#[test]
fn a_variable_that_lancedb_would_panic_at_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (variable, value) in
        [("LANCE_CPU_THREADS", "0"), ("LANCE_CPU_THREADS", "many"), ("LANCE_IO_THREADS", "-1")]
    {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "directory::say_why_not", "--nocapture"])
            .env(WHY_NOT, directory.path())
            .env(variable, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains(&format!("environment variable {variable} is no number of at least")),
            "{said}"
        );
        assert!(said.contains("correct it or leave it out"), "{said}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).save("host", &record(1), &rows(0..3)).unwrap();
    let marker = directory.path().join("falco-anomaly.json");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    let before = contents(directory.path());
    let error = LanceStore::open(options(directory.path())).err().unwrap();
    assert!(matches!(error, StoreError::Newer { what: "schema version", found: 2, known: 1, .. }), "{error}");
    assert_eq!(contents(directory.path()), before);
}
