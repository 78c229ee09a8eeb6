//! Processes and threads: those that ran before the capture began, and what a program's start makes of one.

use std::net::SocketAddrV4;

use super::block::{Bytes, nul_terminated};

/// Process list, the version whose entries say their own length.
const PROCESS_LIST: u32 = 0x215;
/// Descriptor list of one process, likewise.
const DESCRIPTOR_LIST: u32 = 0x218;

/// Set on a thread that is not its process's first.
pub(super) const CLONE_THREAD: u32 = 1 << 13;
/// Set on a thread that shares its process's descriptors.
pub(super) const CLONE_FILES: u32 = 1;

/// Set by drivers where the child is in another process namespace than the first.
pub(super) const CHILD_IN_NAMESPACE: u32 = 1 << 29;

/// The login uid of a process that nobody logged in for.
pub const NO_LOGIN: u32 = u32::MAX;

/// One process, or one thread of it, as a host keeps it.
#[derive(Debug, Clone)]
pub struct Task {
    /// Process id.
    pub pid: u32,
    /// Thread id; the first thread has its process's.
    pub tid: u32,
    /// The parent's process id.
    pub ppid: u32,
    /// The name as the kernel shows it.
    pub name: String,
    /// The executable's path.
    pub path: String,
    /// The arguments, `args[0]` first.
    pub args: Vec<String>,
    /// Effective user id; the group id is the same.
    pub uid: u32,
    /// The audit login uid.
    pub login_uid: u32,
    /// The controlling terminal's device number; 0 for none.
    pub tty: u32,
    /// The cgroup's path, below the mount.
    pub cgroup: String,
    /// The first descriptors, where they matter.
    pub descriptors: Vec<(u32, Descriptor)>,
}

/// What a descriptor of a running process is.
#[derive(Debug, Clone)]
pub enum Descriptor {
    /// A TCP connection: local end, remote end.
    Tcp(SocketAddrV4, SocketAddrV4),
    /// A local socket.
    Unix,
    /// A file.
    File(String),
}

impl Task {
    /// A process with one thread, without terminal or login, in the root cgroup.
    pub fn new(pid: u32, ppid: u32, path: &str) -> Self {
        Self {
            pid,
            tid: pid,
            ppid,
            name: name_of(path),
            path: path.to_owned(),
            args: vec![path.to_owned()],
            uid: 0,
            login_uid: NO_LOGIN,
            tty: 0,
            cgroup: "/".to_owned(),
            descriptors: Vec::new(),
        }
    }

    /// The same process in another cgroup.
    pub fn in_cgroup(mut self, cgroup: &str) -> Self {
        self.cgroup = cgroup.to_owned();
        self
    }

    /// The same process of another user.
    pub fn owned_by(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    /// The same process with a descriptor.
    pub fn with_descriptor(mut self, fd: u32, descriptor: Descriptor) -> Self {
        self.descriptors.push((fd, descriptor));
        self
    }

    /// The cgroups as drivers send them: `controller=path`, NUL after each.
    pub(super) fn cgroups(&self) -> Vec<u8> {
        nul_terminated(&[format!("memory={}", self.cgroup), format!("cpu={}", self.cgroup)])
    }

    fn entry(&self) -> Bytes {
        let mut entry = Bytes::default();
        let (pid, tid) = (u64::from(self.pid), u64::from(self.tid));
        entry.u64(tid).u64(pid).u64(u64::from(self.ppid));
        entry.u64(pid).u64(pid); // session, process group
        entry.counted(self.name.as_bytes());
        entry.counted(self.args.first().unwrap_or(&self.path).as_bytes());
        entry.counted(self.path.as_bytes());
        entry.counted(&nul_terminated(self.args.get(1..).unwrap_or_default()));
        entry.counted(b"/"); // working directory
        entry.u64(1024); // descriptor limit
        entry.u32(if self.tid == self.pid { 0 } else { CLONE_THREAD | CLONE_FILES });
        entry.u32(self.uid).u32(self.uid);
        entry.u32(10_000).u32(5_000).u32(0).u64(0).u64(100); // memory in KiB, page faults
        entry.counted(&nul_terminated(&["PATH=/usr/bin"]));
        entry.u64(tid).u64(pid); // as its own namespace numbers it: the initial one
        entry.counted(&self.cgroups());
        entry.counted(b"/"); // root directory
        entry.u64(0).u32(self.tty).u32(self.login_uid);
        entry.u8(0).u64(0).u64(0).u64(0); // executable writable, capabilities
        entry.u8(0).u64(4711).u64(1).u64(1); // upper layer, inode, its times
        entry.u8(0).u8(0).i64(i64::from(self.pid)); // memfd, lower layer, process group
        entry
    }

    fn descriptor_list(&self) -> Option<Vec<u8>> {
        if self.descriptors.is_empty() {
            return None;
        }
        let mut list = Bytes::default();
        list.u64(u64::from(self.tid));
        for (fd, descriptor) in &self.descriptors {
            list.measured(&descriptor.entry(*fd));
        }
        Some(list.into_block(DESCRIPTOR_LIST))
    }
}

impl Descriptor {
    /// Descriptor, inode, the type by its number in `scap_fd_type`, then what that type has.
    fn entry(&self, fd: u32) -> Bytes {
        const TCP: u8 = 1;
        let mut entry = Bytes::default();
        entry.i64(i64::from(fd)).u64(u64::from(fd) + 1000);
        match self {
            Self::File(path) => entry.u8(1).counted(path.as_bytes()),
            Self::Tcp(local, remote) => entry
                .u8(3)
                .raw(&local.ip().octets())
                .raw(&remote.ip().octets())
                .u16(local.port())
                .u16(remote.port())
                .u8(TCP),
            Self::Unix => entry.u8(8).u64(1).u64(2).counted(b""),
        };
        entry
    }
}

/// The blocks about everything that runs already.
pub(super) fn list(running: &[Task]) -> Vec<Vec<u8>> {
    let mut processes = Bytes::default();
    for task in running {
        processes.measured(&task.entry());
    }
    let mut blocks = vec![processes.into_block(PROCESS_LIST)];
    blocks.extend(running.iter().filter_map(Task::descriptor_list));
    blocks
}

/// The name that the kernel gives a program: the last part of its path, at most 15 bytes.
pub(super) fn name_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name[..name.floor_char_boundary(15)].to_owned()
}
