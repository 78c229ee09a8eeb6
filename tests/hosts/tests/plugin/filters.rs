//! Conditions as users write them let through exactly what they should.

use std::time::Duration;

use anomaly_hosts::scap::{Exec, Number};
use anomaly_hosts::story::{NORMAL, NOVEL, WORKER};

use crate::scenario::{Scenario, text};

/// The numbers of what happened after learning.
#[derive(Default)]
struct Happened {
    known: Number,
    novel: Number,
    novel_again: Number,
    novel_tomorrow: Number,
}

fn happened() -> (Happened, Option<Scenario>) {
    let mut numbers = Happened::default();
    let scenario = Scenario::after_learning(|capture| {
        numbers.known = capture.run_and_exit(WORKER, &Exec::line(NORMAL[1]))?;
        numbers.novel = capture.run_and_exit(WORKER, &Exec::line(NOVEL))?;
        numbers.novel_again = capture.run_and_exit(WORKER, &Exec::line(NOVEL))?;
        capture.advance(Duration::from_secs(24 * 3600));
        numbers.novel_tomorrow = capture.run_and_exit(WORKER, &Exec::line(NOVEL))?;
        Ok(())
    });
    (numbers, scenario)
}

#[test]
fn thresholds_select_what_is_novel() {
    let (numbers, Some(scenario)) = happened() else { return };
    let novel = [numbers.novel, numbers.novel_again, numbers.novel_tomorrow];
    for condition in [
        "anomaly.score >= 0.85",
        "anomaly.score >= 0.8500",
        "anomaly.score >= val(anomaly.threshold)",
        "anomaly.novel = true",
        "anomaly.score_permille >= 850",
        "anomaly.level in (warn, critical)",
    ] {
        assert_eq!(scenario.numbers(&format!("evt.type = execve and {condition}")), novel, "{condition}");
    }
    let first = [numbers.novel, numbers.novel_tomorrow];
    assert_eq!(scenario.numbers("evt.type = execve and anomaly.first = true"), first, "once a day");
}

#[test]
fn what_is_missing_decides_as_it_is_documented() {
    let (numbers, Some(scenario)) = happened() else { return };
    let rows = scenario.rows("evt.type = execve", &["evt.num", "anomaly.score", "anomaly.level"]);
    let with = |wanted: fn(&str) -> bool| -> Vec<Number> {
        let rows = rows.iter().filter(|row| wanted(text(row, "anomaly.score")));
        rows.map(|row| row["evt.num"].as_u64().expect("a number")).collect()
    };
    let (scored, learning) = (with(|score| !score.is_empty()), with(str::is_empty));
    assert!(!learning.is_empty() && scored.len() > 4, "{rows:?}");
    assert!(learning.iter().all(|number| *number < scored[0]), "learning comes first and ends once");
    for row in &rows {
        assert_eq!(text(row, "anomaly.level") == "learning", text(row, "anomaly.score").is_empty());
    }
    assert_eq!(scenario.numbers("evt.type = execve and anomaly.score exists"), scored);
    assert_eq!(scenario.numbers("evt.type = execve and not anomaly.score exists"), learning);
    // A gate fails open: what has no score passes, what is known does not.
    let mut open = learning.clone();
    open.extend([numbers.novel, numbers.novel_again, numbers.novel_tomorrow]);
    assert_eq!(scenario.numbers("evt.type = execve and not anomaly.score < 0.2"), open);
    let closed = scenario.numbers("evt.type = execve and anomaly.score < 0.2");
    assert!(closed.contains(&numbers.known) && closed.iter().all(|number| scored.contains(number)));
}

/// What `anomalyctl lint-rules` warns of is what a host really does.
#[test]
fn misuses_are_accepted_and_do_nothing() {
    let (_, Some(scenario)) = happened() else { return };
    for condition in
        ["anomaly.score > 85", "anomaly.score > 8.5e-1", "anomaly.score = 0.85", "anomaly.level = high"]
    {
        assert!(scenario.numbers(condition).is_empty(), "{condition}");
    }
    let scored = scenario.numbers("evt.type = execve and anomaly.score exists");
    assert_eq!(scenario.numbers("evt.type = execve and anomaly.score > 0"), scored, "0.0000 too");
    for condition in
        ["anomaly.score >= .85", "anomaly.score >= \"0.85\"", "anomaly.level >= warn", "anomaly.scor exists"]
    {
        assert!(scenario.replay().filter(condition).fields(&["evt.num"]).is_err(), "{condition}");
    }
}
