//! What alerts are read from, and what is no alert.

use super::*;

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
