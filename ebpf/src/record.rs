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
    /// The process's cgroups.
    pub cgroups: Cgroups,
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

/// In which cgroups a process is: inode numbers of their directories, 0 where not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cgroups {
    /// In the v2 hierarchy.
    pub unified: u64,
    /// In the hierarchy of the v1 controller `pids`.
    pub pids: u64,
    /// In the hierarchy of the v1 controller `memory`.
    pub memory: u64,
    /// What tells this combination from others, hierarchies without a controller included; 0 where not known.
    pub set: u64,
}

/// A socket among descriptors 0-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// `AF_*`.
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Local address and port, for bound sockets of internet families.
    pub local: Option<SocketAddr>,
    /// Remote address and port, for connected sockets of internet families.
    pub remote: Option<SocketAddr>,
}

impl<'a> Record<'a> {
    /// Reads a record. `None` where the bytes are none: too short for a header, or for what it announces.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, tail) = bytes.split_at_checked(size_of::<Header>())?;
        let (filename, tail) =
            tail.split_at_checked(u16_at(header, offset_of!(Header, filename_kept))?.into())?;
        let (interp, tail) =
            tail.split_at_checked(u16_at(header, offset_of!(Header, interp_kept))?.into())?;
        let arguments = tail.get(..u32_at(header, offset_of!(Header, arguments_kept))? as usize)?;
        let (knows, says) =
            (u32_at(header, offset_of!(Header, known))?, u32_at(header, offset_of!(Header, flags))?);
        let when = |bit| (knows & bit != 0).then_some(());
        let flag = |bit| says & bit != 0;
        let entered = flag(flags::ENTERED);
        let parent = name_at(header, offset_of!(Header, parent))?;
        Some(Self {
            time: u64_at(header, offset_of!(Header, time))?,
            start_boottime: when(known::START)
                .and_then(|()| u64_at(header, offset_of!(Header, start_boottime))),
            cgroups: Cgroups {
                unified: u64_at(header, offset_of!(Header, cgroups))?,
                pids: u64_at(header, offset_of!(Header, cgroups) + 8)?,
                memory: u64_at(header, offset_of!(Header, cgroups) + 16)?,
                set: u64_at(header, offset_of!(Header, cgroup_set))?,
            },
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
            local: address(offset_of!(SocketHeader, local))
                .filter(|_| local_port != 0)
                .map(|address| SocketAddr::new(address, local_port)),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes `bytes` into a record at `at`.
    fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
        record[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A record with these parts and every bit of `known` and `flags` as given.
    fn record(knows: u32, says: u32, filename: &[u8], interp: &[u8], arguments: &[u8]) -> Vec<u8> {
        let mut record = vec![0; size_of::<Header>()];
        put(&mut record, offset_of!(Header, known), &knows.to_ne_bytes());
        put(&mut record, offset_of!(Header, flags), &says.to_ne_bytes());
        put(&mut record, offset_of!(Header, tgid), &77_u32.to_ne_bytes());
        put(&mut record, offset_of!(Header, ppid), &7_u32.to_ne_bytes());
        put(&mut record, offset_of!(Header, argument_bytes), &9000_u32.to_ne_bytes());
        put(&mut record, offset_of!(Header, name), b"curl");
        put(&mut record, offset_of!(Header, parent), b"fifteen-letters\0");
        put(&mut record, offset_of!(Header, filename_kept), &(filename.len() as u16).to_ne_bytes());
        put(&mut record, offset_of!(Header, interp_kept), &(interp.len() as u16).to_ne_bytes());
        put(&mut record, offset_of!(Header, arguments_kept), &(arguments.len() as u32).to_ne_bytes());
        record.extend([filename, interp, arguments].concat());
        record
    }

    #[test]
    fn parts_are_where_the_header_says() {
        let bytes = record(known::PARENT, flags::TRUNCATED, b"./x.sh", b"/bin/sh", b"/bin/sh\0./x.sh\0");
        let parsed = Record::parse(&bytes).expect("a record");
        assert_eq!((parsed.filename, parsed.interp), (&b"./x.sh"[..], &b"/bin/sh"[..]));
        assert_eq!((parsed.name, parsed.parent), (&b"curl"[..], Some(&b"fifteen-letters"[..])));
        assert_eq!((parsed.tgid, parsed.ppid, parsed.argument_bytes), (77, Some(7), 9000));
        assert_eq!(parsed.arguments, b"/bin/sh\0./x.sh\0");
        assert!(parsed.truncated && !parsed.unreadable && !parsed.entered);
    }

    #[test]
    fn what_is_not_known_is_none() {
        let bytes = record(0, !flags::ENTERED, b"/bin/ls", b"", b"");
        let parsed = Record::parse(&bytes).expect("a record");
        assert_eq!((parsed.ppid, parsed.parent, parsed.terminal, parsed.memfd), (None, None, None, None));
        assert_eq!((parsed.start_boottime, parsed.exec_id, parsed.sockets), (None, None, None));
        assert_eq!(parsed.interp, b"/bin/ls", "no interpreter of its own: the file runs itself");
    }

    #[test]
    fn a_socket_s_ports_are_in_two_byte_orders() {
        let mut bytes = record(known::SOCKETS, 0, b"", b"", b"");
        let at = offset_of!(Header, sockets) + size_of::<SocketHeader>();
        put(&mut bytes, at + offset_of!(SocketHeader, family), &2_u16.to_ne_bytes());
        put(&mut bytes, at + offset_of!(SocketHeader, protocol), &6_u16.to_ne_bytes());
        put(&mut bytes, at + offset_of!(SocketHeader, local_port), &40_000_u16.to_ne_bytes());
        put(&mut bytes, at + offset_of!(SocketHeader, remote_port), &443_u16.to_be_bytes());
        put(&mut bytes, at + offset_of!(SocketHeader, local), &[10, 0, 0, 1]);
        put(&mut bytes, at + offset_of!(SocketHeader, remote), &[203, 0, 113, 9]);
        let sockets = Record::parse(&bytes).and_then(|record| record.sockets).expect("sockets");
        let expected = Socket {
            family: 2,
            protocol: 6,
            local: "10.0.0.1:40000".parse().ok(),
            remote: "203.0.113.9:443".parse().ok(),
        };
        assert_eq!(sockets, [None, Some(expected), None]);
    }

    #[test]
    fn a_record_that_ends_early_is_none() {
        let bytes = record(0, 0, b"/bin/sh", b"/bin/dash", b"sh\0");
        for length in 0..bytes.len() {
            assert_eq!(Record::parse(&bytes[..length]), None, "{length} bytes");
        }
        assert!(Record::parse(&bytes).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
            if let Some(record) = Record::parse(&bytes) {
                let parts = record.filename.len() + record.arguments.len();
                prop_assert!(size_of::<Header>() + parts <= bytes.len());
                prop_assert!(record.argument_bytes as usize >= record.arguments.len());
            }
        }
    }
}
