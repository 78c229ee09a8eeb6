//! `anomalyctl metrics`: every number of the daemon, on standard output or in a file for node_exporter.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anomaly_baseline::text::printable;

use super::arguments::Metrics;
use super::unanswered;
use crate::failure::Failure;
use crate::reader::Reader;

/// The collector runs as a user of its own.
const READABLE: u32 = 0o644;

/// Runs the command.
pub(super) fn run(arguments: &Metrics) -> Result<(), Failure> {
    let text = arguments.whom.client()?.text("/metrics").map_err(|error| unanswered(&error))?;
    match &arguments.output {
        None => Reader::of(io::stdout().lock().write_all(text.as_bytes())).map(drop),
        Some(path) => replace(path, &text).map_err(|error| {
            let path = printable(&path.display().to_string(), 1_000);
            let remedy = "name a file in a directory that is there and that you may write";
            Failure::new(format!("{path} cannot be written: {error}; {remedy}"))
        }),
    }
}

/// Replaces a file at once: who reads it meanwhile has the old text or the new one, whole. The file beside it has a name
/// that the collector passes over, `.prom` not being its end.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut beside = tempfile::NamedTempFile::with_prefix_in(".anomalyctl-", folder)?;
    beside.write_all(text.as_bytes())?;
    fs::set_permissions(beside.path(), Permissions::from_mode(READABLE))?;
    beside.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("anomaly.prom");
        for text in ["a 1\n# EOF\n", "a 2\n# EOF\n"] {
            replace(&path, text).expect("it is written");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, READABLE, "for another user to read");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 1);
        assert!(replace(&folder.path().join("nowhere/anomaly.prom"), "").is_err());
    }
}
