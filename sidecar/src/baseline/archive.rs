//! Taking what the retention lets go out of the database and keeping it as Parquet.
//!
//! The files and their manifest are on the disk before anything is deleted, and what is archived twice because the power
//! failed in between is told once when it is searched. Each file is an export as well: `import` brings it back.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anomaly_archive::{Columns, Manifest, Part};
use anomaly_baseline::{Fate, RowState, Store, StoredRow, fate, text::printable};
use anomaly_exchange::{Portion, Writer};
use anomaly_vectorizer::Embedder;
use serde::Serialize;

use super::archive_place::Open;
use super::arguments::Archive;
use super::file::{self, EMBEDDER, NewFile, not_written};
use super::output::{Output, Steps};
use super::prune::calendar;
use super::{archive_search, database};
use crate::failure::{Failure, say};
use crate::place::Database;
use crate::words::{count, thousands};

#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    archived: usize,
    kept: usize,
    /// Whether files were written.
    written: bool,
    /// Whether the rows are gone from the database.
    deleted: bool,
}

/// A workload with the rows that are to be archived, and how many others it has.
struct Chosen {
    portion: Portion,
    others: usize,
}

pub(super) fn run(arguments: &Archive) -> Result<ExitCode, Failure> {
    if let Some(super::arguments::ArchiveAction::Search(search)) = &arguments.action {
        return archive_search::run(search);
    }
    let Some(to) = &arguments.to else {
        return Err(Failure::new("give --to DIR, the directory of the archive"));
    };
    // What cannot be reached is said before anything is read.
    let to = to.open()?;
    let deletes = !arguments.dry_run && !arguments.keep;
    let Database { place, config, .. } = arguments.which.database()?;
    let mut store = if deletes { place.write(false)? } else { place.read()? };
    let days = arguments.retention_days.unwrap_or(config.storage.retention_days);
    let mut chosen = Vec::new();
    database::each(&mut store, |portion| {
        chosen.push(choose(portion, days, arguments.forgotten));
        Ok(())
    })?;
    chosen.sort_by(|a, b| a.portion.workload.cmp(&b.portion.workload));
    let rows: usize = chosen.iter().map(|chosen| chosen.portion.rows.len()).sum();
    let written = if rows == 0 || arguments.dry_run { None } else { Some(write(&to, &place.org, &chosen)?) };
    let steps = Steps::new("workload", chosen.len());
    let mut out = Output::new();
    let mut table = Vec::new();
    for (number, Chosen { portion, others }) in chosen.iter().enumerate() {
        let Portion { workload, rows, .. } = portion;
        steps.at(number + 1, workload);
        if deletes && !rows.is_empty() {
            store.delete(workload, &rows.iter().map(key).collect::<Vec<_>>())?;
            store.compact(workload)?;
        }
        if arguments.json {
            out.json(&Line {
                workload,
                archived: rows.len(),
                kept: *others,
                written: written.is_some(),
                deleted: deletes,
            })?;
        }
        let cells = [rows.len(), *others].map(|number| thousands(number as u64));
        table.push(std::iter::once(printable(workload, 200)).chain(cells).collect());
    }
    drop(steps);
    if !arguments.json {
        out.table(&["WORKLOAD", ">ARCHIVED", ">KEPT"], table)?;
    }
    out.finish()?;
    match written {
        Some(written) => say(&written),
        None if arguments.dry_run => say("nothing was written"),
        None => say("nothing is to be archived; nothing was written"),
    }
    Ok(ExitCode::SUCCESS)
}

fn key(row: &StoredRow) -> (anomaly_vectorizer::Kind, u128) {
    (row.execution.kind, row.key)
}

fn choose(mut portion: Portion, days: u16, forgotten_too: bool) -> Chosen {
    // The workload's own calendar, as `prune` has it.
    let calendar = |row: &StoredRow| calendar(&portion.record, row.execution.kind);
    let all = portion.rows.len();
    portion.rows.retain(|row| {
        fate(row, &calendar(row), days) == Fate::Delete || (forgotten_too && row.state == RowState::Forgotten)
    });
    Chosen { others: all - portion.rows.len(), portion }
}

/// Writes a Parquet file and its manifest, both on the disk or in the bucket when this returns. What there is to say
/// about it.
fn write(to: &Open, org: &str, chosen: &[Chosen]) -> Result<String, Failure> {
    let directory = to.directory();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| not_written(directory, &error))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    let moment = jiff::Timestamp::from_microsecond(now).unwrap_or(jiff::Timestamp::MAX);
    let name = format!("archive-{}", moment.strftime("%Y%m%dT%H%M%S.%6fZ"));
    let space = EMBEDDER.space();
    let mut manifest = Manifest::new(now, org, space.scheme, space.version);

    let part = format!("{name}.parquet");
    let path = directory.join(&part);
    let failed = |error| not_written(&path, &error);
    let out = Columns::new(NewFile::create(&path, false)?).map_err(failed)?;
    let mut writer = Writer::new(out, &*EMBEDDER).map_err(failed)?;
    let steps = Steps::new("archiving workload", chosen.len());
    for (number, Chosen { portion, .. }) in chosen.iter().enumerate() {
        if portion.rows.is_empty() {
            continue;
        }
        steps.at(number + 1, &portion.workload);
        for row in &portion.rows {
            manifest.count(&portion.workload, row.first_seen, row.last_seen);
        }
        writer.write(portion).map_err(failed)?;
    }
    drop(steps);
    let sha256 = writer.finish().and_then(Columns::finish).map_err(failed)?.finish()?;
    to.put(&part)?;
    let bytes = fs::metadata(&path).map_err(failed)?.len();
    let name_of_part = to.name(&part);
    manifest.files.push(Part { name: part, sha256: sha256.clone(), bytes, rows: manifest.rows });

    let list_name = format!("{name}{}", Manifest::SUFFIX);
    let list = directory.join(&list_name);
    let mut file = NewFile::create(&list, false)?;
    file.write_all(manifest.to_json().as_bytes()).map_err(|error| not_written(&list, &error))?;
    file.finish()?;
    to.put(&list_name)?;
    // The directory may be new itself.
    if let Some(parent) = file::absolute(directory).parent() {
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .map_err(|error| not_written(parent, &error))?;
    }
    Ok(format!(
        "{} of {} written to {}; sha256 {sha256}",
        count(manifest.rows, "row"),
        count(manifest.workloads.len() as u64, "workload"),
        name_of_part
    ))
}
