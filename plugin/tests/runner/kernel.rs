//! Under a driver, with the kernel program for real: its record is joined with Falco's event, which tells the same.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anomaly_capture::{FeedChoice, Options, ladder};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::support::{Exec, Host, Process, configured, exec, run_before};

/// A host on which the kernel program runs, or `None` where it cannot.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
fn host(path: &Path) -> Option<Host> {
    if let Err(error) = ladder::open(FeedChoice::Ebpf, &Options::default(), &Arc::default()) {
        println!("skipped: {error}");
        return None;
    }
    run_before(ancestors());
    Some(Host::new(&configured(path, r#""feed": "ebpf", "learn_executions": 100000"#)))
}

/// This process and its parent, as Falco's thread table has them.
fn ancestors() -> Vec<Process> {
    let stat = |pid: i64| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        let (head, tail) = stat.rsplit_once(") ").expect("a stat line");
        let name = head.split_once('(').expect("a stat line").1.to_owned();
        (name, tail.split(' ').nth(1).expect("a parent").parse::<i64>().expect("a number"))
    };
    let own = i64::from(std::process::id());
    let (name, parent) = stat(own);
    let (parents_name, above) = stat(parent);
    let process = |pid, ppid, name: String| Process {
        pid,
        ppid,
        name: name.clone(),
        arguments: vec![name],
        ..Process::default()
    };
    vec![process(own, parent, name), process(parent, above, parents_name)]
}

/// The event that Falco would have of an execution by this process.
fn told(pid: u32, name: &str, arguments: &[&str], executable: &str) -> Exec {
    let own = i64::from(std::process::id());
    Exec {
        name: name.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        executable: executable.into(),
        uid: rustix::process::geteuid().as_raw(),
        ..exec(pid.into(), own, "x")
    }
}

/// Waits until a metric has a value.
fn wait(host: &mut Host, metric: &str, at_least: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while host.metric(metric) < at_least {
        assert!(Instant::now() < deadline, "{metric} stays at {}", host.metric(metric));
        sleep(Duration::from_millis(20));
    }
}

/// Runs a program to its end and gives its process id.
fn run(command: &mut Command) -> u32 {
    let mut child = command.spawn().expect("it starts");
    let pid = child.id();
    child.wait().expect("it ends");
    pid
}

/// How often the execution that an event tells of was seen, after the event.
fn seen(host: &mut Host, exec: &Exec) -> Option<String> {
    let event = host.event(exec.event());
    host.field(&event, "anomaly.seen")
}

#[test]
fn a_record_is_judged_on_falcos_own_event_of_the_same_execution() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    let before = host.metric("joined");
    let pid = run(Command::new("/bin/echo").args(["joined", "record"]).stdout(std::process::Stdio::null()));
    // Falco's event knows less: the arguments come from the record.
    let event = host.event(told(pid, "echo", &["/bin/echo"], "/bin/echo").event());
    assert_eq!(host.metric("joined"), before + 1);
    assert_eq!(host.metric("judged_from_event"), 0);
    assert_eq!(host.field(&event, "anomaly.level").as_deref(), Some("learning"));
    let again = told(pid + 1_000_000, "echo", &["/bin/echo", "joined", "record"], "/bin/echo");
    assert_eq!(seen(&mut host, &again).as_deref(), Some("2"), "the record's arguments were learned");
}

#[test]
fn a_record_without_an_event_is_judged_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    run(Command::new("/bin/true").arg("unheard"));
    wait(&mut host, "judged_without_event", 1);
    assert!(host.metric("executions_ebpf") >= 1);
    assert_eq!(host.metric("lost_unjoined"), 0);
}

#[test]
fn a_program_that_executes_another_one_is_two_executions_with_two_records() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    let before = host.metric("joined");
    let pid = run(Command::new("/usr/bin/env").args(["true", "twice"]));
    for (name, arguments) in [("env", &["/usr/bin/env", "true", "twice"][..]), ("true", &["true", "twice"])] {
        let event = told(pid, name, arguments, "/usr/bin/true");
        assert_eq!(seen(&mut host, &event).as_deref(), Some("1"), "{name}");
    }
    assert_eq!(host.metric("joined"), before + 2);
}

/// Lets the same execution be told by its record, and then by Falco's event alone: the second finds it known.
fn told_alike(host: &mut Host, command: &mut Command, event: impl Fn(u32) -> Exec) {
    let pid = run(command);
    assert_eq!(seen(host, &event(pid)).as_deref(), Some("1"), "the record");
    let joined = host.metric("joined");
    assert_eq!(seen(host, &event(pid + 1_000_000)).as_deref(), Some("2"), "the event alone");
    assert_eq!(host.metric("joined"), joined);
}

#[test]
fn record_and_event_tell_the_same_of_a_script() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    let script = directory.path().join("tool.sh");
    fs::write(&script, "#!/bin/sh -e\n").expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("made executable");
    let path = script.to_str().expect("text");
    told_alike(&mut host, Command::new(path).arg("-v"), |pid| {
        told(pid, "tool.sh", &["/bin/sh", "-e", path, "-v"], "/usr/bin/dash")
    });
}

#[test]
fn record_and_event_tell_the_same_of_a_program_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    let memory = memfd_create("tool", MemfdFlags::empty()).expect("a file in memory");
    rustix::io::write(&memory, &fs::read("/bin/true").expect("readable")).expect("written");
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let name = memory.as_raw_fd().to_string();
    told_alike(&mut host, &mut Command::new(&path), |pid| Exec {
        flags: 1 << 2,
        ..told(pid, &name, &[&path], "memfd:tool")
    });
}

/// With a descriptor and no path the kernel names the process after the file or, before 6.14, after the descriptor.
#[cfg(target_arch = "x86_64")]
#[test]
fn record_and_event_tell_the_same_of_an_execveat_by_descriptor() {
    // The descriptor, an empty path, and AT_EMPTY_PATH.
    const EXECVEAT: &str = r#"open(F, "<", "/bin/true"); my $empty = ""; my $environment = pack("Q", 0);
        my $argv = pack("p p Q", "true", "by descriptor", 0);
        syscall(322, fileno(F), $empty, $argv, $environment, 0x1000); die $!"#;
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut host) = host(directory.path()) else { return };
    if Command::new("perl").arg("-v").output().is_err() {
        println!("skipped: there is no perl to call execveat");
        return;
    }
    let name = if named_after_files() { "true" } else { "3" };
    let arguments = ["true", "by descriptor"];
    let pid = run(Command::new("perl").args(["-e", EXECVEAT]));
    let event = |pid| Exec { code: EXECVEAT_EXIT, ..told(pid, name, &arguments, "/usr/bin/true") };
    // Perl itself was executed by the same process before.
    let joined = host.metric("joined");
    assert_eq!(seen(&mut host, &event(pid)).as_deref(), Some("1"), "the record");
    assert_eq!(host.metric("joined"), joined + 1);
    assert_eq!(seen(&mut host, &event(pid + 1_000_000)).as_deref(), Some("2"), "the event alone");
    assert_eq!(host.metric("joined"), joined + 1);
}

/// `PPME_SYSCALL_EXECVEAT_X`.
#[cfg(target_arch = "x86_64")]
const EXECVEAT_EXIT: u16 = 331;

#[cfg(target_arch = "x86_64")]
fn named_after_files() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(14))
}
