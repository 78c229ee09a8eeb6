//! The executions that one workload is known by.

use std::cmp::Reverse;
use std::process::ExitCode;

use anomaly_baseline::StoredRow;
use serde::Serialize;

use super::arguments::{Order, Show};
use super::database;
use super::output::{Output, command, moment, state};
use crate::failure::{Failure, say};
use crate::table::Table;
use crate::words::{count, thousands};

#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    workload: &'a str,
    kind: &'a str,
    id: String,
    state: &'static str,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    args: Vec<&'a str>,
    context: Vec<&'static str>,
    count: u64,
    days: u32,
    /// Microseconds since the Unix epoch.
    first_seen: i64,
    last_seen: i64,
    distance: f32,
}

impl<'a> Line<'a> {
    pub(super) fn of(workload: &'a str, row: &'a StoredRow) -> Self {
        let execution = &row.execution;
        Self {
            workload,
            kind: row.execution.kind.as_str(),
            id: format!("{:032x}", row.key),
            state: row.state.as_str(),
            name: &execution.name,
            parent: &execution.parent,
            grandparent: &execution.grandparent,
            uid: execution.uid,
            args: execution.arguments.iter().collect(),
            context: row.seen.words().collect(),
            count: row.count,
            days: row.days.len(),
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            distance: row.distance,
        }
    }
}

pub(super) fn run(arguments: &Show) -> Result<ExitCode, Failure> {
    let mut store = arguments.which.database()?.place.read()?;
    let mut found = None;
    let mut others = Vec::new();
    database::each(&mut store, |portion| {
        if portion.workload == arguments.workload {
            found = Some(portion);
        } else {
            others.push(portion.workload);
        }
        Ok(())
    })?;
    let mut portion = found.ok_or_else(|| unknown(&arguments.workload, &others))?;
    if let Some(wanted) = arguments.state.as_deref().and_then(state) {
        portion.rows.retain(|row| row.state == wanted);
    }
    portion.rows.sort_by_key(|row| row.key);
    match arguments.sort {
        Order::Last => portion.rows.sort_by_key(|row| Reverse(row.last_seen)),
        Order::First => portion.rows.sort_by_key(|row| Reverse(row.first_seen)),
        Order::Count => portion.rows.sort_by_key(|row| Reverse(row.count)),
        Order::Distance => portion.rows.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
    }
    let all = portion.rows.len();
    let limit = match arguments.limit.unwrap_or(if arguments.json { 0 } else { 50 }) {
        0 => all,
        limit => limit,
    };
    portion.rows.truncate(limit);
    let mut out = Output::new();
    if arguments.json {
        portion.rows.iter().try_for_each(|row| out.json(&Line::of(&portion.workload, row)))?;
    } else {
        let mut table = Table::new(&["STATE", ">SEEN", ">DAYS", ">DISTANCE", "LAST SEEN"]);
        portion.rows.iter().for_each(|row| table.row(cells(row), vec![command(row)]));
        out.text(&table)?;
    }
    out.finish()?;
    if all > limit {
        say(&format!("{} more; --limit 0 shows all", count((all - limit) as u64, "row")));
    }
    Ok(ExitCode::SUCCESS)
}

fn cells(row: &StoredRow) -> Vec<String> {
    vec![
        row.state.as_str().into(),
        thousands(row.count),
        row.days.len().to_string(),
        format!("{:.4}", row.distance),
        moment(row.last_seen),
    ]
}

/// There is no such workload; which there are.
pub(super) fn unknown(workload: &str, others: &[String]) -> Failure {
    let known = crate::words::list(others, 8);
    Failure::new(if known.is_empty() {
        format!("there is no workload {workload}: nothing was learned here yet")
    } else {
        format!("there is no workload {workload}; there are {known}")
    })
}
