//! This machine, as far as its privileges go.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::recording::Folder;
use crate::support::{PROGRAM, Ran, eventually, run, settle, start, watch};

/// `anomalyctl watch` without a single capability, whoever runs the test.
fn without_privileges() -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--", PROGRAM, "watch"]);
        command
    } else {
        Command::new(PROGRAM)
    };
    if !rustix::process::geteuid().is_root() {
        command.arg("watch");
    }
    settle(&mut command);
    command
}

/// Starts `count` programs, each with a mark of its own, that run for `seconds` each, and waits for them.
fn run_marked(mark: &str, count: usize, seconds: &str) {
    let children: Vec<_> = (0..count)
        .map(|n| {
            // The shell must not replace itself by sleep, so that there is a parent to be seen.
            let script = format!("sleep {seconds}; : {mark}-{n}");
            Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().expect("sh starts")
        })
        .collect();
    for mut child in children {
        child.wait().expect("it ends");
    }
}

/// The distinct marks among the arguments of executions.
fn marks(lines: &[Value], mark: &str) -> usize {
    let marked =
        |line: &&Value| line["args"][2].as_str().is_some_and(|script| script.contains(&format!(": {mark}-")));
    lines
        .iter()
        .filter(marked)
        .map(|line| line["args"][2].to_string())
        .collect::<std::collections::HashSet<_>>()
        .len()
}

/// Runs `command` while marked programs run, and interrupts it as soon as they have ended.
fn watched(command: &mut Command, data: &Path, mark: &str, count: usize, seconds: &str) -> Ran {
    let running = start(command.arg("--json").arg("--data").arg(data), b"");
    running.says("a workload is scored after");
    run_marked(mark, count, seconds);
    running.signal(Signal::INT);
    running.wait()
}

#[test]
fn without_privileges_it_polls_and_says_what_that_misses() {
    let folder = Folder::new();
    let ran = watched(without_privileges().args(["--feed", "proc"]), &folder.path("data"), "polled", 5, "1")
        .succeeded();
    assert_eq!(marks(&ran.json(), "polled"), 5, "{}", ran.err);
    let feed = ran.err.lines().find(|line| line.contains("feed proc: "));
    assert!(feed.is_some_and(|line| line.contains("misses")), "{}", ran.err);
    assert!(ran.err.contains("(proc "), "{}", ran.err);
}

#[test]
fn without_privileges_it_steps_down_and_says_why() {
    let folder = Folder::new();
    let mut command = without_privileges();
    let ran = run(command.args(["--for", "1s", "--data"]).arg(folder.path("data"))).succeeded();
    let down: Vec<_> = ran.err.lines().filter(|line| line.contains("does not work here")).collect();
    assert!(down.iter().any(|line| line.contains("the ebpf feed does not work here (")), "{}", ran.err);
    assert!(down.iter().all(|line| line.contains("; using ") && line.len() < 400), "{down:?}");
    assert!(ran.out.contains("\nexecutions "), "{}", ran.out);
}

#[test]
fn a_feed_that_is_asked_for_and_does_not_work_is_an_error() {
    let folder = Folder::new();
    let mut command = without_privileges();
    let ran = run(command.args(["--feed", "ebpf", "--for", "1s", "--data"]).arg(folder.path("data")));
    ran.failed_with(&["the ebpf feed does not work here"]);
}

#[test]
fn the_kernel_program_sees_every_execution() {
    let folder = Folder::new();
    let tried = run(watch().args(["--feed", "ebpf", "--for", "0s", "--data"]).arg(folder.path("tried")));
    if tried.code() == Some(2) {
        println!("skipped: {}", tried.err.trim());
        return;
    }
    let ran = watched(watch().args(["--feed", "ebpf"]), &folder.path("data"), "traced", 200, "0").succeeded();
    let lines = ran.json();
    assert_eq!(marks(&lines, "traced"), 200, "{}", ran.err);
    let one =
        lines.iter().find(|line| line["args"][2].as_str().is_some_and(|script| script.contains("traced-7")));
    let one = one.expect("it was seen");
    assert_eq!(
        (&one["name"], &one["feed"], &one["tty"]),
        (&"sh".into(), &"ebpf".into(), &false.into()),
        "{one}"
    );
    assert!(one["workload"].as_str().is_some_and(|workload| !workload.is_empty()), "{one}");
    assert!(ran.err.contains("feed ebpf: sees every execution"), "{}", ran.err);
}

#[test]
fn it_ends_by_itself_after_its_time() {
    let folder = Folder::new();
    let begin = std::time::Instant::now();
    let mut command = watch();
    let ran =
        run(command.args(["--feed", "proc", "--for", "2s", "--data"]).arg(folder.path("data"))).succeeded();
    assert!((2..60).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    for label in ["executions", "lost", "seeded", "learned", "held", "novel"] {
        assert!(ran.out.lines().any(|line| line.starts_with(label)), "no {label} in\n{}", ran.out);
    }
    assert!(ran.err.contains("baseline in "), "{}", ran.err);
}

#[test]
fn running_processes_teach_before_anything_happens() {
    let folder = Folder::new();
    let mut sleeper = Command::new("sleep").arg("100.25").spawn().expect("sleep starts");
    let mut command = watch();
    let ran = run(command
        .args(["--feed", "proc", "--for", "1s", "--workload", "all", "--data"])
        .arg(folder.path("data")));
    sleeper.kill().and_then(|()| sleeper.wait().map(drop)).expect("it is ours");
    let ran = ran.succeeded();
    let table = ran.out.lines().find(|line| line.starts_with("all ")).expect("the workload is in the table");
    let rows: u32 =
        table.split_whitespace().nth(2).and_then(|rows| rows.parse().ok()).expect("a number of rows");
    assert!(rows > 0, "{}", ran.out);
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let folder = Folder::new();
    // Nobody reads standard output and the pipe is full: the first interrupt cannot be obeyed.
    let many: Vec<_> = (0..40).flat_map(|_| crate::recording::web_week("web")).collect();
    let recording = folder.recording("r.jsonl", &many);
    let mut command = watch();
    command.arg("--replay").arg(&recording).arg("--json").stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let pid = rustix::process::Pid::from_child(&child);
    std::thread::sleep(Duration::from_secs(1));
    rustix::process::kill_process(pid, Signal::INT).expect("it runs");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("it is ours").is_none(), "it waits for its reader");
    rustix::process::kill_process(pid, Signal::INT).expect("it runs");
    let mut status = None;
    eventually("the second interrupt ends it", || {
        status = child.try_wait().expect("it is ours");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(130));
}
