//! The report for a terminal.

use std::fmt::Write;

use anomaly_baseline::text::printable;
use anomaly_tune::{Fate, GroupReport, Report, RuleReport};

use crate::table::Table;
use crate::words::{count, list, thousands};

/// From how many hours on alerts stand for a day.
const DAY: f64 = 20.0;

/// Rules in the table; the JSON has all.
const RULES: usize = 30;

/// Rules whose groups are shown where none was named.
const DETAILED: usize = 5;

/// Groups shown of a rule that was not named. Of one that was, all are.
const GROUPS: usize = 5;

/// Workloads named of a rule.
const WORKLOADS: usize = 5;

/// The longest text of an alert, in bytes.
const MAX: usize = 160;

/// Everything: the rules, then what would be hidden and what would remain of those that were chosen, else of the noisiest.
pub(super) fn text(report: &Report, chosen: &[&RuleReport], width: Option<usize>) -> String {
    let mut text = rules(report, width);
    let noisiest: Vec<&RuleReport> = report.rules.iter().take(DETAILED).collect();
    let (shown, most) = if chosen.is_empty() { (noisiest, GROUPS) } else { (chosen.to_vec(), usize::MAX) };
    for rule in shown {
        detail(&mut text, rule, most, width);
    }
    text
}

/// How many alerts there are of which rules, and what is advised.
pub(super) fn rules(report: &Report, width: Option<usize>) -> String {
    let mut text = String::new();
    let (first, last) = (report.first.as_deref().unwrap_or("-"), report.last.as_deref().unwrap_or("-"));
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "{} of {} in {:.1} days ({first} to {last})",
        count(report.alerts, "alert"),
        count(report.rules.len() as u64, "rule"),
        report.days,
    );
    if report.hours < DAY {
        let _ = writeln!(
            text,
            "they span {:.1} hours: a whole day has more of them than is told here",
            report.hours
        );
    }
    for (number, what) in [
        (report.lines.unreadable, "could not be read and were passed over"),
        (report.lines.other, "in which Falco speaks of itself"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "{} {what}", count(number, "line"));
        }
    }
    if report.of_other_rules > 0 {
        let _ = writeln!(text, "{} of more rules than are told apart", count(report.of_other_rules, "alert"));
    }
    let mut table = Table::new(&["RULE", ">A DAY", ">LEFT .70", ">LEFT .85", ">LEFT .95", "ADVICE"]);
    for rule in report.rules.iter().take(RULES) {
        let mut cells = vec![printable(&rule.rule, MAX), number(rule.a_day)];
        let remain = rule.remain;
        let left = [remain.at_70, remain.at_85, remain.at_95];
        cells.extend(left.map(|left| number(rule.a_day * left as f64 / rule.alerts.max(1) as f64)));
        cells.push(advice(rule).to_owned());
        table.row(cells, Vec::new());
    }
    text += &table.text(width);
    if report.rules.len() > RULES {
        let _ =
            writeln!(text, "{} more rules are in the JSON", thousands((report.rules.len() - RULES) as u64));
    }
    text
}

fn advice(rule: &RuleReport) -> &'static str {
    match (rule.advice.recommended, rule.critical, rule.advice.possible) {
        (true, ..) => "gate",
        (false, _, false) => "cannot be gated",
        (false, true, _) => "only by name",
        (false, false, _) => "no gate",
    }
}

fn detail(text: &mut String, rule: &RuleReport, most: usize, width: Option<usize>) {
    let _ = writeln!(
        text,
        "\n{}: a gate would hide {} of {} ({:.1} %)",
        printable(&rule.rule, MAX),
        thousands(rule.hidden),
        count(rule.alerts, "alert"),
        rule.share_hidden() * 100.0
    );
    for why in &rule.advice.why_not {
        let _ = writeln!(text, "  not recommended: {why}");
    }
    if rule.scores_from_baseline > 0 {
        let words = count(rule.scores_from_baseline, "alert");
        let _ = writeln!(text, "  {words} scored from output fields by the baseline, not by Falco");
    }
    let workloads = rule.workloads.iter().map(|workload| {
        let name = printable(&workload.workload, MAX);
        format!("{name} {} ({} hidden)", thousands(workload.alerts), thousands(workload.hidden))
    });
    let _ = writeln!(text, "  workloads: {}", list(workloads, WORKLOADS));
    groups(text, ("would be hidden", &rule.would_hide, rule.would_hide_others), most, width);
    groups(text, ("would remain", &rule.would_remain, rule.would_remain_others), most, width);
}

fn groups(
    text: &mut String,
    (title, groups, others): (&str, &[GroupReport], u64),
    most: usize,
    width: Option<usize>,
) {
    if groups.is_empty() && others == 0 {
        let _ = writeln!(text, "  {title}: nothing");
        return;
    }
    let _ = writeln!(text, "  {title}:");
    let mut table = Table::new(&[">ALERTS", "WORKLOAD", "PROGRAM", "WHAT", "SCORE"]);
    for group in groups.iter().take(most) {
        let safe = |text: &str| printable(text, MAX);
        let score = group.highest.map_or_else(|| nothing(group.fate).to_owned(), |score| score.to_string());
        let cells = vec![
            thousands(group.count),
            safe(&group.workload),
            safe(&group.program),
            safe(&group.object),
            score,
        ];
        table.row(cells, vec![format!("for example {}: {}", group.time, safe(&group.example))]);
    }
    *text += &table.text(width);
    let (unseen, alerts): (usize, u64) =
        groups.iter().skip(most).fold((0, others), |(n, sum), group| (n + 1, sum + group.count));
    if alerts > 0 {
        let kinds =
            if others > 0 { "further groups".to_owned() } else { count(unseen as u64, "further group") };
        let _ =
            writeln!(text, "  {} of {kinds}; --rule shows all that were told apart", count(alerts, "alert"));
    }
}

const fn nothing(fate: Fate) -> &'static str {
    match fate {
        Fate::Learning => "learning",
        Fate::Hidden | Fate::Novel | Fate::Unknown => "unknown",
    }
}

/// A rate: whole numbers where they are large.
fn number(rate: f64) -> String {
    if rate >= 100.0 || rate.fract() == 0.0 { thousands(rate.round() as u64) } else { format!("{rate:.1}") }
}
