//! What a process does after a novel execution carries its score; what else runs does not.

use anomaly_hosts::scap::{Exec, Number};
use anomaly_hosts::story::{NORMAL, NOVEL, WORKER};

use crate::scenario::Scenario;

#[test]
fn connections_threads_and_children_carry_the_score() {
    let mut carrying: Vec<Number> = Vec::new();
    let scenario = Scenario::after_learning(|capture| {
        let remote = "203.0.113.9:4444".parse().expect("an address");
        capture.connect(WORKER, 9, remote)?;
        let (known, _) = capture.run(WORKER, &Exec::line(NORMAL[0]))?;
        capture.connect(known, 3, remote)?;
        let (novel, number) = capture.run(WORKER, &Exec::line(NOVEL))?;
        carrying.push(number);
        carrying.push(capture.connect(novel, 3, remote)?);
        let (thread, _) = capture.thread(novel)?;
        carrying.push(capture.connect(thread, 4, remote)?);
        let (child, _) = capture.fork(novel)?;
        carrying.push(capture.open(child, "/etc/shadow")?);
        let (thread_of_child, _) = capture.thread(child)?;
        carrying.push(capture.open(thread_of_child, "/etc/passwd")?);
        let (grandchild, _) = capture.fork(child)?;
        carrying.push(capture.open(grandchild, "/etc/group")?);
        // Refused, so it stays what it is.
        carrying.push(capture.exec(grandchild, &Exec::line("nosuch").refused(2))?);
        // The parent has ended, what it started goes on.
        capture.exit(thread)?;
        capture.exit(novel)?;
        carrying.push(capture.open(child, "/etc/hosts")?);
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let filter = "evt.type in (execve, connect, openat) and anomaly.score >= 0.85";
    assert_eq!(scenario.numbers(filter), carrying);
    let novel = "evt.type in (execve, execveat) and evt.failed = false and anomaly.score >= 0.85";
    assert_eq!(scenario.numbers(novel), [carrying[0]], "as the rules ask");
}

#[test]
fn an_execution_has_a_score_of_its_own_and_smoothing_remembers_the_parent() {
    let mut number = 0;
    let scenario = Scenario::after_learning(|capture| {
        let (novel, _) = capture.run(WORKER, &Exec::line(NOVEL))?;
        capture.exec(novel, &Exec::line(NOVEL))?;
        number = capture.run(novel, &Exec::line(NORMAL[0]))?.1;
        Ok(())
    });
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows(
        &format!("evt.num = {number}"),
        &["proc.name", "anomaly.score", "anomaly.smoothed", "anomaly.seen"],
    );
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row["proc.name"], "date");
    let smoothed = row["anomaly.smoothed"].as_str().expect("a score");
    assert!(smoothed >= "0.60", "{row:?}");
}
