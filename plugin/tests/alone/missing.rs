//! What cannot be had: Falco starts, the log says once what is missing, and the rest works.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::alone;
use crate::support::c_api::Falco;
use crate::support::{config, configured, connect, container_event, exec};

/// A host that captures, with its own init.
fn open(config: &CStr) -> Falco {
    let mut falco = Falco::new(config);
    assert!(falco.log().is_empty(), "making an instance says nothing: {:?}", falco.log());
    falco.process(1, 0, "init");
    falco.open();
    falco
}

/// Lets a service run its routine; returns how often its last execution was seen.
fn routine(falco: &mut Falco) -> Option<u64> {
    for pid in 100..140 {
        falco.process(pid, 1, "nginx");
        falco.parse(&exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
    }
    falco.number(&connect(139), "anomaly.seen")
}

fn lines_with(falco: &Falco, part: &str) -> usize {
    falco.log().iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_directory_that_cannot_be_made() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fs::write(&file, "in the way").expect("written");
    let mut falco = open(&config(&file.join("database"), 20));
    assert_eq!(routine(&mut falco), Some(40), "it learns in memory");
    assert_eq!(lines_with(&falco, "nothing is kept beyond this process"), 1, "{:?}", falco.log());
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a/b");
    let mut falco = open(&config(&path, 20));
    assert_eq!(routine(&mut falco), Some(40));
    assert!(path.is_dir());
    assert_eq!(lines_with(&falco, "[error]"), 0, "{:?}", falco.log());
}

/// Nothing of a path or of a cause may move a terminal's cursor, or look like a line of its own.
#[test]
fn whatever_the_log_repeats_is_printable() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a\u{1b}]0;x\u{7}\nb\u{202e}");
    fs::write(&file, "in the way").expect("written");
    let config = serde_json::json!({ "path": file, "feed": "falco" }).to_string();
    let mut falco = open(&CString::new(config).expect("no NUL"));
    routine(&mut falco);
    let log = falco.log();
    assert!(log.iter().any(|line| line.contains(r"a\x1b]0;x\x07\nb\u{202e}")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains(|c: char| c.is_control() || c == '\u{202e}')), "{log:?}");
}

/// What `auto` asks for needs privileges, and its thread has none here.
#[test]
fn privileges() {
    let _alone = alone();
    let without = thread::spawn(|| {
        let all = capabilities(None).expect("readable");
        set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..all }).expect("dropped");
        let directory = tempfile::tempdir().expect("a directory");
        let mut falco = Falco::new(&configured(directory.path(), r#""learn_executions": 20"#));
        falco.process(1, 0, "init");
        falco.open_live();
        assert_eq!(routine(&mut falco), Some(40), "Falco's own events are judged");
        let says = "from Falco's own events, because the ebpf feed does not work here (";
        assert_eq!(lines_with(&falco, says), 1, "{:?}", falco.log());
    });
    without.join().expect("nothing panics");
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_table_that_is_damaged() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("database");
    let mut falco = open(&config(&path, 20));
    assert_eq!(routine(&mut falco), Some(40));
    drop(falco);
    // Another database: the first one is given back.
    drop(open(&config(&directory.path().join("other"), 20)));
    let data: Vec<_> =
        files(&path).into_iter().filter(|file| file.parent().is_some_and(|p| p.ends_with("data"))).collect();
    assert!(!data.is_empty(), "rows were saved");
    for file in data {
        fs::write(file, "no rows at all").expect("overwritten");
    }
    let mut falco = open(&config(&path, 20));
    assert_eq!(lines_with(&falco, "host"), 1, "{:?}", falco.log());
    assert_eq!(lines_with(&falco, "nothing of its table can be read"), 1, "{:?}", falco.log());
    assert_eq!(routine(&mut falco), Some(40), "it learns anew");
}

/// One that knows less may not guess at what is in there, nor write into it.
#[test]
fn a_release_as_new_as_the_database() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("database");
    fs::create_dir(&path).expect("made");
    let features = serde_json::json!({ "scheme": "falco-anomaly", "version": 1, "key_version": 1 });
    let marker =
        serde_json::json!({ "format": "falco-anomaly baseline", "schema": 999, "features": features });
    fs::write(path.join("falco-anomaly.json"), marker.to_string()).expect("written");
    let mut falco = open(&config(&path, 20));
    assert_eq!(
        lines_with(&falco, "holds schema version 999, and this release knows"),
        1,
        "{:?}",
        falco.log()
    );
    routine(&mut falco);
    assert_eq!(falco.text(&connect(139), "anomaly.score"), None);
    drop(falco);
    assert_eq!(files(&path), [path.join("falco-anomaly.json")]);
}

#[test]
fn the_container_plugin_where_it_was_loaded_too_late() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = open(&config(directory.path(), 20));
    // It is there, because its events are; its table was not when ours was made.
    for _ in 0..3 {
        falco.parse(&container_event());
    }
    assert_eq!(lines_with(&falco, "so that it comes last, such as zz-anomaly.yaml"), 1, "{:?}", falco.log());
    assert_eq!(routine(&mut falco), Some(40), "cgroups name workloads");
}
