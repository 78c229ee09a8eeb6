//! The report in a few lines for a terminal.

use std::fmt::Write;

use anomaly_backtest::{AtThreshold, Report};

use crate::words::thousands;

/// The lines.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let tally = &report.tally;
    let mut line = |left: &str, right: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{left:<34}{right}");
    };
    line("events", format!("{} benign, {} of attacks", thousands(tally.benign), thousands(tally.attack)));
    line("workloads' days, sessions", format!("{}, {}", tally.days, tally.sessions));
    line("without a score", thousands(tally.unscored));
    line("exactly known", percent(tally.exact));
    if let Some((auc, precision)) = report.roc_auc.zip(report.average_precision) {
        line("ROC-AUC, average precision", format!("{auc:.4}, {precision:.4}"));
        for at in &report.false_positives {
            line(
                &format!("at {} false positives", percent(at.rate)),
                format!("{} of attack events", percent(at.event_recall)),
            );
        }
        for at in &report.budgets {
            let above = at.above.map_or("any score".into(), |above| format!("scores above {above}"));
            let found = percent(at.session_recall);
            line(&format!("at {} groups a day", at.groups_a_day), format!("{found} of sessions ({above})"));
        }
    }
    for at in &report.thresholds {
        let groups = (tally.benign > 0).then(|| format!("{:.2} groups a day", at.groups_a_day));
        let found = (tally.sessions > 0).then(|| format!("{} of sessions", percent(at.session_recall)));
        line(&threshold(at), groups.into_iter().chain(found).collect::<Vec<_>>().join(", "));
    }
    for part in report.day_kinds.iter().filter(|_| report.day_kinds.len() > 1) {
        let groups =
            part.thresholds.iter().find(|at| at.threshold.is_none()).map_or(0.0, |at| at.groups_a_day);
        line(
            &format!("{} days ({})", part.of, part.days),
            format!("{groups:.2} groups a day, each at its own threshold"),
        );
    }
    for daily in &report.occurrences {
        line(
            &format!("attack on day {}", daily.occurrence),
            format!("{} of sessions", percent(daily.session_recall)),
        );
    }
    if tally.benign > 0 {
        let suggestion = &report.suggestion;
        let words = match suggestion.threshold {
            Some(threshold) => format!("threshold {threshold}, {:.2} groups a day", suggestion.groups_a_day),
            None => "no threshold keeps it: too many groups have the highest score".into(),
        };
        let short =
            if suggestion.groups_in_all < 1.0 { "; these recordings are too short to tell" } else { "" };
        line(&format!("for a budget of {}", suggestion.budget), words + short);
    }
    text
}

fn threshold(at: &AtThreshold) -> String {
    at.threshold.map_or("at each one's own threshold".into(), |score| format!("at a threshold of {score}"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
