//! What surrounds an execution: terminal, login, origin of the executable, sockets on descriptors 0-2.
//!
//! Feeds differ in what they can tell, so none of this may enter the vector or the exact key: it is kept beside the
//! row as a set of values seen. A value that a row has never been seen with makes an execution no repeat; *unknown*
//! matches anything. Values are small classes, never addresses or ids, because those drift.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// What a feed saw around an execution, raw. `None` is *unknown*: the feed cannot tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Surroundings {
    /// Whether the process has a controlling terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    /// The audit login uid; [`UNSET_LOGIN`] where nobody logged in (a service).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// Where the executable comes from: every flag that holds, so an empty list is an ordinary file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe_flags: Option<Vec<ExecutableFlag>>,
    /// The sockets among descriptors 0-2: an empty list where none is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Vec<InheritedSocket>>,
}

/// The kernel's login uid of a process that no login started.
pub const UNSET_LOGIN: u32 = u32::MAX;

/// A property of an executable file that ordinary files do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutableFlag {
    /// It lives in memory alone (`memfd_create`).
    Memfd,
    /// It was changed or added after the container started (overlayfs upper layer).
    UpperLayer,
    /// Its file has been deleted.
    Deleted,
    /// A name that this release does not know; a recording may come from a newer one.
    #[serde(other)]
    Other,
}

/// A socket that a program inherits as one of its descriptors 0-2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InheritedSocket {
    /// 0, 1 or 2.
    pub fd: u8,
    /// The address family.
    pub family: SocketFamily,
    /// IP protocol number (6 TCP, 17 UDP); 0 where the family has none.
    #[serde(default)]
    pub protocol: u16,
    /// Local address and port, for internet families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// Remote address and port, for connected sockets of internet families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
}

/// A socket's address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketFamily {
    /// Local: pipes in both directions, journald, socket activation.
    Unix,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
    /// Any other (netlink, vsock, packet).
    #[serde(other)]
    Other,
}

/// How far away an address is. Addresses drift, their class does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// This machine.
    Loopback,
    /// Private, link-local, unique-local, shared (RFC 6598).
    Private,
    /// Everything else that can be routed.
    Public,
    /// `0.0.0.0`, `::`.
    Any,
}

impl AddressClass {
    /// Classifies an address; an IPv4-mapped IPv6 address is its IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_unspecified() {
            Self::Any
        } else if match address {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                v4.is_private() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
            }
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        } {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// The class as a word, as features and reasons have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
            Self::Any => "any",
        }
    }
}

/// The four things that surround an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Dimension {
    /// A controlling terminal or none.
    Terminal = 0,
    /// Who logged in: nobody, root, a user.
    Login = 1,
    /// Where the executable comes from.
    Origin = 2,
    /// What descriptors 0-2 are.
    Sockets = 3,
}

impl Dimension {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Terminal, Self::Login, Self::Origin, Self::Sockets];
}

/// A value's dimension, bit, weight beside features of weight 1, and words for a reason.
type Value = (Dimension, u32, f32, &'static str);

/// Every value a context can have.
///
/// The bits are stored with every row: never renumber them, add at the end of a dimension.
#[rustfmt::skip]
const VALUES: &[Value] = &[
    (Dimension::Terminal, 1 << 0, 0.5, "no terminal"),
    (Dimension::Terminal, 1 << 1, 0.7, "a terminal"),
    (Dimension::Login,    1 << 0, 0.5, "no login"),
    (Dimension::Login,    1 << 1, 0.7, "a root login"),
    (Dimension::Login,    1 << 2, 0.7, "a user's login"),
    (Dimension::Origin,   1 << 0, 0.5, "an ordinary executable"),
    (Dimension::Origin,   1 << 1, 2.0, "an executable in memory alone"),
    (Dimension::Origin,   1 << 2, 1.2, "an executable added after the container started"),
    (Dimension::Origin,   1 << 3, 1.2, "a deleted executable"),
    (Dimension::Sockets,  1 << 0, 0.5, "no socket on 0-2"),
    (Dimension::Sockets,  1 << 1, 0.7, "a local socket on 0-2"),
    (Dimension::Sockets,  1 << 2, 1.5, "a loopback connection on 0-2"),
    (Dimension::Sockets,  1 << 3, 2.0, "a private connection on 0-2"),
    (Dimension::Sockets,  1 << 4, 2.0, "a public connection on 0-2"),
    (Dimension::Sockets,  1 << 5, 1.5, "an unconnected internet socket on 0-2"),
    (Dimension::Sockets,  1 << 6, 1.0, "another kind of socket on 0-2"),
];

/// The context of one execution: per dimension the set of values that hold; no bit at all is *unknown*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Context([u32; 4]);

/// The values a row has been seen with, per dimension; no bit at all: only ever unknown, which matches anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seen([u32; 4]);

impl Context {
    /// Classifies what a feed saw.
    pub fn of(surroundings: &Surroundings) -> Self {
        let Surroundings { tty, loginuid, exe_flags, sockets } = surroundings;
        let terminal = tty.map_or(0, |tty| if tty { 1 << 1 } else { 1 << 0 });
        let login = loginuid.map_or(0, |uid| match uid {
            UNSET_LOGIN => 1 << 0,
            0 => 1 << 1,
            _ => 1 << 2,
        });
        let origin = exe_flags.as_ref().map_or(0, |flags| {
            let bits = flags.iter().fold(0, |bits, flag| {
                bits | match flag {
                    ExecutableFlag::Memfd => 1 << 1,
                    ExecutableFlag::UpperLayer => 1 << 2,
                    ExecutableFlag::Deleted => 1 << 3,
                    ExecutableFlag::Other => 0,
                }
            });
            if bits == 0 { 1 << 0 } else { bits }
        });
        let sockets = sockets.as_ref().map_or(0, |sockets| {
            let bits = sockets.iter().fold(0, |bits, socket| bits | socket.value());
            if bits == 0 { 1 << 0 } else { bits }
        });
        Self([terminal, login, origin, sockets])
    }

    /// Dimensions about which the feed could not tell.
    pub fn unknown(&self) -> usize {
        self.0.iter().filter(|&&bits| bits == 0).count()
    }

    /// Whether every value that this execution has was seen before, unknown matching anything.
    pub fn is_within(&self, seen: &Seen) -> bool {
        self.0.iter().zip(seen.0).all(|(&bits, seen)| bits == 0 || seen == 0 || bits & !seen == 0)
    }

    /// Squared weights of this context's values against what a row was seen with: `(shared, only here)`.
    ///
    /// A dimension that either side does not know counts for neither.
    pub fn compare(&self, seen: &Seen) -> (f32, f32) {
        let mut shared = 0.0;
        let mut new = 0.0;
        for (dimension, bit, weight, _) in VALUES {
            let index = *dimension as usize;
            if seen.0[index] != 0 && self.0[index] & bit != 0 {
                *(if seen.0[index] & bit != 0 { &mut shared } else { &mut new }) += weight * weight;
            }
        }
        (shared, new)
    }

    /// The values that a row was never seen with, in words.
    pub fn news(&self, seen: &Seen) -> impl Iterator<Item = &'static str> {
        self.new_values(seen).map(|(.., words)| *words)
    }

    /// The greatest weight among the values that a row was never seen with; 0 where there is none.
    pub fn gravest_news(&self, seen: &Seen) -> f32 {
        self.new_values(seen).map(|(_, _, weight, _)| *weight).fold(0.0, f32::max)
    }

    fn new_values(&self, seen: &Seen) -> impl Iterator<Item = &'static Value> {
        VALUES.iter().filter(move |(dimension, bit, ..)| {
            let index = *dimension as usize;
            seen.0[index] != 0 && self.0[index] & bit != 0 && seen.0[index] & bit == 0
        })
    }

    /// The values in words, for a person to read.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        let Self(bits) = *self;
        VALUES.iter().filter_map(move |(dimension, bit, _, words)| {
            (bits[*dimension as usize] & bit != 0).then_some(*words)
        })
    }
}

impl Seen {
    /// Adds what an execution of this row was seen with. Returns whether anything was new.
    pub fn insert(&mut self, context: &Context) -> bool {
        let before = *self;
        for (seen, bits) in self.0.iter_mut().zip(context.0) {
            *seen |= bits;
        }
        *self != before
    }

    /// Adds everything that another row was seen with.
    pub fn extend(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(seen, bits)| *seen |= bits);
    }

    /// The values in words, for a person to read and for [`from_words`](Self::from_words).
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        Context(self.0).words()
    }

    /// From words; `Err` is the first that no value has.
    ///
    /// # Errors
    /// The word that is none of ours.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut seen = Self::default();
        for word in words {
            let (dimension, bit, ..) = VALUES.iter().find(|value| value.3 == word).ok_or(word)?;
            seen.0[*dimension as usize] |= bit;
        }
        Ok(seen)
    }

    /// The bits per dimension in the order of [`Dimension::ALL`], as stored.
    pub fn bits(&self) -> [u32; 4] {
        self.0
    }

    /// From stored bits.
    pub fn from_bits(bits: [u32; 4]) -> Self {
        Self(bits)
    }
}

impl From<Context> for Seen {
    fn from(context: Context) -> Self {
        Self(context.0)
    }
}

impl From<Seen> for Context {
    /// An execution with everything that a row was seen with around it.
    fn from(seen: Seen) -> Self {
        Self(seen.0)
    }
}

impl InheritedSocket {
    /// The one value of [`Dimension::Sockets`] that this socket is.
    fn value(&self) -> u32 {
        match self.family {
            SocketFamily::Unix => 1 << 1,
            SocketFamily::Other => 1 << 6,
            SocketFamily::Inet | SocketFamily::Inet6 => {
                match self.remote.map(|remote| AddressClass::of(remote.ip())) {
                    Some(AddressClass::Loopback) => 1 << 2,
                    Some(AddressClass::Private) => 1 << 3,
                    Some(AddressClass::Public) => 1 << 4,
                    Some(AddressClass::Any) | None => 1 << 5,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell_on(remote: &str) -> Surroundings {
        let remote = Some(remote.parse().expect("an address"));
        let socket = InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 6, local: None, remote };
        Surroundings { tty: Some(false), sockets: Some(vec![socket]), ..Surroundings::default() }
    }

    #[test]
    fn what_was_seen_is_told_in_words_and_read_back() {
        let all = Seen::from_bits([3, 7, 15, 127]);
        assert_eq!(all.words().count(), VALUES.len());
        assert_eq!(Seen::from_words(all.words()), Ok(all));
        assert_eq!(Seen::from_words(["a terminal", "a window"]), Err("a window"));
    }

    #[test]
    fn a_value_never_seen_is_news_and_unknown_is_not() {
        let quiet = Surroundings { tty: Some(false), sockets: Some(vec![]), ..Surroundings::default() };
        let seen = Seen::from(Context::of(&quiet));
        let reverse = Context::of(&shell_on("203.0.113.9:4444"));
        assert!(Context::of(&quiet).is_within(&seen));
        assert!(!reverse.is_within(&seen));
        assert_eq!(reverse.news(&seen).collect::<Vec<_>>(), ["a public connection on 0-2"]);
        assert!(Context::default().is_within(&seen), "unknown matches anything");
        assert!(reverse.is_within(&Seen::default()), "only ever unknown matches anything");
        assert_eq!(reverse.compare(&seen), (0.25, 4.0));
    }

    #[test]
    fn classes_of_addresses() {
        for (address, class) in [
            ("127.0.0.1", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("10.2.3.4", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("169.254.1.1", AddressClass::Private),
            ("fe80::1", AddressClass::Private),
            ("fd00::1", AddressClass::Private),
            ("203.0.113.9", AddressClass::Public),
            ("2001:db8::1", AddressClass::Public),
            ("0.0.0.0", AddressClass::Any),
        ] {
            assert_eq!(AddressClass::of(address.parse().expect("an address")), class, "{address}");
        }
    }

    #[test]
    fn an_unknown_flag_of_a_newer_recording_is_ordinary_not_an_error() {
        let surroundings: Surroundings = serde_json::from_str(r#"{"exe_flags":["sealed"],"tty":true}"#)
            .expect("newer recordings are read");
        assert_eq!(
            Context::of(&surroundings).words().collect::<Vec<_>>(),
            ["a terminal", "an ordinary executable"]
        );
    }
}
