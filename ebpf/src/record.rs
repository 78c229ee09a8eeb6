//! A record as user space sees it.
//!
//! Parsed field by field out of the bytes, without `unsafe` and without trust: the lengths in the header are the
//! kernel's, but a reader that believed them would turn a mismatch of versions into a panic.

use core::mem::offset_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::layout::{Header, NAME_BYTES, SocketHeader, flags, known};

/// One successful exec, borrowed from the ring. `None` is what this kernel cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// When the exec succeeded, nanoseconds since boot, suspend included.
    pub time: u64,
    /// When the process started, nanoseconds since boot, suspend included.
    pub start_boottime: Option<u64>,
    /// The process's cgroup in the v2 hierarchy: the inode number of its directory.
    pub cgroup: u64,
    /// Process id in the initial namespace.
    pub tgid: u32,
    /// The parent's process id in the initial namespace.
    pub ppid: Option<u32>,
    /// User id in the initial user namespace; `effective` tells which.
    pub uid: u32,
    /// Whether `uid` is the effective one, else it is the real one.
    pub effective: bool,
    /// The audit login uid, `u32::MAX` where nobody logged in.
    pub login_uid: Option<u32>,
    /// Raised by the kernel at every exec of the process.
    pub exec_id: Option<u32>,
    /// Whether the process has a controlling terminal.
    pub terminal: Option<bool>,
    /// Whether the executable lives in memory alone.
    pub memfd: Option<bool>,
    /// Whether the executable's file has been deleted.
    pub deleted: Option<bool>,
    /// Whether the executable is in an overlay's upper layer.
    pub upper_layer: Option<bool>,
    /// Whether the record comes from `sys_enter_execve`: the arguments are then as they were passed.
    pub entered: bool,
    /// The new program's name.
    pub name: &'a [u8],
    /// The parent process's name.
    pub parent: Option<&'a [u8]>,
    /// The parent's parent's name.
    pub grandparent: Option<&'a [u8]>,
    /// The name that the process had before the exec; only where `entered`.
    pub caller: Option<&'a [u8]>,
    /// The path that was passed to exec (`/dev/fd/N` for a descriptor), cut at `PATH_LIMIT`.
    pub filename: &'a [u8],
    /// The path of the program that runs it, cut at `PATH_LIMIT`; differs from `filename` for scripts. Empty where
    /// `entered`.
    pub interp: &'a [u8],
    /// The argument area, every argument ended by a NUL unless cut.
    pub arguments: &'a [u8],
    /// The whole argument area's length; at least what `arguments` has.
    pub argument_bytes: u32,
    /// Whether the argument area was longer than what was kept.
    pub truncated: bool,
    /// Whether the argument area, or a part of it, was not in memory.
    pub unreadable: bool,
    /// Descriptors 0, 1 and 2, those that are sockets.
    pub sockets: Option<[Option<Socket>; 3]>,
}

/// A socket among descriptors 0-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// `AF_*`.
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Local address and port, for internet families.
    pub local: Option<SocketAddr>,
    /// Remote address and port, for connected sockets of internet families.
    pub remote: Option<SocketAddr>,
}

impl<'a> Record<'a> {
    /// Reads a record. `None` where the bytes are none: too short for a header, or for what it announces.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, tail) = bytes.split_at_checked(size_of::<Header>())?;
        let (filename, tail) = tail.split_at_checked(u16_at(header, offset_of!(Header, filename_kept))?.into())?;
        let (interp, tail) = tail.split_at_checked(u16_at(header, offset_of!(Header, interp_kept))?.into())?;
        let arguments = tail.get(..u32_at(header, offset_of!(Header, arguments_kept))? as usize)?;
        let (knows, says) = (u32_at(header, offset_of!(Header, known))?, u32_at(header, offset_of!(Header, flags))?);
        let when = |bit| (knows & bit != 0).then_some(());
        let flag = |bit| says & bit != 0;
        let entered = flag(flags::ENTERED);
        let parent = name_at(header, offset_of!(Header, parent))?;
        Some(Self {
            time: u64_at(header, offset_of!(Header, time))?,
            start_boottime: when(known::START).and_then(|()| u64_at(header, offset_of!(Header, start_boottime))),
            cgroup: u64_at(header, offset_of!(Header, cgroup))?,
            tgid: u32_at(header, offset_of!(Header, tgid))?,
            ppid: when(known::PARENT).and_then(|()| u32_at(header, offset_of!(Header, ppid))),
            uid: u32_at(header, offset_of!(Header, uid))?,
            effective: when(known::EFFECTIVE_UID).is_some(),
            login_uid: when(known::LOGIN_UID).and_then(|()| u32_at(header, offset_of!(Header, login_uid))),
            exec_id: when(known::EXEC_ID).and_then(|()| u32_at(header, offset_of!(Header, exec_id))),
            terminal: when(known::TERMINAL).map(|()| flag(flags::TERMINAL)),
            memfd: when(known::ORIGIN).map(|()| flag(flags::MEMFD)),
            deleted: when(known::ORIGIN).map(|()| flag(flags::DELETED)),
            upper_layer: when(known::UPPER_LAYER).map(|()| flag(flags::UPPER_LAYER)),
            entered,
            name: name_at(header, offset_of!(Header, name))?,
            parent: when(known::PARENT).map(|()| parent),
            grandparent: when(known::GRANDPARENT)
                .and_then(|()| name_at(header, offset_of!(Header, grandparent))),
            caller: entered.then_some(parent),
            filename,
            interp: if interp.is_empty() && !entered { filename } else { interp },
            arguments,
            argument_bytes: u32_at(header, offset_of!(Header, argument_bytes))?.max(arguments.len() as u32),
            truncated: flag(flags::TRUNCATED),
            unreadable: flag(flags::UNREADABLE),
            sockets: when(known::SOCKETS).map(|()| [0, 1, 2].map(|fd| Socket::parse(header, fd))),
        })
    }
}

impl Socket {
    /// The socket that descriptor `fd` is, if it is one.
    fn parse(header: &[u8], fd: usize) -> Option<Self> {
        const INET: u16 = 2;
        const INET6: u16 = 10;
        let bytes = header.get(offset_of!(Header, sockets) + fd * size_of::<SocketHeader>()..)?;
        let family = u16_at(bytes, offset_of!(SocketHeader, family))?;
        if family == 0 {
            return None;
        }
        let address = |at: usize| -> Option<IpAddr> {
            match family {
                INET => Some(Ipv4Addr::from(array_at::<4>(bytes, at)?).into()),
                INET6 => Some(Ipv6Addr::from(array_at::<16>(bytes, at)?).into()),
                _ => None,
            }
        };
        let local_port = u16_at(bytes, offset_of!(SocketHeader, local_port))?;
        let remote_port = u16::from_be_bytes(array_at(bytes, offset_of!(SocketHeader, remote_port))?);
        Some(Self {
            family,
            protocol: u16_at(bytes, offset_of!(SocketHeader, protocol))?,
            local: address(offset_of!(SocketHeader, local)).map(|address| SocketAddr::new(address, local_port)),
            remote: address(offset_of!(SocketHeader, remote))
                .filter(|_| remote_port != 0)
                .map(|address| SocketAddr::new(address, remote_port)),
        })
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_ne_bytes)
}

/// A `comm`: up to its NUL.
fn name_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at..at + NAME_BYTES)?.split(|&byte| byte == 0).next()
}
