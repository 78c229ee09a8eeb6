//! Gates on Falco's stable rules: that each one fails open, is put on a rule that exists, and says what it hides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anomaly_hosts::scap::{Capture, Exec};
use anomaly_hosts::story::{self, LEARN_EXECUTIONS, LEARN_FOR, NORMAL, WORKER};
use anomaly_hosts::sysdig::{Sysdig, repository};
use anomaly_hosts::{library, rules};
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

/// Conditions as the stable rules begin, by what they are about.
const ABOUT: [&str; 7] = [
    "evt.type in (execve, execveat)",
    "evt.type in (open, openat, openat2) and fd.name startswith /etc",
    "evt.type = connect and (fd.typechar = 4 or fd.typechar = 6)",
    "evt.type in (dup, dup2, dup3) and fd.type in (ipv4, ipv6)",
    "evt.type = ptrace",
    "evt.type = socket",
    "evt.type in (init_module, finit_module)",
];

/// libsinsp's own compiler takes every gate behind every kind of rule, and refuses it without the plugin.
#[test]
fn gates_compile_in_a_host_and_only_with_the_plugin() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("test.scap");
    let mut writer = Capture::create(&capture, &story::machine()).expect("a capture");
    writer.open(WORKER, "/etc/hosts").expect("an event");
    writer.finish().expect("a capture");
    let configuration = json!({"path": folder.path().join("data"), "feed": "falco"}).to_string();
    let gates: BTreeSet<String> = files()
        .values()
        .flat_map(|text| entries(text).0)
        .map(|gate| gate["condition"].as_str().expect("a condition").to_owned())
        .collect();
    assert!(!gates.is_empty());
    for (about, gate) in ABOUT.iter().flat_map(|about| gates.iter().map(move |gate| (about, gate))) {
        let condition = format!("{about} {gate}");
        let replay = || sysdig.replay(&capture).filter(&condition);
        let with = replay().plugin(&library, &configuration).fields(&["evt.num"]);
        with.unwrap_or_else(|error| panic!("{condition}: {error}"));
        let without = replay().fields(&["evt.num"]).expect_err("the field is the plugin's");
        assert!(without.to_string().contains("anomaly.event_score"), "{without}");
    }
}

/// A rule on connections with its gate and without, while the connection is learned, afterwards, and for another one.
#[test]
fn a_gated_rule_fires_while_learning_then_only_on_what_is_new() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let capture = folder.path().join("test.scap");
    let mut writer = Capture::create(&capture, &story::machine()).expect("a capture");
    story::learn(&mut writer).expect("an event");
    let api = "10.96.0.1:443".parse().expect("an address");
    let mut connect = || {
        // Acts are learned for a day at least.
        writer.advance(Duration::from_secs(300));
        writer.connect(WORKER, 3, api).expect("an event")
    };
    let learned: Vec<_> = (0..LEARN_EXECUTIONS * 5).map(|_| connect()).collect();
    let known: Vec<_> = (0..20).map(|_| connect()).collect();
    let outside = "203.0.113.9:4444".parse().expect("an address");
    let novel = writer.connect(WORKER, 4, outside).expect("an event");
    // A program that is started as ever, and is taken over.
    let (date, _) = writer.run(WORKER, &Exec::line(NORMAL[0])).expect("an event");
    let taken_over = writer.connect(date, 3, api).expect("an event");
    writer.finish().expect("a capture");

    let replay = |condition: &str| {
        let data = tempfile::tempdir_in(folder.path()).expect("a directory");
        let configuration = json!({
            "path": data.path(), "feed": "falco", "learn_executions": LEARN_EXECUTIONS, "learn_for": LEARN_FOR,
        });
        let replay = sysdig.replay(&capture).plugin(&library, &configuration.to_string()).filter(condition);
        replay.fields(&["evt.num"]).expect("a replay").numbers()
    };
    let rule = "evt.type = connect and fd.typechar = 4";
    let ungated = replay(rule);
    assert_eq!(ungated.len(), learned.len() + known.len() + 2);
    let gated = replay(&format!("{rule} {GATE}"));
    assert_eq!(gated[..10], learned[..10], "while nothing is known, the rule fires");
    assert!(known.iter().all(|number| !gated.contains(number)), "{gated:?}");
    assert!(gated.ends_with(&[novel, taken_over]), "{gated:?}");
    // A gate by how the process was started is blind to it, which is why the lint reports such a one.
    assert!(!replay(&format!("{rule} and not anomaly.score < 0.85")).contains(&taken_over));
}
