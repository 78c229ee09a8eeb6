//! What a process does beside executing: opening a file, connecting, tracing another process.
//!
//! An act is told in the terms of an [`Execution`], so that everything behind it (features, rows, scores, approval,
//! export) is the same for both: `arguments[0]` is the program's directory, `arguments[1]` the object (a path, an
//! address and port, another program's name; empty where there is none), and the flags behind it say in which manner it
//! was done (`read`, `write`, `create`, `tcp`). [`Execution::kind`] keeps the two apart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    Arguments, CUT, Execution, MAX_ARGUMENT_BYTES,
    context::AddressClass,
    execution::{MAX_CUT_BYTES, cut_bytes, name},
    scrub::Scrubber,
};

/// What stands for the last part of an object where all of them count as one.
pub const ANY: &str = "*";

/// From which port on a port says nothing: above, the kernel chooses them (Linux begins at 32768).
const EPHEMERAL: u16 = 32_768;

/// Directories of a path that tell where an object is.
const DEPTH: usize = 3;

/// What kind of act it is. Each kind of a workload has its own baseline.
///
/// The discriminants are stored: never renumber them, add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// A successful exec.
    #[default]
    Exec = 0,
    /// Opening a file: the object is its path.
    Open = 1,
    /// Connecting: the object is where to, `203.0.113.7:443` or the path of a local socket.
    Connect = 2,
    /// Taking a connection: the object is from where and to which port of ours.
    Accept = 3,
    /// Duplicating a descriptor: the object is what it stands for.
    Dup = 4,
    /// Tracing: the object is the other program's name.
    Ptrace = 5,
    /// Linking, renaming, removing and making directories: the object is what a link leads to, the new name, or what is
    /// removed or made.
    Link = 6,
    /// Changing a file's mode: the object is its path.
    Chmod = 7,
    /// Making a socket: no object, its family and type are the manner.
    Socket = 8,
    /// Becoming another user: the object is which.
    Setuid = 9,
    /// Mounting: the object is the directory.
    Mount = 10,
    /// Loading a kernel module: the object is its file, where it has one.
    Module = 11,
    /// Sending a signal: the object is the other program's name.
    Signal = 12,
    /// Anything else: no object, the event's name is the manner.
    Other = 13,
}

impl Kind {
    /// Every kind, in the order of the discriminants.
    pub const ALL: [Self; 14] = [
        Self::Exec,
        Self::Open,
        Self::Connect,
        Self::Accept,
        Self::Dup,
        Self::Ptrace,
        Self::Link,
        Self::Chmod,
        Self::Socket,
        Self::Setuid,
        Self::Mount,
        Self::Module,
        Self::Signal,
        Self::Other,
    ];

    /// The kind in one word of small letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Open => "open",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Dup => "dup",
            Self::Ptrace => "ptrace",
            Self::Link => "link",
            Self::Chmod => "chmod",
            Self::Socket => "socket",
            Self::Setuid => "setuid",
            Self::Mount => "mount",
            Self::Module => "module",
            Self::Signal => "signal",
            Self::Other => "other",
        }
    }

    /// The kind that a word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it is anything but an execution.
    pub const fn is_act(self) -> bool {
        !matches!(self, Self::Exec)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(crate) const fn is_exec(&self) -> bool {
        !self.is_act()
    }

    /// What the object of such an act is.
    const fn object(self) -> ObjectIs {
        match self {
            Self::Exec | Self::Other | Self::Socket | Self::Dup | Self::Setuid => ObjectIs::Word,
            Self::Open | Self::Link | Self::Chmod | Self::Mount | Self::Module => ObjectIs::Path,
            Self::Connect | Self::Accept => ObjectIs::Address,
            Self::Ptrace | Self::Signal => ObjectIs::Program,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ObjectIs {
    Word,
    Path,
    Address,
    Program,
}

/// One act as an event tells it: bytes of any kind and any length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Act<'a> {
    /// What kind; not [`Kind::Exec`].
    pub kind: Kind,
    /// The program's `comm`.
    pub name: &'a [u8],
    /// Its parent's `comm`.
    pub parent: &'a [u8],
    /// Effective user id in the initial user namespace.
    pub uid: u32,
    /// The path of the program's executable; empty where not known.
    pub executable: &'a [u8],
    /// The object; empty where there is none. A path is absolute where that can be told ([`resolve`]).
    pub object: &'a [u8],
    /// In which manner, in words, always in the same order.
    pub flags: &'a [&'a str],
}

impl Act<'_> {
    /// The act in the terms of an execution: bounded text without secrets.
    pub fn execution(&self, scrubber: &Scrubber) -> Execution {
        let directory = self.executable.iter().rposition(|&byte| byte == b'/');
        let directory = &self.executable[..directory.map_or(0, |slash| slash.max(1))];
        let object = String::from_utf8_lossy(cut_bytes(self.object, MAX_ARGUMENT_BYTES));
        let directory = String::from_utf8_lossy(cut_bytes(directory, MAX_CUT_BYTES / 4));
        // A path longer than any that the kernel takes leaves no room for the flags, which must not depend on it.
        let room = MAX_CUT_BYTES / 2;
        let object = if object.len() > room {
            format!("{}{CUT}", &object[..object.floor_char_boundary(room)]).into()
        } else {
            object
        };
        let arguments = [&*directory, &*object].into_iter().chain(self.flags.iter().copied());
        Execution {
            kind: self.kind,
            name: name(self.name),
            parent: name(self.parent),
            grandparent: String::new(),
            uid: self.uid,
            arguments: scrubber.arguments(arguments.collect::<Arguments>()),
        }
    }
}

/// A path as the kernel would walk it, by its words alone: relative ones from `directory`, without `.` and `..`. At most
/// [`MAX_ARGUMENT_BYTES`] of either count. Written into `resolved`, whatever that held before.
pub fn resolve(directory: &[u8], path: &[u8], resolved: &mut Vec<u8>) {
    resolved.clear();
    let parts = if path.starts_with(b"/") { [&[][..], path] } else { [directory, path] };
    let is_absolute = parts.iter().any(|part| part.starts_with(b"/"));
    for component in
        parts.iter().flat_map(|part| cut_bytes(part, MAX_ARGUMENT_BYTES).split(|&byte| byte == b'/'))
    {
        match component {
            b"" | b"." => {}
            b".." => {
                let end = resolved.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                resolved.truncate(end);
            }
            name => {
                if is_absolute || !resolved.is_empty() {
                    resolved.push(b'/');
                }
                resolved.extend_from_slice(name);
            }
        }
    }
    if resolved.is_empty() && is_absolute {
        resolved.push(b'/');
    }
}

/// An address and port as the object of [`Kind::Connect`] and [`Kind::Accept`].
pub fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address.to_canonical(), port).to_string()
}

impl Execution {
    /// An act's object; empty where there is none, and of an execution.
    pub fn object(&self) -> &str {
        if self.kind.is_act() { self.arguments.iter().nth(1).unwrap_or_default() } else { "" }
    }

    /// In which manner an act was done; nothing of an execution.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        let from = if self.kind.is_act() { 2 } else { usize::MAX };
        self.arguments.iter().skip(from)
    }
}

/// The keys that say in JSON what was done: `args` of an execution; `kind`, `object` and `flags` of another act.
#[derive(Debug, Clone, Serialize)]
pub struct Keys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a Arguments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<Vec<&'a str>>,
}

impl<'a> From<&'a Execution> for Keys<'a> {
    fn from(execution: &'a Execution) -> Self {
        let act = execution.kind.is_act().then_some(execution);
        Self {
            args: act.is_none().then_some(&execution.arguments),
            kind: act.map(|act| act.kind),
            object: act.map(Execution::object),
            flags: act.map(|act| act.flags().collect()),
        }
    }
}

/// An act's object, taken apart: where it is, and what of it may be one among many there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object<'a> {
    /// Where: the first directories of a path, class and port of an address, nothing for a program.
    pub(crate) place: Place<'a>,
    /// What there: empty where the place says all.
    pub(crate) leaf: &'a str,
    /// Whether it is a path, whose parts say something.
    pub(crate) is_path: bool,
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Text whose shape counts.
    Text(&'a str),
    /// The class of an address, the network of a private one, the port where it is none that the kernel chose.
    Network { class: AddressClass, network: Option<IpAddr>, port: Option<u16> },
}

impl<'a> Object<'a> {
    pub(crate) fn of(kind: Kind, object: &'a str) -> Self {
        match kind.object() {
            ObjectIs::Word => Self { place: Place::Text(object), leaf: "", is_path: false },
            ObjectIs::Program => {
                let leaf = if object == ANY { "" } else { object };
                Self { place: Place::Text(""), leaf, is_path: false }
            }
            ObjectIs::Address => match object.parse::<std::net::SocketAddr>() {
                Ok(address) => Self::of_address(address.ip(), address.port(), object),
                Err(_) => Self::of_path(object),
            },
            ObjectIs::Path => Self::of_path(object),
        }
    }

    fn of_path(path: &'a str) -> Self {
        let (directory, leaf) = path.rsplit_once('/').unwrap_or(("", path));
        let end = directory.match_indices('/').nth(DEPTH).map_or(directory.len(), |(slash, _)| slash);
        // The whole rest is what may be one among many: a file, or a file in a folder of its own.
        let rest = if end < directory.len() { &path[end + 1..] } else { leaf };
        Self {
            place: Place::Text(&directory[..end]),
            leaf: if rest == ANY { "" } else { rest },
            is_path: true,
        }
    }

    fn of_address(address: IpAddr, port: u16, whole: &'a str) -> Self {
        let class = AddressClass::of(address);
        // A public address is nobody's for long. Pods, services and nodes have networks of their own, and those stay.
        let network = (class == AddressClass::Private).then(|| network_of(address));
        let leaf = if network.is_some_and(|network| network != address) { whole } else { "" };
        Self {
            place: Place::Network { class, network, port: (port < EPHEMERAL).then_some(port) },
            leaf,
            is_path: false,
        }
    }
}

/// The first 16 bits of an IPv4 address, the first 48 of an IPv6 address.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            [a, b, 0, 0].into()
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            [a, b, c, 0, 0, 0, 0, 0].into()
        }
    }
}

/// The same act with any object in the same place: [`ANY`] for a file's name, the network for a private address. Where
/// an object has nothing to leave out, it stays.
pub fn anything_there(act: &Execution) -> Execution {
    let object = act.arguments.iter().nth(1).unwrap_or_default();
    let there = match Object::of(act.kind, object) {
        Object { leaf: "", .. } => return act.clone(),
        Object { place: Place::Network { network: Some(network), .. }, .. } => {
            let port = object.rsplit_once(':').map_or("", |(_, port)| port);
            match network {
                IpAddr::V4(v4) => format!("{v4}:{port}"),
                IpAddr::V6(v6) => format!("[{v6}]:{port}"),
            }
        }
        Object { leaf, .. } => format!("{}{ANY}", &object[..object.len() - leaf.len()]),
    };
    let arguments = act
        .arguments
        .iter()
        .enumerate()
        .map(|(position, argument)| if position == 1 { &there } else { argument });
    Execution { arguments: arguments.collect(), ..act.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(directory: &str, path: &str) -> String {
        let mut resolved = b"before".to_vec();
        resolve(directory.as_bytes(), path.as_bytes(), &mut resolved);
        String::from_utf8(resolved).expect("text")
    }

    #[test]
    fn paths_are_walked_by_their_words() {
        for (directory, path, expected) in [
            ("/srv", "/etc/passwd", "/etc/passwd"),
            ("/srv/", "a/./b//c", "/srv/a/b/c"),
            ("/srv/www", "../../etc/./shadow", "/etc/shadow"),
            ("/", "../../..", "/"),
            ("", "a/../b", "b"),
            ("", "../x", "x"),
            ("/srv", "", "/srv"),
            ("", "", ""),
        ] {
            assert_eq!(resolved(directory, path), expected, "{directory} {path}");
        }
        assert!(resolved("/srv", &"x/".repeat(10_000)).len() <= 2 * MAX_ARGUMENT_BYTES);
    }

    fn act(kind: Kind, object: &str) -> Execution {
        let act = Act { kind, name: b"nginx", executable: b"/usr/sbin/nginx", ..Act::default() };
        Act { object: object.as_bytes(), flags: &["read"], ..act }.execution(&Scrubber::default())
    }

    #[test]
    fn an_act_is_told_as_an_execution() {
        let opened = act(Kind::Open, "/etc/passwd");
        assert_eq!(opened.arguments.iter().collect::<Vec<_>>(), ["/usr/sbin", "/etc/passwd", "read"]);
        assert_eq!(opened.command_line(), "open /etc/passwd read");
        let long = act(Kind::Open, &"/x".repeat(5_000));
        assert_eq!(long.arguments.len(), 3, "the manner stays");
        assert!(long.arguments.iter().nth(1).is_some_and(|object| object.ends_with(CUT)));
        assert_eq!(act(Kind::Open, "/srv/a\0b").arguments.len(), 3);
    }

    #[test]
    fn what_is_there_is_one_among_many() {
        for (kind, object, expected) in [
            (Kind::Open, "/etc/passwd", "/etc/*"),
            (Kind::Open, "/var/lib/postgresql/13/main/base/5", "/var/lib/postgresql/*"),
            (Kind::Open, "/x", "/*"),
            (Kind::Open, "/etc/*", "/etc/*"),
            (Kind::Connect, "10.244.3.7:443", "10.244.0.0:443"),
            (Kind::Connect, "10.244.0.0:443", "10.244.0.0:443"),
            (Kind::Connect, "[fd00:1:2:3::7]:443", "[fd00:1:2::]:443"),
            (Kind::Connect, "203.0.113.7:443", "203.0.113.7:443"),
            (Kind::Connect, "/run/docker.sock", "/run/*"),
            (Kind::Ptrace, "sshd", "*"),
            (Kind::Other, "", ""),
        ] {
            let any = anything_there(&act(kind, object));
            assert_eq!(any.arguments.iter().nth(1), Some(expected), "{object}");
            assert_eq!(anything_there(&any), any, "once is enough");
        }
    }

    #[test]
    fn every_kind_has_its_word() {
        for (kind, discriminant) in Kind::ALL.into_iter().zip(0..) {
            assert_eq!((kind as u8, Kind::named(kind.as_str())), (discriminant, Some(kind)));
        }
        assert_eq!(Kind::named("fork"), None);
    }
}
