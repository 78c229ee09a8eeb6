//! Every field on the execution it is about.

use anomaly_hosts::library;
use anomaly_hosts::scap::Exec;
use anomaly_hosts::story::{NORMAL, NOVEL, WORKER, WORKLOAD};
use anomaly_hosts::sysdig::Sysdig;
use serde_json::Value;

use crate::scenario::{Scenario, text};

const FIELDS: [&str; 12] = [
    "anomaly.score",
    "anomaly.score_permille",
    "anomaly.distance",
    "anomaly.smoothed",
    "anomaly.threshold",
    "anomaly.level",
    "anomaly.novel",
    "anomaly.first",
    "anomaly.workload",
    "anomaly.seen",
    "anomaly.reason",
    "anomaly.nearest",
];

/// `d.dddd`, at most 1.
fn is_decimal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().enumerate().all(|(index, byte)| index == 1 || byte.is_ascii_digit());
    bytes.len() == 6 && bytes[1] == b'.' && digits && text <= "1.0000"
}

#[test]
fn a_novel_execution_has_them_all() {
    let scenario = Scenario::after_learning(|capture| capture.run(WORKER, &Exec::line(NOVEL)).map(drop));
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execve and proc.name = nc", &FIELDS);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    for field in ["anomaly.score", "anomaly.distance", "anomaly.smoothed", "anomaly.threshold"] {
        assert!(is_decimal(text(row, field)), "{field}: {row:?}");
    }
    let score = text(row, "anomaly.score");
    assert!(score >= "0.85", "{row:?}");
    let permille = format!("{}{}", &score[..1], &score[2..5]).parse::<u64>().ok();
    assert_eq!(row["anomaly.score_permille"].as_u64(), permille);
    assert!(matches!(text(row, "anomaly.level"), "warn" | "critical"), "{row:?}");
    assert_eq!((&row["anomaly.novel"], &row["anomaly.first"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(text(row, "anomaly.workload"), WORKLOAD);
    assert_eq!(row["anomaly.seen"].as_u64(), Some(1));
    assert!(text(row, "anomaly.reason").starts_with("new: name nc"), "{row:?}");
    assert!(NORMAL.contains(&text(row, "anomaly.nearest")), "{row:?}");
}

#[test]
fn a_known_execution_has_a_score_of_nothing() {
    let scenario = Scenario::after_learning(|capture| capture.run(WORKER, &Exec::line(NORMAL[0])).map(drop));
    let Some(scenario) = scenario else { return };
    let rows = scenario.rows("evt.type = execve and proc.name = date", &FIELDS);
    let row = rows.last().expect("an execution");
    assert_eq!(text(row, "anomaly.score"), "0.0000");
    assert_eq!(text(row, "anomaly.level"), "normal");
    assert_eq!(row["anomaly.novel"], false);
    assert_eq!(row["anomaly.seen"].as_u64(), Some(rows.len() as u64));
    assert_eq!((&row["anomaly.reason"], &row["anomaly.nearest"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_workload_that_is_learned_has_a_level_and_no_score() {
    let Some(scenario) = Scenario::of(|capture| capture.run(WORKER, &Exec::line(NOVEL)).map(drop)) else {
        return;
    };
    let rows = scenario.rows("evt.type = execve", &FIELDS);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(text(row, "anomaly.level"), "learning");
    assert_eq!(text(row, "anomaly.workload"), WORKLOAD);
    for field in ["anomaly.score", "anomaly.score_permille", "anomaly.distance", "anomaly.smoothed"] {
        assert_eq!(row[field], Value::Null, "{field}");
    }
}

/// The list that a host prints is what `anomalyctl lint-rules` knows.
#[test]
fn the_host_lists_the_fields_that_rules_are_checked_against() {
    let (Some(sysdig), Some(library)) = (Sysdig::or_skip(), library::or_skip()) else { return };
    let library = library.to_str().expect("a path");
    let listed = sysdig.ask(&["-H", library, "-l"]).expect("a list");
    let listed: Vec<_> = listed.split_whitespace().filter(|word| word.starts_with("anomaly.")).collect();
    for field in FIELDS {
        assert!(listed.contains(&field), "{field} in {listed:?}");
    }
    let known: Vec<_> = anomaly_lint::field_names().collect();
    for field in listed {
        assert!(known.contains(&field.trim_end_matches(['.', ','])), "{field}");
    }
    let plugins = sysdig.ask(&["-H", library, "-Il"]).expect("a list");
    assert!(plugins.contains("anomaly"), "{plugins}");
}
