//! The commands that ask a running daemon, as a probe, a person and a timer run them.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::daemon::{Place, end};
use crate::support::{PROGRAM, Ran, eventually, run, settle};
use crate::terminal::on_a_terminal_of;

/// A command of the program with these arguments, in a known environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    settle(&mut command);
    command
}

/// One that asks the daemon of a place, by its configuration.
fn ask(place: &Place, arguments: &[&str]) -> Ran {
    run(command(arguments).arg("--config").arg(place.path("anomaly.yaml")))
}

#[test]
fn nobody_to_ask_is_said_with_what_to_do() {
    let place = Place::new();
    place.configure("");
    for asking in ["ready", "findings", "metrics"] {
        ask(&place, &[asking]).failed_with(&["no daemon can be asked at ", "api.sock", "anomalyctl run"]);
        let socket = place.path("another.sock");
        run(command(&[asking]).arg("--socket").arg(&socket)).failed_with(&["another.sock"]);
    }
    ask(&place, &["findings"]).failed_with(&["`anomalyctl held` reads the database without one"]);
    // A number that was there stays: its age tells.
    let file = place.path("anomaly.prom");
    fs::write(&file, "before").expect("the folder is ours");
    ask(&place, &["metrics", "--output", &file.display().to_string()]).failed_with(&["no daemon"]);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "before");
    fs::write(place.path("anomaly.yaml"), "api: {sockets: x}").expect("the folder is ours");
    ask(&place, &["ready"]).failed_with(&["anomaly.yaml:1:", "did you mean socket?"]);
}

#[test]
fn a_running_daemon_is_asked() {
    let place = Place::new();
    place.configure("");
    let daemon = place.daemon();
    let ready = ask(&place, &["ready"]).succeeded();
    assert_eq!((&*ready.out, &*ready.err), ("", ""), "a probe's words end in a log");
    let socket = place.path("api.sock").display().to_string();
    run(&mut command(&["ready", "--socket", &socket])).succeeded();
    let nothing = ask(&place, &["findings", "--workload", "nobody*"]).succeeded();
    assert!(nothing.out.is_empty() && nothing.err.contains("nothing novel was found"), "{nothing:?}");

    let finding = place.attacked();
    let group = finding["group"].as_str().expect("it has a group");
    let shown = ask(&place, &["findings", "--workload", "a*", "--since", "1h"]).succeeded();
    let line = shown.out.lines().find(|line| line.contains("intruder (")).expect("it is listed");
    assert!(line.starts_with(&group[..9]) && line.contains("held"), "{line}");
    assert!(ask(&place, &["findings", "--min-score", "1"]).succeeded().out.is_empty());
    let json: Value =
        serde_json::from_str(&ask(&place, &["findings", "--json"]).succeeded().out).expect("an array");
    let all = json.as_array().expect("an array");
    assert!(all.iter().any(|one| one["group"] == group && one["example"]["name"] == "intruder"), "{json}");
    let one = ask(&place, &["findings", "--json", "--limit", "1"]).succeeded();
    assert_eq!(serde_json::from_str::<Value>(&one.out).expect("an array").as_array().map(Vec::len), Some(1));
    ask(&place, &["findings", "--limit", "0"]).failed_with(&["--limit"]);

    // What an alert and a finding carry leads to what they are about; what looks like an id and is none has no score.
    let execution = finding["example"]["id"].as_str().expect("it has an id");
    let uuid = [&execution[..8], &execution[8..12], &execution[12..16], &execution[16..20], &execution[20..]];
    let uuid = uuid.join("-");
    eventually("it is saved", || ask(&place, &["explain", execution]).code() == Some(0));
    for id in [execution, &uuid, finding["id"].as_str().expect("it has an id"), group] {
        let told = ask(&place, &["explain", id]).succeeded();
        assert!(told.out.contains("intruder") && told.out.contains(" held, seen "), "{id}: {}", told.out);
        let touched = ask(&place, &["approve", id, "--dry-run"]).succeeded();
        assert!(touched.out.contains("intruder"), "{id}: {}", touched.out);
    }
    let unknown = "0".repeat(32);
    for asking in [&["explain", "--workload", "all"][..], &["deny"]] {
        ask(&place, &[asking, &[&unknown]].concat()).failed_with(&["the daemon remembers no execution 0000"]);
        ask(&place, &[asking, &["f0000000000000000"]].concat()).failed_with(&["no finding has the id f0000"]);
    }
    ask(&place, &["explain", "--workload", "all", "r00000000"])
        .failed_with(&["nothing has the id r00000000"]);
    let command = ask(&place, &["explain", "--workload", "all", "--name", "gcc12", "gcc12"]).succeeded();
    assert!(command.out.contains("never seen"), "{}", command.out);

    let narrow = on_a_terminal_of(60, &format!("findings --socket '{socket}'"), &[]);
    assert!(narrow.contains("intruder ("), "{narrow}");
    assert!(narrow.lines().all(|line| line.trim_end().chars().count() <= 60), "{narrow}");

    let file = place.path("anomaly.prom");
    let written = ask(&place, &["metrics", "--output", &file.display().to_string()]).succeeded();
    assert!(written.out.is_empty(), "{written:?}");
    for text in [ask(&place, &["metrics"]).succeeded().out, fs::read_to_string(&file).expect("it is there")] {
        assert!(text.contains("\nanomaly_ready 1") && text.ends_with("# EOF\n"), "{text}");
    }
    let nowhere = place.path("nowhere/anomaly.prom").display().to_string();
    ask(&place, &["metrics", "--output", &nowhere]).failed_with(&["nowhere/anomaly.prom", "a directory"]);
    end(daemon);
    ask(&place, &["explain", &uuid]).failed_with(&["only the daemon can look up", "the group (g...)"]);
    ask(&place, &["explain", group]).succeeded();
}
