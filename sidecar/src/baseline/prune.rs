//! Forgetting what the retention lets go, now instead of on the next day that the workload runs.

use std::process::ExitCode;

use anomaly_baseline::{DaySet, Fate, RowState, Store, StoredRow, WorkloadRecord, fate, text::printable};
use anomaly_vectorizer::Kind;
use serde::Serialize;

use super::arguments::Prune;
use super::database;
use super::output::{Output, Steps};
use crate::failure::{Failure, say};
use crate::place::Database;
use crate::words::thousands;

#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    kept: usize,
    forgotten: usize,
    deleted: usize,
    written: bool,
}

pub(super) fn run(arguments: &Prune) -> Result<ExitCode, Failure> {
    let Database { place, config, .. } = arguments.which.database()?;
    let mut store = if arguments.dry_run { place.read()? } else { place.write(false)? };
    let days = arguments.retention_days.unwrap_or(config.storage.retention_days);
    let mut portions = Vec::new();
    database::each(&mut store, |portion| {
        portions.push(portion);
        Ok(())
    })?;
    let mut out = Output::new();
    let mut table = Vec::new();
    let steps = Steps::new("workload", portions.len());
    for (number, portion) in portions.iter().enumerate() {
        steps.at(number + 1, &portion.workload);
        // The workload's own calendar: what rested while the machine was off is not forgotten for it.
        let calendar = |row: &StoredRow| calendar(&portion.record, row.execution.kind);
        let all = portion.rows.len();
        let of_fate =
            |wanted| portion.rows.iter().filter(move |row| fate(row, &calendar(row), days) == wanted);
        let deleted: Vec<_> = of_fate(Fate::Delete).map(|row| (row.execution.kind, row.key)).collect();
        let forgotten: Vec<_> = of_fate(Fate::Forget)
            .map(|row| StoredRow { state: RowState::Forgotten, ..row.clone() })
            .collect();
        let changes = !deleted.is_empty() || !forgotten.is_empty();
        if changes && !arguments.dry_run {
            store.save(&portion.workload, &portion.record, &forgotten)?;
            store.delete(&portion.workload, &deleted)?;
            store.compact(&portion.workload)?;
        }
        let kept = all - deleted.len() - forgotten.len();
        if arguments.json {
            out.json(&Line {
                workload: &portion.workload,
                kept,
                forgotten: forgotten.len(),
                deleted: deleted.len(),
                written: !arguments.dry_run,
            })?;
        }
        let cells = [kept, forgotten.len(), deleted.len()].map(|number| thousands(number as u64));
        table.push(std::iter::once(printable(&portion.workload, 200)).chain(cells).collect());
    }
    drop(steps);
    if !arguments.json {
        out.table(&["WORKLOAD", ">KEPT", ">FORGOTTEN", ">DELETED"], table)?;
    }
    out.finish()?;
    if arguments.dry_run {
        say("nothing was written");
    }
    Ok(ExitCode::SUCCESS)
}

/// The days on which a workload did this kind of thing.
pub(super) fn calendar(record: &WorkloadRecord, kind: Kind) -> DaySet {
    record.of(kind).unwrap_or(record).days
}
