//! What an event other than an execution tells of what a process did.
//!
//! Only exits are read: what was tried is known there, and whether it came to be. Parameters keep their places from one
//! Falco to the next and new ones are appended; what an older one does not tell is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anomaly_vectorizer::Kind;
use falco_plugin::event::events::RawEvent;

use super::{number32, number64, parameters, text};

/// `PPM_AT_FDCWD`: the working directory in the place of a descriptor.
const WORKING_DIRECTORY: i64 = -100;

/// `-EINPROGRESS`: a connection that is being made.
const IN_PROGRESS: i64 = -115;

/// The longest word of a manner that comes from an event, in bytes.
const MAX_WORD: usize = 32;

/// What was done, before it is looked up to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done<'a> {
    pub(crate) kind: Kind,
    pub(crate) object: To<'a>,
    pub(crate) manner: Manner<'a>,
}

/// To what an event says that it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To<'a> {
    /// Nothing that the event tells.
    Nothing,
    /// A path, from the working directory or from that of a descriptor.
    Path { from: Option<i64>, path: &'a [u8] },
    /// What a descriptor stands for, by its path.
    Descriptor(i64),
    /// What a descriptor stands for, by what it is.
    Sort(i64),
    /// An address and port; the descriptor tells the protocol.
    Endpoint(SocketAddr, i64),
    /// The other end of a connection, which only its descriptor tells.
    FarEnd(i64),
    /// Another process.
    Process(i64),
    /// A user.
    User(u32),
}

/// In which manner, at most eight words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Manner<'a> {
    words: [&'a str; 8],
    len: usize,
}

impl<'a> Manner<'a> {
    pub(crate) fn push(&mut self, word: &'a str) {
        if let Some(slot) = self.words.get_mut(self.len).filter(|_| !word.is_empty()) {
            *slot = word;
            self.len += 1;
        }
    }

    pub(crate) fn words(&self) -> &[&'a str] {
        &self.words[..self.len]
    }

    fn of(words: &[&'a str]) -> Self {
        let mut manner = Self::default();
        words.iter().for_each(|word| manner.push(word));
        manner
    }

    fn with(mut self, word: &'a str, condition: bool) -> Self {
        if condition {
            self.push(word);
        }
        self
    }
}

impl<'a> Done<'a> {
    /// What the event tells; `None` for an execution, for what a plugin injected and for the beginning of a system call.
    pub(crate) fn read(event: &RawEvent<'a>) -> Option<Self> {
        let all: [&'a [u8]; 6] = parameters(event);
        let number = |position: usize| number64(all[position]);
        let flags = |position: usize| number32(all[position]).unwrap_or(0);
        let path = |position: usize| To::Path { from: None, path: text(all[position]) };
        let path_from = |descriptor: usize, position: usize| To::Path {
            from: number(descriptor).filter(|&from| from != WORKING_DIRECTORY),
            path: text(all[position]),
        };
        let act = |kind, object, manner: &[&'a str]| Self { kind, object, manner: Manner::of(manner) };
        let result = number(0);
        let failed = result.is_some_and(|result| result < 0 && result != IN_PROGRESS);
        let mut done = match event.event_type {
            3 => opened(path(1), flags(2)),
            307 | 327 => opened(path_from(1, 2), flags(3)),
            337 => opened(path(3), flags(2)),
            59 => opened(path(1), CREATE | WRITE | TRUNCATE),
            23 => connection(Kind::Connect, all[1], number(2)),
            31 | 49 => connection(Kind::Connect, all[4], number(2)),
            27 | 57 | 247 | 249 | 389 => connection(Kind::Accept, all[1], result),
            125 | 363 | 365 | 367 => {
                let old = number(1).or(result).unwrap_or(-1);
                let onto_standard = result.is_some_and(|new| (0..3).contains(&new));
                let manner = Manner::default().with("onto 0-2", onto_standard);
                Self { kind: Kind::Dup, object: To::Sort(old), manner }
            }
            169 => {
                let request = all[3].try_into().ok().map(u16::from_ne_bytes);
                let target = number(4).map_or(To::Nothing, To::Process);
                let word = request.map_or("", tracing);
                act(Kind::Ptrace, if word == "traceme" { To::Nothing } else { target }, &[word])
            }
            301 => act(Kind::Link, path(1), &["remove"]),
            303 => act(Kind::Link, path_from(1, 2), &["remove"]),
            279 => act(Kind::Link, path(1), &["remove directory"]),
            277 => act(Kind::Link, path(1), &["make directory"]),
            305 => act(Kind::Link, path_from(1, 2), &["make directory"]),
            175 => act(Kind::Link, path(2), &["rename"]),
            177 | 319 => act(Kind::Link, path_from(3, 4), &["rename"]),
            179 | 181 => act(Kind::Link, path(1), &["symlink"]),
            309 => act(Kind::Link, path(1), &["link"]),
            311 => act(Kind::Link, path_from(1, 2), &["link"]),
            315 => changed_mode(path(1), flags(2)),
            313 => changed_mode(path_from(1, 2), flags(3)),
            317 => changed_mode(number(1).map_or(To::Nothing, To::Descriptor), flags(2)),
            379 => act(Kind::Chmod, path(1), &["owner"]),
            385 => act(Kind::Chmod, path_from(1, 2), &["owner"]),
            19 => act(Kind::Socket, To::Nothing, &[domain(flags(1)), sort_of_socket(flags(2))]),
            199 => act(Kind::Setuid, number32(all[1]).map_or(To::Nothing, To::User), &[]),
            193 => act(Kind::Setuid, number32(all[2]).map_or(To::Nothing, To::User), &["all three"]),
            257 => act(Kind::Mount, path(2), &["mount", word(all[3])]),
            259 | 387 | 391 => act(Kind::Mount, path(1), &["unmount"]),
            411 => act(Kind::Module, To::Nothing, &["from memory"]),
            413 => act(Kind::Module, number(1).map_or(To::Nothing, To::Descriptor), &["from a file"]),
            129 | 131 => act(Kind::Signal, number(1).map_or(To::Nothing, To::Process), &[signal(all[2])]),
            133 => act(Kind::Signal, number(1).map_or(To::Nothing, To::Process), &[signal(all[3])]),
            super::kind::EXECVE | super::kind::EXECVEAT | super::kind::ASYNC => return None,
            // Even numbers begin a system call, odd ones end it.
            other if other % 2 == 0 => return None,
            other => act(Kind::Other, To::Nothing, &[name_of(other)]),
        };
        if failed {
            done.manner.push("failed");
        }
        Some(done)
    }
}

const READ: u32 = 1 << 0;
const WRITE: u32 = 1 << 1;
const CREATE: u32 = 1 << 2;
const TRUNCATE: u32 = 1 << 8;
const UNNAMED: u32 = 1 << 13;

fn opened(object: To<'_>, flags: u32) -> Done<'_> {
    let manner = Manner::default()
        .with("read", flags & READ != 0 || flags & (READ | WRITE) == 0)
        .with("write", flags & WRITE != 0)
        .with("create", flags & (CREATE | UNNAMED) != 0)
        .with("truncate", flags & TRUNCATE != 0);
    Done { kind: Kind::Open, object, manner }
}

fn changed_mode(object: To<'_>, mode: u32) -> Done<'_> {
    let manner = Manner::default()
        .with("setuid", mode & 0o6000 != 0)
        .with("executable", mode & 0o111 != 0)
        .with("writable by all", mode & 0o002 != 0);
    Done { kind: Kind::Chmod, object, manner }
}

/// A connection's far end. Made by us it is the second of the two ends, taken by us the first; the port that counts is
/// always the server's.
fn connection(kind: Kind, tuple: &[u8], descriptor: Option<i64>) -> Done<'_> {
    let descriptor = descriptor.unwrap_or(-1);
    let object = match tuple.split_first() {
        Some((1, rest)) => To::Path { from: None, path: text(rest.get(16..).unwrap_or_default()) },
        Some((family @ (2 | 10), rest)) => {
            let width = if *family == 2 { 4 } else { 16 };
            let end = |at: usize| {
                let address = rest.get(at..at + width)?;
                let port = rest.get(at + width..at + width + 2)?;
                let address = match <[u8; 4]>::try_from(address) {
                    Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
                    Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)),
                };
                Some(SocketAddr::new(address, u16::from_ne_bytes(port.try_into().ok()?)))
            };
            match (end(0), end(width + 2)) {
                (Some(client), Some(server)) if kind == Kind::Accept => {
                    To::Endpoint(SocketAddr::new(client.ip(), server.port()), descriptor)
                }
                (Some(_), Some(server)) => To::Endpoint(server, descriptor),
                _ => To::FarEnd(descriptor),
            }
        }
        _ => To::FarEnd(descriptor),
    };
    let manner = if matches!(object, To::Path { .. }) { Manner::of(&["unix"]) } else { Manner::default() };
    Done { kind, object, manner }
}

/// `PPM_PTRACE_*`, by what it does to the other.
fn tracing(request: u16) -> &'static str {
    match request {
        1 => "traceme",
        2..=4 | 18 | 26 | 28 => "read memory",
        5..=7 | 19 | 27 | 29 => "write memory",
        11 | 20 => "attach",
        _ => "control",
    }
}

/// `PPM_AF_*`.
fn domain(family: u32) -> &'static str {
    match family {
        1 => "unix",
        2 => "ipv4",
        10 => "ipv6",
        16 => "netlink",
        17 => "packet",
        40 => "vsock",
        38 => "crypto",
        _ => "another family",
    }
}

/// `SOCK_*` without its flags.
fn sort_of_socket(sort: u32) -> &'static str {
    match sort & 0xf {
        1 => "stream",
        2 => "datagram",
        3 => "raw",
        _ => "another type",
    }
}

fn signal(number: &[u8]) -> &'static str {
    match number.first() {
        Some(0) => "probe",
        Some(1) => "hup",
        Some(2) => "int",
        Some(3) => "quit",
        Some(9) => "kill",
        Some(10) => "usr1",
        Some(12) => "usr2",
        Some(15) => "term",
        Some(18) => "cont",
        Some(19) => "stop",
        Some(_) => "another signal",
        None => "",
    }
}

/// What an event without an object is called.
fn name_of(number: u16) -> &'static str {
    match number {
        21 => "bind",
        25 => "listen",
        241 => "setns",
        285 => "unshare",
        297 | 369 => "bpf",
        321 => "userfaultfd",
        405 => "memfd_create",
        409 => "pidfd_open",
        151 => "fcntl",
        _ => "another event",
    }
}

fn word(parameter: &[u8]) -> &str {
    let text = text(parameter);
    std::str::from_utf8(&text[..text.len().min(MAX_WORD)]).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use falco_plugin::event::events::EventMetadata;

    use super::*;

    /// What an event with these parameters tells, in words.
    fn told(event_type: u16, parameters: &[&[u8]]) -> Option<String> {
        let mut payload: Vec<u8> =
            parameters.iter().flat_map(|parameter| (parameter.len() as u16).to_ne_bytes()).collect();
        parameters.iter().for_each(|parameter| payload.extend_from_slice(parameter));
        let metadata = EventMetadata { ts: 1, tid: 2 };
        let len = 26 + payload.len() as u32;
        let nparams = parameters.len() as u32;
        let event = RawEvent { metadata, len, event_type, nparams, payload: &payload };
        let Done { kind, object, manner } = Done::read(&event)?;
        let object = match object {
            To::Nothing => String::new(),
            To::Path { from, path } => format!("{from:?} {}", String::from_utf8_lossy(path)),
            To::Endpoint(address, fd) => format!("{address} by {fd}"),
            other => format!("{other:?}"),
        };
        Some(format!("{kind} [{object}] {}", manner.words().join(",")))
    }

    fn number(n: i64) -> [u8; 8] {
        n.to_ne_bytes()
    }

    fn word(n: u32) -> [u8; 4] {
        n.to_ne_bytes()
    }

    fn tuple(client: [u8; 4], server: [u8; 4]) -> Vec<u8> {
        let port = |port: u16| port.to_ne_bytes();
        [&[2][..], &client, &port(41_000), &server, &port(443)].concat()
    }

    #[test]
    fn opening_says_from_where_and_how() {
        let openat = |result, from, path: &[u8], flags| {
            told(307, &[&number(result), &number(from), path, &word(flags)]).expect("an act")
        };
        assert_eq!(openat(3, -100, b"etc/passwd\0", 1), "open [None etc/passwd] read");
        assert_eq!(openat(3, 7, b"x\0", 2 | 4 | 1 << 8), "open [Some(7) x] write,create,truncate");
        assert_eq!(openat(3, -100, b"x\0", 3), "open [None x] read,write");
        assert_eq!(openat(-13, -100, b"/etc/shadow\0", 1), "open [None /etc/shadow] read,failed");
        assert_eq!(told(59, &[&number(3), b"/x\0"]).as_deref(), Some("open [None /x] write,create,truncate"));
    }

    #[test]
    fn the_far_end_of_a_connection_is_the_other_one_and_the_port_the_servers() {
        let (ours, theirs) = ([10, 0, 0, 9], [203, 0, 113, 7]);
        let connected = told(23, &[&number(0), &tuple(ours, theirs), &number(5)]);
        assert_eq!(connected.as_deref(), Some("connect [203.0.113.7:443 by 5] "));
        let making = told(23, &[&number(-115), &tuple(ours, theirs), &number(5)]);
        assert_eq!(making, connected, "it is being made, which is no failure");
        let accepted = told(247, &[&number(6), &tuple(theirs, ours)]);
        assert_eq!(accepted.as_deref(), Some("accept [203.0.113.7:443 by 6] "));
        let v6 = [&[10][..], &[0; 15], &[1], &80_u16.to_ne_bytes(), &[0; 15], &[2], &81_u16.to_ne_bytes()]
            .concat();
        assert_eq!(told(23, &[&number(0), &v6]).as_deref(), Some("connect [[::2]:81 by -1] "));
        let local = [&[1][..], &[0; 16], b"/run/docker.sock\0"].concat();
        assert_eq!(told(23, &[&number(0), &local]).as_deref(), Some("connect [None /run/docker.sock] unix"));
        for broken in [&[][..], &[2, 1, 2], &[99]] {
            let told = told(23, &[&number(0), broken, &number(5)]);
            assert_eq!(told.as_deref(), Some("connect [FarEnd(5)] "), "only its descriptor tells");
        }
    }

    #[test]
    fn acts_of_every_kind() {
        let zero = number(0);
        for (event_type, parameters, expected) in [
            (363, vec![&number(1)[..], &number(5), &number(1)], "dup [Sort(5)] onto 0-2"),
            (365, vec![&number(9), &number(5), &number(9)], "dup [Sort(5)] "),
            (169, vec![&zero, b"", b"", &11_u16.to_ne_bytes(), &number(77)], "ptrace [Process(77)] attach"),
            (169, vec![&zero, b"", b"", &1_u16.to_ne_bytes(), &zero], "ptrace [] traceme"),
            (169, vec![&zero, b"", b""], "ptrace [] "),
            (181, vec![&zero, b"/etc/shadow\0", &zero, b"x\0"], "link [None /etc/shadow] symlink"),
            (319, vec![&zero, &zero, b"a\0", &number(-100), b"b\0"], "link [None b] rename"),
            (303, vec![&zero, &number(-100), b"/x\0"], "link [None /x] remove"),
            (315, vec![&zero, b"/x\0", &word(0o104_755)], "chmod [None /x] setuid,executable"),
            (19, vec![&number(3), &word(17), &word(3 | 0o2_000_000)], "socket [] packet,raw"),
            (199, vec![&zero, &word(0)], "setuid [User(0)] "),
            (257, vec![&zero, b"/dev/sda\0", b"/mnt\0", b"ext4\0"], "mount [None /mnt] mount,ext4"),
            (413, vec![&number(-1), &number(4)], "module [Descriptor(4)] from a file,failed"),
            (129, vec![&zero, &number(77), &[9]], "signal [Process(77)] kill"),
            (369, vec![&number(4)], "other [] bpf"),
            (9_999, vec![], "other [] another event"),
        ] {
            assert_eq!(told(event_type, &parameters).as_deref(), Some(expected), "{event_type}");
        }
        for none in [22, 306, 293, 331, 402] {
            assert_eq!(told(none, &[&zero]), None, "{none}");
        }
    }

    #[test]
    fn a_manner_takes_so_many_words() {
        let mut manner = Manner::default();
        (0..20).for_each(|_| manner.push("x"));
        manner.push("");
        assert_eq!(manner.words().len(), 8);
    }
}
