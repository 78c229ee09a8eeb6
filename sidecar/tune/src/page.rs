//! The report as a page for a person: which rules are loud, what gates would leave of them, and what they would hide.

use anomaly_page::chart::{self, Bar};
use anomaly_page::{Html, percent};

use crate::groups::Fate;
use crate::report::{GroupReport, Report, RuleReport};

/// Rules in the chart.
const CHARTED: usize = 20;

/// Rules that are shown with their groups; the table has the next ones, the JSON all.
const SHOWN: usize = 100;

/// Rules in the table.
const LISTED: usize = 1_000;

/// Groups that are shown at once; further ones can be unfolded, the JSON has all.
const FIRST: usize = 25;

/// Groups that can be unfolded.
const UNFOLDED: usize = 500;

/// Workloads that are named.
const WORKLOADS: usize = 50;

/// The page.
pub fn page(report: &Report) -> String {
    anomaly_page::page("What gates would do to your alerts", |html| {
        head(html, report);
        rules(html, report);
        report.rules.iter().take(SHOWN).for_each(|rule| self::rule(html, rule));
        if report.rules.len() > SHOWN {
            let more = format!("{} more rules are in report.json.", report.rules.len() - SHOWN);
            html.raw("<p class=\"dim\">").text(&more).raw("</p>\n");
        }
        how(html, report);
    })
}

fn head(html: &mut Html, report: &Report) {
    html.raw("<h1>What gates would do to your alerts</h1>\n");
    let remain: u64 =
        report.rules.iter().filter(|rule| rule.advice.recommended).map(|rule| rule.hidden).sum();
    html.facts([
        ("alerts", report.alerts.to_string()),
        ("rules", report.rules.len().to_string()),
        ("days", format!("{:.1}", report.days)),
        ("hidden by the gates that are recommended", remain.to_string()),
        ("lines passed over", report.lines.unreadable.to_string()),
    ]);
    if report.of_other_rules > 0 {
        let words = format!("{} alerts are of more rules than are told apart.", report.of_other_rules);
        html.raw("<p class=\"tag\">").text(&words).raw("</p>\n");
    }
    html.raw("<p>A gate hides an alert whose act is known in its workload: below 0.85, which stands for about one novelty a day. Whatever has no score remains. Read what would be hidden below each rule before you gate it: what an intruder did while it was learned is hidden too.</p>\n");
    let rows: Vec<_> = report.rules.iter().take(CHARTED).map(bar).collect();
    if !rows.is_empty() {
        let description = "For each rule its alerts a day, and how many of them remain with a gate at 0.85. Lengths are logarithms.";
        chart::bars(
            html,
            "Alerts a day, and what remains of them with a gate (logarithmic)",
            description,
            &rows,
        );
    }
}

fn bar(rule: &RuleReport) -> (String, Vec<Bar>) {
    let left = rule.a_day * (1.0 - rule.share_hidden());
    let all = format!("{:.1} a day", rule.a_day);
    let label = format!("{}: {all}, {left:.1} remain", rule.rule);
    let remaining = format!("{left:.1} a day remain at 0.85");
    let bars = [("hidden", rule.a_day, all), ("benign", left, remaining)];
    (label, bars.map(|(class, value, words)| Bar { class, value, words }).into())
}

fn rules(html: &mut Html, report: &Report) {
    html.raw("<h2>By rule</h2>\n");
    let columns =
        ["rule ", "a day", "alerts", "left at .70", "left at .85", "left at .95", "hidden", "advice "];
    let rows = report.rules.iter().take(LISTED).map(|rule| {
        let remain = rule.remain;
        let cells = [remain.at_70, remain.at_85, remain.at_95].map(|count| count.to_string());
        let advice =
            if rule.advice.recommended { "gate it".to_owned() } else { rule.advice.why_not.join("; ") };
        let name = if rule.critical { format!("{} (CRITICAL)", rule.rule) } else { rule.rule.clone() };
        let mut row = vec![name, format!("{:.1}", rule.a_day), rule.alerts.to_string()];
        row.extend(cells);
        row.extend([percent(rule.share_hidden()), advice]);
        row
    });
    html.table("Alerts a day, and how many remain with a gate at each score", &columns, rows);
}

fn rule(html: &mut Html, rule: &RuleReport) {
    html.raw("<h2>").text(&rule.rule).raw("</h2>\n<p>");
    html.text(&format!(
        "{} alerts, {:.1} a day; a gate at 0.85 would hide {} of them ({}).",
        rule.alerts,
        rule.a_day,
        rule.hidden,
        percent(rule.share_hidden())
    ));
    html.raw("</p>\n");
    for why in &rule.advice.why_not {
        html.raw("<p class=\"tag\">Not recommended: ").text(why).raw(".</p>\n");
    }
    if rule.scores_from_baseline > 0 {
        let words = format!(
            "{} of the scores are not the alerts' own: a baseline was asked with their output fields.",
            rule.scores_from_baseline
        );
        html.raw("<p class=\"dim\">").text(&words).raw("</p>\n");
    }
    let columns = ["workload ", "alerts", "hidden", "learning", "unknown"];
    let rows = rule.workloads.iter().take(WORKLOADS).map(|workload| {
        let counts = [workload.alerts, workload.hidden, workload.learning, workload.unknown];
        let mut row = vec![workload.workload.clone()];
        row.extend(counts.map(|count| count.to_string()));
        row
    });
    html.table("By workload", &columns, rows);
    groups(html, "Would be hidden", &rule.would_hide, rule.would_hide_others);
    groups(html, "Would remain", &rule.would_remain, rule.would_remain_others);
}

fn groups(html: &mut Html, title: &str, groups: &[GroupReport], others: u64) {
    html.raw("<h3 class=\"label\">").text(title).raw("</h3>\n");
    if groups.is_empty() && others == 0 {
        html.raw("<p class=\"dim\">nothing</p>\n");
        return;
    }
    let (first, rest) = groups.split_at(groups.len().min(FIRST));
    list(html, first);
    if !rest.is_empty() {
        html.raw(format_args!("<details><summary>{} more</summary>\n", rest.len()));
        list(html, &rest[..rest.len().min(UNFOLDED)]);
        html.raw("</details>\n");
    }
    if others > 0 {
        let words = format!("{others} alerts of more groups than are told apart");
        html.raw("<p class=\"tag\">").text(&words).raw("</p>\n");
    }
}

fn list(html: &mut Html, groups: &[GroupReport]) {
    html.raw("<ul class=\"groups\">\n");
    for group in groups {
        html.raw(format_args!("<li><b>{} x</b>", group.count));
        html.text(&group.workload)
            .raw(": ")
            .text(&group.program)
            .raw(" <code>")
            .text(&group.object)
            .raw("</code>");
        let why = match (group.fate, group.highest) {
            (_, Some(score)) => format!("highest score {score}"),
            (Fate::Learning, None) => "no score yet".to_owned(),
            (_, None) => "not known how novel".to_owned(),
        };
        html.raw("<br><span class=\"dim\">").text(&format!("{why}, {}: ", group.time));
        html.raw("<code>").text(&group.example).raw("</code></span></li>\n");
    }
    html.raw("</ul>\n");
}

fn how(html: &mut Html, report: &Report) {
    html.raw("<h2>How this was made</h2>\n<p class=\"dim\">");
    let baseline = report.baseline.as_ref().map_or_else(
        || "only what alerts say of themselves was taken".to_owned(),
        |baseline| format!("where an alert does not tell its score, {baseline} was asked"),
    );
    html.text(&format!("anomalyctl {}; alerts from {}; {baseline}", report.version, report.files.join(", ")));
    html.raw(". Names and command lines are shown without secrets of known forms. The same figures are in report.json.</p>\n");
}
