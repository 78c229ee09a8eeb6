//! Learning what an exported file knows.
//!
//! All of the file is read and checked before anything of it is written, workload by workload in one commit each. It
//! adds to what is here, or takes its place, and never makes normal what somebody denied here.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anomaly_baseline::{Store, WorkloadRecord, text::printable, utc_day};
use anomaly_exchange::{Merged, Portion, merge, replace, shift};
use serde::Serialize;

use super::arguments::Import;
use super::output::{Output, Steps, command};
use super::{database, file, oci};
use crate::failure::{Failure, say};
use crate::place::Database;
use crate::words::{count, list, thousands};

/// Conflicts that are told one by one.
const TOLD: usize = 20;

/// Workloads that are named in one message.
const NAMED: usize = 8;

#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    added: usize,
    changed: usize,
    deleted: usize,
    unchanged: usize,
    conflicts: usize,
    written: bool,
}

pub(super) fn run(arguments: &Import) -> Result<ExitCode, Failure> {
    let path = &arguments.file;
    check_digest(path, arguments.sha256.as_deref())?;
    let Database { place, config, .. } = arguments.which.database()?;
    let theirs = file::open(path, arguments.secrets.beside(config.scrubber()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| file::not_read(path, &error))?;
    let theirs = at_their_time(theirs, arguments.shift, config.storage.retention_days);
    let mut store = match arguments.dry_run {
        // What is not there yet is empty; what is there and is none of ours is refused as it would be.
        true if is_absent(&place.directory()?) => None,
        true => Some(place.read()?),
        false => Some(place.write(true)?),
    };
    let wanted: Vec<_> = theirs.iter().map(|portion| portion.workload.clone()).collect();
    let mut ours = HashMap::new();
    if let Some(store) = &mut store {
        database::each(store, |portion| {
            if wanted.contains(&portion.workload) {
                ours.insert(portion.workload.clone(), portion);
            }
            Ok(())
        })?;
    }
    let mut out = Output::new();
    let steps = Steps::new("workload", theirs.len());
    for (number, portion) in theirs.into_iter().enumerate() {
        let workload = portion.workload.clone();
        steps.at(number + 1, &workload);
        let none =
            || Portion { workload: workload.clone(), record: WorkloadRecord::default(), rows: Vec::new() };
        let before = ours.remove(&workload).unwrap_or_else(none);
        let merged = if arguments.replace { replace(&before, portion) } else { merge(&before, portion) };
        if let Some(store) = store.as_mut().filter(|_| !arguments.dry_run) {
            store.save(&workload, &merged.record, &merged.rows)?;
            if !merged.deleted.is_empty() {
                store.delete(&workload, &merged.deleted)?;
            }
        }
        tell(&mut out, &workload, &merged, arguments)?;
    }
    drop(steps);
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Whether there is nothing at a path, or an empty directory.
fn is_absent(path: &Path) -> bool {
    std::fs::read_dir(path).map_or_else(
        |error| error.kind() == std::io::ErrorKind::NotFound,
        |mut entries| entries.next().is_none(),
    )
}

fn check_digest(path: &Path, expected: Option<&str>) -> Result<(), Failure> {
    let Some(expected) = expected else { return Ok(()) };
    let found = if oci::is_layout(path) {
        oci::name(path).map_err(|error| file::not_read(path, &error))?
    } else {
        file::digest(path).map_err(|error| file::not_read(path, &error))?
    };
    if found.eq_ignore_ascii_case(expected.trim().trim_start_matches("sha256:")) {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} has the SHA-256 {found} and not the one that was given: it is another file, or was changed",
            path.display()
        )))
    }
}

/// Moves what is older than the retention where that is wanted, and says so where it is not.
fn at_their_time(mut theirs: Vec<Portion>, wanted: bool, retention: u16) -> Vec<Portion> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let today = utc_day(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    if wanted {
        theirs.iter_mut().for_each(|portion| shift(portion, today));
        return theirs;
    }
    let is_old = |portion: &&Portion| {
        let newest = portion.rows.iter().map(|row| row.days.last).max();
        newest.is_some_and(|newest| today.saturating_sub(newest) > i32::from(retention))
    };
    let old: Vec<_> = theirs.iter().filter(is_old).map(|portion| &portion.workload).collect();
    if !old.is_empty() {
        say(&format!(
            "not seen for more than {retention} days, and soon forgotten unless --shift moves their times to today: {}",
            list(old, NAMED)
        ));
    }
    theirs
}

fn tell(out: &mut Output, workload: &str, merged: &Merged, arguments: &Import) -> Result<(), Failure> {
    let Merged { rows, deleted, added, unchanged, conflicts, .. } = merged;
    let line = Line {
        workload,
        added: *added,
        changed: rows.len() - if arguments.replace { added + unchanged } else { *added },
        deleted: deleted.len(),
        unchanged: *unchanged,
        conflicts: conflicts.len(),
        written: !arguments.dry_run,
    };
    if arguments.json {
        return out.json(&line);
    }
    let number = |number: usize| thousands(number as u64);
    out.line(&format!(
        "{}: {} new, {} changed, {} the same{}{}{}",
        printable(workload, 200),
        number(line.added),
        number(line.changed),
        number(line.unchanged),
        if arguments.replace { format!(", {} deleted", number(line.deleted)) } else { String::new() },
        if conflicts.is_empty() {
            String::new()
        } else {
            format!(", {}", count(line.conflicts as u64, "conflict"))
        },
        if arguments.dry_run { " (nothing was written)" } else { "" },
    ))?;
    for conflict in conflicts.iter().take(TOLD) {
        out.line(&format!(
            "  {} here, {} in the file, becomes {}: {}",
            conflict.ours.as_str(),
            conflict.theirs.as_str(),
            conflict.row.state.as_str(),
            command(&conflict.row)
        ))?;
    }
    if conflicts.len() > TOLD {
        out.line(&format!("  {} more", count((conflicts.len() - TOLD) as u64, "conflict")))?;
    }
    Ok(())
}
