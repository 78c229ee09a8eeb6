//! Acts beside executions, from a recording to an export.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::recording::{DAY, Folder, START};
use crate::support::{PROGRAM, Ran, run, settle, watch};

fn act(time: f64, name: &str, kind: &str, object: &str, flags: &[&str]) -> Value {
    json!({
        "workload": "shop", "time": START + time, "name": name, "parent": "containerd-shim", "uid": 33,
        "exe": format!("/usr/sbin/{name}"), "kind": kind, "object": object, "flags": flags,
    })
}

/// Three days of a web server, and then one act that is new.
fn recording(folder: &Folder, last: Value) -> PathBuf {
    let mut lines = Vec::new();
    for minute in 0..3 * 24 * 6 {
        let time = f64::from(minute) * 600.0;
        lines.push(act(time, "nginx", "open", "/etc/passwd", &["read"]));
        lines.push(act(time, "nginx", "open", "/var/log/nginx/access.log", &["write", "create"]));
        lines.push(act(time, "nginx", "connect", "10.0.0.5:5432", &["tcp"]));
        lines.push(json!({
            "workload": "shop", "time": START + time, "name": "date", "parent": "nginx", "args": ["date", "+%s"],
        }));
    }
    lines.push(last);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let path = folder.path("acts.jsonl");
    std::fs::write(&path, text).expect("a file");
    path
}

fn attack() -> Value {
    act(3.0 * DAY, "nginx", "open", "/etc/shadow", &["read"])
}

fn anomalyctl(arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    run(command.args(arguments)).succeeded()
}

fn one(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

#[test]
fn what_was_never_done_is_shown_held_explained_approved_and_exported() {
    let folder = Folder::new();
    let recording = recording(&folder, attack());
    let data = folder.path("data");
    let data = data.to_str().expect("text");
    let ran = run(watch().arg("--json").arg("--replay").arg(&recording).args(["--data", data])).succeeded();
    let lines = ran.json();
    let (last, before) = lines.split_last().expect("lines");
    assert!(last["score"].as_f64() >= Some(0.85), "{last}");
    assert_eq!(
        (&last["kind"], &last["object"], &last["flags"]),
        (&json!("open"), &json!("/etc/shadow"), &json!(["read"]))
    );
    assert!(last["args"].is_null() && last["held"] == true, "{last}");
    assert!(last["reason"].as_str().is_some_and(|reason| reason.contains("shadow")), "{last}");
    let known = before.iter().rev().take(4);
    assert!(known.clone().count() == 4 && known.clone().all(|line| line["score"] == 0.0), "{before:?}");
    assert!(before[1]["score"].is_null(), "a kind of act is learned for a day: {}", before[1]);

    let status = one(&anomalyctl(&["status", "--json", "--data", data]));
    let kinds: Vec<_> =
        status["workloads"].as_array().expect("a list").iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, [&json!("exec"), &json!("open"), &json!("connect")]);
    let text = anomalyctl(&["status", "--data", data]);
    assert!(text.out.contains("shop: open"), "{}", text.out);

    let held = anomalyctl(&["held", "--data", data]);
    assert!(held.out.contains("open /etc/shadow read"), "{}", held.out);
    let explain =
        ["explain", "--data", data, "--kind", "open", "--name", "nginx", "--parent", "containerd-shim"];
    let explain = [&explain[..], &["--uid", "33", "--exe", "/usr/sbin/nginx"]].concat();
    let why = anomalyctl(&[&explain[..], &["--json", "/etc/shadow", "read"]].concat());
    assert!(one(&why)["score"].as_f64() >= Some(0.85), "{}", why.out);
    let known = anomalyctl(&[&explain[..], &["--json", "/etc/passwd", "read"]].concat());
    assert_eq!(one(&known)["score"], 0.0, "{}", known.out);

    anomalyctl(&["approve", "--data", data, "open /etc/shadow*", "--why", "a test"]);
    let why = anomalyctl(&[&explain[..], &["--json", "/etc/shadow", "read"]].concat());
    assert_eq!(one(&why)["score"], 0.0, "{}", why.out);

    let export = folder.path("baseline.jsonl");
    let export = export.to_str().expect("text");
    anomalyctl(&["baseline", "export", "--data", data, "--output", export]);
    let other = folder.path("other");
    let other = other.to_str().expect("text");
    anomalyctl(&["baseline", "import", export, "--data", other]);
    let again = [&explain[..], &["--json", "/etc/shadow", "read"]].concat();
    let again: Vec<_> = again.iter().map(|&word| if word == data { other } else { word }).collect();
    let imported = anomalyctl(&again);
    assert_eq!(one(&imported)["score"], 0.0, "its acts and their learning came along: {}", imported.out);
}

#[test]
fn a_kind_that_nobody_asked_about_is_said_to_be_unknown() {
    let folder = Folder::new();
    let recording = recording(&folder, attack());
    let data = folder.path("data");
    run(watch().arg("--replay").arg(&recording).arg("--data").arg(&data)).succeeded();
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.args(["explain", "--kind", "ptrace", "--name", "nginx", "sshd", "attach", "--data"]).arg(&data);
    run(&mut command).failed_with(&["no rule has asked about any ptrace of shop yet"]);
}
