//! Table names: `(org, workload)` as a directory's name, and back.
//!
//! A workload's name is whatever an image, a unit or a template says, and some of that is written by whoever starts
//! a container. LanceDB takes letters, digits, `-`, `_` and `.`, and a file system 255 bytes, so everything else is
//! escaped: `_` and two hexadecimal digits for a byte, `_-` for a part that is empty, `__` between org and workload.
//! What would be too long is cut and carries a digest of the whole. Every table also keeps the two names in its own
//! metadata, so the directory's name is for finding it and for people, never the only place that knows.

use std::{fmt::Write, hash::Hasher, ops::Range};

use siphasher::sip128::{Hasher128, SipHasher13};

/// The longest table name that LanceDB takes.
const MAX_BYTES: usize = 128;

/// Between org and workload. No escape contains it.
const SEPARATOR: &str = "__";

/// An empty part. No escape contains it, because `-` is no hexadecimal digit.
const EMPTY: &str = "_-";

/// Starts the digest of a name that was cut. No escape contains it, because `.` is no hexadecimal digit.
const CUT: &str = "_.";

/// The name of a workload's table: letters, digits, `-`, `_` and `.`, at most [`MAX_BYTES`] long, different for
/// different pairs (up to a collision of a 128-bit digest where names are longer than that).
pub(crate) fn table_name(org: &str, workload: &str) -> String {
    let mut name = String::with_capacity(org.len() + workload.len() + SEPARATOR.len());
    escape(org, &mut name);
    name.push_str(SEPARATOR);
    escape(workload, &mut name);
    if name.len() > MAX_BYTES {
        let digest = digest(org, workload);
        // Between two units, so that the end of one and the mark cannot be read as something else.
        let units = units(&name).take_while(|unit| unit.end <= MAX_BYTES - CUT.len() - 32);
        name.truncate(units.last().map_or(0, |unit| unit.end));
        write!(name, "{CUT}{digest:032x}").expect("writing to a string cannot fail");
    }
    name
}

/// The org and the workload of a table's name; `None` where it is not one of ours or was cut.
pub(crate) fn parse_table_name(name: &str) -> Option<(String, String)> {
    let (org, workload) = split(name)?;
    Some((unescape(org)?, unescape(workload)?))
}

/// The org of a table's name, cut or not; `None` where it is not one of ours or was cut within.
pub(crate) fn organisation(name: &str) -> Option<String> {
    let (org, _) = split(name).filter(|_| is_table_name(name))?;
    unescape(org)
}

/// Whether this is a name that [`table_name`] makes, cut or not.
pub(crate) fn is_table_name(name: &str) -> bool {
    parse_table_name(name).is_some()
        || name.rsplit_once(CUT).is_some_and(|(kept, digest)| {
            // What is kept is shorter than the limit by less than a unit.
            (MAX_BYTES - 2..=MAX_BYTES).contains(&name.len())
                && digest.len() == 32
                && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
                && kept.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
}

/// Splits at the separator.
fn split(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    let separator = units(name).find(|unit| &name[unit.clone()] == SEPARATOR)?;
    Some((&name[..separator.start], &name[separator.end..]))
}

/// The units that an escaped name is made of: letters, escapes, empty parts, the separator. The last one may be cut.
fn units(name: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = name.as_bytes().get(at..).filter(|rest| !rest.is_empty())?;
        let length = match rest {
            [b'_', b'_' | b'-', ..] => 2,
            [b'_', ..] => 3,
            _ => 1,
        };
        let start = at;
        at += length.min(rest.len());
        Some(start..at)
    })
}

fn escape(part: &str, name: &mut String) {
    if part.is_empty() {
        name.push_str(EMPTY);
    }
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' {
            name.push(char::from(byte));
        } else {
            write!(name, "_{byte:02x}").expect("writing to a string cannot fail");
        }
    }
}

fn unescape(escaped: &str) -> Option<String> {
    if escaped == EMPTY {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => {
                let digits = [rest.next()?, rest.next()?];
                // `from_str_radix` takes a sign.
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' => bytes.push(byte),
            _ => return None,
        }
    }
    if bytes.is_empty() { None } else { String::from_utf8(bytes).ok() }
}

/// 128 bits over both names, the length of the first before it, so that no two pairs run together.
fn digest(org: &str, workload: &str) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write(&(org.len() as u64).to_le_bytes());
    hasher.write(org.as_bytes());
    hasher.write(workload.as_bytes());
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_readable() {
        assert_eq!(table_name("default", "host"), "default__host");
        assert_eq!(table_name("default", "docker.io/library/nginx"), "default__docker.io_2flibrary_2fnginx");
        assert_eq!(table_name("", ""), "_-___-");
        assert_eq!(table_name("_", "a_b"), "_5f__a_5fb");
    }

    #[test]
    fn a_long_name_is_cut_and_stays_distinct() {
        let long = "x".repeat(300);
        let name = table_name("default", &long);
        assert_eq!(name.len(), MAX_BYTES);
        assert!(name.starts_with("default__xxx") && is_table_name(&name), "{name}");
        assert_ne!(name, table_name("default", &(long.clone() + "y")));
        assert_eq!(name, table_name("default", &long));
        assert_eq!(parse_table_name(&name), None, "a cut name does not pretend to be whole");
        assert_eq!(organisation(&name).as_deref(), Some("default"), "which a cut name still tells");
        assert_eq!(organisation(&table_name(&long, "x")), None);
        // One that is cut inside an escape.
        assert!(is_table_name(&table_name("o", &"é".repeat(300))));
    }

    #[test]
    fn what_is_not_ours_is_not_taken_for_ours() {
        for name in ["host", "a_zz__b", "a__b_", "a__b c", "__manifest", "a__", "feedback", "a__+1"] {
            assert_eq!(parse_table_name(name), None, "{name}");
            assert!(!is_table_name(name), "{name}");
        }
        assert_eq!(parse_table_name("a_+1__b"), None);
    }

    proptest! {
        #[test]
        fn any_pair_comes_back(org in "[a-z_]{0,20}|.{0,20}", workload in "[a-z/.]{0,60}|.{0,30}") {
            let name = table_name(&org, &workload);
            prop_assert!(name.len() <= MAX_BYTES);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            prop_assert!(is_table_name(&name));
            prop_assert!(organisation(&name).is_none_or(|of| of == org));
            match parse_table_name(&name) {
                Some(pair) => prop_assert_eq!(pair, (org, workload)),
                None => prop_assert!(name.len() > MAX_BYTES - 3),
            }
        }

        #[test]
        fn two_pairs_never_share_a_name(a in "[_.a-]{0,4}", b in "[_.a-]{0,4}", c in "[_.a-]{0,4}", d in "[_.a-]{0,4}") {
            prop_assume!((&a, &b) != (&c, &d));
            prop_assert_ne!(table_name(&a, &b), table_name(&c, &d));
        }
    }
}
