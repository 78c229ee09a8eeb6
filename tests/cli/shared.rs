//! Baselines that several machines share, here by way of a folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::baseline::{baseline, learned, no_controls};
use crate::recording::Folder;
use crate::support::{run, watch};

/// A machine that watches for a moment, and shares.
fn sharing(data: &Path, place: &Path, machine: &str) -> Command {
    let mut command = watch();
    command.args(["--feed", "proc", "--for", "4s", "--workload", "web", "--shared-interval", "1s", "--json"]);
    command.args(["--shared-machine", machine, "--data"]).arg(data);
    command.arg("--shared").arg(format!("file://{}", place.display()));
    command
}

fn shared(data: &Path) -> Command {
    let mut command = baseline("shared");
    command.arg("--data").arg(data);
    command
}

#[test]
fn a_new_machine_begins_with_what_another_learned() {
    let folder = Folder::new();
    let (old, new, place) = (learned(&folder), folder.path("new"), folder.path("place"));
    std::fs::create_dir(&place).expect("a folder");
    run(&mut shared(&old)).failed_with(&["was never shared", "--shared"]);
    let ran = run(&mut sharing(&old, &place, "old")).succeeded();
    assert!(ran.err.contains("shared through file://"), "{}", ran.err);
    // Once each, or again where the machine that runs the test brought something new meanwhile.
    let (before, _) = ran.err.split_once(" workloads sent").unwrap_or_else(|| panic!("{}", ran.err));
    let sent = before.rsplit(' ').next().and_then(|number| number.parse::<u32>().ok());
    assert!(sent >= Some(2), "{}", ran.err);

    let ran = run(&mut sharing(&new, &place, "new")).succeeded();
    assert!(ran.err.contains("taken"), "{}", ran.err);
    let mut status = Command::new(crate::support::PROGRAM);
    let status = run(status.args(["baseline", "list", "--json", "--data"]).arg(&new)).succeeded().json();
    let web = status.iter().find(|line| line["workload"] == "web").expect("something ran");
    assert_eq!(web["learning"], false, "it is warm");
    assert!(web["known"].as_u64() < Some(200), "what others know is not stored as its own: {web}");

    // What another process asks about the database knows the others too.
    let mut status = Command::new(crate::support::PROGRAM);
    let status = run(status.args(["status", "--json", "--data"]).arg(&new)).succeeded().json();
    assert_eq!(
        (&status[0]["shared"]["machine"], &status[0]["shared"]["machines"]),
        (&"new".into(), &1.into())
    );
    assert!(status[0]["workloads"][0]["known_elsewhere"].as_u64() > Some(5), "{}", status[0]);
    let mut status = Command::new(crate::support::PROGRAM);
    let status = run(status.args(["status", "--data"]).arg(&new)).succeeded().out;
    let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(status.contains("with 1 machine, all taken"), "{status}");

    let known = run(shared(&new).arg("--json")).succeeded().json();
    let [known] = &known[..] else { panic!("{known:?}") };
    assert_eq!((&known["machine"], &known["machines"][0]["machine"]), (&"new".into(), &"old".into()));
    assert!(known["machines"][0]["rows"].as_u64() > Some(10), "{known}");
    assert_eq!((&known["failing"], &known["counters"]["corrupt"]), (&serde_json::Value::Null, &0.into()));
    let listed = run(&mut shared(&new)).succeeded().out;
    no_controls(&listed);
    assert!(listed.contains("as new: 1 other machine") && listed.contains("\nold "), "{listed}");
    let private = std::fs::metadata(new.join("fleet")).expect("the copy").permissions().mode();
    assert_eq!(private & 0o077, 0, "command lines are in it");
    run(baseline("verify").arg("--data").arg(&new)).succeeded();

    let forget = |machine: &str| {
        let mut command = baseline("shared");
        command.args(["--forget", machine, "--shared"]).arg(format!("file://{}", place.display()));
        command
    };
    run(&mut forget("nobody")).failed_with(&["knows no machine nobody"]);
    let forgotten = run(&mut forget("old")).succeeded().out;
    assert!(forgotten.contains("old is forgotten"), "{forgotten}");
    run(&mut sharing(&new, &place, "new")).succeeded();
    let known = run(shared(&new).arg("--json")).succeeded().json();
    assert_eq!(known[0]["machines"][0]["rows"], 0);
}

#[test]
fn a_place_out_of_reach_is_told_and_keeps_nobody_from_watching() {
    let folder = Folder::new();
    let ran = run(&mut sharing(&folder.path("data"), &folder.path("missing"), "a")).succeeded();
    assert!(ran.err.contains("mount it, or make it"), "{}", ran.err);
    assert!(ran.err.contains("learning and scoring go on"), "{}", ran.err);
    assert!(!folder.path("missing").exists());
    let known = run(shared(&folder.path("data")).arg("--json")).succeeded().json();
    assert!(known[0]["counters"]["failed"].as_u64() > Some(0), "{known:?}");
    assert!(known[0]["failing"].as_str().is_some_and(|failing| failing.contains("mount it")), "{known:?}");
}

#[test]
fn secrets_in_an_address_are_refused_and_not_repeated() {
    let ran = run(watch().args(["--shared", "s3://key:hunter2@bucket/x"]));
    assert!(!ran.err.contains("hunter2") || ran.err.contains("AWS_SECRET_ACCESS_KEY"), "{}", ran.err);
    assert_eq!(ran.code(), Some(2));
}
