//! The standard output of a process whose reader reads, does not read, and goes away.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anomaly_sinks::{Events, SinkConfig, StdoutConfig};
use serde_json::{Value, json};
use support::{LONG, assert_all, ids, send, start, status, until};
use tempfile::TempDir;

const COUNT: u32 = 5_000;

/// The child of the tests below: sends, closes, and leaves its status in a file.
#[test]
fn a_process_with_a_sink() {
    let Ok(report) = std::env::var("ANOMALY_TEST_STDOUT") else { return };
    let folder = TempDir::new().expect("a folder");
    let config = StdoutConfig { events: Events::All, ..StdoutConfig::default() };
    let sinks = start(&[SinkConfig::Stdout(config)], &folder);
    let begun = Instant::now();
    send(&sinks, 0..COUNT);
    let sending = begun.elapsed().as_secs_f64();
    let closed = sinks.close(Duration::from_secs(2));
    let closing = begun.elapsed().as_secs_f64();
    let report_now = json!({
        "status": status(&sinks), "sending": sending, "closing": closing, "notices": closed.notices,
    });
    fs::write(format!("{report}.new"), report_now.to_string()).expect("written");
    fs::rename(format!("{report}.new"), report).expect("moved");
    // As a daemon ends, whatever its output does.
    std::process::exit(0);
}

fn child(report: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_process_with_a_sink", "--nocapture"])
        .env("ANOMALY_TEST_STDOUT", report)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

fn read(report: &Path, child: &mut Child) -> Value {
    until("the child reports", || report.exists());
    assert!(child.wait().expect("gone").success());
    serde_json::from_str(&fs::read_to_string(report).expect("text")).expect("JSON")
}

#[test]
fn a_reader_gets_every_line() {
    let folder = TempDir::new().expect("a folder");
    let report = folder.path().join("report");
    let mut child = child(&report);
    let lines =
        BufReader::new(child.stdout.take().expect("its output")).lines().map(|line| line.expect("text"));
    let event = |line: String| Some(serde_json::from_str::<Value>(&line).ok()?["id"].as_str()?.to_owned());
    let received: Vec<_> = lines.filter_map(event).collect();
    assert_all(&received, &ids(0..COUNT));
    assert_eq!(read(&report, &mut child)["status"]["sent"], COUNT);
}

#[test]
fn a_reader_that_does_not_read_holds_nobody_up() {
    let folder = TempDir::new().expect("a folder");
    let report = folder.path().join("report");
    let mut child = child(&report);
    let _unread = child.stdout.take();
    let report = read(&report, &mut child);
    assert!(report["sending"].as_f64() < Some(2.0) && report["closing"].as_f64() < Some(5.0), "{report}");
    let status = &report["status"];
    assert_eq!(
        status["sent"].as_u64().expect("a count") + status["dropped"]["closed"].as_u64().expect("a count"),
        u64::from(COUNT),
        "{status}"
    );
}

#[test]
fn a_reader_that_goes_away_is_one_line_and_a_count() {
    let folder = TempDir::new().expect("a folder");
    let report = folder.path().join("report");
    let mut child = child(&report);
    // The test's own lines come first, and its harness would not outlive the pipe.
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.starts_with('{'))), "a first event");
    drop(lines);
    let begun = Instant::now();
    let report = read(&report, &mut child);
    assert!(begun.elapsed() < LONG);
    assert_eq!(report["notices"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(report["notices"][0].as_str().is_some_and(|notice| notice.contains("nobody reads")), "{report}");
    let status = &report["status"];
    let [sent, closed] =
        [&status["sent"], &status["dropped"]["closed"]].map(|count| count.as_u64().expect("a count"));
    assert!(closed > 0 && sent + closed == u64::from(COUNT), "{report}");
}
