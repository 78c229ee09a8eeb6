//! Gates on Falco's stable rules: that each one fails open, is put on a rule that exists, and says what it hides.

use std::collections::BTreeMap;
use std::fs;

use anomaly_hosts::rules;
use anomaly_hosts::sysdig::repository;
use anomaly_lint::{File, lint};
use serde_json::{Value, json};

/// The names of the stable rules of release 5.1.0, a line each.
const STABLE_RULES: &str = include_str!("gates/stable_rules.txt");

/// Those of priority CRITICAL.
const CRITICAL: [&str; 3] = [
    "Detect release_agent File Container Escapes",
    "Drop and execute new binary in container",
    "Fileless execution via memfd_create",
];

/// What is appended to a rule.
const GATE: &str = "and not anomaly.event_score < 0.85";

/// The gate files by name, with their text.
fn files() -> BTreeMap<String, String> {
    let folder = repository().join("falco-rules/gates");
    let files = fs::read_dir(folder).expect("the gates").map(|entry| entry.expect("an entry").path());
    let files = files.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a file"))
    });
    files.collect()
}

/// A file's gates and what stands before them.
fn entries(text: &str) -> (Vec<Value>, Vec<Value>) {
    let Value::Array(entries) = rules::yaml(text).expect("YAML") else { panic!("rules are a list") };
    entries.into_iter().partition(|entry| entry["rule"].is_string())
}

#[test]
fn every_stable_rule_has_one_gate_and_each_fails_open() {
    let mut gated = Vec::new();
    for (name, text) in files() {
        let (gates, header) = entries(&text);
        let plugin = json!([{"name": "anomaly", "version": env!("CARGO_PKG_VERSION")}]);
        let wanted =
            [json!({"required_engine_version": "0.57.0"}), json!({"required_plugin_versions": plugin})];
        assert_eq!(header, wanted, "{name}");
        for gate in &gates {
            let rule = gate["rule"].as_str().expect("a name");
            // Whatever else stood here, such as skip-if-unknown-filter, could take the rule away with the plugin.
            let wanted = json!({"rule": rule, "condition": GATE, "override": {"condition": "append"}});
            assert_eq!(*gate, wanted, "{name}");
            let is_critical = CRITICAL.contains(&rule);
            assert_eq!(is_critical, name == "critical.yaml", "{name}: {rule}");
            gated.push(rule.to_owned());
        }
    }
    gated.sort_unstable();
    assert_eq!(gated, STABLE_RULES.lines().collect::<Vec<_>>());
}

#[test]
fn gates_pass_the_lint() {
    let files = files();
    let files: Vec<_> = files.iter().map(|(name, text)| File { name, text }).collect();
    assert_eq!(lint(&files), Ok(Vec::new()));
}

/// The lint sees the rules that these files change, and would say so if a gate of them fell silent.
#[test]
fn a_gate_turned_round_does_not_pass_the_lint() {
    for (name, text) in files() {
        let (gates, _) = entries(&text);
        let closed = text.replace("and not anomaly.event_score < 0.85", "and anomaly.event_score >= 0.85");
        let found = lint(&[File { name: &name, text: &closed }]).expect("rules");
        assert_eq!(found.len(), gates.len(), "{name}: {found:?}");
        assert!(found.iter().all(|finding| finding.correction == "not anomaly.event_score < 0.85"));
    }
}

#[test]
fn each_gate_says_in_two_sentences_what_it_hides() {
    for (name, text) in files() {
        let mut gates = 0;
        for block in text.split("\n\n").filter(|block| block.contains("\n- rule:")) {
            gates += 1;
            let lines = block.lines().take_while(|line| line.starts_with('#'));
            let comment = lines.map(|line| line.trim_start_matches("# ")).collect::<Vec<_>>().join(" ");
            assert!(comment.starts_with("Hides "), "{name}: {comment}");
            assert!(comment.ends_with('.'), "{name}: {comment}");
            assert_eq!(comment.matches(". ").count(), 1, "{name}: {comment}");
        }
        assert_eq!(gates, entries(&text).0.len(), "{name}: a gate without a comment of its own");
    }
}
