//! Where the database is, or will be: room, file system, and who may read it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anomaly_baseline::text::printable;
use anomaly_config::Config;
use anomaly_lance::LanceStore;
use rustix::fs::{Access, access, statfs, statvfs};

use crate::checks::Check;
use crate::paths::default_data_directory;
use crate::place;

/// What the database needs at least, and what is comfortable.
const LEAST: u64 = 100 << 20;
const COMFORTABLE: u64 = 1 << 30;

/// File systems (linux/magic.h) by the number that the kernel has for them.
const FILE_SYSTEMS: [(u64, &str, Option<&str>); 8] = [
    (0xef53, "ext4", None),
    (0x5846_5342, "xfs", None),
    (0x9123_683e, "btrfs", None),
    (0x2fc1_2fc1, "zfs", None),
    (0x0102_1994, "tmpfs", Some("it is empty after a restart: give storage.path on a disk")),
    (0x794c_7630, "overlayfs", Some("it goes with the container: mount a volume at storage.path")),
    (
        0x6969,
        "nfs",
        Some("locks and syncs are slow or absent there: give storage.path on a disk of this machine"),
    ),
    (
        0xff53_4d42,
        "cifs",
        Some("locks and syncs are slow or absent there: give storage.path on a disk of this machine"),
    ),
];

/// Looks at all of it.
pub(super) fn look(config: &Config) -> Vec<Check> {
    let path = match config.storage.path.clone().map_or_else(default_data_directory, Ok) {
        Ok(path) => path,
        Err(failure) => {
            return vec![Check::fail("data", failure.to_string(), "write storage.path: DIRECTORY")];
        }
    };
    let there = nearest(&path);
    let mut checks = vec![room(&there), file_system(&there), directory("data", "storage.path", &path)];
    if path.is_dir() {
        checks.push(database(&path, &config.agent.org));
    }
    if let Some(spool) = &config.backend.spool {
        checks.push(directory("spool", "backend.spool", spool));
    }
    checks
}

/// The path, or the nearest directory above it that exists.
fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Why a directory cannot be used or made by this user, where it cannot: what was found, and what to do about it. `key`
/// names it in the configuration.
pub(super) fn obstacle(key: &str, path: &Path) -> Option<(String, String)> {
    let shown = printable(&path.display().to_string(), 500);
    // A link to nowhere is there, too.
    let there = path.ancestors().find(|path| fs::symlink_metadata(path).is_ok()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        let there = printable(&there.display().to_string(), 500);
        return Some((
            format!("{there} is no directory"),
            format!("move it away, or give {key} a directory of its own"),
        ));
    }
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let cannot = if path == there { "written" } else { "made" };
        return Some((
            format!("{shown} cannot be {cannot} by this user"),
            format!("run as its owner, or: install -d -m 700 -o USER {shown}"),
        ));
    }
    None
}

fn room(there: &Path) -> Check {
    let shown = there.display();
    let facts = match statvfs(there) {
        Ok(facts) => facts,
        Err(error) => return Check::fail("disk", format!("{shown}: {error}"), "give storage.path elsewhere"),
    };
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    // Some file systems have no fixed number of files, and say 0.
    let files = if facts.f_files == 0 { u64::MAX } else { facts.f_favail };
    let found = format!("{} MiB free at {shown}", free >> 20);
    if free < LEAST || files < 1_000 {
        let found = if files < 1_000 { format!("{found}, for {files} files") } else { found };
        return Check::fail("disk", found, "make room, or give storage.path on another disk");
    }
    if free < COMFORTABLE {
        return Check::warn(
            "disk",
            found,
            "1 GiB is comfortable: baselines, and what sinks cannot take at once",
        );
    }
    Check::ok("disk", found)
}

fn file_system(there: &Path) -> Check {
    let Ok(facts) = statfs(there) else {
        return Check::warn("file system", "not told", "give storage.path elsewhere");
    };
    // Of 32 bits, whatever the type that carries it.
    let number = facts.f_type as u64 & 0xffff_ffff;
    match FILE_SYSTEMS.iter().find(|(magic, ..)| *magic == number) {
        Some((_, name, None)) => Check::ok("file system", name),
        Some((_, name, Some(remedy))) => Check::warn("file system", name, remedy),
        None => Check::ok("file system", format!("one that is not known here ({number:#x})")),
    }
}

fn directory(name: &'static str, key: &str, path: &Path) -> Check {
    if let Some((found, remedy)) = obstacle(key, path) {
        return Check::fail(name, found, remedy);
    }
    let shown = printable(&path.display().to_string(), 500);
    let Ok(facts) = fs::metadata(path) else {
        return Check::ok(name, format!("{shown} will be made"));
    };
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} is open to others (mode {mode:04o}), and command lines are in it");
        return Check::warn(name, found, format!("chmod 700 {shown}"));
    }
    Check::ok(name, format!("{shown} is user {}'s alone", facts.uid()))
}

/// Whether it can be opened, and who has it.
fn database(path: &Path, org: &str) -> Check {
    match LanceStore::open_to_read(place::options(path, org)) {
        Ok(store) => Check::ok(
            "database",
            match store.writer() {
                Some(Some(pid)) => format!("written by process {pid}"),
                Some(None) => "written by another process".to_owned(),
                None => "nobody writes it now".to_owned(),
            },
        ),
        Err(_) if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) => {
            Check::ok("database", "none yet; the first start makes it")
        }
        Err(error) => Check::fail("database", error.to_string(), "anomalyctl baseline verify tells more"),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::Status;

    use super::*;

    #[test]
    fn the_directory_and_what_is_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        assert_eq!(nearest(&path), folder.path());
        let directory = |path: &Path| directory("data", "storage.path", path);
        assert_eq!(directory(&path).status, Status::Ok);
        fs::create_dir_all(&path).unwrap();
        for (mode, status) in [(0o700, Status::Ok), (0o755, Status::Warn)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let check = directory(&path);
            assert_eq!(check.status, status, "{check:?}");
        }
        fs::write(path.join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", path.join("link")).unwrap();
        for obstacle in ["file", "file/below/it", "link", "link/below"] {
            let check = directory(&path.join(obstacle));
            assert_eq!(check.status, Status::Fail, "{check:?}");
            assert!(check.found.ends_with("is no directory"), "{check:?}");
        }
        assert_ne!(room(folder.path()).found, "");
    }
}
