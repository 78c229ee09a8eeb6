//! What differs between two exports or databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anomaly_baseline::{StoredRow, text::printable};
use anomaly_exchange::{Change, Difference, diff};
use anomaly_vectorizer::scrub::Scrubber;
use serde::Serialize;

use super::arguments::Diff;
use super::output::{Output, command};
use super::{database, file, oci};
use crate::failure::Failure;
use crate::place::Which;
use crate::words::{count, thousands};

/// The code of a run that found a difference, as diff(1) has it.
const DIFFERENT: u8 = 1;

type Baselines = BTreeMap<String, Vec<StoredRow>>;

#[derive(Debug, Serialize)]
struct Line<'a> {
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'static str>,
    #[serde(flatten)]
    row: super::show::Line<'a>,
}

pub(super) fn run(arguments: &Diff) -> Result<ExitCode, Failure> {
    let mut before = read(&arguments.before, arguments)?;
    let after = read(&arguments.after, arguments)?;
    for workload in after.keys() {
        before.entry(workload.clone()).or_default();
    }
    let mut out = Output::new();
    let mut different = false;
    for (workload, rows) in &before {
        let none = Vec::new();
        let difference = diff(rows, after.get(workload).unwrap_or(&none));
        different |= !difference.changes.is_empty();
        if arguments.json {
            difference.changes.iter().try_for_each(|change| out.json(&line(workload, change)))?;
        } else {
            print(&mut out, workload, &difference)?;
        }
    }
    out.finish()?;
    Ok(if different { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

fn read(path: &Path, arguments: &Diff) -> Result<Baselines, Failure> {
    let mut baselines = Baselines::new();
    if path.is_dir() && !oci::is_layout(path) {
        let Diff { config, org, .. } = arguments;
        let which = Which { config: config.clone(), data: Some(path.to_owned()), org: org.clone() };
        let mut store = which.database()?.place.read()?;
        database::each(&mut store, |portion| {
            baselines.insert(portion.workload, portion.rows);
            Ok(())
        })?;
    } else {
        for portion in file::open(path, Scrubber::default())? {
            let portion = portion.map_err(|error| file::not_read(path, &error))?;
            baselines.insert(portion.workload, portion.rows);
        }
    }
    Ok(baselines)
}

fn print(out: &mut Output, workload: &str, difference: &Difference<'_>) -> Result<(), Failure> {
    let Difference { changes, same, counted_differently } = difference;
    let number =
        |wanted: fn(&Change<'_>) -> bool| changes.iter().filter(|change| wanted(change)).count() as u64;
    out.line(&format!(
        "{}: {} new, {} gone, {} of another state; {} ({} counted differently)",
        printable(workload, 200),
        thousands(number(|change| matches!(change, Change::New(_)))),
        thousands(number(|change| matches!(change, Change::Gone(_)))),
        thousands(number(|change| matches!(change, Change::State { .. }))),
        count(*same as u64, "same row").replace("same rows", "the same"),
        thousands(*counted_differently as u64),
    ))?;
    for change in changes {
        out.line(&match change {
            Change::New(row) => format!("  + {:<9} {}", row.state.as_str(), command(row)),
            Change::Gone(row) => format!("  - {:<9} {}", row.state.as_str(), command(row)),
            Change::State { before, after } => {
                format!("  ~ {} -> {} {}", before.state.as_str(), after.state.as_str(), command(after))
            }
        })?;
    }
    Ok(())
}

fn line<'a>(workload: &'a str, change: &Change<'a>) -> Line<'a> {
    let (change, before, row) = match change {
        Change::New(row) => ("new", None, row),
        Change::Gone(row) => ("gone", None, row),
        Change::State { before, after } => ("state", Some(before.state.as_str()), after),
    };
    Line { change, before, row: super::show::Line::of(workload, row) }
}
