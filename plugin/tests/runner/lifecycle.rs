//! Instances come and go: dry runs, reloads, several at once.

use std::ffi::CStr;

use falco_plugin_runner::PluginRunner;

use crate::support::{ANOMALY, HOST, Host, config, configured, exec};

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
    let with_threshold =
        |number| configured(directory.path(), &format!(r#""feed": "falco", "threshold": {number}"#));
    let mut first = Host::new(&with_threshold(0.42));
    let mut second = Host::new(&with_threshold(0.77));
    for host in [&mut first, &mut second] {
        let event = host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
        assert_eq!(host.field(&event, "anomaly.threshold").as_deref(), Some("0.4200"));
    }
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
