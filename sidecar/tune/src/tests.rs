//! Whatever stands in a line, reading it ends with an alert or a reason; whatever was read, sums agree and bounds hold.

use anomaly_baseline::Score;
use proptest::prelude::*;
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value, json};

use crate::{Export, Judged, Line, Lines, Report, Source, Step, Tally, gates, page, read};

/// A line with an alert.
fn line(rule: &str, fields: Value) -> String {
    json!({"rule": rule, "time": "2026-03-02T08:00:00.5Z", "priority": "Notice", "output_fields": fields})
        .to_string()
}

fn alert(line: &str) -> crate::Alert {
    match read(line.as_bytes()) {
        Ok(Line::Alert(alert)) => *alert,
        other => panic!("{other:?} of {line}"),
    }
}

/// JSON of any shape.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A key that means something, or any.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "rule",
        "time",
        "priority",
        "source",
        "output",
        "output_fields",
        "MESSAGE",
        "evt.type",
        "evt.time",
        "fd.name",
        "proc.name",
        "proc.cmdline",
        "anomaly.score",
        "anomaly.event_score",
        "anomaly.level",
        "anomaly.workload",
        "container.id",
        "container.image.repository",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn report(tally: &Tally) -> Report {
    Report::new(tally, vec!["alerts.jsonl".into()], None, Lines::default())
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(reason) = read(&bytes) {
            prop_assert!(!reason.is_empty());
        }
        let mut export = Export::default();
        for line in bytes.split(|&byte| byte == b'\n') {
            if export.line(line) == Step::Binary {
                prop_assert!(!matches!(export.binary(line), Step::Binary));
            }
        }
    }

    #[test]
    fn any_json_ends_in_an_alert_or_a_reason(
        value in prop::collection::btree_map(key(), anything(), 0..8),
    ) {
        let value = Value::Object(value.into_iter().collect());
        if let Ok(Line::Alert(alert)) = read(value.to_string().as_bytes()) {
            let mut tally = Tally::default();
            tally.add(&alert, "web", Judged::by_itself(&alert).unwrap_or(Judged::Unsaid));
            let report = report(&tally);
            prop_assert_eq!(report.rules.len(), 1);
            prop_assert!(report.days >= 1.0);
            let page = page(&report);
            prop_assert!(!page.chars().any(|c| c != '\n' && anomaly_baseline::text::needs_escape(c)));
        }
    }

    #[test]
    fn an_alert_that_was_cut_is_said_to_be(cut in 1_usize..60) {
        let whole = line("Rule", json!({"evt.type": "execve", "proc.cmdline": "é☃ x"}));
        let text = whole.as_bytes();
        let cut = &text[..text.len() - cut.min(text.len() - 1)];
        // Within a character it is no text at all.
        let reason = read(cut).expect_err("it is not whole");
        prop_assert!(reason.contains("cut in the middle") || std::str::from_utf8(cut).is_err(), "{}", reason);
    }

    #[test]
    fn a_score_is_taken_as_it_is_printed(score in 0_u16..=10_000, as_number in any::<bool>()) {
        let score = Score::from_ten_thousandths(score);
        let printed = if as_number { json!(score.value()) } else { json!(score.to_string()) };
        let told = |fields: Value| Judged::by_itself(&alert(&line("Rule", fields)));
        let judged = Some(Judged::Score(score, Source::Printed));
        prop_assert_eq!(told(json!({"evt.type": "execve", "anomaly.score": printed})), judged);
        prop_assert_eq!(told(json!({"evt.type": "openat", "anomaly.event_score": printed})), judged);
        prop_assert_eq!(told(json!({"anomaly.event_score": printed})), judged);
        // How the process was started says nothing of what it opens.
        prop_assert_eq!(told(json!({"evt.type": "openat", "anomaly.score": printed})), None);
    }

    #[test]
    fn every_alert_is_counted_once(
        alerts in prop::collection::vec((0_usize..3, 0_usize..4, prop::option::of(0_u16..=10_000)), 1..80),
    ) {
        let mut tally = Tally::default();
        for (rule, workload, score) in &alerts {
            let score = score.map(|score| Score::from_ten_thousandths(score).to_string());
            let fields = json!({"evt.type": "execve", "proc.name": "x", "anomaly.score": score});
            let alert = alert(&line(&format!("Rule {rule}"), fields));
            let judged = Judged::by_itself(&alert).expect("it says so");
            tally.add(&alert, &format!("workload {workload}"), judged);
        }
        let report = report(&tally);
        prop_assert_eq!(report.alerts, alerts.len() as u64);
        prop_assert_eq!(report.rules.iter().map(|rule| rule.alerts).sum::<u64>(), report.alerts);
        for rule in &report.rules {
            let of = |groups: &[crate::GroupReport]| groups.iter().map(|group| group.count).sum::<u64>();
            prop_assert_eq!(of(&rule.would_hide), rule.hidden);
            prop_assert_eq!(of(&rule.would_remain), rule.remain.at_85);
            prop_assert_eq!(rule.hidden + rule.remain.at_85, rule.alerts);
            prop_assert!(rule.remain.at_70 >= rule.remain.at_85 && rule.remain.at_85 >= rule.remain.at_95);
            prop_assert_eq!(rule.workloads.iter().map(|workload| workload.alerts).sum::<u64>(), rule.alerts);
        }
    }

    /// Falco's rules loader sees the very name, whatever is in it.
    #[test]
    fn a_gate_is_on_the_rule_that_was_named(name in "\\PC{1,40}|[\\x00-\\x7f\u{85}\u{2028}\u{202e}☃']{1,40}") {
        let mut tally = Tally::default();
        let fields = json!({"evt.type": "execve", "anomaly.score": "0.0000"});
        tally.add(&alert(&line(&name, fields)), "web", Judged::Learning);
        let text = gates(&report(&tally), &[&name]).expect("it was seen");
        let mut scalars = Vec::new();
        for event in Parser::new_from_str(&text) {
            if let Event::Scalar(value, ..) = event.expect("YAML").0 {
                scalars.push(value.into_owned());
            }
        }
        let at = scalars.iter().position(|scalar| scalar == "rule").expect("a rule");
        prop_assert_eq!(&scalars[at + 1], &name);
        let rest = ["condition", "and not anomaly.event_score < 0.85", "override", "condition", "append"];
        prop_assert_eq!(&scalars[at + 2..], &rest[..]);
    }
}

#[test]
fn a_wrong_date_does_not_make_years_of_a_week() {
    let mut tally = Tally::default();
    let add = |tally: &mut Tally, days: i64| {
        let mut alert = alert(&line("Rule", json!({"evt.type": "execve"})));
        alert.time += days * 86_400_000_000;
        tally.add(&alert, "web", Judged::Unsaid);
    };
    (0..7).for_each(|day| add(&mut tally, day));
    assert!((report(&tally).days - 6.0).abs() < 1e-9);
    add(&mut tally, -20_000);
    assert!((report(&tally).days - 8.0).abs() < 1e-9);
    assert!((report(&Tally::default()).days - 1.0).abs() < 1e-9);
}

/// Names of workloads stand in the sentences of the advice, which go to terminals and into rules files.
#[test]
fn names_of_workloads_do_not_break_out_of_the_advice() {
    let mut tally = Tally::default();
    for number in 0..20 {
        let alert = alert(&line("Rule", json!({"evt.type": "execve", "anomaly.score": null})));
        let name = format!("web {number}\n- rule: Other\u{1b}[2J{}", "x".repeat(300));
        tally.add(&alert, &name, Judged::Learning);
    }
    let report = report(&tally);
    let why = &report.rules[0].advice.why_not;
    assert!(why[0].contains("web 0\\n- rule: Other\\x1b[2J") && why[0].contains("17 more"), "{why:?}");
    assert!(!why.iter().any(|why| why.chars().any(anomaly_baseline::text::needs_escape)), "{why:?}");
    let text = gates(&report, &["Rule"]).expect("it was seen");
    assert_eq!(text.lines().filter(|line| line.starts_with("- rule: ")).count(), 1, "{text}");
}

#[test]
fn every_element_of_a_page_is_closed() {
    let mut tally = Tally::default();
    for number in 0..60 {
        let fields = json!({"evt.type": "execve", "proc.cmdline": format!("<i>{}", "x".repeat(number))});
        let score = Score::from_ten_thousandths(if number % 2 == 0 { 0 } else { 9_000 });
        let judged = if number % 5 == 0 { Judged::Learning } else { Judged::Score(score, Source::Baseline) };
        tally.add(&alert(&line(&format!("<b>{}", number % 3), fields)), "<script>", judged);
    }
    for page in [page(&report(&tally)), page(&report(&Tally::default()))] {
        let mut open = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
            match name {
                "!DOCTYPE" | "meta" | "br" => {}
                _ if tag.ends_with('/') => {}
                _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{page}"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(page.contains("default-src 'none'") && !page.contains("<script") && !page.contains("<i>"));
    }
}
