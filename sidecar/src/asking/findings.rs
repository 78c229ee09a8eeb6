//! `anomalyctl findings`: what was novel, as the daemon remembers it.

use std::io;

use anomaly_api::model::{Finding, Findings as Page};
use anomaly_api::{Client, ClientError};
use anomaly_baseline::Timestamp;
use anomaly_baseline::text::printable;
use anomaly_daemon::ids;

use super::arguments::Findings;
use super::unanswered;
use crate::failure::{Failure, say};
use crate::feedback::table::{print, print_json, workload};
use crate::table::Table;
use crate::terminal;
use crate::watch::clock::Clock;
use crate::words::{count, thousands};

/// The most that the daemon answers at once.
const PAGE: usize = 1_000;

/// How much of a command line or a reason is shown, in bytes.
const MAX_TEXT: usize = 400;

/// How much of a name is shown, in bytes.
const MAX_NAME: usize = 200;

/// Runs the command.
pub(super) fn run(arguments: &Findings) -> Result<(), Failure> {
    let client = arguments.whom.client()?;
    let Page { findings, total, remembered_since, .. } = ask(&client, arguments)?;
    if arguments.json {
        return print_json(&findings);
    }
    if findings.is_empty() {
        say(&nothing(remembered_since));
        return Ok(());
    }
    print(&table(&findings).text(terminal::width(&io::stdout())))?;
    let more = total.saturating_sub(findings.len()) as u64;
    if more > 0 {
        say(&format!("{} more; --limit shows them", count(more, "finding")));
    }
    Ok(())
}

/// Asks page by page, until there are as many as are wanted.
fn ask(client: &Client, arguments: &Findings) -> Result<Page, Failure> {
    let Findings { workload, since, min_score, limit, .. } = arguments;
    let limit = usize::from(*limit);
    let since = since.map(|since| (since.0 as f64 / 1e6).max(0.0).to_string());
    let min_score = min_score.map(|score| score.value().to_string());
    let mut all = Page::default();
    loop {
        let wanted = (limit - all.findings.len()).min(PAGE).to_string();
        let keys = [
            ("workload", workload.as_ref().map(|pattern| pattern.as_str())),
            ("since", since.as_deref()),
            ("min_score", min_score.as_deref()),
            ("limit", Some(wanted.as_str())),
            ("after", all.next.as_deref()),
        ];
        let query: Vec<_> = keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let page = client.get("/v1/findings", &query).map_err(|error| without_daemon(&error))?;
        let mut page: Page = serde_json::from_value(page).map_err(|error| {
            Failure::new(format!(
                "what the daemon answers is not understood: {error}; is it of this release?"
            ))
        })?;
        let nothing_came = page.findings.is_empty();
        all.findings.append(&mut page.findings);
        all = Page { findings: all.findings, ..page };
        if all.next.is_none() || nothing_came || all.findings.len() >= limit {
            return Ok(all);
        }
    }
}

fn without_daemon(error: &ClientError) -> Failure {
    let unanswered = unanswered(error);
    match error {
        ClientError::Unreachable { .. } => {
            Failure::new(format!("{unanswered}; `anomalyctl held` reads the database without one"))
        }
        _ => unanswered,
    }
}

fn nothing(remembered_since: Option<f64>) -> String {
    let since = remembered_since.map_or_else(String::new, |since| {
        format!("; findings are remembered since {}", Clock::local().moment(micros(since)))
    });
    format!("nothing novel was found{since}")
}

/// Findings for people. The id is that of the alert group, which is what decisions take.
fn table(findings: &[Finding]) -> Table {
    let clock = Clock::local();
    let mut table =
        Table::new(&["ID", ">SCORE", "WORKLOAD", "PARENT > NAME (UID)", ">SEEN", "LAST", "STATE"]);
    for finding in findings {
        let example = &finding.example;
        let cells = vec![
            ids::shortened(&printable(&finding.group, MAX_NAME)).to_owned(),
            example.score.map_or_else(|| "-".to_owned(), |score| score.to_string()),
            workload(&finding.workload),
            who(finding),
            thousands(finding.count),
            clock.moment(micros(finding.last_time)),
            finding.state.as_deref().map_or_else(|| "-".to_owned(), |state| printable(state, MAX_NAME)),
        ];
        let reason = example.reason.as_ref().map(|reason| printable(reason, MAX_TEXT));
        table.row(cells, [printable(&example.command, MAX_TEXT)].into_iter().chain(reason).collect());
    }
    table
}

/// `nginx > sh (33)`
fn who(finding: &Finding) -> String {
    let parent = match &*finding.parent {
        "" => String::new(),
        parent => format!("{} > ", printable(parent, MAX_NAME)),
    };
    let name = if finding.name.is_empty() { "(no name)" } else { &finding.name };
    format!("{parent}{} ({})", printable(name, MAX_NAME), finding.uid)
}

/// Microseconds of the daemon's seconds; what no clock has becomes its end.
fn micros(seconds: f64) -> Timestamp {
    (seconds * 1e6).round() as Timestamp
}
