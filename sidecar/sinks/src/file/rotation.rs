//! `PATH` becomes `PATH.1`, that becomes `PATH.2`, and the last is deleted.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Makes place for a new file at `path`, of which so many older ones are kept.
pub(super) fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let missing_is_fine = |outcome: io::Result<()>| match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    if keep == 0 {
        return missing_is_fine(fs::remove_file(path));
    }
    // Only as far as there are files: a thousand may be kept.
    let last = (1..=keep).find(|number| !numbered(path, *number).exists()).unwrap_or(keep);
    for number in (1..last).rev() {
        missing_is_fine(fs::rename(numbered(path, number), numbered(path, number + 1)))?;
    }
    missing_is_fine(fs::rename(path, numbered(path, 1)))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}
