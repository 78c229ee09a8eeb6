//! Whose normal an execution is compared with.

use crate::support::{
    ANOMALY, CONTAINERS, Exec, HOST, Host, config, contain, container_event, describe, exec,
};

const ID: &str = "4c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7";

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
