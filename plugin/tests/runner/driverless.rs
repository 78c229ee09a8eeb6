//! A Falco without a driver: real executions of this machine become events.

use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use falco_plugin_runner::Event;

use crate::support::{ANOMALY, Host, configured};

/// A child that ends with the test.
struct Sleeper(Child);

impl Sleeper {
    fn new(seconds: &str) -> Self {
        Self(Command::new("/bin/sleep").arg(seconds).spawn().expect("sleep is there"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn host(path: &Path) -> Host {
    Host::with(&[(&ANOMALY, &configured(path, r#""feed": "proc", "learn_executions": 1"#))])
}

/// The event of a process; its container's image may have to be waited for.
fn event_of(host: &mut Host, pid: u32) -> Event {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let Some(event) = host.next() else {
            sleep(Duration::from_millis(10));
            continue;
        };
        if host.field(&event, "anomaly.proc_pid") == Some(pid.to_string()) {
            return event;
        }
    }
    panic!("no event of process {pid}");
}

#[test]
fn every_execution_becomes_an_event_that_answers_for_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = host(directory.path());
    let child = Sleeper::new("987");
    let event = event_of(&mut host, child.0.id());
    assert_eq!(host.field(&event, "anomaly.proc_name").as_deref(), Some("sleep"));
    assert_eq!(host.field(&event, "anomaly.proc_cmdline").as_deref(), Some("/bin/sleep 987"));
    let uid = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(host.field(&event, "anomaly.proc_uid"), Some(uid));
    assert!(host.field(&event, "anomaly.proc_parent").is_some_and(|parent| !parent.is_empty()));
    for field in ["workload", "level", "threshold", "seen"] {
        assert!(host.field(&event, &format!("anomaly.{field}")).is_some(), "{field}");
    }
    assert!(host.metric("injected") >= 1);
    assert!(host.metric("executions_proc") >= 1);
}

#[test]
fn what_runs_already_is_learned_from_proc() {
    let directory = tempfile::tempdir().expect("a directory");
    let _child = Sleeper::new("986");
    let mut host = host(directory.path());
    assert!(host.metric("executions_seed") >= 1, "this very test runs");
}

#[test]
fn nothing_is_injected_after_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let host = host(directory.path());
    drop(host.stop());
    // The runner's queue is gone: an event now would be written into freed memory.
    let _child = Sleeper::new("985");
    sleep(Duration::from_millis(300));
}
