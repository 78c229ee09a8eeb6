//! `anomalyctl config`: a file to begin with, and every mistake with its place.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::recording::Folder;
use crate::support::{PROGRAM, run, settle};

fn config() -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("config");
    settle(&mut command);
    command
}

#[test]
fn a_file_to_begin_with_is_written_once_and_nothing_in_it_is_to_be_corrected() {
    let printed = run(config().arg("init")).succeeded().out;
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/config.yaml");
    assert_eq!(
        printed,
        fs::read_to_string(shipped).expect("it ships"),
        "anomalyctl config init > examples/config.yaml"
    );

    let folder = Folder::new();
    let file = folder.path("anomaly.yaml");
    run(config().args(["init", "--out"]).arg(&file)).succeeded();
    assert_eq!(fs::read_to_string(&file).expect("it was written"), printed);
    run(config().args(["init", "--out"]).arg(&file))
        .failed_with(&["cannot be written", "--force to replace it"]);
    fs::write(&file, "agent: {}\n").expect("written");
    run(config().args(["init", "--force", "--out"]).arg(&file)).succeeded();
    assert_eq!(fs::read_to_string(&file).expect("it was written"), printed);

    let checked = run(config().arg("check").arg(&file)).succeeded();
    assert_eq!(checked.out, "");
    assert!(checked.err.contains("anomaly.yaml: nothing to correct"), "{}", checked.err);
}

#[test]
fn every_mistake_has_its_place_and_its_remedy() {
    let folder = Folder::new();
    let wrong =
        folder.file("wrong.yaml", "agent:\n  fed: auto\nscoring:\n  learn_for: 30\n  threshold: 85\n");
    let name = wrong.display().to_string();
    let ran = run(config().arg("check").arg(&wrong));
    assert_eq!(ran.code(), Some(1), "{ran:?}");
    let expected = [
        ":2:3: agent has no key fed; did you mean feed?",
        ":4:14: scoring.learn_for is 30: the unit is missing: write 30ms, 30s, 30m, 30h or 30d",
        ":5:14: scoring.threshold is 85: write auto, or a number from 0 to 1 with at most four digits, such as 0.9",
    ];
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), expected.map(|line| format!("{name}{line}")), "{ran:?}");

    let ran = run(config().args(["check", "--json"]).arg(&wrong));
    let found: Value = serde_json::from_str(&ran.out).expect("JSON");
    let places: Vec<_> =
        found.as_array().expect("a list").iter().map(|one| (&one["line"], &one["column"])).collect();
    assert_eq!(
        format!("{places:?}"),
        "[(Number(2), Number(3)), (Number(4), Number(14)), (Number(5), Number(14))]"
    );

    // Every command that is given such a file says the same, and does nothing.
    for name in ["init", "validate", "run"] {
        let mut command = Command::new(PROGRAM);
        command.arg(name);
        settle(&mut command);
        let data = folder.path("data");
        let ran = run(command.env("XDG_DATA_HOME", &data).arg("--config").arg(&wrong));
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        for line in expected {
            assert!(ran.err.contains(line), "{line} is not in\n{}", ran.err);
        }
        assert!(!data.exists());
    }
    run(config().args(["check", "/nowhere.yaml"])).failed_with(&["/nowhere.yaml", "config init --out FILE"]);
}

#[test]
fn a_secret_that_everybody_may_read_is_told() {
    let folder = Folder::new();
    let token = folder.file("token", "hunter2");
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("set");
    let text = format!("api:\n  listen: 127.0.0.1:7300\n  token_file: {}\n", token.display());
    let ran = run(config().arg("check").arg(folder.file("a.yaml", text))).succeeded();
    assert!(ran.err.contains("api.token_file") && ran.err.contains("chmod 600"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn the_schema_describes_every_section() {
    let schema: Value = serde_json::from_str(&run(config().arg("schema")).succeeded().out).expect("JSON");
    for section in ["agent", "ebpf", "vectorization", "storage", "scoring", "backend", "api", "search"] {
        assert!(schema["properties"][section]["description"].is_string(), "{section}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
