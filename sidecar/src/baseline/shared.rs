//! The other machines of a fleet, as this one knows them; and taking one of them out.

use std::process::ExitCode;

use anomaly_baseline::Timestamp;
use anomaly_baseline::text::printable;
use anomaly_fleet::{CounterValues, MachineStatus, Place, Status, forget, status};
use serde::Serialize;

use super::arguments::Shared;
use super::output::{Output, bytes, moment};
use crate::failure::Failure;
use crate::words::{count, thousands};

#[derive(Debug, Serialize)]
struct Report<'a> {
    place: &'a str,
    machine: &'a str,
    /// Microseconds since the Unix epoch, as everywhere here.
    tried: Option<Timestamp>,
    merged: Option<Timestamp>,
    failing: Option<&'a str>,
    counters: CounterValues,
    machines: &'a [MachineStatus],
}

pub(super) fn run(arguments: &Shared) -> Result<ExitCode, Failure> {
    let mut out = Output::new();
    let place = arguments.which.database()?.place;
    if let (Some(machine), Some(address)) = (&arguments.forget, &arguments.shared) {
        let deleted = forget(Place::open(address)?, &place.org, machine)?;
        out.line(&format!(
            "{machine} is forgotten: {} deleted; the others forget it when they look the next time",
            count(deleted as u64, "object")
        ))?;
        out.finish()?;
        return Ok(ExitCode::SUCCESS);
    }
    let directory = place.directory()?;
    let Some(known) = status(&directory, &place.org) else {
        return Err(Failure::new(format!(
            "{} was never shared; give a place to `anomalyctl watch` with --shared, to the plugin as `shared`, or to the \
             daemon as storage.shared",
            directory.display()
        )));
    };
    if arguments.json {
        out.json(&report(&known))?;
    } else {
        out.line(&heading(&known))?;
        if let Some(failing) = &known.failing {
            out.line(&format!("failing: {failing}"))?;
        }
        out.table(
            &["MACHINE", "PUBLISHED", ">WORKLOADS", ">ROWS", ">SIZE"],
            known.machines.iter().map(row).collect(),
        )?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn report(known: &Status) -> Report<'_> {
    let Status { place, machine, tried, merged, failing, counters, machines, .. } = known;
    Report {
        place,
        machine,
        tried: *tried,
        merged: *merged,
        failing: failing.as_deref(),
        counters: *counters,
        machines,
    }
}

/// `s3://bucket/prefix as web-1: 7 other machines, all taken 2026-11-21 13:00:00`
fn heading(known: &Status) -> String {
    let merged =
        known.merged.map_or_else(|| "nothing taken yet".into(), |at| format!("all taken {}", moment(at)));
    format!(
        "{} as {}: {}, {merged}",
        printable(&known.place, 500),
        printable(&known.machine, 100),
        count(known.machines.len() as u64, "other machine"),
    )
}

fn row(machine: &MachineStatus) -> Vec<String> {
    vec![
        printable(&machine.machine, 100),
        moment(machine.published),
        thousands(machine.workloads as u64),
        thousands(machine.rows),
        bytes(machine.bytes),
    ]
}
