//! `anomalyctl backtest`: what it prints and the report that it writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::recording::{DAY, Folder, Line, exfiltration, line, text, web_week};
use crate::support::{PROGRAM, run, run_with, settle};

fn anomalyctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.args(arguments);
    command
}

fn backtest(baseline: &Path, events: &Path) -> Command {
    let mut command = anomalyctl(&["backtest"]);
    command.arg("--baseline").arg(baseline).arg("--events").arg(events);
    command
}

/// A steady day, a deployment, the day after, and an attack.
fn events() -> Vec<Line> {
    let known =
        |day: f64| line("web", "cron", &["sh", "-c", "/opt/mon/check.sh 8080 >/dev/null"]).at(day * DAY);
    let new = line("web", "deploy", &["rsync", "-a", "--delete", "build/", "/srv/www/"]).at(9.0 * DAY);
    vec![
        exfiltration("web").at(7.0 * DAY).attack().with("session", "<script>alert(1)</script>"),
        known(8.0),
        known(9.0),
        new.with("phase", "deploy"),
        known(10.0),
    ]
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it was written")).expect("it is JSON")
}

#[test]
fn a_report_is_one_page_that_loads_nothing_and_one_json_file() {
    let folder = Folder::new();
    let (week, events) =
        (folder.recording("week.jsonl", &web_week("web")), folder.recording("e.jsonl", &events()));
    let directory = folder.path("new/report");
    let ran =
        run(backtest(&week, &events).args(["--online", "--budget", "3/week", "--report"]).arg(&directory));
    let ran = ran.succeeded();
    assert!(ran.err.contains("report.html"), "{}", ran.err);
    assert!(ran.out.contains("for a budget of 3/week"), "{}", ran.out);

    let report = json(&directory.join("report.json"));
    assert_eq!((&report["tally"]["benign"], &report["tally"]["sessions"]), (&4.into(), &1.into()));
    assert_eq!(report["suggestion"]["budget"], "3/week");
    let kinds: Vec<_> =
        report["day_kinds"].as_array().expect("a list").iter().map(|kind| &kind["of"]).collect();
    assert_eq!(kinds, ["steady", "deployment", "day after"]);
    assert_eq!(report["budgets"][1]["session_recall"], 1.0);
    assert!(report["novel"].as_array().is_some_and(|novel| novel.len() == 2), "{report}");

    let page = fs::read_to_string(directory.join("report.html")).expect("it was written");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    for reference in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(reference), "{reference} in {page}");
    }
    for name in ["report.html", "report.json"] {
        let mode = fs::metadata(directory.join(name)).expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // A second run takes its place; nothing else is left in the directory.
    run(backtest(&week, &events).arg("--report").arg(&directory)).succeeded();
    assert_eq!(json(&directory.join("report.json"))["how"]["online"], false);
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 2);
}

/// The policy of the page allows one style sheet by its digest: without the right one, a browser shows no style at all.
#[test]
fn the_pages_policy_allows_its_own_style_sheet() {
    let folder = Folder::new();
    let week = folder.recording("week.jsonl", &web_week("web"));
    run(backtest(&week, &week).arg("--report").arg(folder.path("r"))).succeeded();
    let page = fs::read_to_string(folder.path("r/report.html")).expect("it was written");
    let between = |from: &str, to: &str| {
        let rest = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}")).1;
        rest.split_once(to).expect("it ends").0.to_owned()
    };
    let allowed = between("style-src 'sha256-", "'");
    let style = folder.file("style.css", between("<style>", "</style>"));
    let digest = Command::new("sha256sum").arg(style).stdin(Stdio::null()).output().expect("coreutils");
    let digest = String::from_utf8(digest.stdout).expect("it is text");
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).expect("hexadecimal")).collect();
    assert_eq!(decoded(&allowed), bytes, "make it: openssl dgst -sha256 -binary style.css | base64");
}

/// Base64.
fn decoded(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for letter in text.chars().filter(|letter| *letter != '=') {
        bits = bits << 6 | letters.find(letter).expect("base64") as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[test]
fn what_makes_no_sense_is_told_before_anything_is_read() {
    let folder = Folder::new();
    let week = folder.recording("week.jsonl", &web_week("web"));
    for (arguments, says) in [
        (&["--budget", "1"][..], "such as 1/day, 3/week or 2/month"),
        (&["--budget", "0/day"], "from 1 to 10000"),
        (&["--budget", "1/hour"], "such as 1/day"),
        (&["--prior", "1,2,3"], "the curve has to fall"),
        (&["--prior", "1,-2"], "three numbers"),
        (&["--scorer", "best"], "hashed, distance, vectors, article"),
        (&["--dump-features", "--json"], "cannot be used with"),
        (&["--report", "/dev/null/x"], "cannot write the report"),
    ] {
        run(backtest(&week, &week).args(arguments)).failed_with(&[says]);
    }
    let file = folder.file("taken", "precious");
    run(backtest(&week, &week).arg("--report").arg(&file)).failed_with(&["taken", "a directory"]);
    assert_eq!(fs::read(&file).expect("it is there"), b"precious");
}

#[test]
fn every_scorer_scores_on_its_own_scale() {
    let folder = Folder::new();
    let (week, events) =
        (folder.recording("week.jsonl", &web_week("web")), folder.recording("e.jsonl", &events()));
    let attack = |scorer: &str| {
        let ran = run(backtest(&week, &events).args(["--json", "--scorer", scorer])).succeeded();
        ran.json().remove(0)
    };
    let scored = ["hashed", "distance", "vectors", "article"].map(attack);
    assert_eq!(scored[0]["distance"], scored[1]["score"]);
    assert_ne!(scored[0]["score"], scored[1]["score"]);
    assert!(scored[2..].iter().all(|line| line["score"] == line["distance"]), "{scored:?}");
    let curved =
        run(backtest(&week, &events).args(["--json", "--prior", "5,-1,-1"])).succeeded().json().remove(0);
    assert!(curved["score"].as_f64() < scored[0]["score"].as_f64(), "more news is expected, so this is less");
}

#[test]
fn a_repeated_attack_is_told_by_occurrence() {
    let folder = Folder::new();
    let (week, events) =
        (folder.recording("week.jsonl", &web_week("web")), folder.recording("e.jsonl", &events()));
    let ran = run(backtest(&week, &events).args(["--repeat-attack", "3", "--report"]).arg(folder.path("r")))
        .succeeded();
    assert!(
        ["1", "2", "3"].iter().all(|day| ran.out.contains(&format!("attack on day {day} "))),
        "{}",
        ran.out
    );
    let occurrences = json(&folder.path("r/report.json"))["occurrences"].clone();
    assert_eq!(occurrences.as_array().map(Vec::len), Some(3), "{occurrences}");
    assert_eq!(occurrences[0]["session_recall"], 1.0);
}

#[test]
fn features_are_dumped_for_other_detectors() {
    let folder = Folder::new();
    let events = folder.recording("e.jsonl", &events());
    let week = text(&web_week("web")[..6]);
    let mut command = anomalyctl(&["backtest", "--baseline", "-", "--dump-features", "--events"]);
    let lines = run_with(command.arg(&events), week.as_bytes()).succeeded().json();
    let parts: Vec<_> = lines.iter().map(|line| line["part"].as_str().unwrap_or_default()).collect();
    assert_eq!(parts, [["baseline"; 6].as_slice(), &["events"; 5]].concat());
    for line in &lines {
        let vector = line["vector"].as_array().expect("a vector");
        let squares: f64 = vector.iter().filter_map(|pair| pair[1].as_f64()).map(|value| value * value).sum();
        assert!((squares - 1.0).abs() < 1e-5, "{line}");
        assert!(line["features"].as_array().is_some_and(|features| features.len() > 3), "{line}");
    }
    let day = |line: &Value| line["day"].as_i64().expect("a day");
    assert_eq!((lines[6]["label"].as_str(), day(&lines[6])), (Some("attack"), day(&lines[5]) + 7));
}

/// `| head` has seen enough long before the report is made.
#[test]
fn a_reader_that_leaves_does_not_take_the_report_along() {
    let folder = Folder::new();
    folder.recording("week.jsonl", &web_week("web"));
    let script = |rest: &str| {
        let folder = folder.path("");
        let mut command = Command::new("bash");
        settle(&mut command);
        command.arg("-c").arg(format!(
            "cd {} && {PROGRAM} backtest --baseline week.jsonl --events week.jsonl --json {rest} | head -c 10; \
             exit ${{PIPESTATUS[0]}}",
            folder.display()
        ));
        run(&mut command).succeeded()
    };
    let ran = script("--report report");
    assert!(ran.err.contains("the report is report/report.html"), "{}", ran.err);
    let report = json(&folder.path("report/report.json"));
    assert_eq!(report["tally"]["benign"], web_week("web").len());
    // Without a report there is nothing left to do.
    assert!(!script("").err.contains("events"), "it ends early");
}
