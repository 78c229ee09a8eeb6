//! Finding in an archive what a database has forgotten.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anomaly_archive::{Manifest, Part, Row, Rows};
use anomaly_baseline::text::printable;
use serde::Serialize;

use super::archive_place::Open;
use super::arguments::ArchiveSearch;
use super::file;
use super::output::{Output, Steps, moment};
use crate::failure::{Failure, say};
use crate::table::Table;
use crate::words::{count, thousands};

/// The code of a search that found nothing, as grep(1) has it.
const NOTHING: u8 = 1;

/// The code of one that could not read everything.
const UNREAD: u8 = 2;

/// No manifest is longer: ten thousand workloads take one megabyte.
const MAX_MANIFEST: u64 = 64 << 20;

#[derive(Debug, Serialize)]
struct Line<'a> {
    workload: &'a str,
    kind: &'a str,
    state: &'a str,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    args: &'a [String],
    context: &'a [String],
    count: u64,
    days: usize,
    /// Microseconds since the Unix epoch.
    first_seen: i64,
    last_seen: i64,
    distance: f32,
    file: &'a str,
}

/// What tells a row from others: the same execution may have been archived more than once.
type Identity = (String, String, String, String, String, u32, Vec<String>, Option<Vec<String>>);

/// The rows that were found, each with the file that has it as it was seen last.
type Found = BTreeMap<Identity, (Row, String)>;

pub(super) fn run(arguments: &ArchiveSearch) -> Result<ExitCode, Failure> {
    let words: Vec<_> = arguments.words.iter().map(|word| word.to_lowercase()).collect();
    let place = arguments.place.open()?;
    place.get_manifests()?;
    let (parts, mut whole) = parts(&place, arguments)?;
    let steps = Steps::new("file", parts.len());
    let mut found = Found::new();
    for (number, part) in parts.iter().enumerate() {
        steps.at(number + 1, &part.name);
        let path = place.directory().join(&part.name);
        let got = place.get(&part.name).map_err(|failure| failure.to_string());
        if let Err(reason) = got.and_then(|()| look(&path, part, &words, arguments, &mut found)) {
            say(&format!("{}: {reason}", place.name(&part.name)));
            whole = false;
        }
    }
    drop(steps);
    let all = found.len();
    let mut rows: Vec<_> = found.into_values().collect();
    rows.sort_by_key(|(row, _)| Reverse(row.last_seen));
    let limit = arguments.limit.unwrap_or(if arguments.json { 0 } else { 50 });
    rows.truncate(if limit == 0 { all } else { limit });
    let mut out = Output::new();
    if arguments.json {
        rows.iter().try_for_each(|(row, file)| out.json(&Line::of(row, file)))?;
    } else if !rows.is_empty() {
        let mut table = Table::new(&["WORKLOAD", "STATE", ">SEEN", ">DAYS", "FIRST SEEN", "LAST SEEN"]);
        rows.iter().for_each(|(row, _)| table.row(cells(row), vec![command(row)]));
        out.text(&table)?;
    }
    out.finish()?;
    if all > rows.len() {
        say(&format!("{} more; --limit 0 shows all", count((all - rows.len()) as u64, "row")));
    }
    Ok(match (whole, all) {
        (false, _) => ExitCode::from(UNREAD),
        (true, 0) => ExitCode::from(NOTHING),
        (true, _) => ExitCode::SUCCESS,
    })
}

/// The files that can hold what is looked for, and whether every manifest could be read.
fn parts(place: &Open, arguments: &ArchiveSearch) -> Result<(Vec<Part>, bool), Failure> {
    let directory = place.directory();
    let failed = |error| {
        Failure::new(format!(
            "{} cannot be searched: {error}; name an archive's directory",
            directory.display()
        ))
    };
    let mut manifests: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(Manifest::SUFFIX)) {
            manifests.push(path);
        }
    }
    if manifests.is_empty() {
        return Err(Failure::new(format!(
            "{} holds no archive; name what `baseline archive --to` was given",
            place.name("").trim_end_matches('/')
        )));
    }
    manifests.sort();
    let (mut parts, mut whole) = (Vec::new(), true);
    for path in &manifests {
        match read(path) {
            Ok(manifest) if is_of_interest(&manifest, arguments) => parts.extend(manifest.files),
            Ok(_) => {}
            Err(reason) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                say(&format!("{} is no manifest that can be read: {reason}", place.name(&name)));
                whole = false;
            }
        }
    }
    Ok((parts, whole))
}

fn read(path: &Path) -> Result<Manifest, String> {
    if fs::metadata(path).map_err(|error| error.to_string())?.len() > MAX_MANIFEST {
        return Err("it is longer than 64 MiB".into());
    }
    Manifest::from_json(&fs::read_to_string(path).map_err(|error| error.to_string())?)
}

fn is_of_interest(manifest: &Manifest, arguments: &ArchiveSearch) -> bool {
    let has = |name: &String| manifest.workloads.iter().any(|portion| portion.workload == *name);
    is_within(manifest.first_seen, manifest.last_seen, arguments)
        && arguments.workload.as_ref().is_none_or(has)
}

/// Whether what was seen from `first` until `last` may have been seen in the time that is asked for.
fn is_within(first: i64, last: i64, arguments: &ArchiveSearch) -> bool {
    arguments.since.is_none_or(|since| last >= since.0)
        && arguments.until.is_none_or(|until| first <= until.0)
}

/// Reads one file; why it cannot be trusted, where it cannot. What can be read is found all the same.
fn look(
    path: &Path,
    part: &Part,
    words: &[String],
    arguments: &ArchiveSearch,
    found: &mut Found,
) -> Result<(), String> {
    let digest = file::digest(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let rows = Rows::open(File::open(path).map_err(|error| error.to_string())?);
    for row in rows.map_err(|error| error.to_string())? {
        let row = row.map_err(|error| error.to_string())?;
        if arguments.workload.as_ref().is_some_and(|name| *name != row.workload)
            || arguments.state.as_ref().is_some_and(|state| *state != row.state)
            || !is_within(row.first_seen, row.last_seen, arguments)
            || !has_all(&row, words)
        {
            continue;
        }
        match found.get(&identity(&row)) {
            Some((before, _)) if before.last_seen > row.last_seen => {}
            _ => drop(found.insert(identity(&row), (row, part.name.clone()))),
        }
    }
    if digest == part.sha256 {
        return Ok(());
    }
    Err(format!("it has the SHA-256 {digest} and not its manifest's: it was changed or damaged"))
}

/// Whether every word is somewhere in whose, what and by whom.
fn has_all(row: &Row, words: &[String]) -> bool {
    let text = [&*row.workload, &row.kind, &row.grandparent, &row.parent, &row.name].join("\n");
    let text = (text + "\n" + &row.args.join(" ")).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

fn identity(row: &Row) -> Identity {
    (
        row.workload.clone(),
        row.kind.clone(),
        row.name.clone(),
        row.parent.clone(),
        row.grandparent.clone(),
        row.uid,
        row.args.clone(),
        row.for_context.then(|| row.context.clone()),
    )
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        printable(&row.workload, 200),
        printable(&row.state, 20),
        thousands(row.count),
        row.days.len().to_string(),
        moment(row.first_seen),
        moment(row.last_seen),
    ]
}

fn command(row: &Row) -> String {
    printable(&format!("{} > {}: {}", row.parent, row.name, row.args.join(" ")), 400)
}

impl<'a> Line<'a> {
    fn of(row: &'a Row, file: &'a str) -> Self {
        let Row { workload, kind, state, name, parent, grandparent, args, context, .. } = row;
        Self {
            workload,
            kind,
            state,
            name,
            parent,
            grandparent,
            uid: row.uid,
            args,
            context,
            count: row.count,
            days: row.days.len(),
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            distance: row.distance,
            file,
        }
    }
}
