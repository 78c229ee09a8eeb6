//! What /proc tells about processes, read as bytes and by descriptor.
//!
//! A feed that races short processes for their arguments, or looks at every process twenty times a second, reads what
//! it needs and nothing else. A process is opened once and everything is read through that descriptor, so that a reused
//! process id can never mix two processes: reads of one that is gone fail.

mod observe;
mod origin;
mod sockets;
mod stat;

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::PathBuf,
};

use rustix::fs::{Dir, Mode, OFlags, openat};

pub(crate) use observe::{Missed, Observer};
pub(crate) use stat::{Comm, Stat, TICK};

use crate::{CaptureError, HostRoot};

/// The longest file of /proc that is read for one process, its arguments apart.
const MAX_FILE: u64 = 64 * 1024;

/// The host's /proc.
#[derive(Debug)]
pub(crate) struct ProcFs {
    directory: OwnedFd,
    path: PathBuf,
}

impl ProcFs {
    pub(crate) fn open(root: &HostRoot) -> Result<Self, CaptureError> {
        let path = root.proc();
        let opened = File::open(&path).and_then(|directory| {
            // An empty mount point would look like a machine without processes.
            openat(&directory, c"1/stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).or_else(|_| {
                openat(&directory, c"self/stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            })?;
            Ok(directory)
        });
        match opened {
            Ok(directory) => Ok(Self { directory: directory.into(), path }),
            Err(source) => Err(CaptureError::Read { path, source }),
        }
    }

    /// The ids of all processes, in the kernel's order.
    pub(crate) fn pids(&self) -> Result<impl Iterator<Item = u32> + use<>, CaptureError> {
        let entries = Dir::read_from(&self.directory)
            .map_err(|error| CaptureError::Read { path: self.path.clone(), source: error.into() })?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok()))
    }

    /// Opens one process.
    pub(crate) fn process(&self, pid: u32) -> io::Result<Process> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.directory, pid.to_string(), flags, Mode::empty())?;
        Ok(Process { pid, directory, path: self.path.join(pid.to_string()) })
    }

    /// One process's `stat`, without opening the process; `buffer` is scratch.
    pub(crate) fn stat(&self, pid: u32, buffer: &mut Vec<u8>) -> Option<Stat> {
        read_at(&self.directory, &format!("{pid}/stat"), MAX_FILE, buffer).ok()?;
        Stat::parse(buffer)
    }

    /// The parent's process id, its name and its parent's name, as they are now. Empty names where they cannot be told.
    pub(crate) fn ancestors(&self, stat: &Stat, buffer: &mut Vec<u8>) -> (u32, Comm, Comm) {
        // A process that started later than its child only inherited the id.
        let mut above =
            |below: &Stat| self.stat(below.parent, buffer).filter(|above| above.start <= below.start);
        let parent = above(stat);
        let grandparent = parent.as_ref().and_then(&mut above);
        let name = |stat: Option<Stat>| stat.map(|stat| stat.name).unwrap_or_default();
        (stat.parent, name(parent), name(grandparent))
    }
}

/// One process, held by descriptor.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    directory: OwnedFd,
    /// For the few calls that take no descriptor.
    path: PathBuf,
}

impl Process {
    /// Reads at most `limit` bytes of one of the process's files into `buffer`, which is cleared first.
    pub(crate) fn read(&self, file: &str, limit: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        read_at(&self.directory, file, limit, buffer)
    }

    pub(crate) fn stat(&self, buffer: &mut Vec<u8>) -> Option<Stat> {
        self.read("stat", MAX_FILE, buffer).ok()?;
        Stat::parse(buffer)
    }

    /// Where one of the process's links leads.
    fn link(&self, file: &str) -> rustix::io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.directory, file, Vec::new())?.into_bytes())
    }
}

fn read_at(directory: &OwnedFd, file: &str, limit: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    let file = openat(directory, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    File::from(file).take(limit).read_to_end(buffer)?;
    Ok(())
}
