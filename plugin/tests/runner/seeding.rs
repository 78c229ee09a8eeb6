//! What runs already when capture begins.

use crate::support::{Host, Process, config, exec, run_before};

fn process(pid: i64, ppid: i64, line: &str) -> Process {
    let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let name = arguments[0].rsplit('/').next().unwrap_or_default().to_owned();
    Process { pid, ppid, name, arguments, cgroup: "/system.slice/web.service".into() }
}

fn running() -> Vec<Process> {
    let mut running =
        vec![process(10, 1, "/usr/sbin/nginx -g daemon"), process(11, 10, "/usr/bin/php-fpm -F")];
    // Workers that nginx forked, and a kernel thread.
    running.extend((20..30).map(|pid| process(pid, 10, "/usr/sbin/nginx -g daemon")));
    running.push(Process { pid: 2, name: "kthreadd".into(), ..Process::default() });
    running
}

fn seen(host: &mut Host, pid: i64, line: &str) -> (Option<String>, Option<String>) {
    let exec = crate::support::Exec { cgroup: "/system.slice/web.service".into(), ..exec(pid, 1, line) };
    let event = host.event(exec.event());
    (host.field(&event, "anomaly.seen"), host.field(&event, "anomaly.level"))
}

#[test]
fn every_running_program_is_learned_once() {
    let directory = tempfile::tempdir().expect("a directory");
    run_before(running());
    let mut host = Host::new(&config(directory.path(), 1_000));
    // init, nginx and php-fpm.
    assert_eq!(host.metric("executions_seed"), 3, "neither forks nor kernel threads execute anything");
    assert_eq!(seen(&mut host, 100, "/usr/sbin/nginx -g daemon").0.as_deref(), Some("2"));
    assert_eq!(seen(&mut host, 101, "/usr/sbin/nginx -g other").0.as_deref(), Some("1"));
}

#[test]
fn seeds_alone_give_no_workload_a_score() {
    let directory = tempfile::tempdir().expect("a directory");
    run_before(running());
    let mut host = Host::new(&config(directory.path(), 1_000));
    assert_eq!(seen(&mut host, 100, "/usr/bin/nc -l 1").1.as_deref(), Some("learning"));
}
