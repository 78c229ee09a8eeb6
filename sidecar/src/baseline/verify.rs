//! Reading everything, and saying what is damaged.

use std::process::ExitCode;

use anomaly_baseline::Store;
use serde::Serialize;

use super::arguments::Verify;
use super::output::Output;
use crate::failure::Failure;
use crate::words::count;

/// The code of a run that found damage.
const DAMAGED: u8 = 1;

#[derive(Debug, Serialize)]
struct Report {
    workloads: u64,
    rows: u64,
    repaired: bool,
    findings: Vec<String>,
}

pub(super) fn run(arguments: &Verify) -> Result<ExitCode, Failure> {
    let place = arguments.which.database()?.place;
    let mut store = if arguments.repair { place.write(false)? } else { place.read()? };
    let (mut workloads, mut rows) = (0, 0);
    // Every row's checksum is compared while it is read.
    let findings = store.load(&mut |_, _, read| {
        workloads += 1;
        rows += read.len() as u64;
    })?;
    let report = Report { workloads, rows, repaired: arguments.repair, findings };
    let mut out = Output::new();
    if arguments.json {
        out.json(&report)?;
    } else {
        report.findings.iter().try_for_each(|finding| out.line(finding))?;
        out.line(&format!(
            "{} of {} can be read{}",
            count(rows, "row"),
            count(workloads, "workload"),
            match (report.findings.is_empty(), arguments.repair) {
                (true, _) => "; nothing is damaged",
                (false, true) => "; what could not is in the quarantine",
                (false, false) => "; --repair keeps them and moves the rest to the quarantine",
            }
        ))?;
    }
    out.finish()?;
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}
