//! Executions of every kind come out as what was executed.

use std::io;

use anomaly_hosts::scap::{Capture, Exec};
use anomaly_hosts::story::{self, WORKER};
use anomaly_hosts::sysdig::Row;

use crate::scenario::{Scenario, text};

const FIELDS: [&str; 6] =
    ["proc.name", "anomaly.score", "anomaly.seen", "anomaly.novel", "anomaly.reason", "anomaly.nearest"];

/// What a row says, for comparison: score and how often it was seen.
fn told(row: &Row) -> (&str, Option<u64>) {
    (text(row, "anomaly.score"), row["anomaly.seen"].as_u64())
}

/// Learned while the workload learns: what a normal execution is.
fn with_habits(habits: &[Exec], capture: &mut Capture) -> io::Result<()> {
    for habit in habits {
        capture.run_and_exit(WORKER, habit)?;
    }
    story::learn(capture)
}

#[test]
fn a_script_is_known_by_what_was_passed_to_exec() {
    let pip = Exec::script("/usr/bin/python3", "/usr/bin/pip", &["freeze"]);
    // The same words, but it was python that was started.
    let python = Exec::line("/usr/bin/python3 /usr/bin/pip freeze");
    let scenario = Scenario::of(|capture| {
        with_habits(std::slice::from_ref(&pip), capture)?;
        capture.run_and_exit(WORKER, &pip)?;
        capture.run_and_exit(WORKER, &python)?;
        capture
            .run_and_exit(WORKER, &Exec::script("/usr/bin/python3", "/usr/bin/pip", &["install", "evil"]))?;
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execve and proc.name in (pip, python3)", &FIELDS);
    let [_, again, python, install] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(told(again), ("0.0000", Some(2)));
    assert_eq!(python["anomaly.seen"].as_u64(), Some(1), "another execution");
    assert!(text(python, "anomaly.score") > "0.0000");
    assert_eq!(text(install, "anomaly.nearest"), "/usr/bin/pip freeze", "as it was passed to exec");
}

#[test]
fn what_env_starts_is_an_execution_like_any_other() {
    let direct = Exec::line("/usr/bin/uptime -p");
    let scenario = Scenario::of(|capture| {
        with_habits(std::slice::from_ref(&direct), capture)?;
        let (pid, _) = capture.run(WORKER, &Exec::line("/usr/bin/env uptime -p"))?;
        capture.exec(pid, &direct)?;
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execve and proc.name in (env, uptime)", &FIELDS);
    let [_, env, uptime] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(text(env, "proc.name"), "env");
    assert!(text(env, "anomaly.score") > "0.0000", "never seen: {env:?}");
    assert_eq!(told(uptime), ("0.0000", Some(2)), "as if the worker had started it itself");
}

#[test]
fn a_program_in_memory_alone_says_so() {
    let scenario = Scenario::after_learning(|capture| {
        capture.run(WORKER, &Exec::memfd("payload", 3, &["/usr/bin/date", "+%s"])).map(drop)
    });
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execveat", &FIELDS);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row["anomaly.novel"], true, "{row:?}");
    assert!(text(row, "anomaly.reason").contains("an executable in memory alone"), "{row:?}");
}

#[test]
fn an_execution_through_a_descriptor_is_known_the_next_time() {
    let through = |fd| Exec::line("/usr/bin/uptime -p").through_descriptor(fd);
    let scenario = Scenario::of(|capture| {
        with_habits(&[through(5)], capture)?;
        capture.run_and_exit(WORKER, &through(5)).map(drop)
    });
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execveat", &FIELDS);
    assert_eq!(told(rows.last().expect("an execution")), ("0.0000", Some(2)), "{rows:?}");
}

#[test]
fn nothing_that_is_executed_breaks_the_host() {
    let long = "x".repeat(4_095);
    let raw = "\u{1b}[2J\u{7}%s%n\r\n";
    let lines: Vec<Vec<&str>> = vec![
        vec![""],
        vec!["/usr/bin/date", &long],
        vec![&long],
        vec!["/usr/bin/date", "", "", ""],
        vec!["/usr/bin/date", raw],
        vec!["/", "/"],
        vec!["/usr/bin/d\u{e4}te", "\u{202e}txt"],
    ];
    let scenario = Scenario::after_learning(|capture| {
        for line in &lines {
            capture.run_and_exit(WORKER, &Exec::new(line))?;
        }
        capture.run_and_exit(WORKER, &Exec { args: vec![], ..Exec::line("/usr/bin/none") })?;
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let fields = ["evt.num", "anomaly.score", "anomaly.reason", "anomaly.nearest"];
    let rows = scenario.rows("evt.type = execve and anomaly.score >= 0.0001", &fields);
    assert!(rows.len() >= lines.len(), "{rows:?}");
    for row in &rows {
        for field in ["anomaly.reason", "anomaly.nearest"] {
            let text = text(row, field);
            assert!(text.len() <= 200 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}
