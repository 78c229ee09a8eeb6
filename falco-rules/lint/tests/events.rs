//! Gates by how a process was started, on rules about what it does.

use anomaly_lint::{Check, File, Finding, lint};

fn findings(text: &str) -> Vec<Finding> {
    lint(&[File { name: "rules.yaml", text }]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn told(findings: &[Finding]) -> Vec<(Check, usize, &str, &str)> {
    let told = findings
        .iter()
        .map(|finding| (finding.check, finding.column, finding.found.as_str(), finding.correction.as_str()));
    told.collect()
}

fn gate_on(rule: &str, gate: &str) -> String {
    format!("- rule: {rule}\n  condition: {gate}\n  override: {{condition: append}}\n")
}

/// Somebody else's rule in a file of its own, and a gate on it.
fn gated(condition: &str, gate: &str) -> Vec<Finding> {
    let rule = format!("- rule: Theirs\n  condition: {condition}\n  output: x\n");
    let gate = gate_on("Theirs", gate);
    lint(&[File { name: "theirs.yaml", text: &rule }, File { name: "gates.yaml", text: &gate }])
        .expect("rules")
}

const RIGHT: &str = "not anomaly.event_score < 0.85";

#[test]
fn a_gate_by_the_process_on_a_rule_about_acts_is_found() {
    for condition in [
        "evt.type = connect and container",
        "evt.type in (open, openat, openat2) and fd.name startswith /etc",
        "open_read and sensitive_files",
        "(open_write and x) or (spawned_process and y)",
        "evt.type in (execve, openat) and proc.name = x",
        "evt.type in (init_module, finit_module)",
        "proc.name = x and (dup or evt.type = ptrace)",
    ] {
        let all = gated(condition, "and not anomaly.score < 0.85");
        let found: Vec<_> = told(&all).into_iter().filter(|told| told.0 == Check::OtherEvent).collect();
        assert_eq!(found, [(Check::OtherEvent, 22, "not anomaly.score < 0.85", RIGHT)], "{condition}");
        assert_eq!((all[0].line, all[0].file.as_str()), (2, "gates.yaml"));
    }
}

#[test]
fn a_gate_on_a_rule_about_executions_may_ask_either() {
    for condition in [
        "spawned_process and container",
        "evt.type = execve",
        "evt.type in (execve, execveat) and x",
        // These do not say.
        "proc.name = x",
        "evt.type != open",
        "evt.type in (my_list)",
        "not evt.type = open",
        "something_of_theirs",
    ] {
        for gate in ["and not anomaly.score < 0.85", "and not anomaly.event_score < 0.85"] {
            assert_eq!(gated(condition, gate), [], "{condition} {gate}");
        }
    }
}

#[test]
fn stable_rules_are_known_by_name() {
    let all = findings(&gate_on("Contact K8S API Server From Container", "and not anomaly.score < 0.90"));
    let right = "not anomaly.event_score < 0.90";
    assert_eq!(told(&all), [(Check::OtherEvent, 22, "not anomaly.score < 0.90", right)]);
    assert_eq!(findings(&gate_on("Run shell untrusted", "and not anomaly.score < 0.85")), []);
    assert_eq!(findings(&gate_on("Contact K8S API Server From Container", &format!("and {RIGHT}"))), []);
}

#[test]
fn every_way_to_ask_about_the_process_is_corrected_alike() {
    for (gate, checks) in [
        ("and not anomaly.score < 0.85", &[Check::OtherEvent][..]),
        ("and anomaly.score >= 0.85", &[Check::FailsClosed, Check::OtherEvent]),
        ("and anomaly.score >= 85", &[Check::FailsClosed, Check::OtherEvent, Check::Literal]),
        ("and not anomaly.score >= 0.85", &[Check::Negation, Check::OtherEvent]),
        ("and not anomaly.smoothed < 0.60", &[Check::OtherEvent]),
        ("and not anomaly.score_permille < 850", &[Check::OtherEvent]),
        ("and not anomaly.level = normal", &[Check::OtherEvent]),
        ("and anomaly.novel = true", &[Check::FailsClosed, Check::OtherEvent]),
    ] {
        let all = gated("evt.type = connect", gate);
        let mut found: Vec<_> = all.iter().map(|finding| finding.check).collect();
        found.sort_unstable();
        let mut wanted = checks.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{gate}: {all:#?}");
        assert!(all.iter().all(|finding| finding.correction == RIGHT), "{gate}: {all:#?}");
    }
}

#[test]
fn a_gate_in_a_macro_is_seen_through() {
    let text = "\
- macro: known_here
  condition: (anomaly.score < 0.85)
- rule: PTRACE attached to process
  condition: and not known_here
  override: {condition: append}
";
    let all = findings(text);
    assert_eq!(told(&all), [(Check::OtherEvent, 22, "not known_here", RIGHT)]);
}

#[test]
fn rules_of_ones_own_may_ask_who_does_it_and_may_not_hide_by_it() {
    let own = |condition: &str| findings(&format!("- rule: Mine\n  condition: {condition}\n  output: x\n"));
    assert_eq!(own("evt.type = connect and anomaly.score >= 0.95"), []);
    assert_eq!(own("evt.type = connect and anomaly.event_score >= 0.95"), []);
    assert_eq!(own("evt.type = execve and not anomaly.score < 0.85"), []);
    let all = own("evt.type = connect and not anomaly.score < 0.85");
    assert_eq!(told(&all), [(Check::OtherEvent, 41, "not anomaly.score < 0.85", RIGHT)]);
}

#[test]
fn what_is_appended_to_alternatives_is_found() {
    let all = gated("evt.type = execve or evt.type = execveat", "and not anomaly.event_score < 0.85");
    let [finding] = &all[..] else { panic!("{all:?}") };
    assert_eq!((finding.check, finding.line, finding.column), (Check::LastAlternative, 2, 22));
    assert!(finding.correction.contains("replace"), "{finding:?}");
    assert_eq!(
        gated("(evt.type = execve) or (evt.type = execveat)", "and not anomaly.event_score < 0.85").len(),
        1
    );
    for (condition, gate) in [
        ("(evt.type = execve or evt.type = execveat)", "and not anomaly.event_score < 0.85"),
        ("'(evt.type = execve or proc.args = \")\")'", "and not anomaly.event_score < 0.85"),
        ("evt.type = execve or evt.type = execveat", "and proc.name != x"),
    ] {
        assert_eq!(gated(condition, gate), [], "{condition} {gate}");
    }
}
