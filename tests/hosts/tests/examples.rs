//! What lies in `examples/falco`, run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anomaly_hosts::scap::{Capture, Exec};
use anomaly_hosts::story::{self, NOVEL, WORKER};
use anomaly_hosts::sysdig::{Sysdig, repository};
use anomaly_hosts::{library, rules};
use anomaly_lint::{File, lint};
use serde_json::json;

fn example(name: &str) -> String {
    fs::read_to_string(repository().join("examples/falco").join(name)).expect(name)
}

#[test]
fn the_drop_in_loads_the_plugin_in_a_host() {
    let text = example("zz-anomaly.yaml");
    let drop_in = rules::yaml(&text).expect("YAML");
    let mut keys: Vec<_> = drop_in.as_object().expect("a mapping").keys().map(String::as_str).collect();
    // Whether a mapping keeps its order hangs on the features that others ask of serde_json.
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["append_output", "load_plugins", "plugins"],
        "whatever else it sets it would take from falco.yaml"
    );
    assert_eq!(drop_in["plugins"][0]["library_path"], "libanomaly.so");
    // What `anomalyctl tune` reads; other sources have none of these fields, and Falco would not start.
    let appended =
        ["anomaly.score", "anomaly.event_score", "anomaly.workload", "evt.type", "anomaly.event_reason"];
    let wanted = json!([{"match": {"source": "syscall"}, "extra_fields": appended}]);
    assert_eq!(drop_in["append_output"], wanted);

    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("test.scap");
    let mut writer = Capture::create(&capture, &story::machine()).expect("a capture");
    story::learn(&mut writer).expect("an event");
    writer.run(WORKER, &Exec::line(NOVEL)).expect("an event");
    writer.finish().expect("a capture");
    let place = |path: &Path| path.to_str().expect("a path").to_owned();
    let here = text
        .replace("libanomaly.so\n", &format!("{}\n", place(&library)))
        .replace("/var/lib/falco-anomaly", &place(&folder.path().join("data")))
        .replace("# learn_executions: 50", "learn_executions: 60");
    let drop_in = folder.path().join("zz-anomaly.yaml");
    fs::write(&drop_in, here).expect("a file");
    let printed = sysdig
        .ask(&[
            "--plugin-config-file",
            &place(&drop_in),
            "-d",
            "-r",
            &place(&capture),
            "-p",
            &format!("%proc.name {}", appended.map(|field| format!("%{field}")).join(" ")),
            "evt.type = execve and anomaly.novel = true",
        ])
        .expect("a replay");
    // Every appended field exists, also for an execution, whose event score is its score.
    let words: Vec<_> = printed.split_whitespace().collect();
    let [name, score, event_score, workload, kind, ..] = words[..] else { panic!("{printed}") };
    assert_eq!((name, workload, kind, score), ("nc", "nginx.service", "execve", event_score));
    assert!(score > "0.85", "{printed}");
}

#[test]
fn tuned_rules_pass_the_lint_together_with_ours() {
    let ours = fs::read_to_string(repository().join("falco-rules/anomaly_rules.yaml")).expect("our rules");
    let tuning = example("tuning.yaml");
    let files =
        [File { name: "anomaly_rules.yaml", text: &ours }, File { name: "tuning.yaml", text: &tuning }];
    assert_eq!(lint(&files), Ok(Vec::new()));
}

#[test]
fn the_rule_on_connections_sees_what_a_novel_program_does_next() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let tuning = rules::yaml(&example("tuning.yaml")).expect("YAML");
    let name = "Novel program connects outside";
    let rule =
        tuning.as_array().expect("a list").iter().find(|entry| entry["rule"] == name).expect("the rule");
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("test.scap");
    let mut writer = Capture::create(&capture, &story::machine()).expect("a capture");
    story::learn(&mut writer).expect("an event");
    let strange = "/tmp/.x/kworker --url stratum+tcp://203.0.113.9:3333 --user x --threads 8 --background";
    let (pid, _) = writer.run(WORKER, &Exec::line(strange).added_to_container()).expect("an event");
    writer.connect(pid, 3, "10.0.0.9:443".parse().expect("an address")).expect("an event");
    let outside = writer.connect(pid, 4, "203.0.113.9:3333".parse().expect("an address")).expect("an event");
    writer.connect(WORKER, 5, "203.0.113.9:443".parse().expect("an address")).expect("an event");
    writer.finish().expect("a capture");
    let init_config = format!(
        r#"{{"path":{:?},"feed":"falco","learn_executions":60,"learn_for":"30s"}}"#,
        folder.path().join("data")
    );
    let replay = sysdig.replay(&capture).plugin(&library, &init_config);
    let condition = rule["condition"].as_str().expect("a condition");
    let replayed = replay.filter(condition).fields(&["evt.num", "anomaly.score"]).expect("a replay");
    assert_eq!(replayed.numbers(), [outside], "{replayed:?}");
}

#[test]
fn try_it_shows_an_alert() {
    let (Some(_), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let program = Path::new(env!("CARGO_BIN_EXE_try-it"));
    let target = program.ancestors().nth(2).expect("target/debug/try-it");
    let output = Command::new(repository().join("examples/falco/try-it"))
        .arg(&library)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("the script");
    let (printed, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{log}");
    for part in
        ["\"rule\": \"Novel child of a server\"", "\"anomaly.workload\": \"nginx.service\"", "started nc"]
    {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}
