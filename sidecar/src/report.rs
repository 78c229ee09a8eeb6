//! A report's two files: a page for people and JSON for scripts. Each is written beside its place and put there whole, so
//! that a browser that is open on an older one never sees half a page.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;

/// Makes the directory, before any work is done that would be lost without it.
pub(crate) fn prepare(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| failure(directory, &error))
}

/// Writes both files: `report.json` with what there is to say, `report.html` with its page.
pub(crate) fn write(directory: &Path, report: &impl Serialize, page: &str) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(report)
        .map_err(|error| Failure::new(format!("cannot put the report into words: {error}; report this")))?;
    json.push(b'\n');
    for (name, content) in [("report.json", json.as_slice()), ("report.html", page.as_bytes())] {
        let path = directory.join(name);
        put(&path, content).map_err(|error| failure(&path, &error))?;
    }
    Ok(())
}

/// Command lines are nobody's business but the owner's, so the files are made for the owner alone.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull => "make room",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "give --report a directory",
        _ => "give --report a directory that you may write to",
    };
    Failure::new(format!("cannot write the report {}: {error}; {remedy}", path.display()))
}
