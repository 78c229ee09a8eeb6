//! The record as it lies in memory: a fixed [`Header`], then the file name, the interpreter's path and the argument
//! area, each exactly as long as the header says.

/// Bytes of a `comm`, the terminating NUL included.
pub const NAME_BYTES: usize = 16;

/// Bytes kept of a path, the terminating NUL included. What remains of a per-CPU array element (32 KiB at most,
/// [`PCPU_MIN_UNIT_SIZE`][1]) after header and argument area, halved.
///
/// [1]: https://github.com/torvalds/linux/blob/v6.12/include/linux/percpu.h#L29
pub const PATH_LIMIT: usize = 368;

/// The most that can be kept of an argument area.
pub const ARGUMENT_LIMIT: usize = 31 * 1024;

/// The most that `sys_enter_execve` keeps, whatever the limit says: between entry and success every record waits in a
/// map with room for the longest.
pub const ENTER_ARGUMENT_LIMIT: usize = 4096;

/// The longest record.
pub const RECORD_LIMIT: usize = size_of::<Header>() + 2 * PATH_LIMIT + ARGUMENT_LIMIT;

/// The fixed part of a record, in the machine's own byte order. Fields without their bit in `known` are 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Header {
    /// When the exec succeeded, nanoseconds since boot, suspend included.
    pub time: u64,
    /// When the process started, nanoseconds since boot, suspend included.
    pub start_boottime: u64,
    /// The process's cgroups in the v2 hierarchy and in those of the v1 controllers `pids` and `memory`: the inode
    /// numbers of their directories; 0 where not known.
    pub cgroups: [u64; 3],
    /// Where the kernel keeps the set of all cgroups that the process is in: equal sets are kept once. 0 where not
    /// known.
    pub cgroup_set: u64,
    /// Process id in the initial namespace.
    pub tgid: u32,
    /// The parent's process id in the initial namespace.
    pub ppid: u32,
    /// User id in the initial user namespace: effective where `known` says so, else the real one.
    pub uid: u32,
    /// The audit login uid.
    pub login_uid: u32,
    /// Raised by the kernel at every exec of the process.
    pub exec_id: u32,
    /// Which fields hold something: [`known`].
    pub known: u32,
    /// What is so: [`flags`].
    pub flags: u32,
    /// The whole argument area's length, however much of it was kept.
    pub argument_bytes: u32,
    /// Bytes of the argument area in this record.
    pub arguments_kept: u32,
    /// Bytes of the file name in this record, without a NUL.
    pub filename_kept: u16,
    /// Bytes of the interpreter's path in this record, without a NUL; 0 where it is the file name.
    pub interp_kept: u16,
    /// The new program's name, padded with NULs.
    pub name: [u8; NAME_BYTES],
    /// The parent process's name.
    pub parent: [u8; NAME_BYTES],
    /// The parent's parent's name.
    pub grandparent: [u8; NAME_BYTES],
    /// Descriptors 0, 1 and 2: all zero where the descriptor is no socket.
    pub sockets: [SocketHeader; 3],
}

/// A socket among descriptors 0-2.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct SocketHeader {
    /// `AF_*`; 0 (`AF_UNSPEC`) where the descriptor is no socket.
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// In the machine's byte order.
    pub local_port: u16,
    /// In network byte order.
    pub remote_port: u16,
    /// In network byte order; IPv4 in the first four bytes.
    pub local: [u8; 16],
    /// In network byte order; IPv4 in the first four bytes.
    pub remote: [u8; 16],
}

// A gap would send uninitialised kernel memory to user space, and an element may not be larger than 32 KiB.
const _: () = assert!(size_of::<SocketHeader>() == 8 + 2 * 16);
const _: () =
    assert!(size_of::<Header>() == 6 * 8 + 9 * 4 + 2 * 2 + 3 * NAME_BYTES + 3 * size_of::<SocketHeader>());
const _: () = assert!(RECORD_LIMIT <= 32 * 1024);

/// Bits of [`Header::known`].
pub mod known {
    /// `start_boottime`.
    pub const START: u32 = 1 << 0;
    /// `ppid` and `parent`.
    pub const PARENT: u32 = 1 << 1;
    /// `grandparent`.
    pub const GRANDPARENT: u32 = 1 << 2;
    /// `uid` is the effective one.
    pub const EFFECTIVE_UID: u32 = 1 << 3;
    /// `login_uid`.
    pub const LOGIN_UID: u32 = 1 << 4;
    /// `exec_id`.
    pub const EXEC_ID: u32 = 1 << 5;
    /// The flag `TERMINAL`.
    pub const TERMINAL: u32 = 1 << 6;
    /// The flags `MEMFD` and `DELETED`.
    pub const ORIGIN: u32 = 1 << 7;
    /// The flag `UPPER_LAYER`; known as well where the file is on no overlay.
    pub const UPPER_LAYER: u32 = 1 << 8;
    /// `sockets`.
    pub const SOCKETS: u32 = 1 << 9;
}

/// Bits of [`Header::flags`].
pub mod flags {
    /// The process has a controlling terminal.
    pub const TERMINAL: u32 = 1 << 0;
    /// The executable lives in memory alone.
    pub const MEMFD: u32 = 1 << 1;
    /// The executable's file has been deleted.
    pub const DELETED: u32 = 1 << 2;
    /// The executable is in an overlay's upper layer: added or changed since the container started.
    pub const UPPER_LAYER: u32 = 1 << 3;
    /// The argument area was longer than what was kept.
    pub const TRUNCATED: u32 = 1 << 4;
    /// The argument area, or a part of it, could not be read: it was not in memory.
    pub const UNREADABLE: u32 = 1 << 5;
    /// From `sys_enter_execve`: `parent` holds the name that the process had before the exec, the arguments are as
    /// they were passed, and `argument_bytes` counts no further than what was kept.
    pub const ENTERED: u32 = 1 << 6;
}

/// What the program counts, per CPU. The discriminant is the place in the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Records handed over.
    Delivered,
    /// Records for which the ring had no room.
    Lost,
    /// Successful executions whose entry was not seen, or found no room: of `sys_exit_execve` alone.
    Unmatched,
}

/// How many counters there are.
pub const COUNTERS: usize = 3;

/// Names of the object's maps, globals and programs.
pub mod names {
    /// Ring buffer of records.
    pub const RECORDS: &str = "RECORDS";
    /// Per-CPU array of one element: [`COUNTERS`](super::COUNTERS) numbers.
    pub const COUNTS: &str = "COUNTS";
    /// Hash map: what `sys_enter` saw until `sys_exit` says whether it succeeded.
    pub const PENDING: &str = "PENDING";
    /// Global: offsets in the order of [`Field`](crate::Field).
    pub const OFFSETS: &str = "OFFSETS";
    /// Global `u32`: how much of an argument area is kept.
    pub const KEEP: &str = "KEEP";
    /// Global `u32`: unread bytes in the ring at which the reader is woken.
    pub const WAKE: &str = "WAKE";
    /// Raw tracepoint program and the tracepoint it belongs on.
    pub const EXEC: &str = "sched_process_exec";
    /// Tracepoint programs, each named as the tracepoint of category `syscalls` that it belongs on.
    pub const ENTER: [&str; 4] =
        ["sys_enter_execve", "sys_enter_execveat", "sys_exit_execve", "sys_exit_execveat"];
}
