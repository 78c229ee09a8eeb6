//! Baselines as something to read, review, carry and repair.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::recording::{DAY, Folder, exfiltration, line, web_week};
use crate::support::{PROGRAM, Ran, replay, run, settle, start_open, watch};

pub(crate) const HOSTILE: &str = "a b/../c\u{1b}[2J";

pub(crate) fn baseline(action: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["baseline", action]);
    settle(&mut command);
    command
}

/// A database with two workloads, and an attack that is held.
pub(crate) fn learned(folder: &Folder) -> PathBuf {
    let data = folder.path("data");
    let mut lines = vec![line("web", "cron", &["/opt/mon/set-up.sh", "--once"]).at(1.0)];
    lines.extend(web_week("web"));
    lines.push(exfiltration("web").at(7.0 * DAY));
    lines.extend(web_week(HOSTILE).into_iter().take(300));
    let recording = folder.recording("r.jsonl", &lines);
    run(replay(&recording).arg("--data").arg(&data).arg("--json")).succeeded();
    data
}

pub(crate) fn export(data: &Path, to: &Path) -> Ran {
    run(baseline("export").arg("--data").arg(data).arg("--output").arg(to))
}

pub(crate) fn no_controls(text: &str) {
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
}

#[test]
fn a_baseline_is_listed_and_shown_with_what_waits_for_a_decision() {
    let folder = Folder::new();
    let data = learned(&folder);
    let list = run(baseline("list").arg("--data").arg(&data)).succeeded().out;
    no_controls(&list);
    assert!(list.starts_with("WORKLOAD ") && list.lines().count() == 3, "{list}");
    let json = run(baseline("list").arg("--data").arg(&data).arg("--json")).succeeded().json();
    let web = json.iter().find(|line| line["workload"] == "web").expect("it was learned");
    assert_eq!(
        (&web["learning"], &web["held"], &web["executions"]),
        (&false.into(), &1.into(), &1010.into())
    );
    assert!(web["bytes"].as_u64() > Some(1000) && web["versions"].as_u64() > Some(0), "{web}");

    let held =
        run(baseline("show").args(["web", "--state", "held", "--json", "--data"]).arg(&data)).succeeded();
    let [row] = &held.json()[..] else { panic!("{held:?}") };
    assert_eq!((&row["state"], &row["count"]), (&"held".into(), &1.into()));
    let shown = run(baseline("show").args(["web", "--limit", "2", "--data"]).arg(&data)).succeeded();
    assert_eq!(shown.out.lines().count(), 3, "{}", shown.out);
    assert!(shown.err.contains("more; --limit 0 shows all"), "{}", shown.err);
    let unknown = run(baseline("show").args(["wbe", "--data"]).arg(&data));
    let unknown = unknown.failed_with(&["there is no workload wbe", "web"]);
    no_controls(&unknown.err);
}

#[test]
fn what_is_exported_teaches_another_machine_and_comes_back_the_same() {
    let folder = Folder::new();
    let data = learned(&folder);
    let (first, second) = (folder.path("a.jsonl"), folder.path("b.jsonl.gz"));
    let said = export(&data, &first).succeeded().err;
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    no_controls(&fs::read_to_string(&first).unwrap());
    let digest = fs::read_to_string(folder.path("a.jsonl.sha256")).unwrap();
    let digest = digest.strip_suffix("  a.jsonl\n").expect("as sha256sum writes it");
    assert!(said.contains(digest), "{said}");
    export(&data, &first).failed_with(&["exists", "--force"]);
    run(baseline("export").args(["nobody", "--data"]).arg(&data)).failed_with(&["no workload nobody", "web"]);

    let other = folder.path("other");
    let import = |file: &Path, more: &[&str]| {
        run(baseline("import").arg(file).arg("--data").arg(&other).args(more).arg("--json"))
    };
    import(&first, &["--sha256", &digest.replace(['0', '1', '2'], "3")]).failed_with(&["SHA-256", "changed"]);
    let tried = import(&first, &["--dry-run"]).succeeded().json();
    let foreign = folder.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.doc"), "years of work").unwrap();
    let refused = run(baseline("import").arg(&first).arg("--dry-run").arg("--data").arg(&foreign));
    refused.failed_with(&["no database of falco-anomaly's"]);
    assert!(!other.exists() && tried.iter().all(|line| line["written"] == false), "{tried:?}");
    let learned = import(&first, &["--sha256", digest]).succeeded().json();
    let added = |lines: &[Value]| lines.iter().filter_map(|line| line["added"].as_u64()).sum::<u64>();
    assert_eq!(added(&learned), added(&tried));
    let again = import(&first, &[]).succeeded().json();
    assert!(again.iter().all(|line| line["added"] == 0 && line["changed"] == 0), "{again:?}");

    run(baseline("diff").args([&data, &other])).succeeded();
    run(baseline("diff").args([&first, &other])).succeeded();
    export(&other, &second).succeeded();
    let packed = fs::read(&second).unwrap();
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, fs::read_to_string(&first).unwrap());

    // The other machine knows what it never saw.
    let recording = folder.recording("today.jsonl", &web_week("web")[..5]);
    let lines = run(replay(&recording).arg("--data").arg(&other).arg("--json")).succeeded().json();
    assert!(lines.iter().all(|line| line["standing"] == "known" && line["score"] == 0.0), "{lines:?}");
}

#[test]
fn what_was_denied_stays_denied_whatever_is_imported() {
    let folder = Folder::new();
    let data = learned(&folder);
    let (file, strict) = (folder.path("a.jsonl"), folder.path("strict.jsonl"));
    export(&data, &file).succeeded();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&strict, text.replace(r#""state":"held""#, r#""state":"denied""#)).unwrap();
    let changed = run(baseline("diff").args([&file, &strict]));
    assert_eq!(changed.code(), Some(1), "{changed:?}");
    assert!(changed.out.contains("~ held -> denied"), "{}", changed.out);
    for (from, more) in [(&strict, &[][..]), (&file, &[]), (&file, &["--replace"])] {
        let ran = run(baseline("import").arg(from).arg("--data").arg(&data).args(more)).succeeded();
        assert!(ran.out.contains("1 conflict") && ran.out.contains("becomes denied"), "{}", ran.out);
        let rows = run(baseline("show").args(["web", "--state", "denied", "--json", "--data"]).arg(&data));
        assert_eq!(rows.succeeded().json().len(), 1);
    }
}

#[test]
fn a_file_that_is_no_whole_baseline_changes_nothing() {
    let folder = Folder::new();
    let data = learned(&folder);
    let file = folder.path("a.jsonl");
    export(&data, &file).succeeded();
    let text = fs::read_to_string(&file).unwrap();
    let before = run(baseline("show").args(["web", "--json", "--data"]).arg(&data)).succeeded().out;
    for (content, says) in [
        (&text[..text.len() / 2], "line "),
        ("\u{1b}[2J", "line 1: this is no exported baseline"),
        (&text.replace(r#""args":["#, r#""args":[1,"#), "invalid type"),
    ] {
        fs::write(&file, content).unwrap();
        let ran = run(baseline("import").arg(&file).args(["--replace", "--data"]).arg(&data));
        no_controls(&ran.failed_with(&["cannot be read as a baseline", says]).err);
    }
    assert_eq!(run(baseline("show").args(["web", "--json", "--data"]).arg(&data)).succeeded().out, before);
}

#[test]
fn beside_a_writer_one_reads_and_does_not_write() {
    let folder = Folder::new();
    let data = learned(&folder);
    let (running, stdin) = start_open(watch().args(["--replay", "-", "--data"]).arg(&data), b"");
    running.says("known and");
    run(baseline("list").arg("--data").arg(&data)).succeeded();
    export(&data, &folder.path("a.jsonl")).succeeded();
    for action in ["compact", "prune"] {
        run(baseline(action).arg("--data").arg(&data)).failed_with(&["written by another process", "end"]);
        run(baseline(action).arg("--dry-run").arg("--data").arg(&data)).succeeded();
    }
    drop(stdin);
    running.wait().succeeded();
}

#[test]
fn damage_is_told_and_what_can_be_read_is_kept() {
    let folder = Folder::new();
    let data = learned(&folder);
    let verify = |more: &[&str]| run(baseline("verify").args(more).arg("--json").arg("--data").arg(&data));
    let whole = verify(&[]).succeeded().json();
    let rows = |lines: &[Value]| lines[0]["rows"].as_u64().expect("a number");
    let versions = data.join("tables/default__web.lance/_versions");
    let newest = fs::read_dir(&versions).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    fs::write(&newest, "").unwrap();
    for (more, repaired) in [(&[][..], false), (&[], false), (&["--repair"], true)] {
        let found = verify(more);
        assert_eq!(found.code(), Some(1), "{found:?}");
        let report = found.json();
        assert!(report[0]["findings"][0].as_str().expect("a sentence").contains("web"), "{report:?}");
        assert_eq!(report[0]["repaired"], repaired);
        assert_eq!(newest.exists(), !repaired);
    }
    assert!(rows(&verify(&[]).succeeded().json()) <= rows(&whole));
    run(baseline("verify").arg("--data").arg(folder.path("nowhere")))
        .failed_with(&["there is no such directory"]);
}

#[test]
fn the_retention_lets_go_on_demand_and_the_disk_is_freed() {
    let folder = Folder::new();
    let data = learned(&folder);
    let prune = |more: &[&str]| {
        let ran = run(baseline("prune")
            .args(["--retention-days", "1", "--json"])
            .args(more)
            .arg("--data")
            .arg(&data));
        ran.succeeded().json().into_iter().find(|line| line["workload"] == "web").expect("it was learned")
    };
    let tried = prune(&["--dry-run"]);
    assert_eq!(
        (&tried["written"], &tried["forgotten"], &tried["deleted"]),
        (&false.into(), &1.into(), &0.into())
    );
    assert_eq!(prune(&[])["forgotten"], 1, "the dry run changed nothing");
    assert_eq!(prune(&[])["forgotten"], 0, "it is forgotten");
    let rows = run(baseline("show").args(["web", "--state", "forgotten", "--json", "--data"]).arg(&data));
    assert_eq!(rows.succeeded().json()[0]["name"], "set-up.sh");
    let lines = run(baseline("compact").arg("--json").arg("--data").arg(&data)).succeeded().json();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["files"].as_u64() <= line["files_before"].as_u64()), "{lines:?}");
}

#[test]
fn a_reader_that_goes_away_does_not_end_an_import() {
    let folder = Folder::new();
    let (data, file, other) = (folder.path("data"), folder.path("a.jsonl"), folder.path("other"));
    // Names so long that what is printed about the first ones is written before the last ones are imported.
    let workload = |number: u32| format!("{}{number}", "w".repeat(900));
    let lines: Vec<_> = (0..14).map(|number| line(&workload(number), "sh", &["id"]).at(1.0)).collect();
    run(replay(&folder.recording("r.jsonl", &lines)).arg("--data").arg(&data).arg("--json")).succeeded();
    export(&data, &file).succeeded();
    let mut import = baseline("import");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = import.arg(&file).arg("--json").arg("--data").arg(&other).stdout(writer).status().unwrap();
    assert!(status.success(), "{status}");
    run(baseline("diff").args([&data, &other])).succeeded();
}
