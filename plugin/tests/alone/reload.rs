//! A reload of Falco's configuration: a dry run, the end of one capture, the beginning of the next.

use std::fs;
use std::path::Path;

use falco_plugin_runner::PluginRunner;

use crate::alone;
use crate::support::{ANOMALY, HOST, Host, Process, config, configured, exec, run_before};

#[test]
fn a_reload_keeps_the_baseline_warm() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(&in_the_way(directory.path()), 20);
    let mut host = Host::new(&config);
    host.learn();
    // Falco tries the new configuration before it ends the old capture.
    let mut dry_run = PluginRunner::new();
    dry_run.register_plugin(&HOST, c"").expect("registered");
    dry_run.register_plugin(&ANOMALY, &config).expect("registered");
    drop(dry_run);
    drop(host.stop());
    let mut reloaded = Host::new(&config);
    let known = exec(200, 1, "/usr/sbin/nginx -g daemon");
    assert_eq!(
        reloaded.score(&known).as_deref(),
        Some("0.0000"),
        "it was kept in memory, for there is nothing else"
    );
}

#[test]
fn a_reload_with_other_settings_takes_them_on_and_keeps_what_was_learned() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 20));
    host.learn();
    drop(host.stop());
    let mut reloaded = Host::new(&configured(
        directory.path(),
        r#""feed": "falco", "learn_executions": 20, "threshold": 0.42"#,
    ));
    let event = reloaded.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    assert_eq!(reloaded.field(&event, "anomaly.threshold").as_deref(), Some("0.4200"));
    assert_eq!(reloaded.field(&event, "anomaly.score").as_deref(), Some("0.0000"));
}

#[test]
fn a_reload_teaches_nothing_a_second_time() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let nginx = Process {
        pid: 10,
        ppid: 1,
        name: "nginx".into(),
        arguments: vec!["/usr/sbin/nginx".into(), "-t".into()],
        cgroup: "/".into(),
    };
    run_before(vec![nginx.clone()]);
    drop(Host::new(&config(directory.path(), 1_000)).stop());
    run_before(vec![nginx]);
    let mut reloaded = Host::new(&config(directory.path(), 1_000));
    // init and nginx.
    assert_eq!(reloaded.metric("executions_seed"), 2);
    let event = reloaded.event(exec(100, 1, "/usr/sbin/nginx -t").event());
    assert_eq!(reloaded.field(&event, "anomaly.seen").as_deref(), Some("2"));
}

/// A directory that cannot be made: the baseline lives in memory alone.
fn in_the_way(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("file");
    fs::write(&file, "in the way").expect("written");
    file.join("database")
}
