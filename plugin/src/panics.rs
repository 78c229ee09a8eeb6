//! Every callback panics once, in a host that must not notice more than missing fields.

#[path = "../tests/support/mod.rs"]
mod support;

use crate::guard::tests::{arm, is_armed};
use support::{ANOMALY, HOST, Host, config, connect, exec};

#[test]
fn in_parse() {
    let (_directory, mut host) = Host::learned();
    arm("parse");
    assert_eq!(host.score(&exec(200, 1, "/usr/sbin/nginx -g daemon")), None);
    assert!(!is_armed());
    // From then on nothing is scored and nothing is extracted, and that is all.
    assert_eq!(host.score(&exec(201, 1, "/usr/sbin/nginx -g daemon")), None);
    let later = host.event(connect(139));
    assert_eq!(host.field(&later, "anomaly.score"), None);
    assert_eq!(host.metric("panics"), 1);
    drop(host.stop());
}

#[test]
fn in_extract() {
    let (_directory, mut host) = Host::learned();
    let event = host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    assert!(host.field(&event, "anomaly.score").is_some());
    arm("extract");
    assert_eq!(host.field(&event, "anomaly.score"), None);
    assert!(!is_armed());
    assert_eq!(host.field(&event, "anomaly.level"), None);
    assert_eq!(host.metric("panics"), 1);
}

#[test]
fn in_metrics() {
    let (_directory, host) = Host::learned();
    arm("metrics");
    let runner = host.stop();
    let mut capturing = runner.start_capture().expect("started again");
    assert!(capturing.get_metrics().is_empty());
    assert!(!is_armed());
    assert!(!capturing.get_metrics().is_empty(), "and they say that it happened");
}

/// Lets `place` panic while a host starts, runs and stops.
fn through_a_life(place: &'static str) {
    let directory = tempfile::tempdir().expect("a directory");
    arm(place);
    let mut host = Host::new(&config(directory.path(), 20));
    let event = host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    host.field(&event, "anomaly.score");
    drop(host.stop());
    assert!(!is_armed(), "{place} was passed");
}

#[test]
fn in_new() {
    through_a_life("new");
}

#[test]
fn in_start_async() {
    through_a_life("start_async");
}

#[test]
fn in_stop_async() {
    through_a_life("stop_async");
}

#[test]
fn in_capture_open() {
    through_a_life("capture_open");
}

#[test]
fn in_capture_close() {
    through_a_life("capture_close");
}

#[test]
fn in_destroy() {
    through_a_life("destroy");
}

#[test]
fn in_the_configuration() {
    let mut runner = falco_plugin_runner::PluginRunner::new();
    runner.register_plugin(&HOST, c"").expect("registered");
    arm("init_config");
    let error = runner.register_plugin(&ANOMALY, c"{}").expect_err("no instance can be made of nothing");
    assert!(error.to_string().contains("report this"), "{error}");
    assert!(!is_armed());
    runner.register_plugin(&ANOMALY, c"{}").expect("the next one is fine");
}

#[test]
fn on_the_feeds_thread() {
    let directory = tempfile::tempdir().expect("a directory");
    crate::guard::tests::arm_any_thread(directory.path());
    let mut host = Host::new(&config(directory.path(), 20));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while host.metric("panics") == 0 {
        assert!(std::time::Instant::now() < deadline, "the thread never came by");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(host.score(&exec(200, 1, "/usr/sbin/nginx -g daemon")), None);
    drop(host.stop());
}
