//! The sockets that a program inherits as descriptors 0-2.
//!
//! The kernel names a socket's protocol in an extended attribute of the descriptor itself, so the tables of
//! connections, long on a busy host, are read for internet sockets alone.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anomaly_vectorizer::context::{InheritedSocket, SocketFamily};
use rustix::{
    fs::{Mode, OFlags, getxattr, openat},
    io::Errno,
};

use super::Process;

/// How much of one table of connections is read: about half a million sockets.
const MAX_TABLE: u64 = 64 * 1024 * 1024;

/// The sockets among descriptors 0-2; `None` where they may not be seen.
pub(super) fn inherited(process: &Process) -> Option<Vec<InheritedSocket>> {
    let mut sockets = Vec::new();
    for fd in 0..3 {
        let link = match process.link(&format!("fd/{fd}")) {
            Ok(link) => link,
            // Not open: no socket.
            Err(Errno::NOENT) => continue,
            Err(_) => return None,
        };
        if let Some(inode) = inode(&link) {
            sockets.push(describe(process, fd, inode));
        }
    }
    Some(sockets)
}

/// The inode in `socket:[INODE]`.
fn inode(link: &[u8]) -> Option<u64> {
    let inode = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inode).ok()?.parse().ok()
}

fn describe(process: &Process, fd: u8, inode: u64) -> InheritedSocket {
    let mut name = [0; 32];
    let path = process.path.join(format!("fd/{fd}"));
    let length = getxattr(&path, c"system.sockprotoname", &mut name[..]).unwrap_or(0);
    let (family, protocol) = protocol(&name[..length]);
    let table = match (family, protocol) {
        (SocketFamily::Inet, 6) => Some("net/tcp"),
        (SocketFamily::Inet6, 6) => Some("net/tcp6"),
        (SocketFamily::Inet, 17) => Some("net/udp"),
        (SocketFamily::Inet6, 17) => Some("net/udp6"),
        _ => None,
    };
    let (local, remote) = table.and_then(|table| addresses(process, table, inode)).unwrap_or_default();
    InheritedSocket { fd, family, protocol, local, remote }
}

/// Family and IP protocol from the kernel's name of a protocol (`struct proto.name`).
fn protocol(name: &[u8]) -> (SocketFamily, u16) {
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    match name {
        b"TCP" | b"MPTCP" => (SocketFamily::Inet, 6),
        b"TCPv6" | b"MPTCPv6" => (SocketFamily::Inet6, 6),
        b"UDP" => (SocketFamily::Inet, 17),
        b"UDPv6" => (SocketFamily::Inet6, 17),
        b"UDP-Lite" => (SocketFamily::Inet, 136),
        b"UDPLITEv6" => (SocketFamily::Inet6, 136),
        b"SCTP" => (SocketFamily::Inet, 132),
        b"SCTPv6" => (SocketFamily::Inet6, 132),
        b"RAW" | b"PING" => (SocketFamily::Inet, 0),
        b"RAWv6" | b"PINGv6" => (SocketFamily::Inet6, 0),
        _ if name.starts_with(b"UNIX") => (SocketFamily::Unix, 0),
        _ => (SocketFamily::Other, 0),
    }
}

/// Local and remote address of the socket `inode`, from a table as the process's own network namespace shows it.
fn addresses(process: &Process, table: &str, inode: u64) -> Option<(Option<SocketAddr>, Option<SocketAddr>)> {
    let file = openat(&process.directory, table, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    search(BufReader::with_capacity(64 * 1024, std::io::Read::take(File::from(file), MAX_TABLE)), inode)
}

fn search(mut table: impl BufRead, inode: u64) -> Option<(Option<SocketAddr>, Option<SocketAddr>)> {
    let inode = inode.to_string();
    let mut line = String::new();
    loop {
        line.clear();
        if table.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut fields = line.split_ascii_whitespace();
        let (local, remote) = (fields.nth(1), fields.next());
        if fields.nth(6) == Some(&inode) {
            return Some((local.and_then(address), remote.and_then(address)));
        }
    }
}

/// `0100007F:1F90`: words of the address in this machine's byte order, the port as a number. Port 0 is no address.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|&port| port != 0)?;
    let word = |index: usize| {
        let word = address.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (index, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream, UdpSocket},
        os::unix::net::UnixStream,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::{HostRoot, proc::ProcFs};

    /// What `inherited` says of a child whose standard input is `stdin`.
    fn of_child(stdin: Stdio) -> Vec<InheritedSocket> {
        let mut child = Command::new("sleep").arg("30").stdin(stdin).spawn().expect("sleep starts");
        let proc = ProcFs::open(&HostRoot::default()).expect("/proc is mounted");
        let found = inherited(&proc.process(child.id()).expect("the child lives"));
        child.kill().and_then(|()| child.wait().map(drop)).expect("the child ends");
        found.expect("one's own child may be seen").into_iter().filter(|socket| socket.fd == 0).collect()
    }

    fn owned(socket: impl Into<std::os::fd::OwnedFd>) -> Stdio {
        Stdio::from(socket.into())
    }

    #[test]
    fn a_connection_on_standard_input_is_found_with_its_addresses() {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(listen) else {
                crate::testing::skipped(format!("{listen} cannot be bound"));
                continue;
            };
            let address = listener.local_addr().expect("bound");
            let client = TcpStream::connect(address).expect("connects");
            let local = client.local_addr().expect("connected");
            let family = if address.is_ipv4() { SocketFamily::Inet } else { SocketFamily::Inet6 };
            let expected =
                InheritedSocket { fd: 0, family, protocol: 6, local: Some(local), remote: Some(address) };
            assert_eq!(of_child(owned(client)), [expected]);
        }
    }

    #[test]
    fn other_sockets_are_told_apart_and_files_are_none() {
        let (near, _far) = UnixStream::pair().expect("a pair");
        let unix = of_child(owned(near));
        assert_eq!(unix.iter().map(|socket| socket.family).collect::<Vec<_>>(), [SocketFamily::Unix]);
        let udp = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let local = udp.local_addr().ok();
        let unconnected =
            InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 17, local, remote: None };
        assert_eq!(of_child(owned(udp)), [unconnected]);
        assert_eq!(of_child(Stdio::null()), []);
    }

    #[test]
    fn garbage_in_a_table_is_passed_over() {
        let table = "  sl  local\n\n 0: xyz 12\n 1: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n";
        let found = search(table.as_bytes(), 77).expect("in the table");
        #[cfg(target_endian = "little")]
        assert_eq!(found, (Some("127.0.0.1:8080".parse().expect("an address")), None));
        assert_eq!(search(table.as_bytes(), 78), None);
        for text in ["", ":", "0100007F", "0100007F:", "01:0050", "0100007\u{e9}:0050", "zzzzzzzz:0050"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
