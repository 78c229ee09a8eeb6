//! Every workload: what it is known by, and what that takes on the disk.

use std::process::ExitCode;

use anomaly_baseline::text::printable;
use serde::Serialize;

use super::arguments::List;
use super::database;
use super::output::{Output, bytes, moment, states};
use crate::failure::Failure;
use crate::words::thousands;

#[derive(Debug, Serialize)]
struct Line {
    workload: String,
    learning: bool,
    executions: u64,
    known: u64,
    held: u64,
    denied: u64,
    forgotten: u64,
    /// Microseconds since the Unix epoch.
    first_seen: i64,
    last_seen: i64,
    bytes: u64,
    files: u64,
    versions: u64,
}

pub(super) fn run(arguments: &List) -> Result<ExitCode, Failure> {
    let mut store = arguments.which.database()?.place.read()?;
    let mut lines = Vec::new();
    database::each(&mut store, |portion| {
        let [known, held, denied, forgotten] = states(&portion.rows);
        lines.push(Line {
            learning: portion.record.learned_at.is_none(),
            executions: portion.record.executions,
            known,
            held,
            denied,
            forgotten,
            first_seen: portion.record.first_seen,
            last_seen: portion.record.last_seen,
            bytes: 0,
            files: 0,
            versions: 0,
            workload: portion.workload,
        });
        Ok(())
    })?;
    for line in &mut lines {
        let files = store.files(&line.workload).map_err(|error| {
            Failure::new(format!(
                "the files of {} cannot be listed: {error}; run as their owner",
                line.workload
            ))
        })?;
        (line.bytes, line.files, line.versions) = (files.bytes, files.files, files.versions);
    }
    lines.sort_by(|a, b| b.executions.cmp(&a.executions).then_with(|| a.workload.cmp(&b.workload)));
    let mut out = Output::new();
    if arguments.json {
        lines.iter().try_for_each(|line| out.json(line))?;
    } else if lines.is_empty() {
        out.line("nothing was learned here yet: run `anomalyctl watch`")?;
    } else {
        let rows: Vec<_> = lines.iter().map(row).collect();
        out.table(
            &["WORKLOAD", "STATE", ">SEEN", ">KNOWN", ">HELD", ">DENIED", ">FORGOTTEN", "LAST SEEN", ">SIZE"],
            rows,
        )?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn row(line: &Line) -> Vec<String> {
    vec![
        printable(&line.workload, 200),
        if line.learning { "learning" } else { "settled" }.into(),
        thousands(line.executions),
        thousands(line.known),
        thousands(line.held),
        thousands(line.denied),
        thousands(line.forgotten),
        moment(line.last_seen),
        bytes(line.bytes),
    ]
}
