//! Compacting every table, so that deleted rows leave the disk.

use std::process::ExitCode;

use anomaly_baseline::text::printable;
use anomaly_lance::{Files, LanceStore};
use serde::Serialize;

use super::arguments::Compact;
use super::database;
use super::output::{Output, Steps, bytes};
use crate::failure::{Failure, say};
use crate::words::thousands;

#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    bytes_before: u64,
    files_before: u64,
    bytes: u64,
    files: u64,
    written: bool,
}

pub(super) fn run(arguments: &Compact) -> Result<ExitCode, Failure> {
    let place = arguments.which.database()?.place;
    let mut store = if arguments.dry_run { place.read()? } else { place.write(false)? };
    let mut workloads = Vec::new();
    database::each(&mut store, |portion| {
        workloads.push(portion.workload);
        Ok(())
    })?;
    let mut out = Output::new();
    let mut rows = Vec::new();
    let steps = Steps::new("table", workloads.len());
    for (number, workload) in workloads.iter().enumerate() {
        steps.at(number + 1, workload);
        let before = files(&store, workload)?;
        if !arguments.dry_run {
            store.compact(workload)?;
        }
        let after = files(&store, workload)?;
        if arguments.json {
            out.json(&Line {
                workload,
                bytes_before: before.bytes,
                files_before: before.files,
                bytes: after.bytes,
                files: after.files,
                written: !arguments.dry_run,
            })?;
        }
        rows.push(vec![
            printable(workload, 200),
            bytes(before.bytes),
            thousands(before.files),
            bytes(after.bytes),
            thousands(after.files),
        ]);
    }
    drop(steps);
    if !arguments.json {
        out.table(&["WORKLOAD", ">BEFORE", ">FILES", ">AFTER", ">FILES"], rows)?;
    }
    out.finish()?;
    if arguments.dry_run {
        say("nothing was written; versions of the last hour stay for those who are reading");
    }
    Ok(ExitCode::SUCCESS)
}

fn files(store: &LanceStore, workload: &str) -> Result<Files, Failure> {
    store.files(workload).map_err(|error| {
        Failure::new(format!("the files of {workload} cannot be listed: {error}; run as their owner"))
    })
}
