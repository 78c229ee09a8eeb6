//! Which of a process's descriptors 0-2 are sockets, from Falco's table of descriptors.

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};

use anomaly_vectorizer::MAX_ARGUMENT_BYTES;
use anomaly_vectorizer::context::{InheritedSocket, SocketFamily};
use falco_plugin::tables::import::{Field, RuntimeEntry, Table};
use falco_plugin::tables::{TableReader, TablesInput};

use super::threads::{Entry, ThreadTable};

#[derive(Debug)]
pub(crate) struct Tag;

type Descriptor = RuntimeEntry<Tag>;
type Descriptors = Table<i64, Descriptor>;

/// `scap_fd_type`.
mod kind {
    pub(super) const FILE: u8 = 1;
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const PIPE: u8 = 7;
    pub(super) const FILE2: u8 = 16;
    pub(super) const MEMFD: u8 = 20;
    pub(super) const IPV4: u8 = 3;
    pub(super) const IPV6: u8 = 4;
    pub(super) const IPV4_SERVER: u8 = 5;
    pub(super) const IPV6_SERVER: u8 = 6;
    pub(super) const UNIX: u8 = 8;
    pub(super) const NETLINK: u8 = 15;
}

/// `scap_l4_proto`.
const TCP: u8 = 2;
const UDP: u8 = 3;

/// `sinsp_fdinfo::FLAGS_ROLE_SERVER`: the connection was accepted.
const ACCEPTED: u32 = 1 << 3;

/// The columns.
pub(super) struct Columns {
    descriptors: Field<Descriptors, Entry>,
    kind: Field<u8, Descriptor>,
    name: Field<CStr, Descriptor>,
    flags: Option<Field<u32, Descriptor>>,
    /// The protocols of an IPv4 and of an IPv6 connection.
    protocols: [Option<Field<u8, Descriptor>>; 2],
}

/// What a descriptor stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// In a word: `file`, `connection`, `pipe`.
    pub(crate) sort: &'static str,
    /// The path of a file or directory; empty for anything else.
    pub(crate) path: Vec<u8>,
    /// The far end of a connection, and the port that its server has.
    pub(crate) far_end: Option<SocketAddr>,
    /// `tcp` or `udp`; empty where it is neither or not known.
    pub(crate) protocol: &'static str,
}

impl Columns {
    pub(super) fn find(threads: &ThreadTable, tables: &TablesInput<'_>) -> Option<Self> {
        let columns = |table: &Table<(), Descriptor>| {
            let kind = table.get_field(tables, c"type")?;
            let name = table.get_field(tables, c"name")?;
            let protocols = [c"socket_ipv4_l4_proto", c"socket_ipv6_l4_proto"]
                .map(|name| table.get_field(tables, name).ok());
            Ok((kind, name, table.get_field(tables, c"flags").ok(), protocols))
        };
        let (descriptors, (kind, name, flags, protocols)) = threads
            .get_table_field::<i64, Descriptors, Descriptor, _, _>(tables, c"file_descriptors", columns)
            .ok()?;
        Some(Self { descriptors, kind, name, flags, protocols })
    }

    /// What a descriptor stands for; `None` where Falco does not know it.
    pub(super) fn descriptor(&self, reader: &impl TableReader, thread: &Entry, fd: i64) -> Option<Standing> {
        let descriptors = thread.read_field(reader, &self.descriptors).ok()?;
        let descriptor = descriptors.get_entry(reader, &fd).ok()?;
        let kind = descriptor.read_field(reader, &self.kind).ok()?;
        let name = descriptor.read_field(reader, &self.name).map(CStr::to_bytes).unwrap_or_default();
        let name = name[..name.len().min(MAX_ARGUMENT_BYTES)].to_vec();
        let flags = self.flags.as_ref().and_then(|flags| descriptor.read_field(reader, flags).ok());
        let protocol = |field: &Option<Field<u8, Descriptor>>| {
            field.as_ref().and_then(|field| descriptor.read_field(reader, field).ok())
        };
        let protocol = match kind {
            kind::IPV4 | kind::IPV4_SERVER => protocol(&self.protocols[0]),
            kind::IPV6 | kind::IPV6_SERVER => protocol(&self.protocols[1]),
            _ => None,
        };
        Some(standing(kind, name, flags.is_some_and(|flags| flags & ACCEPTED != 0), protocol))
    }

    /// The sockets among descriptors 0-2; `None` where Falco knows none of the three.
    pub(super) fn sockets(&self, reader: &impl TableReader, thread: &Entry) -> Option<Vec<InheritedSocket>> {
        let descriptors = thread.read_field(reader, &self.descriptors).ok()?;
        let (mut sockets, mut known) = (Vec::new(), false);
        for fd in 0..3_u8 {
            let Ok(descriptor) = descriptors.get_entry(reader, &i64::from(fd)) else { continue };
            known = true;
            let kind = descriptor.read_field(reader, &self.kind).unwrap_or_default();
            let flags = self.flags.as_ref().and_then(|flags| descriptor.read_field(reader, flags).ok());
            let name = descriptor.read_field(reader, &self.name).map(CStr::to_bytes).unwrap_or_default();
            sockets.extend(socket(fd, kind, name, flags.is_some_and(|flags| flags & ACCEPTED != 0)));
        }
        known.then_some(sockets)
    }
}

/// What a descriptor of this kind and name stands for.
fn standing(kind: u8, name: Vec<u8>, accepted: bool, protocol: Option<u8>) -> Standing {
    let sort = match kind {
        kind::FILE | kind::FILE2 | kind::MEMFD => "file",
        kind::DIRECTORY => "directory",
        kind::IPV4 | kind::IPV6 => "connection",
        kind::IPV4_SERVER | kind::IPV6_SERVER => "listening socket",
        kind::PIPE => "pipe",
        kind::UNIX => "local socket",
        kind::NETLINK => "netlink socket",
        _ => "other",
    };
    let far_end = matches!(kind, kind::IPV4 | kind::IPV6)
        .then(|| std::str::from_utf8(&name).ok()?.split_once("->"))
        .flatten()
        .and_then(|(client, server)| {
            let (client, server) = (address(client)?, address(server)?);
            let ip = if accepted { client.ip() } else { server.ip() };
            Some(SocketAddr::new(ip, server.port()))
        });
    Standing {
        sort,
        path: if matches!(sort, "file" | "directory") { name } else { Vec::new() },
        far_end,
        protocol: match protocol {
            Some(TCP) => "tcp",
            Some(UDP) => "udp",
            _ => "",
        },
    }
}

/// The socket that a descriptor of this kind and name is.
fn socket(fd: u8, kind: u8, name: &[u8], accepted: bool) -> Option<InheritedSocket> {
    let family = match kind {
        kind::IPV4 | kind::IPV4_SERVER => SocketFamily::Inet,
        kind::IPV6 | kind::IPV6_SERVER => SocketFamily::Inet6,
        kind::UNIX => SocketFamily::Unix,
        kind::NETLINK => SocketFamily::Other,
        _ => return None,
    };
    // Falco names a connection by who made it: `CLIENT->SERVER`.
    let ends = std::str::from_utf8(name).ok().and_then(|name| name.split_once("->"));
    let (local, remote) = match ends.filter(|_| matches!(kind, kind::IPV4 | kind::IPV6)) {
        Some((client, server)) if accepted => (address(server), address(client)),
        Some((client, server)) => (address(client), address(server)),
        None => (None, None),
    };
    Some(InheritedSocket { fd, family, protocol: 0, local, remote })
}

/// `10.1.2.3:80`, `fd00::1:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(address, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(kind: u8, name: &str, accepted: bool) -> Option<String> {
        socket(0, kind, name.as_bytes(), accepted)?.remote.map(|remote| remote.to_string())
    }

    #[test]
    fn the_far_end_is_the_other_ones() {
        let name = "10.0.0.5:41000->203.0.113.9:4444";
        assert_eq!(remote(kind::IPV4, name, false).as_deref(), Some("203.0.113.9:4444"));
        assert_eq!(remote(kind::IPV4, name, true).as_deref(), Some("10.0.0.5:41000"));
        assert_eq!(
            remote(kind::IPV6, "fd00::5:41000->2001:db8::9:443", false).as_deref(),
            Some("[2001:db8::9]:443")
        );
    }

    #[test]
    fn what_is_no_connection_has_no_far_end() {
        for (kind, name) in [
            (kind::IPV4_SERVER, "0.0.0.0:80"),
            (kind::UNIX, "ffff->ffff /run/x"),
            (kind::IPV4, "?"),
            (kind::IPV4, "a:1->b:2"),
        ] {
            let socket = socket(1, kind, name.as_bytes(), false).expect("a socket all the same");
            assert_eq!((socket.fd, socket.local, socket.remote), (1, None, None), "{name}");
        }
        assert_eq!(socket(0, 1, b"/dev/null", false), None, "a file");
    }
}
