//! The versions of a table as files, for the times when LanceDB will not open it.
//!
//! LanceDB opens the newest version or nothing. To find an older one that opens, to move a damaged manifest aside,
//! and to prune by number and age whatever the clock did, the manifests' names are read here. A name is the version
//! counted down from the largest number, so that a listing has the newest first.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// One version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) version: u64,
    pub(crate) path: PathBuf,
    pub(crate) written: SystemTime,
}

/// The versions of the table in `folder`, the newest first. None where there is no such table or its first commit
/// never happened.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Manifest>> {
    let entries = match fs::read_dir(folder.join("_versions")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut manifests = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(version) = entry.file_name().to_str().and_then(version) {
            let written = entry.metadata()?.modified()?;
            manifests.push(Manifest { version, path: entry.path(), written });
        }
    }
    manifests.sort_unstable_by_key(|manifest| std::cmp::Reverse(manifest.version));
    Ok(manifests)
}

/// The version that a manifest's file name says.
fn version(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".manifest")?;
    let down: u64 = number.parse().ok().filter(|_| number.len() == 20)?;
    Some(u64::MAX - down)
}

/// How long ago something was written; nothing where the clock says that it will be.
pub(crate) fn age(written: SystemTime) -> Duration {
    written.elapsed().unwrap_or_default()
}

/// Moves manifests into `quarantine`, and links every file of the table that is not older than `good`, the version
/// that takes their place: the next pruning would delete what only they know of.
pub(crate) fn set_aside(
    folder: &Path,
    damaged: &[Manifest],
    good: &Manifest,
    quarantine: &Path,
) -> io::Result<()> {
    for part in ["data", "_deletions", "_transactions"] {
        let entries = match fs::read_dir(folder.join(part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.metadata()?.modified()? >= good.written {
                fs::hard_link(entry.path(), quarantine.join(entry.file_name()))?;
            }
        }
    }
    for manifest in damaged {
        fs::rename(&manifest.path, quarantine.join(manifest.path.file_name().unwrap_or_default()))?;
    }
    File::open(quarantine)?.sync_all()
}

/// Links every file below `folder` into a like tree below `target`, which exists.
pub(crate) fn link_all(folder: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let link = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&link)?;
            link_all(&entry.path(), &link)?;
        } else {
            fs::hard_link(entry.path(), link)?;
        }
    }
    File::open(target)?.sync_all()
}

/// Removes files that a killed writer left half-written: LanceDB gives them names of their own until they are whole.
/// Nobody may be writing. Returns how many there were.
pub(crate) fn remove_leftovers(folder: &Path) -> io::Result<u64> {
    let mut removed = 0;
    for part in ["data", "_deletions", "_transactions", "_versions"] {
        let Ok(entries) = fs::read_dir(folder.join(part)) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // `.tmpAbC123` of the tempfile crate, `name#1` of the object store.
            if name.starts_with(".tmp") || name.contains('#') {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_listed_newest_first_and_other_names_ignored() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(list(directory.path()).unwrap(), []);
        let versions = directory.path().join("_versions");
        fs::create_dir(&versions).unwrap();
        for name in [
            "18446744073709551614.manifest",
            "18446744073709551605.manifest",
            "latest_version_hint.json",
            ".tmpxyz",
            "d123.manifest",
            "99999999999999999999.manifest",
        ] {
            fs::write(versions.join(name), "").unwrap();
        }
        let found: Vec<_> = list(directory.path()).unwrap().iter().map(|manifest| manifest.version).collect();
        assert_eq!(found, [10, 1]);
    }

    #[test]
    fn leftovers_go_and_everything_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        for name in ["whole.lance", ".tmpA1b2C3", "whole.lance#1"] {
            fs::write(data.join(name), "").unwrap();
        }
        assert_eq!(remove_leftovers(directory.path()).unwrap(), 2);
        assert!(data.join("whole.lance").exists());
        assert_eq!(fs::read_dir(data).unwrap().count(), 1);
    }
}
