//! `sys_enter_execve(at)`: the rung for kernels without type information.
//!
//! It needs tracefs, which few machines have mounted. The test mounts it for itself alone, in a process of its own,
//! because where tracefs is, is looked up once per process.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anomaly_capture::{Feed, FeedKind, Loss, Observation, Options, ebpf::Hook};

use crate::watch::{Watch, arguments, has, marker, own_name, skipped};

/// Set in the process that has tracefs.
const INSIDE: &str = "ANOMALY_TEST_TRACEFS";

#[test]
fn attempts_that_succeed_are_told() {
    let mounted = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];
    if env::var_os(INSIDE).is_some() || mounted.iter().any(|path| Path::new(path).exists()) {
        return inside();
    }
    const MOUNT: &str = "mount -t tracefs tracefs /sys/kernel/tracing || exit 77; exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", MOUNT, "sh"])
        .arg(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "enter::attempts_that_succeed_are_told", "--nocapture"]).env(INSIDE, "1");
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            // What it skipped, it said on its own.
            let _ = std::io::stderr().write_all(&output.stderr);
        }
        Ok(output) if matches!(output.status.code(), Some(1 | 77)) && env::var_os(INSIDE).is_none() => {
            skipped(format!("tracefs cannot be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        other => panic!("{other:?}"),
    }
}

fn inside() {
    let Some(mut watch) = Watch::open(Hook::Enter, &Options::default()) else { return };
    a_living_process_is_told_with_its_surroundings(&mut watch);
    a_process_that_ended_is_told_with_its_arguments(&mut watch);
    a_failed_attempt_is_not_told(&mut watch);
    a_script_is_told_as_other_feeds_tell_it(&mut watch);
    long_arguments_are_cut(&mut watch);
    nothing_is_left_over(&mut watch);
}

fn a_living_process_is_told_with_its_surroundings(watch: &mut Watch) {
    let mut child =
        Command::new("/bin/sleep").args(["60", "0"]).stdin(Stdio::null()).spawn().expect("sleep starts");
    let id = child.id();
    let seen = watch.collect(1, |observation| observation.identity.tgid == id).remove(0);
    child.kill().and_then(|()| child.wait()).expect("the child ends");
    assert_eq!(arguments(&seen), ["/bin/sleep", "60", "0"]);
    assert_eq!((seen.execution.name.as_str(), seen.feed), ("sleep", FeedKind::EbpfEnter));
    assert_eq!((seen.execution.parent.clone(), seen.ppid), (own_name(), std::process::id()));
    assert!(seen.surroundings.tty.is_some() && seen.surroundings.sockets.is_some(), "{seen:#?}");
}

fn a_process_that_ended_is_told_with_its_arguments(watch: &mut Watch) {
    let marker = marker();
    let seen = watch.execution(Command::new("/bin/true").args(["", "-x", &marker]), &marker);
    assert_eq!(arguments(&seen), ["/bin/true", "", "-x", &marker]);
    assert_eq!((seen.execution.name.as_str(), seen.exe.as_str()), ("true", "/bin/true"));
    assert_eq!(seen.argument_bytes as usize, "/bin/true".len() + "-x".len() + marker.len() + 4);
}

fn a_failed_attempt_is_not_told(watch: &mut Watch) {
    let marker = marker();
    // env tries every directory of PATH; the last one has it.
    let mut command = Command::new("/usr/bin/env");
    command.args(["true", &marker]).env("PATH", "/nowhere:/nor/here:/usr/bin:/bin");
    assert!(command.status().expect("env starts").success());
    let mut seen = watch.collect(2, |observation| has(observation, &marker));
    watch.feed.wait(Duration::from_millis(20));
    let rest = &mut |observation: Observation| seen.extend(has(&observation, &marker).then_some(observation));
    watch.feed.drain(rest).expect("the feed goes on");
    let names: Vec<&str> = seen.iter().map(|observation| observation.execution.name.as_str()).collect();
    assert_eq!(names, ["env", "true"]);
    assert_eq!(seen[0].identity.tgid, seen[1].identity.tgid);
}

fn a_script_is_told_as_other_feeds_tell_it(watch: &mut Watch) {
    let marker = marker();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("wait.sh");
    fs::write(&path, "#!/bin/sh\nread line\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
    let mut child = Command::new("wait.sh");
    child
        .env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()))
        .arg(&marker)
        .stdin(Stdio::piped());
    let mut child = child.spawn().expect("the script starts");
    let seen = watch.collect(1, |observation| has(observation, &marker)).remove(0);
    // Waiting closes its input, which ends it.
    child.wait().expect("the script ends");
    assert_eq!(arguments(&seen), [path.to_str().expect("text"), &marker]);
    assert_eq!(seen.execution.name, "wait.sh");
}

fn long_arguments_are_cut(watch: &mut Watch) {
    let marker = marker();
    let seen = watch.execution(Command::new("/bin/true").arg(&marker).arg("x".repeat(50_000)), &marker);
    assert_eq!(seen.execution.arguments.byte_len(), 4096 - 1);
    let marker = self::marker();
    let many: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let seen = watch.execution(Command::new("/bin/true").arg(&marker).args(&many), &marker);
    assert_eq!(arguments(&seen)[2..6], ["0", "1", "2", "3"]);
    assert!(seen.execution.arguments.len() > 500, "{}", seen.execution.arguments.len());
}

fn nothing_is_left_over(watch: &mut Watch) {
    assert_eq!(watch.counters.lost(Loss::RingBuffer), 0);
    assert_eq!(watch.counters.lost(Loss::Malformed), 0);
}
