//! What the page says, from the figures that decide to the ones that explain.

use anomaly_baseline::Score;
use anomaly_page::chart::{self, Axis};
use anomaly_page::{Html, percent};

use crate::novel::Novel;
use crate::outcome::{AtThreshold, Part};
use crate::report::Report;

/// Novel groups that are shown at once; the rest can be unfolded.
const SHOWN: usize = 25;

pub(super) fn write(html: &mut Html, report: &Report) {
    head(html, report);
    if report.tally.benign > 0 {
        choose(html, report);
    }
    if report.has_both() {
        quality(html, report);
    }
    histogram(html, report);
    parts(html, report);
    occurrences(html, report);
    novel(html, report);
    how(html, report);
}

fn head(html: &mut Html, report: &Report) {
    let tally = &report.tally;
    html.raw("<h1>Back-test of anomaly scores</h1>\n");
    if !report.unknown_workloads.is_empty() {
        html.raw("<p class=\"tag\">Without a baseline, so without a score: ");
        html.text(&report.unknown_workloads.join(", ")).raw("</p>\n");
    }
    let mut facts = vec![
        ("benign events", tally.benign.to_string()),
        ("attack events", tally.attack.to_string()),
        ("workload-days", tally.days.to_string()),
        ("attack sessions", tally.sessions.to_string()),
        ("exactly known", percent(tally.exact)),
    ];
    if tally.unscored > 0 {
        facts.push(("without a score", tally.unscored.to_string()));
    }
    if let Some((auc, precision)) = report.roc_auc.zip(report.average_precision) {
        facts.push(("ROC-AUC", format!("{auc:.4}")));
        facts.push(("average precision", format!("{precision:.4}")));
    }
    html.facts(facts);
}

/// The curve from which a threshold is chosen, and the one that was asked for.
fn choose(html: &mut Html, report: &Report) {
    let suggestion = &report.suggestion;
    html.raw("<h2>Choosing a threshold</h2>\n<p>");
    let budget = suggestion.budget.to_string();
    match suggestion.threshold {
        Some(threshold) => {
            let groups = suggestion.groups_a_day;
            html.text(&format!("For a budget of {budget}: threshold {threshold}, {groups:.2} alert groups per workload and day"));
            if let Some(recall) = suggestion.session_recall {
                html.text(&format!(", {} of the attack sessions found", percent(recall)));
            }
            html.raw(".");
        }
        None => {
            html.text(&format!("No threshold keeps a budget of {budget}: more alert groups than that have the highest score there is."));
        }
    }
    html.raw("</p>\n");
    if suggestion.groups_in_all < 1.0 {
        html.raw("<p class=\"tag\">These recordings are too short to tell: the whole of them has room for less than one alert group of this budget.</p>\n");
    }
    html.raw("<p class=\"dim\">An alert group is one distinct parent, name and user of a workload and day. A session is found if one of its first 20 executions alerts.</p>\n");
    let most = report.budget_curve.iter().map(|point| point.groups_a_day).fold(1.0, f64::max);
    let points: Vec<_> =
        report.budget_curve.iter().map(|point| (point.groups_a_day, point.session_recall)).collect();
    if report.tally.sessions > 0 {
        let across = Axis {
            title: "alert groups per workload and day, logarithmic",
            from: 0.01,
            to: most.max(10.0),
            ticks: &[0.01, 0.1, 1.0, 10.0],
            logarithmic: true,
        };
        let mut marks: Vec<_> =
            report.thresholds.iter().map(|at| (at.groups_a_day, at.session_recall, cost(at))).collect();
        marks.extend(suggestion.threshold.zip(suggestion.session_recall).map(|(threshold, recall)| {
            (suggestion.groups_a_day, recall, format!("suggested for {budget}: {threshold}"))
        }));
        let description =
            "How many of the attack sessions are found at how many alert groups a day, for every threshold.";
        chart::curve(
            html,
            "Alert groups a day against sessions found",
            description,
            (&across, &Axis::unit("sessions found")),
            &points,
            &marks,
        );
    }
    let rows = report.budgets.iter().map(|at| {
        let above = at.above.map_or("any score".to_owned(), |above| format!("scores above {above}"));
        vec![format!("{} a day", at.groups_a_day), above, recall(report, at.session_recall)]
    });
    let own = report.thresholds.iter().map(|at| {
        vec![
            format!("{:.2} a day", at.groups_a_day),
            threshold(at.threshold),
            recall(report, at.session_recall),
        ]
    });
    let rows: Vec<_> = rows.chain(own).collect();
    html.table("What thresholds cost and find", &["alert groups", "threshold ", "sessions found"], rows);
}

fn quality(html: &mut Html, report: &Report) {
    html.raw("<h2>Telling attacks from work</h2>\n<div class=\"pair\">\n");
    let (false_positives, true_positives) =
        (Axis::unit("false-positive rate"), Axis::unit("true-positive rate"));
    let description =
        "The share of attack events above a threshold against the share of benign events above it.";
    chart::curve(html, "ROC", description, (&false_positives, &true_positives), &report.roc, &[]);
    let (recall, precision) = (Axis::unit("recall"), Axis::unit("precision"));
    let description =
        "Of the events above a threshold, the share that are attacks, against the share of attacks found.";
    chart::curve(
        html,
        "Precision and recall",
        description,
        (&recall, &precision),
        &report.precision_recall,
        &[],
    );
    html.raw("</div>\n");
    let rows = report.false_positives.iter().map(|at| vec![percent(at.rate), percent(at.event_recall)]);
    html.table("Events, one by one", &["false positives", "attack events found"], rows);
}

fn histogram(html: &mut Html, report: &Report) {
    html.raw("<h2>Scores</h2>\n");
    let description = "How many benign events and how many of attacks have which score. The broken line is the suggested threshold.";
    let threshold = report.suggestion.threshold.filter(|_| report.tally.benign > 0).map(Score::value);
    chart::histogram(
        html,
        "Scores of benign events and of attacks",
        description,
        &report.histogram,
        threshold,
    );
}

fn parts(html: &mut Html, report: &Report) {
    let row = |part: &Part| {
        let mut cells = vec![part.of.clone(), part.days.to_string(), part.benign.to_string()];
        let benign = part.benign > 0;
        cells.push(if benign { percent(part.exact) } else { "-".into() });
        for at in &part.thresholds {
            cells.push(if benign { format!("{:.2}", at.groups_a_day) } else { "-".into() });
            cells.push(if part.sessions > 0 { percent(at.session_recall) } else { "-".into() });
        }
        cells
    };
    let warn = report.how.warn;
    let (groups, found) = (format!("groups a day at {warn}"), format!("found at {warn}"));
    let columns = [
        "workload ",
        "days",
        "benign",
        "exact",
        &groups,
        &found,
        "groups a day at its own",
        "found at its own",
    ];
    html.raw("<h2>By workload</h2>\n");
    html.table("Own: each execution's own threshold", &columns, report.workloads.iter().map(row));
    if report.day_kinds.is_empty() {
        return;
    }
    html.raw("<h2>By kind of day</h2>\n");
    let columns = ["kind ", "days", "benign", "exact", &groups, "groups a day at its own"];
    let rows = report.day_kinds.iter().map(|part| {
        let mut cells = row(part);
        // No attack belongs to a day.
        cells.remove(7);
        cells.remove(5);
        cells
    });
    html.table("A deployment's day is one on which the recording's phase says so", &columns, rows);
}

fn occurrences(html: &mut Html, report: &Report) {
    if report.occurrences.is_empty() {
        return;
    }
    html.raw("<h2>The same attack day after day</h2>\n");
    let rows = report.occurrences.iter().map(|daily| {
        vec![
            daily.occurrence.to_string(),
            percent(daily.session_recall),
            percent(daily.session_recall_at_warn),
        ]
    });
    let columns = ["occurrence", "found at its own threshold", &format!("found at {}", report.how.warn)];
    html.table("Each attack repeated daily, on a copy that learns as it would live", &columns, rows);
}

fn novel(html: &mut Html, report: &Report) {
    if report.novel.is_empty() {
        return;
    }
    html.raw("<h2>The most novel alert groups</h2>\n<p class=\"dim\">The execution that made the group so, and why.</p>\n");
    let (first, rest) = report.novel.split_at(report.novel.len().min(SHOWN));
    list(html, first);
    if !rest.is_empty() {
        html.raw(format_args!("<details><summary>{} more</summary>\n", rest.len()));
        list(html, rest);
        html.raw("</details>\n");
    }
}

fn list(html: &mut Html, groups: &[Novel]) {
    html.raw("<ol class=\"novel\">\n");
    for group in groups {
        html.raw(format_args!("<li><b>{}</b> ", group.score));
        let place = format!(
            "{}, day {}: {} > {}, uid {}",
            group.workload, group.day, group.parent, group.name, group.uid
        );
        html.text(&place);
        if let Some(session) = &group.session {
            html.raw(" <span class=\"tag\">attack ").text(session).raw("</span>");
        }
        html.raw("<br><code>").text(&group.command_line).raw("</code>");
        if !group.reason.is_empty() {
            html.raw("<br>").text(&group.reason);
        }
        if let Some(nearest) = &group.nearest {
            html.raw("<br><span class=\"dim\">nearest known: <code>").text(nearest).raw("</code></span>");
        }
        html.raw("</li>\n");
    }
    html.raw("</ol>\n");
}

fn how(html: &mut Html, report: &Report) {
    let how = &report.how;
    html.raw("<h2>How this was made</h2>\n<p class=\"dim\">");
    let mut words = format!(
        "anomalyctl {}, scorer {}, threshold {}; {}; learned from {}; scored {}",
        how.version,
        how.scorer,
        how.threshold,
        if how.online { "benign events teach" } else { "nothing is learned from events" },
        how.baseline.join(", "),
        how.events.join(", "),
    );
    if let Some(prior) = how.prior {
        words += &format!("; prior exp({} {:+} d {:+} d²)", prior.a, prior.b, prior.c);
    }
    if let Some(key) = how.hash_key {
        words += &format!("; hash key {key}");
    }
    html.text(&words).raw(". The same figures are in report.json.</p>\n");
}

fn recall(report: &Report, share: f64) -> String {
    if report.tally.sessions > 0 { percent(share) } else { "-".into() }
}

fn threshold(threshold: Option<Score>) -> String {
    threshold.map_or("each execution's own".into(), |threshold| format!("scores from {threshold}"))
}

fn cost(at: &AtThreshold) -> String {
    format!(
        "{}: {:.2} groups a day, {} found",
        threshold(at.threshold),
        at.groups_a_day,
        percent(at.session_recall)
    )
}
