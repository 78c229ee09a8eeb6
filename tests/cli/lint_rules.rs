//! `anomalyctl lint-rules`: findings on standard output, and an exit code that a script can use.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::recording::Folder;
use crate::support::{PROGRAM, Ran, run, settle};

fn lint_rules<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    run(command.arg("lint-rules").args(arguments))
}

#[test]
fn our_rules_and_the_example_of_tuning_them_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = [root.join("falco-rules/anomaly_rules.yaml"), root.join("examples/falco/tuning.yaml")];
    let ran = lint_rules(&files);
    assert_eq!((ran.code(), ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

#[test]
fn a_misuse_is_told_with_its_place_and_its_correction() {
    let folder = Folder::new();
    let rule = "- rule: Mine\n  condition: >\n    evt.type = execve\n    and anomaly.score > 85\n";
    let file = folder.file("rules.yaml", rule);
    let name = file.display();
    let ran = lint_rules(&[&file]);
    assert_eq!(ran.code(), Some(1));
    assert!(
        ran.out.starts_with(&format!("{name}:4:25: literal: rule Mine: `anomaly.score > 85` ")),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("; write `anomaly.score >= 0.85`\n"), "{}", ran.out);
    assert_eq!(ran.err, "anomalyctl: 1 to correct\n");

    let ran = lint_rules(&["--json".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code(), Some(1));
    let findings: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(findings.as_array().map(Vec::len), Some(1));
    assert_eq!((&findings[0]["line"], &findings[0]["column"]), (&4.into(), &25.into()));
    assert_eq!(findings[0]["correction"], "anomaly.score >= 0.85");
}

#[test]
fn what_is_no_rules_file_is_an_error() {
    let folder = Folder::new();
    for (name, bytes, says) in [
        ("broken.yaml", &b"- rule: [x\n"[..], "not valid YAML"),
        ("other.yaml", b"falco: {}\n", "not a rules file"),
        ("latin.yaml", b"- rule: \xe9\n", "not UTF-8"),
    ] {
        lint_rules(&[folder.file(name, bytes)]).failed_with(&[name, says]);
    }
    lint_rules(&["/no/such/file.yaml"]).failed_with(&["/no/such/file.yaml cannot be read"]);
    lint_rules(&[folder.path("")]).failed_with(&["cannot be read"]);
    lint_rules::<&str>(&[]).failed_with(&["<FILE>"]);
}

/// What the gates that we ship would be if they asked for the process instead of the act.
#[test]
fn gates_on_stable_rules_are_clean_and_their_mistakes_are_found() {
    let gates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../falco-rules/gates");
    let files: Vec<_> =
        std::fs::read_dir(&gates).expect("the gates").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(lint_rules(&files).code(), Some(0));
    let folder = Folder::new();
    let network = std::fs::read_to_string(gates.join("network.yaml")).expect("a file");
    let file = folder.file("gates.yaml", network.replace("anomaly.event_score", "anomaly.score"));
    let ran = lint_rules(&["--json".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code(), Some(1));
    let findings: Vec<Value> = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(findings.len(), network.matches("\n- rule:").count());
    for finding in findings {
        assert_eq!(finding["check"], "other-event", "{finding}");
        assert_eq!(finding["correction"], "not anomaly.event_score < 0.85", "{finding}");
    }
}
