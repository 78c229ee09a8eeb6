//! The database's directory: is it ours, may we write, and who else does.
//!
//! ```text
//! falco-anomaly.json   what it is (the marker)
//! writer.lock          held by the one process that writes
//! tables/              LanceDB's
//! quarantine/          what would not open, moved aside and never deleted
//! semantic/            what rows mean to a sentence model, for search: a cache
//! findings/, spool/    the daemon's: what was novel, what waits for sinks
//! fleet/               what other machines shared
//! ```
//!
//! What is made here is 0700, so that what LanceDB creates inside with the process's umask is nobody else's; a root
//! that was there keeps its mode. Nothing is written before it is clear that the directory is ours, or empty, and of no newer release.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anomaly_baseline::{Access, StoreError};
use rustix::fs::Access as Permission;

use crate::{
    cause,
    marker::{self, Found, Marker},
    schema::{SCHEMA_VERSION, StoredSpace},
};

const LOCK: &str = "writer.lock";
const TABLES: &str = "tables";
const QUARANTINE: &str = "quarantine";
pub(crate) const SEMANTIC: &str = "semantic";

/// Folders that others of the project put there: the daemon, and whoever shares.
const NEIGHBOURS: [&str; 3] = ["findings", "spool", "fleet"];

/// How often a reader tries to become the writer.
const TAKEOVER_INTERVAL: Duration = Duration::from_secs(1);

/// An opened directory.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Absolute, without symbolic links.
    pub(crate) root: PathBuf,
    role: Role,
    space: StoredSpace,
}

#[derive(Debug)]
enum Role {
    /// The lock is held as long as the file is open.
    Writer {
        _lock: File,
    },
    Reader {
        since: Instant,
    },
    /// Never becomes the writer.
    Onlooker,
}

/// Why the lock was not taken.
enum Refusal {
    /// Another process holds it; its id, where it left one.
    Busy(Option<u32>),
    /// The directory cannot be written, for this reason.
    ReadOnly(String),
    /// It cannot be used at all.
    Error(StoreError),
}

impl Directory {
    /// Opens the database at `path` or makes one of an empty or missing directory. Notices are sentences for the log.
    pub(crate) fn open(
        path: &Path,
        space: &StoredSpace,
        notices: &mut Vec<String>,
    ) -> Result<Self, StoreError> {
        let root = existing_or_created(path)?;
        if root.to_str().is_none() {
            return Err(unusable(path, "its name is no UTF-8 text", "choose another directory"));
        }
        let mut found = look(&root, space)?;
        let role = match acquire(&root) {
            Ok(lock) => {
                // Somebody may have made it a database between our look and our lock.
                found = look(&root, space)?;
                prepare(&root, &found, space, notices).map_err(|error| unwritable(&root, &error))?;
                Role::Writer { _lock: lock }
            }
            Err(Refusal::Error(error)) => return Err(error),
            Err(Refusal::ReadOnly(cause)) if matches!(found, Found::None) => {
                return Err(unusable(&root, &cause, "make it writable, or choose another directory"));
            }
            Err(Refusal::ReadOnly(cause)) => {
                notices.push(format!("{} is not written, nothing is learned: {cause}", root.display()));
                Role::Reader { since: Instant::now() }
            }
            Err(Refusal::Busy(owner)) => {
                let owner = owner.map_or_else(String::new, |pid| format!(" (process {pid})"));
                notices.push(format!(
                    "{} is written by another process{owner}: this one scores and does not learn until that one ends",
                    root.display()
                ));
                wait_for_marker(&root, space)?;
                Role::Reader { since: Instant::now() }
            }
        };
        let tables = root.join(TABLES);
        let mode = fs::metadata(&tables).map_or(0, |metadata| metadata.mode());
        if mode & 0o077 != 0 {
            notices.push(format!(
                "{} is open to other users (mode {:03o}), and command lines are in it; run chmod 700 on it",
                tables.display(),
                mode & 0o777
            ));
        }
        Ok(Self { root, role, space: space.clone() })
    }

    /// Opens the database at `path` to look at it: nothing is made, locked or moved.
    pub(crate) fn open_to_read(path: &Path, space: &StoredSpace) -> Result<Self, StoreError> {
        let unreadable = |error: io::Error| {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => "there is no such directory".into(),
                _ => cause::sentence(&error),
            };
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => "run this as root, or as the user who owns it",
                _ => "name the directory of a database",
            };
            unusable(path, &cause, remedy)
        };
        let root = fs::canonicalize(path).map_err(unreadable)?;
        fs::read_dir(&root).map_err(unreadable)?;
        match look(&root, space)? {
            Found::None if !root.join(TABLES).is_dir() => {
                Err(unusable(&root, "it holds no baseline", "name the directory of a database"))
            }
            _ => Ok(Self { root, role: Role::Onlooker, space: space.clone() }),
        }
    }

    /// The process that holds the lock, if any does; its id where it left one.
    pub(crate) fn writer(&self) -> Option<Option<u32>> {
        let mut file = File::open(self.root.join(LOCK)).ok()?;
        // A shared lock keeps out nobody but a writer that starts in this very moment, and that one tries again.
        let Err(TryLockError::WouldBlock) = file.try_lock_shared() else { return None };
        let mut owner = String::new();
        let _ = file.read_to_string(&mut owner);
        Some(owner.trim().parse().ok())
    }

    /// Whether this process may write. A reader tries to take over, at most once a second; `true` beside
    /// [`Access::Writer`] the one time that it succeeds.
    pub(crate) fn access(&mut self) -> (Access, bool) {
        match &mut self.role {
            Role::Writer { .. } => (Access::Writer, false),
            Role::Onlooker => (Access::Reader, false),
            Role::Reader { since } if since.elapsed() < TAKEOVER_INTERVAL => (Access::Reader, false),
            Role::Reader { since } => {
                *since = Instant::now();
                let taken = acquire(&self.root).ok().filter(|_| {
                    // The directory may have been replaced or upgraded under us.
                    look(&self.root, &self.space)
                        .is_ok_and(|found| prepare(&self.root, &found, &self.space, &mut Vec::new()).is_ok())
                });
                match taken {
                    Some(lock) => {
                        self.role = Role::Writer { _lock: lock };
                        (Access::Writer, true)
                    }
                    None => (Access::Reader, false),
                }
            }
        }
    }

    pub(crate) fn is_writer(&self) -> bool {
        matches!(self.role, Role::Writer { .. })
    }

    /// LanceDB's directory.
    pub(crate) fn tables(&self) -> PathBuf {
        self.root.join(TABLES)
    }

    /// A new folder in the quarantine, named after the moment and what is put there.
    pub(crate) fn quarantine(&self, name: &str) -> io::Result<PathBuf> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let parent = self.root.join(QUARANTINE);
        create_folder(&parent)?;
        for attempt in 0u32.. {
            let path = parent.join(format!("{}.{:03}-{attempt}-{name}", now.as_secs(), now.subsec_millis()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|()| path),
            }
        }
        unreachable!("four billion folders of one millisecond")
    }
}

/// What the directory holds, if it is a database of ours that this release may use or nothing at all.
fn look(root: &Path, space: &StoredSpace) -> Result<Found, StoreError> {
    let unreadable = |error: io::Error| {
        unusable(root, &cause::sentence(&error), "run as the user who owns it, or choose another directory")
    };
    let (mut foreign, mut neighbour) = (None, None);
    let mut ours = false;
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        match name.to_str() {
            Some(LOCK | marker::FILE) => ours = true,
            // What stands beside the tables; `lost+found` is in every new ext4; the temporary file is a marker that was
            // being written.
            Some(TABLES | QUARANTINE | SEMANTIC | "falco-anomaly.tmp" | "lost+found") => {}
            Some(text) if NEIGHBOURS.contains(&text) => neighbour = Some(name),
            _ => foreign = Some(name),
        }
    }
    // Others may have folders of these names; beside a lock of ours they are ours.
    let foreign = foreign.or(neighbour.filter(|_| !ours));
    let found = Marker::read(root).map_err(unreadable)?;
    match &found {
        Found::Marker(marker) => marker::check(root, marker.schema_version, &marker.space, space)?,
        Found::None | Found::Damaged => {
            let tables = root.join(TABLES).exists();
            if let Some(name) = foreign {
                let name = cause::one_line(&name.to_string_lossy());
                return Err(unusable(
                    root,
                    &format!("it is no database of falco-anomaly's and not empty (it holds {name})"),
                    "choose an empty directory",
                ));
            } else if tables && !ours {
                return Err(unusable(
                    root,
                    "it is no database of falco-anomaly's and not empty (it holds tables)",
                    "choose an empty directory",
                ));
            }
        }
    }
    Ok(found)
}

/// Makes what is missing; the lock is held.
fn prepare(root: &Path, found: &Found, space: &StoredSpace, notices: &mut Vec<String>) -> io::Result<()> {
    let marker = Marker { schema_version: SCHEMA_VERSION, space: space.clone() };
    create_folder(&root.join(TABLES))?;
    match found {
        Found::Marker(found) if *found == marker => {}
        Found::Marker(_) | Found::None => marker.write(root)?,
        Found::Damaged => {
            let aside = Marker::path(root).with_extension("damaged");
            create_folder(&root.join(QUARANTINE))?;
            fs::rename(
                Marker::path(root),
                root.join(QUARANTINE).join(aside.file_name().unwrap_or_default()),
            )?;
            marker.write(root)?;
            notices.push(format!(
                "{} in {} was damaged; it was moved to {QUARANTINE} and written anew",
                marker::FILE,
                root.display()
            ));
        }
    }
    File::open(root)?.sync_all()
}

fn acquire(root: &Path) -> Result<File, Refusal> {
    let not_ours = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    };
    // An immutable or read-only directory may well let us open a lock that is there.
    for folder in [root.to_path_buf(), root.join(TABLES)] {
        match rustix::fs::access(&folder, Permission::WRITE_OK | Permission::EXEC_OK).map_err(io::Error::from)
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Refusal::ReadOnly(cause::sentence(&error))),
            Ok(()) => {}
        }
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(root.join(LOCK));
    let mut file = file.map_err(|error| {
        if not_ours(&error) {
            Refusal::ReadOnly(cause::sentence(&error))
        } else {
            Refusal::Error(unwritable(root, &error))
        }
    })?;
    match lock(&file) {
        Ok(()) => {
            // For people, and for the other process's notice. Nobody depends on it.
            let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            Err(Refusal::Busy(owner.trim().parse().ok()))
        }
        Err(TryLockError::Error(error)) => Err(Refusal::Error(unusable(
            root,
            &format!("locking it failed ({})", cause::sentence(&error)),
            "choose a directory on a local file system",
        ))),
    }
}

/// Takes the lock, unless somebody has it for longer than a look takes.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..3 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            result => return result,
        }
    }
    file.try_lock()
}

/// The other process holds the lock and may be about to write the marker.
fn wait_for_marker(root: &Path, space: &StoredSpace) -> Result<(), StoreError> {
    for _ in 0..50 {
        if let Found::Marker(_) = look(root, space)? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(unusable(root, "another process holds it and has not made it a database", "try again"))
}

fn existing_or_created(path: &Path) -> Result<PathBuf, StoreError> {
    let remedy = "choose a directory that can be made";
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(unusable(path, "it is not a directory", "choose a directory"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| unusable(path, &cause::sentence(&error), remedy))?;
            // Its name is durable with its parent; a parent made just now is durable with its own.
            for folder in path.ancestors().skip(1).take(8).filter(|folder| !folder.as_os_str().is_empty()) {
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
        }
        Err(error) => return Err(unusable(path, &cause::sentence(&error), remedy)),
    }
    fs::canonicalize(path).map_err(|error| unusable(path, &cause::sentence(&error), remedy))
}

/// A folder of ours, 0700, if it is not there.
fn create_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn unwritable(root: &Path, error: &io::Error) -> StoreError {
    if cause::kind(error) == cause::Kind::Full {
        unusable(root, "the disk is full", "free some space, or choose another directory")
    } else {
        unusable(root, &cause::sentence(error), "make it writable, or choose another directory")
    }
}

fn unusable(path: &Path, cause: &str, remedy: &str) -> StoreError {
    StoreError::Unusable { path: path.to_path_buf(), cause: cause.to_owned(), remedy: remedy.to_owned() }
}
