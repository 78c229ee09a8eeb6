//! From the kernel program's record to an observation.
//!
//! `sched_process_exec` tells nearly everything itself, so that a process which has ended meanwhile is observed like
//! any other. `sys_enter_execve` knows the arguments and little else; the rest comes from /proc while the process
//! lives and stays unknown afterwards.

use std::os::unix::ffi::OsStringExt;

use anomaly_ebpf::Record;
use anomaly_vectorizer::{
    Surroundings,
    canonical::Raw,
    context::{ExecutableFlag, InheritedSocket, SocketFamily},
    scrub::Scrubber,
};
use rustix::time::{ClockId, clock_gettime};

use super::cgroups::Cgroups;
use crate::{
    CaptureError, FeedKind, HostRoot, Identity, Observation,
    proc::{self, Comm, ProcFs},
};

/// How much of `/proc/PID/cmdline` is read where the kernel could not read the arguments itself.
const MAX_ARGUMENTS: u64 = 8192;

/// Turns records into observations; keeps what it found out for the next ones.
#[derive(Debug)]
pub(super) struct Observer {
    root: HostRoot,
    pub(super) proc: ProcFs,
    pub(super) scrubber: Scrubber,
    pub(super) cgroups: Cgroups,
    pub(super) processes: proc::Observer,
    pub(super) buffer: Vec<u8>,
}

impl Observer {
    pub(super) fn new(root: HostRoot, scrubber: Scrubber, cgroups: Cgroups) -> Result<Self, CaptureError> {
        Ok(Self {
            proc: ProcFs::open(&root)?,
            cgroups,
            processes: proc::Observer::new(root.clone(), scrubber.clone()),
            buffer: Vec::new(),
            root,
            scrubber,
        })
    }

    /// The observation of a record; `epoch` is from [`epoch`].
    pub(super) fn observe(&mut self, record: &Record<'_>, epoch: i128) -> Observation {
        let time = (epoch + i128::from(record.time)) / 1000;
        let time = i64::try_from(time).unwrap_or_default();
        if record.entered { self.entered(record, time) } else { self.executed(record, time) }
    }

    /// From `sched_process_exec`.
    fn executed(&mut self, record: &Record<'_>, time: i64) -> Observation {
        let exe = self.executable(record);
        let Self { proc, scrubber, cgroups, buffer, .. } = self;
        let arguments = if record.unreadable { reread(proc, record, buffer) } else { record.arguments };
        let raw = Raw {
            name: record.name,
            parent: record.parent.unwrap_or_default(),
            grandparent: record.grandparent.unwrap_or_default(),
            uid: record.uid,
            arguments,
            executable: exe.as_bytes(),
            filename: record.filename,
            interp: record.interp,
        };
        Observation {
            execution: raw.execution(scrubber),
            surroundings: Surroundings {
                tty: record.terminal,
                loginuid: record.login_uid,
                exe_flags: flags(record),
                sockets: record.sockets.map(|sockets| inherited(&sockets)),
            },
            workload: String::new(),
            time,
            identity: Identity {
                tgid: record.tgid,
                start_boottime: record.start_boottime.unwrap_or_default(),
                exec_id: record.exec_id,
            },
            ppid: record.ppid.unwrap_or_default(),
            cgroup: cgroups.path(&record.cgroups, record.tgid, record.ppid),
            exe,
            argument_bytes: record.argument_bytes,
            feed: FeedKind::Ebpf,
        }
    }

    /// The path of the program that runs. The record's own, which stays true whatever the process runs by now, but
    /// where that says nothing outside the process: then what /proc links to.
    fn executable(&self, record: &Record<'_>) -> String {
        let path = record.interp;
        let whole = path.starts_with(b"/") && path.len() < anomaly_ebpf::PATH_LIMIT - 1;
        let mut found = None;
        if !whole || path.starts_with(b"/dev/fd/") || path.starts_with(b"/proc/self/") {
            let process = self.root.proc().join(record.tgid.to_string());
            let name = std::fs::read(process.join("comm")).unwrap_or_default();
            if Comm::new(name.strip_suffix(b"\n").unwrap_or(&name)) == Comm::new(record.name) {
                found = std::fs::read_link(process.join("exe")).ok();
            }
        }
        let mut path = found.map_or_else(|| path.to_vec(), |path| path.into_os_string().into_vec());
        if path.ends_with(b" (deleted)") {
            path.truncate(path.len() - b" (deleted)".len());
        }
        String::from_utf8_lossy(&path).into_owned()
    }
}

/// The arguments of a process whose memory the kernel could not read at once. What it did read where /proc cannot
/// either.
fn reread<'a>(proc: &ProcFs, record: &'a Record<'_>, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    let process = proc.process(record.tgid);
    match process.and_then(|process| process.read("cmdline", MAX_ARGUMENTS, buffer)) {
        Ok(()) if !buffer.is_empty() => buffer,
        _ => record.arguments,
    }
}

/// What is special about the executable; `None` where that cannot be told.
fn flags(record: &Record<'_>) -> Option<Vec<ExecutableFlag>> {
    let flags = [
        (record.memfd, ExecutableFlag::Memfd),
        (record.upper_layer, ExecutableFlag::UpperLayer),
        (record.deleted, ExecutableFlag::Deleted),
    ];
    let set: Vec<_> = flags.iter().filter(|(told, _)| *told == Some(true)).map(|&(_, flag)| flag).collect();
    // What cannot be told only matters where nothing else was.
    let told = !set.is_empty() || flags.iter().all(|(told, _)| told.is_some());
    told.then_some(set)
}

/// The sockets among descriptors 0-2 in the terms that all feeds share.
fn inherited(sockets: &[Option<anomaly_ebpf::Socket>; 3]) -> Vec<InheritedSocket> {
    const UNIX: u16 = 1;
    const INET: u16 = 2;
    const INET6: u16 = 10;
    const TCP: u16 = 6;
    const MPTCP: u16 = 262;
    let named = sockets.iter().enumerate().filter_map(|(fd, socket)| socket.map(|socket| (fd as u8, socket)));
    named
        .map(|(fd, socket)| InheritedSocket {
            fd,
            family: match socket.family {
                UNIX => SocketFamily::Unix,
                INET => SocketFamily::Inet,
                INET6 => SocketFamily::Inet6,
                _ => SocketFamily::Other,
            },
            protocol: if socket.protocol == MPTCP { TCP } else { socket.protocol },
            local: socket.local,
            remote: socket.remote,
        })
        .collect()
}

/// When the machine booted, nanoseconds since the Unix epoch: what turns the kernel's time into ours. Asked again at
/// every drain, because the clock of day may be set.
pub(super) fn epoch() -> i128 {
    let nanoseconds = |clock| {
        let now = clock_gettime(clock);
        i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
    };
    nanoseconds(ClockId::Realtime) - nanoseconds(ClockId::Boottime)
}
