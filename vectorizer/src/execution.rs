//! The canonical execution: what the vector and the exact key come from, and nothing else.
//!
//! Every feed can tell these five things, so every feed gives the same vector. Arguments are kept in one string with
//! NUL between them, the kernel's own layout: one allocation for an execution however many arguments it has, and a
//! bound on it that no command line can lift.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeSeq};

use crate::act::Kind;

/// How many bytes of the argument area count, the NUL behind every argument included.
pub const MAX_ARGUMENT_BYTES: usize = 4096;

/// What arguments end in of which only the beginning counts.
pub const CUT: char = '…';

/// How much of them is left before that.
pub(crate) const MAX_CUT_BYTES: usize = MAX_ARGUMENT_BYTES - 1 - CUT.len_utf8();

/// How many bytes of a process name count. The kernel keeps 15; recordings of other origin may have more.
pub const MAX_NAME_BYTES: usize = 64;

/// One successful exec, canonical and scrubbed: bounded text without secrets; or another act in the same terms.
///
/// Built by [`canonical::Raw::execution`](crate::canonical::Raw::execution) and by
/// [`Act::execution`](crate::act::Act::execution), which alone establish those properties.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Execution {
    /// What kind of act it is.
    #[serde(default, skip_serializing_if = "Kind::is_exec")]
    pub kind: Kind,
    /// The new program's name as the kernel shows it (`comm`), at most [`MAX_NAME_BYTES`].
    pub name: String,
    /// The name of the process that called exec's parent; empty where it is not known.
    pub parent: String,
    /// The parent's parent's name; empty where it is not known.
    pub grandparent: String,
    /// Effective user id in the initial user namespace.
    pub uid: u32,
    /// The arguments that were passed to exec.
    #[serde(rename = "args")]
    pub arguments: Arguments,
}

impl Execution {
    /// What was done, for a person to read: the command line, the name where there are no arguments; of another act
    /// its kind, object and manner. Not quoted: it cannot be parsed back.
    pub fn command_line(&self) -> String {
        if self.kind.is_act() {
            let parts = self.arguments.iter().skip(1).filter(|part| !part.is_empty());
            parts.fold(self.kind.to_string(), |line, part| line + " " + part)
        } else if self.arguments.is_empty() {
            self.name.clone()
        } else {
            self.arguments.joined()
        }
    }
}

/// An argument vector as text, less than [`MAX_ARGUMENT_BYTES`] long.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Arguments {
    /// The arguments with one NUL between two of them and none at the end.
    text: String,
    /// How many arguments `text` holds: tells an empty vector from one empty argument.
    count: u32,
}

impl Arguments {
    /// Takes the arguments in order. Where they are more than [`MAX_ARGUMENT_BYTES`] with a NUL behind each, they are
    /// cut at a character's boundary and end in [`CUT`].
    ///
    /// A NUL inside an argument, which no exec can pass, ends that argument.
    pub fn new<I: IntoIterator<Item: AsRef<str>>>(arguments: I) -> Self {
        let mut text = String::new();
        let mut count = 0;
        for argument in arguments {
            if text.len() >= MAX_ARGUMENT_BYTES {
                break;
            }
            if count > 0 {
                text.push('\0');
            }
            let argument = argument.as_ref().split('\0').next().unwrap_or_default();
            text.push_str(cut(argument, MAX_ARGUMENT_BYTES));
            count += 1;
        }
        // What is as long as can be was cut by somebody: only then does the end of what was cut stay as it is.
        if text.len() + 1 >= MAX_ARGUMENT_BYTES {
            text.truncate(text.floor_char_boundary(MAX_CUT_BYTES));
            text.push(CUT);
            count = text.bytes().filter(|&byte| byte == 0).count() as u32 + 1;
        }
        Self { text, count }
    }

    /// The arguments in order, `args[0]` first.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.text.split('\0').take(self.count as usize)
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no argument at all, not even `args[0]`.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The length in bytes of all arguments with one separator between two of them.
    pub fn byte_len(&self) -> usize {
        self.text.len()
    }

    /// The arguments with one NUL between two of them, the kernel's own layout without the last NUL.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The arguments joined by one space, for a person to read. Not quoted: it cannot be parsed back.
    pub fn joined(&self) -> String {
        self.text.replace('\0', " ")
    }
}

impl<S: AsRef<str>> FromIterator<S> for Arguments {
    fn from_iter<I: IntoIterator<Item = S>>(arguments: I) -> Self {
        Self::new(arguments)
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.len()))?;
        for argument in self.iter() {
            sequence.serialize_element(argument)?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Vec::<String>::deserialize(deserializer)?))
    }
}

/// A `comm` as text, bounded; what follows the first NUL is no part of it.
pub(crate) fn name(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(cut_bytes(until_nul(bytes), MAX_NAME_BYTES));
    cut(&text, MAX_NAME_BYTES).to_owned()
}

/// What comes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The longest prefix of `text` that is at most `bytes` long and ends at a character's boundary.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The longest prefix of `bytes` that is at most `limit` long and does not end inside a character, where what the cut
/// went through was one.
pub(crate) fn cut_bytes(bytes: &[u8], limit: usize) -> &[u8] {
    let Some(head) = bytes.get(..limit) else { return bytes };
    // A feed that copied exactly `limit` bytes cannot tell what followed, so what is left of a character always goes.
    let longest = 3.min(head.len());
    for tail in 1..=longest {
        let start = head.len() - tail;
        let needed = match head[start] {
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            0b1000_0000..=0b1011_1111 => continue,
            _ => return head,
        };
        return if tail < needed { &head[..start] } else { head };
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_vector_is_not_one_empty_argument() {
        assert_eq!(Arguments::default().iter().count(), 0);
        assert_eq!(Arguments::new([""]).iter().collect::<Vec<_>>(), [""]);
        assert_eq!(Arguments::new(["a", "", "b"]).iter().collect::<Vec<_>>(), ["a", "", "b"]);
    }

    #[test]
    fn the_first_4096_bytes_count_and_the_cut_shows() {
        let just = Arguments::new(["x".repeat(MAX_ARGUMENT_BYTES - 4), "y".into()]);
        assert_eq!((just.byte_len(), just.len()), (MAX_ARGUMENT_BYTES - 2, 2));
        let cut = Arguments::new(["x".repeat(MAX_ARGUMENT_BYTES - 4), "yy".into(), "never".into()]);
        assert_eq!((cut.byte_len(), cut.len()), (MAX_ARGUMENT_BYTES - 1, 1));
        assert!(cut.text().ends_with("xxx…"));
        for wide in ["é", "xé", "€", "𐍈"] {
            let wide = Arguments::new([wide.repeat(MAX_ARGUMENT_BYTES)]);
            assert!((MAX_ARGUMENT_BYTES - 4..MAX_ARGUMENT_BYTES).contains(&wide.byte_len()));
            assert_eq!(Arguments::new(wide.iter()), wide);
        }
    }

    #[test]
    fn bytes_are_cut_before_a_character_that_is_not_whole() {
        let text = "aé€𐍈".as_bytes();
        let kept: Vec<usize> = (0..=text.len()).map(|limit| cut_bytes(text, limit).len()).collect();
        assert_eq!(kept, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
        assert_eq!(cut_bytes(b"\xbf\xbf\xbf\xbf", 4).len(), 4);
    }

    #[test]
    fn cutting_is_idempotent() {
        let once = Arguments::new((0..3000).map(|n| format!("argument-{n}")));
        assert_eq!(Arguments::new(once.iter()), once);
    }

    #[test]
    fn a_nul_inside_ends_the_argument() {
        assert_eq!(Arguments::new(["a\0b", "c"]).iter().collect::<Vec<_>>(), ["a", "c"]);
    }
}
