//! From a process in /proc to an observation.

use std::time::{SystemTime, UNIX_EPOCH};

use anomaly_vectorizer::{Surroundings, canonical::Raw, scrub::Scrubber};

use super::{Comm, MAX_FILE, Process, Stat, origin, sockets};
use crate::{FeedKind, HostRoot, Identity, Observation};

/// How much of the arguments is read: what counts, and what the kernel may have put in front of a script's.
const MAX_ARGUMENTS: u64 = 8192;

/// Why it cannot be told what a process executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It ended, or its memory went.
    Gone,
    /// The kernel is still setting its memory up: in a moment it can be told.
    NotYet,
}

/// Reads processes; keeps its buffers between them.
#[derive(Debug)]
pub(crate) struct Observer {
    root: HostRoot,
    scrubber: Scrubber,
    arguments: Vec<u8>,
    buffer: Vec<u8>,
}

impl Observer {
    pub(crate) fn new(root: HostRoot, scrubber: Scrubber) -> Self {
        Self { root, scrubber, arguments: Vec::new(), buffer: Vec::new() }
    }

    /// What `process` executed last. `lineage` tells the parent's process id and the names of parent and grandparent
    /// from the process's `stat`.
    ///
    /// The arguments are read first: they are what goes first when a process ends.
    pub(crate) fn observe(
        &mut self,
        process: &Process,
        feed: FeedKind,
        lineage: impl FnOnce(&Stat) -> (u32, Comm, Comm),
    ) -> Result<Observation, Missed> {
        let Self { root, scrubber, arguments, buffer } = self;
        let read = process.read("cmdline", MAX_ARGUMENTS, arguments);
        let stat = process.stat(buffer).ok_or(Missed::Gone)?;
        if read.is_err() || (arguments.is_empty() && stat.ending()) {
            return Err(Missed::Gone);
        }
        // No exec is without arguments. Either the program wiped them, or the exec is not over.
        if arguments.is_empty() && stat.image.is_none() {
            return Err(Missed::NotYet);
        }
        let uid = effective_uid(process, buffer).ok_or(Missed::Gone)?;
        let executable = origin::executable(process, root, buffer);
        let loginuid = process.read("loginuid", 64, buffer).ok().and_then(|()| number(buffer));
        let sockets = sockets::inherited(process);
        let cgroup = process.read("cgroup", MAX_FILE, buffer).map_or_else(
            |_| String::new(),
            |()| crate::workload::process_cgroup(&String::from_utf8_lossy(buffer)),
        );
        let (ppid, parent, grandparent) = lineage(&stat);
        let (exe, exe_flags) = executable.map_or_else(Default::default, |exe| (exe.path, exe.flags));
        let raw = Raw {
            name: stat.name.as_bytes(),
            parent: parent.as_bytes(),
            grandparent: grandparent.as_bytes(),
            uid,
            arguments,
            executable: &exe,
            ..Raw::default()
        };
        Ok(Observation {
            execution: raw.execution(scrubber),
            surroundings: Surroundings { tty: Some(stat.terminal), loginuid, exe_flags, sockets },
            workload: String::new(),
            time: now(),
            identity: Identity { tgid: process.pid, start_boottime: stat.start_boottime(), exec_id: None },
            ppid,
            exe: String::from_utf8_lossy(&exe).into_owned(),
            argument_bytes: stat
                .argument_bytes
                .unwrap_or(arguments.len() as u64)
                .try_into()
                .unwrap_or(u32::MAX),
            cgroup,
            feed,
        })
    }
}

/// The second number of `Uid:` in `status`.
fn effective_uid(process: &Process, buffer: &mut Vec<u8>) -> Option<u32> {
    process.read("status", MAX_FILE, buffer).ok()?;
    let line = buffer.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Microseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
