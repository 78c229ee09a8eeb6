//! What was learned outlives the process, however it ends.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::recording::{DAY, Folder, exfiltration, line, text, web_week};
use crate::support::{PROGRAM, replay, run, start, start_open, watch};

fn into(data: &Path, recording: &Path) -> Command {
    let mut command = replay(recording);
    command.arg("--data").arg(data).arg("--json");
    command
}

#[test]
fn a_second_run_knows_what_the_first_learned() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut lines = web_week("docker.io/library/web");
    lines.extend(web_week("a b/../c\u{1b}").into_iter().take(300));
    let recording = folder.recording("r.jsonl", &lines);
    let first = run(&mut into(&data, &recording)).succeeded();
    assert!(first.json().iter().any(|line| line["score"].is_null()), "it learns first");
    let second = run(&mut into(&data, &recording)).succeeded();
    assert!(
        second.err.contains("2 workloads with 12 distinct executions known and 0 held"),
        "{}",
        second.err
    );
    let lines = second.json();
    assert_eq!(lines.len(), 1308);
    for line in &lines {
        assert_eq!((line["score"].as_f64(), &line["standing"]), (Some(0.0), &"known".into()), "{line}");
    }
    assert_eq!(lines[0]["seen"], 169, "counts are kept too");
}

#[test]
fn what_was_held_is_still_held() {
    let folder = Folder::new();
    let data = folder.path("data");
    let attack = exfiltration("web");
    let first = folder.recording("1", &[web_week("web"), vec![attack.clone().at(7.0 * DAY)]].concat());
    let second = folder.recording("2", &[attack.at(7.0 * DAY + 60.0)]);
    run(&mut into(&data, &first)).succeeded();
    let lines = run(&mut into(&data, &second)).succeeded().json();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&line["held"], &line["novel"], &line["seen"]), (&true.into(), &true.into(), &2.into()));
    assert_eq!(line["first"], false, "its group has alerted today, before the restart");
}

#[test]
fn organisations_do_not_share() {
    let folder = Folder::new();
    let data = folder.path("data");
    let recording = folder.recording("r.jsonl", &web_week("web"));
    run(into(&data, &recording).args(["--org", "one"])).succeeded();
    let other = run(into(&data, &recording).args(["--org", "two"])).succeeded();
    assert!(other.json()[0]["score"].is_null(), "another organisation begins anew");
    let same = run(into(&data, &recording).args(["--org", "one"])).succeeded();
    assert_eq!(same.json()[0]["score"].as_f64(), Some(0.0));
}

/// The promise: new rows are on the disk within a second.
#[test]
fn killed_at_any_moment_it_opens_again_and_knows_what_was_saved() {
    let folder = Folder::new();
    let data = folder.path("data");
    let week = web_week("web");
    // The first round waits for what is promised; the others kill in the middle of it.
    for (round, wait) in (0..).zip([2500, 300, 30]) {
        let fresh = (0..40).map(|n| {
            let flag = format!("--header-{round}-{n}");
            line("web", "check.sh", &["curl", "-s", &flag, "http://127.0.0.1:8080/"])
                .at(7.0 * DAY + f64::from(round))
        });
        let input = text(&week.iter().cloned().chain(fresh).collect::<Vec<_>>());
        let (running, _open) =
            start_open(watch().args(["--replay", "-", "--json", "--data"]).arg(&data), input.as_bytes());
        running.writes(&format!("--header-{round}-39"));
        std::thread::sleep(Duration::from_millis(wait));
        running.signal(Signal::KILL);
        assert_eq!(running.wait().code(), None, "it was killed");

        let check = folder.recording("check.jsonl", &week);
        let ran = run(&mut into(&data, &check)).succeeded();
        let known = ran.json().iter().filter(|line| line["score"].as_f64() == Some(0.0)).count();
        assert_eq!(known, week.len(), "round {round}: {}", ran.err);
    }
}

#[test]
fn asked_to_end_it_saves_and_sums_up() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let folder = Folder::new();
        let data = folder.path("data");
        let input = text(&web_week("web")[..60]);
        let (running, _open) =
            start_open(watch().args(["--replay", "-", "--all", "--data"]).arg(&data), input.as_bytes());
        running.writes("09:01:30 web ");
        running.signal(signal);
        let ran = running.wait().succeeded();
        assert!(ran.out.contains("executions  60 (replay 60)"), "{signal:?}: {ran:?}");
        let recording = folder.recording("r.jsonl", &web_week("web")[..6]);
        let again = run(&mut into(&data, &recording)).succeeded();
        assert!(again.err.contains(" with 6 distinct executions known"), "{signal:?}: {}", again.err);
    }
}

#[test]
fn a_second_process_scores_and_does_not_learn() {
    let folder = Folder::new();
    let data = folder.path("data");
    let recording = folder.recording("r.jsonl", &web_week("web"));
    run(&mut into(&data, &recording)).succeeded();

    let (writer, open) = start_open(watch().args(["--replay", "-", "--data"]).arg(&data), b"");
    writer.says("distinct executions known");
    let near = line("web", "check.sh", &["curl", "-s", "-f", "http://127.0.0.1:8080/healthz"]);
    let second = folder.recording("2", &[near.clone().at(7.0 * DAY), near.at(7.0 * DAY + 1.0)]);
    let ran = run(&mut into(&data, &second)).succeeded();
    assert!(ran.err.contains("another process writes to this database"), "{}", ran.err);
    let unlearned = |line: &Value| line["standing"] == "unlearned" && line["score"].as_f64() > Some(0.0);
    assert!(ran.json().iter().all(unlearned), "{}", ran.out);

    drop(open);
    writer.wait().succeeded();
    let after = run(&mut into(&data, &second)).succeeded().json();
    assert_eq!(after[0]["standing"], "learned", "the writer is gone, and nothing was learned before");
}

#[test]
fn a_replay_without_a_database_leaves_none() {
    let folder = Folder::new();
    let home = folder.path("home");
    let recording = folder.recording("r.jsonl", &web_week("web"));
    let mut command = replay(&recording);
    command.env("HOME", &home).env("XDG_DATA_HOME", home.join("data"));
    let ran = start(&mut command, b"").wait().succeeded();
    assert!(ran.err.contains("in memory alone: give --data DIR"), "{}", ran.err);
    assert!(!home.exists());
}

#[test]
fn a_full_disk_is_a_sentence_and_loses_nothing_that_was_saved() {
    let folder = Folder::new();
    let small = folder.path("small");
    std::fs::create_dir(&small).expect("a directory");
    let many: Vec<_> = (0..1500u32)
        .map(|n| {
            let letters: String =
                [n / 676, n / 26 % 26, n % 26].iter().map(|&n| char::from(b'a' + n as u8)).collect();
            line("web", "sh", &["tool", &format!("--{letters}")]).at(f64::from(n) * 100.0)
        })
        .collect();
    let recording = folder.recording("r.jsonl", &many);
    // A file system of our own, which goes with the process. Filled, emptied, and used again.
    let script = r#"
        mount -t tmpfs -o size=500k none "$1" || exit 77
        "$0" watch --replay "$2" --data "$1/data" --json >/dev/null; echo "first $?" >&2
        mount -o remount,size=100m "$1"
        "$0" watch --replay "$2" --data "$1/data" --json >/dev/null; echo "second $?" >&2
        "$0" watch --replay - --data "$1/data" --json </dev/null; echo "third $?" >&2
    "#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, PROGRAM]).arg(&small).arg(&recording);
    let ran = run(&mut command);
    if ran.code() == Some(77) || ran.err.contains("unshare failed") {
        println!("skipped: a small file system cannot be mounted here: {}", ran.err.trim());
        return;
    }
    let told = ran.err.lines().any(|line| line.contains("the disk is full; free some space"));
    assert!(told && ran.err.contains("first 2"), "{}", ran.err);
    assert!(ran.err.contains("second 0") && ran.err.contains("third 0"), "{}", ran.err);
    assert!(ran.err.contains("1 workload with 1,500 distinct executions known"), "{}", ran.err);
}
