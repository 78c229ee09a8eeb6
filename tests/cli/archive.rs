//! What the retention lets go, kept and found again; baselines for other programs to read.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::baseline::{HOSTILE, baseline, export, learned, no_controls};
use crate::recording::{Folder, line};
use crate::support::{Ran, replay, run, start, start_open, watch};

fn archive(data: &Path, to: &Path, more: &[&str]) -> Command {
    let mut command = baseline("archive");
    command.arg("--to").arg(to).args(more).arg("--data").arg(data);
    command
}

fn search(directory: &Path, more: &[&str]) -> Ran {
    run(baseline("archive").arg("search").arg(directory).args(more))
}

fn of_web(lines: Vec<Value>) -> Value {
    lines.into_iter().find(|line| line["workload"] == "web").expect("it was learned")
}

/// The files of a directory whose names end so, sorted.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(end));
    paths.sort();
    paths
}

fn forgotten(data: &Path) -> usize {
    let shown = run(baseline("show").args(["web", "--state", "forgotten", "--json", "--data"]).arg(data));
    shown.succeeded().json().len()
}

/// A database with one row that is forgotten.
fn with_forgotten(folder: &Folder) -> PathBuf {
    let data = learned(folder);
    run(baseline("prune").args(["--retention-days", "1", "--data"]).arg(&data)).succeeded();
    assert_eq!(forgotten(&data), 1);
    data
}

#[test]
fn what_is_archived_leaves_the_database_and_is_found_and_brought_back() {
    let folder = Folder::new();
    let (data, to) = (with_forgotten(&folder), folder.path("archive"));
    let tried = run(&mut archive(&data, &to, &["--forgotten", "--dry-run", "--json"])).succeeded();
    assert!(tried.err.contains("nothing was written"), "{}", tried.err);
    let line = of_web(tried.json());
    assert_eq!((&line["archived"], &line["written"]), (&1.into(), &false.into()));
    let nothing = run(&mut archive(&data, &to, &[])).succeeded();
    assert!(nothing.err.contains("nothing is to be archived"), "{}", nothing.err);
    assert!(!to.exists(), "a dry run and an archive of nothing write nothing");

    let copied =
        of_web(run(&mut archive(&data, &to, &["--forgotten", "--keep", "--json"])).succeeded().json());
    assert_eq!((&copied["archived"], &copied["deleted"]), (&1.into(), &false.into()));
    assert_eq!(forgotten(&data), 1, "a copy deletes nothing");
    let said = run(&mut archive(&data, &to, &["--forgotten"])).succeeded();
    no_controls(&said.out);
    assert!(said.err.contains("1 row of 1 workload written to"), "{}", said.err);
    assert_eq!(forgotten(&data), 0);

    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let (parquet, manifests) = (files(&to, ".parquet"), files(&to, ".manifest.json"));
    assert_eq!((mode(&to), mode(&parquet[0]), mode(&manifests[0])), (0o700, 0o600, 0o600));
    assert_eq!((parquet.len(), manifests.len()), (2, 2));
    let manifest: Value = serde_json::from_slice(&fs::read(&manifests[1]).unwrap()).expect("JSON");
    assert_eq!((&manifest["rows"], &manifest["workloads"][0]["workload"]), (&1.into(), &"web".into()));
    let digest = manifest["files"][0]["sha256"].as_str().expect("a digest");
    let known = fs::read_to_string(format!("{}.sha256", parquet[1].display())).unwrap();
    assert!(known.starts_with(digest) && said.err.contains(digest), "{known}{}", said.err);

    let found = search(&to, &["SET-UP", "once", "--json"]).succeeded().json();
    let [row] = &found[..] else { panic!("archived twice, found once: {found:?}") };
    assert_eq!(
        (&row["name"], &row["state"], &row["count"]),
        (&"set-up.sh".into(), &"forgotten".into(), &1.into())
    );
    let shown = search(&to, &["--workload", "web", "--since", "2026-03-01", "--until", "2026-03-03"]);
    assert!(shown.succeeded().out.contains("cron > set-up.sh: /opt/mon/set-up.sh --once"));
    for nothing in [
        &["set-up", "xmrig"][..],
        &["--until", "2026-03-01"],
        &["--since", "2026-03-05"],
        &["--state", "held"],
    ] {
        assert_eq!(search(&to, nothing).code(), Some(1), "{nothing:?}");
    }

    run(baseline("import").arg(&parquet[1]).arg("--data").arg(&data)).succeeded();
    assert_eq!(forgotten(&data), 1, "a file of an archive is an export");
}

#[test]
fn an_archive_that_was_changed_is_told_and_read_as_far_as_it_goes() {
    let folder = Folder::new();
    let (data, to) = (with_forgotten(&folder), folder.path("archive"));
    run(&mut archive(&data, &to, &["--forgotten", "--keep"])).succeeded();
    run(&mut archive(&data, &to, &["--forgotten"])).succeeded();
    let (parquet, manifests) = (files(&to, ".parquet"), files(&to, ".manifest.json"));
    let content = fs::read(&parquet[0]).unwrap();
    // Between the columns and the metadata, where no row is.
    let changed =
        [&content[..content.len() - 8], &[content[content.len() - 8] ^ 1], &content[content.len() - 7..]];
    for (bytes, says) in
        [(changed.concat(), "SHA-256"), (content[..100].to_vec(), "damaged"), (Vec::new(), "damaged")]
    {
        fs::write(&parquet[0], bytes).unwrap();
        let found = search(&to, &["set-up", "--json"]);
        assert_eq!((found.code(), found.json().len()), (Some(2), 1), "the other file has it: {found:?}");
        assert!(found.err.contains(says) || found.err.contains("damaged"), "{}", found.err);
        no_controls(&found.err);
    }
    fs::remove_file(&parquet[0]).unwrap();
    search(&to, &["set-up"]).failed_with(&["cannot be read", "No such file"]);
    let leads_out = fs::read_to_string(&manifests[0]).unwrap().replace("\"archive-", "\"../archive-");
    fs::write(&manifests[0], leads_out).unwrap();
    search(&to, &["set-up"]).failed_with(&["no manifest that can be read", "no name of a file beside it"]);
    search(&data, &["set-up"]).failed_with(&["holds no archive", "archive --to"]);
    search(&folder.path("nowhere"), &[]).failed_with(&["cannot be searched"]);
}

#[test]
fn beside_a_writer_an_archive_is_a_copy() {
    let folder = Folder::new();
    let (data, to) = (with_forgotten(&folder), folder.path("archive"));
    let (running, stdin) = start_open(watch().args(["--replay", "-", "--data"]).arg(&data), b"");
    running.says("known and");
    run(&mut archive(&data, &to, &["--forgotten"])).failed_with(&["written by another process", "end"]);
    assert!(!to.exists());
    run(&mut archive(&data, &to, &["--forgotten", "--keep"])).succeeded();
    assert_eq!(search(&to, &["set-up", "--json"]).succeeded().json().len(), 1);
    drop(stdin);
    running.wait().succeeded();
}

#[test]
fn what_was_held_beyond_its_days_is_archived_instead_of_lost() {
    let folder = Folder::new();
    let (data, file, other) = (learned(&folder), folder.path("a.jsonl"), folder.path("other"));
    export(&data, &file).succeeded();
    // The workload went on for forty days, and the attack never came back.
    let text = fs::read_to_string(&file).unwrap();
    let later: String = text
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            if let Some(days) = line.pointer_mut("/workload/days").and_then(Value::as_array_mut) {
                let last = days.last().and_then(Value::as_i64).expect("a day");
                days.extend((1..=40).map(|day| Value::from(last + day)));
            }
            line.to_string() + "\n"
        })
        .collect();
    fs::write(&file, later).unwrap();
    run(baseline("import").arg(&file).arg("--data").arg(&other)).succeeded();
    let to = folder.path("archive");
    let line = of_web(run(&mut archive(&other, &to, &["--json"])).succeeded().json());
    assert_eq!((&line["archived"], &line["deleted"]), (&1.into(), &true.into()));
    let found = search(&to, &["203.0.113.9", "--json"]).succeeded().json();
    assert_eq!((found.len(), &found[0]["state"]), (1, &"held".into()));
}

/// The names of what a database knows, and of what an archive holds.
fn everywhere(data: &Path, to: &Path) -> BTreeSet<String> {
    let held = run(baseline("show").args(["web", "--json", "--data"]).arg(data)).succeeded().json();
    let kept = if to.exists() && !files(to, ".manifest.json").is_empty() {
        let found = search(to, &["--json"]);
        assert_eq!(found.code(), Some(0), "a manifest is there when its files are: {found:?}");
        found.json()
    } else {
        Vec::new()
    };
    held.iter().chain(&kept).map(|line| line["args"][2].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn an_archive_that_is_killed_loses_no_row() {
    const KILLS: u64 = 20;
    const ROWS: u32 = 400;
    let folder = Folder::new();
    let (data, file) = (folder.path("data"), folder.path("a.jsonl"));
    // Letters, because numbers are all alike.
    let word =
        |number: u32| number.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
    let lines: Vec<_> =
        (0..ROWS).map(|n| line("web", "sh", &["report", "--for", &word(n)]).at(f64::from(n))).collect();
    run(replay(&folder.recording("r.jsonl", &lines)).arg("--data").arg(&data).arg("--json")).succeeded();
    export(&data, &file).succeeded();
    let text = fs::read_to_string(&file).unwrap();
    let forgotten = text
        .replace(r#""state":"learned""#, r#""state":"forgotten""#)
        .replace(r#""state":"held""#, r#""state":"forgotten""#);
    fs::write(&file, forgotten).unwrap();
    let all: BTreeSet<_> = (0..ROWS).map(word).collect();
    let (mut whole, mut archived) = (0, 0);
    for kill in 0..KILLS {
        let (data, to) = (folder.path(&format!("data-{kill}")), folder.path(&format!("archive-{kill}")));
        run(baseline("import").arg(&file).arg("--data").arg(&data)).succeeded();
        let running = start(&mut archive(&data, &to, &["--forgotten"]), b"");
        // It takes some eighty milliseconds here; the last kills come too late.
        std::thread::sleep(Duration::from_micros(kill * 8_000 + kill * kill * 131 % 4_000));
        running.signal(rustix::process::Signal::KILL);
        whole += u32::from(running.wait().code() == Some(0));
        assert_eq!(everywhere(&data, &to), all, "kill {kill}");
        archived += u32::from(to.exists() && !files(&to, ".manifest.json").is_empty());
        // And the next time it is done.
        run(&mut archive(&data, &to, &["--forgotten"])).succeeded();
        assert_eq!(search(&to, &["--json"]).succeeded().json().len() as u32, ROWS);
        assert!(
            run(baseline("show").args(["web", "--json", "--data"]).arg(&data)).succeeded().json().is_empty()
        );
    }
    println!(
        "faults: SIGKILL while archiving: {KILLS} tried, {KILLS} survived, 0 of {ROWS} rows lost; {archived} after the \
         manifest was there, {whole} after the end"
    );
}

#[path = "../../baseline/fleet/tests/s3/moto.rs"]
#[expect(dead_code, reason = "sharing asks more of a server than an archive does")]
mod moto;

#[test]
fn a_bucket_keeps_an_archive_and_out_of_reach_nothing_is_deleted() {
    let Some(server) = moto::Moto::or_skip() else { return };
    let folder = Folder::new();
    let data = with_forgotten(&folder);
    let there = format!("s3://{}/archives/web", moto::BUCKET);
    let with = |command: &mut Command| {
        moto::environment(command, server.address);
        run(command)
    };
    let copied = with(&mut archive(&data, Path::new(&there), &["--forgotten", "--keep"])).succeeded();
    assert!(copied.err.contains(&format!("written to {there}/archive-")), "{}", copied.err);
    with(&mut archive(&data, Path::new(&there), &["--forgotten"])).succeeded();
    assert_eq!(forgotten(&data), 0);
    let find = |place: &str, words: &[&str]| {
        with(baseline("archive").arg("search").arg(place).args(words).arg("--json"))
    };
    let found = find(&there, &["set-up"]).succeeded().json();
    assert_eq!((found.len(), &found[0]["name"]), (1, &"set-up.sh".into()));
    assert_eq!(find(&there, &["xmrig"]).code(), Some(1));
    find(&format!("s3://{}/archives", moto::BUCKET), &[]).failed_with(&["holds no archive"]);
    find("s3://nobodys/archives", &[]).failed_with(&["cannot be reached"]);

    run(baseline("prune").args(["--retention-days", "1", "--data"]).arg(&data)).succeeded();
    let other = folder.path("other");
    let file = folder.path("a.jsonl");
    export(&data, &file).succeeded();
    let text =
        fs::read_to_string(&file).unwrap().replacen(r#""state":"learned""#, r#""state":"forgotten""#, 1);
    fs::write(&file, text).unwrap();
    run(baseline("import").arg(&file).arg("--data").arg(&other)).succeeded();
    let before = run(baseline("show").args(["web", "--json", "--data"]).arg(&other)).succeeded().out;
    drop(server);
    let mut unreachable = archive(&other, Path::new(&there), &["--forgotten"]);
    moto::environment(&mut unreachable, std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    run(&mut unreachable).failed_with(&["cannot be reached"]);
    let after = run(baseline("show").args(["web", "--json", "--data"]).arg(&other)).succeeded().out;
    assert_eq!(after, before, "what is not archived is not deleted");
}

#[test]
fn an_export_for_other_programs_says_the_same() {
    let folder = Folder::new();
    let data = learned(&folder);
    let (lines, columns, other) = (folder.path("a.jsonl"), folder.path("a.parquet"), folder.path("other"));
    export(&data, &lines).succeeded();
    let said = export(&data, &columns).succeeded().err;
    let digest = fs::read_to_string(folder.path("a.parquet.sha256")).unwrap();
    assert!(said.contains(&digest[..64]), "{said}");
    assert!(fs::read(&columns).unwrap().starts_with(b"PAR1"));
    run(baseline("diff").args([&lines, &columns])).succeeded();
    run(baseline("import").arg(&columns).args(["--sha256", &digest[..64], "--data"]).arg(&other)).succeeded();
    let again = folder.path("b.jsonl");
    export(&other, &again).succeeded();
    assert_eq!(fs::read_to_string(&again).unwrap(), fs::read_to_string(&lines).unwrap());
    let shown = run(baseline("show").arg("--data").arg(&other).arg(HOSTILE)).succeeded();
    no_controls(&shown.out);

    fs::write(&columns, &fs::read(&columns).unwrap()[..2000]).unwrap();
    run(baseline("import").arg(&columns).arg("--data").arg(&other))
        .failed_with(&["cannot be read as a baseline", "damaged"]);
}
