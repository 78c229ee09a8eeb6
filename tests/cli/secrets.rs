//! No secret reaches a disk, whatever way it went through the program.
//!
//! Every known form goes into a database through `watch`, as an execution that is learned and as one that is held, out
//! again into recordings, exports and an archive; then every byte of every file is searched. Beside each secret stands a
//! word that is none: where that cannot be found either, the search would prove nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::baseline::{baseline, export};
use crate::recording::{Folder, line, web_week};
use crate::support::{replay, run};

#[path = "../../vectorizer/tests/support/secrets.rs"]
mod forms;

use forms::{PARTS, SECRET};

/// A word that is no secret, in the parent's name.
const WITNESS: &str = "wItNeSs";

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                return files(&path);
            }
            let content = fs::read(&path).expect("a file");
            vec![(path, content)]
        })
        .collect()
}

/// What no form of a secret may be in.
#[track_caller]
fn has_no_secret(what: &str, content: &[u8]) {
    for part in PARTS {
        assert!(!contains(content, part), "{what} holds {part}");
    }
}

#[test]
fn names_of_ones_own_are_taken_out_too() {
    let folder = Folder::new();
    let (data, recorded) = (folder.path("data"), folder.path("recorded.jsonl"));
    let lines = [
        line("web", WITNESS, &["tool", "--licence-number", "S3CR3T"]).at(1.0),
        line("web", WITNESS, &["env", "SHOP_PIN=S3CR3T", "shop"]).at(2.0),
    ];
    let recording = folder.recording("r.jsonl", &lines);
    let told = |more: &[&str]| {
        let mut command = replay(&recording);
        command
            .args(more)
            .arg("--json")
            .arg("--data")
            .arg(&data)
            .arg("--record")
            .arg(&recorded)
            .arg("--force");
        run(&mut command).succeeded()
    };
    assert!(told(&[]).out.contains("S3CR3T"), "these are nobody's known names");
    fs::remove_dir_all(&data).unwrap();
    let ran = told(&["--scrub", "licence-number", "--scrub", "shop_pin"]);
    assert!(ran.out.contains("--licence-number") && !ran.out.contains("S3CR3T"), "{}", ran.out);
    for (path, content) in files(&data).into_iter().chain([(recorded.clone(), fs::read(&recorded).unwrap())])
    {
        has_no_secret(&path.display().to_string(), &content);
    }
}

#[test]
fn forms_of_ones_own_are_taken_out_too() {
    const FORM: [&str; 2] = ["--scrub-pattern", "EMP-[0-9]+S3CR3T"];
    let folder = Folder::new();
    let (data, recorded, file) = (folder.path("data"), folder.path("recorded.jsonl"), folder.path("a.jsonl"));
    let lines = [
        line("web", WITNESS, &["tool", "EMP-7S3CR3T", "--badge"]).at(1.0),
        line("web", WITNESS, &["curl", "https://intern.example/EMP-42S3CR3T/badge"]).at(2.0),
    ];
    let recording = folder.recording("r.jsonl", &lines);
    let told = |more: &[&str], data: &Path| {
        let mut command = replay(&recording);
        command
            .args(more)
            .arg("--json")
            .arg("--data")
            .arg(data)
            .arg("--record")
            .arg(&recorded)
            .arg("--force");
        run(&mut command).succeeded()
    };
    assert!(told(&[], &data).out.contains("S3CR3T"), "these are no known forms");
    export(&data, &file).succeeded();
    assert!(contains(&fs::read(&file).unwrap(), "S3CR3T"));

    let (scrubbed, imported) = (folder.path("scrubbed"), folder.path("imported"));
    let ran = told(&FORM, &scrubbed);
    assert!(ran.out.contains("intern.example/***/badge") && !ran.out.contains("S3CR3T"), "{}", ran.out);
    let mut import = baseline("import");
    run(import.arg(&file).args(FORM).args(["--shift", "--data"]).arg(&imported)).succeeded();
    let all = files(&scrubbed).into_iter().chain(files(&imported));
    for (path, content) in all.chain([(recorded.clone(), fs::read(&recorded).unwrap())]) {
        has_no_secret(&path.display().to_string(), &content);
    }

    for (expression, cause) in [("(", "unclosed group"), ("x*", "it matches where there is nothing")] {
        let refused = run(replay(&recording).args(["--scrub-pattern", expression]));
        assert!(refused.code() == Some(2) && refused.err.contains(cause), "{refused:?}");
    }
}

#[test]
fn no_known_form_of_a_secret_reaches_the_disk_or_the_terminal() {
    assert!(SECRET.len() >= 50);
    let folder = Folder::new();
    let (data, recorded, out) = (folder.path("data"), folder.path("recorded.jsonl"), folder.path("out"));
    let forms = || SECRET.iter().map(|arguments| line("web", WITNESS, arguments));
    // In the warm-up, where everything is learned; and when it is over, where what is far is held.
    let mut lines: Vec<_> = forms().map(|line| line.at(1.0)).collect();
    lines.extend(web_week("web"));
    lines.extend(forms().map(|line| line.with("uid", 0).with("grandparent", "sshd").at(8.0 * 86_400.0)));
    lines.extend(forms().map(|line| line.with("workload", "other").at(8.0 * 86_400.0)));
    // The recording is what somebody else may have written: it is not among what is searched.
    let recording = folder.recording("hostile.jsonl", &lines);
    assert!(contains(&fs::read(&recording).unwrap(), PARTS[0]));
    let mut shown = Vec::new();
    let mut told = |command: &mut Command| {
        let ran = run(command);
        assert!(matches!(ran.code(), Some(0 | 1)), "{ran:?}");
        shown.extend([ran.out, ran.err]);
    };
    told(replay(&recording).args(["--all", "--data"]).arg(&data).arg("--record").arg(&recorded));
    told(replay(&recording).arg("--json").arg("--data").arg(folder.path("again")));
    fs::create_dir(&out).unwrap();
    export(&data, &out.join("a.jsonl")).succeeded();
    export(&data, &out.join("a.parquet")).succeeded();
    told(baseline("prune").args(["--retention-days", "1", "--data"]).arg(&data));
    told(
        baseline("archive")
            .args(["--forgotten", "--keep", "--data"])
            .arg(&data)
            .arg("--to")
            .arg(out.join("archive")),
    );
    told(baseline("archive").arg("search").arg(out.join("archive")).arg("--json"));
    told(baseline("show").args(["web", "--limit", "0", "--data"]).arg(&data));
    told(baseline("show").args(["web", "--json", "--data"]).arg(&data));
    for text in &shown {
        has_no_secret("what is printed", text.as_bytes());
    }
    assert!(shown.iter().filter(|text| text.contains(WITNESS)).count() >= 4, "it was printed");

    let mut searched = files(&data);
    searched.extend(files(&folder.path("again")));
    searched.extend(files(&out));
    searched.push((recorded.clone(), fs::read(&recorded).unwrap()));
    for (path, content) in &searched {
        has_no_secret(&path.display().to_string(), content);
    }
    let witnessed = |end: &str| {
        let of_kind = searched.iter().filter(|(path, _)| path.to_string_lossy().ends_with(end));
        of_kind.filter(|(_, content)| contains(content, WITNESS)).count()
    };
    for kind in [".lance", "a.jsonl", "recorded.jsonl", "a.parquet"] {
        assert!(witnessed(kind) > 0, "nothing is found in {kind}, so the search proves nothing");
    }
    // Columns may be packed; read back, they hold no more than their bytes do.
    let read = run(baseline("archive").arg("search").arg(out.join("archive")).arg("--json")).succeeded();
    assert!(read.json().len() >= 50, "{} forms are in the archive", read.json().len());
    println!(
        "secrets: {} forms through {} files of {} bytes: none found",
        SECRET.len(),
        searched.len(),
        searched.iter().map(|(_, content)| content.len()).sum::<usize>()
    );
}
