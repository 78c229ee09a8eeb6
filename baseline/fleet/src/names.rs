//! Names of machines and organisations as parts of a key.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::error::FleetError;

/// The longest name of a machine, in bytes.
const MAX_MACHINE: usize = 64;

/// The longest part of a key that an organisation becomes, in bytes.
const MAX_ORG: usize = 200;

/// Whether this names a machine: 1 to 64 letters, digits, dots and dashes, no dot first.
pub fn is_machine(name: &str) -> bool {
    (1..=MAX_MACHINE).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

/// The name, if it is one.
pub(crate) fn machine(name: &str) -> Result<String, FleetError> {
    if is_machine(name) { Ok(name.to_owned()) } else { Err(FleetError::Name) }
}

/// A name for a machine that nobody named: that of the host, and eight digits of its baseline's identity, because hosts
/// that were cloned have one name.
pub(crate) fn given(host: &str, identity: &str) -> String {
    let mut name: String = host
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' })
        .take(MAX_MACHINE - 9)
        .collect();
    while name.starts_with('.') {
        name.remove(0);
    }
    if name.is_empty() {
        name.push_str("machine");
    }
    name.push('-');
    name.extend(identity.chars().filter(char::is_ascii_hexdigit).take(8));
    name
}

/// An organisation as a part of a key, different for different ones.
pub(crate) fn org(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            part.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(part, "_{byte:02x}");
        }
    }
    if part.is_empty() {
        // No escape: `-` is no hexadecimal digit.
        part.push_str("_-");
    } else if part.len() > MAX_ORG {
        part = format!("_.{}", hex(&Sha256::digest(name)));
    }
    part
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether this is a SHA-256 in lowercase hexadecimal digits.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_safe_in_a_key() {
        assert!(is_machine("web-1.example") && is_machine("A"));
        for name in ["", ".", "..", ".x", "a/b", "a_b", "ä", "a b", &"x".repeat(65)] {
            assert!(!is_machine(name), "{name}");
        }
    }

    #[test]
    fn organisations_differ() {
        let all = ["", "_-", "a", "a/b", "a_2fb", "ä", "default", "_", &"x".repeat(300), &"y".repeat(300)];
        let parts: HashSet<_> = all.iter().map(|name| org(name)).collect();
        assert_eq!(parts.len(), all.len());
        assert_eq!(org("default"), "default");
    }

    proptest! {
        #[test]
        fn any_host_gives_a_name(host in ".{0,80}") {
            let name = given(&host, "0123456789abcdef");
            prop_assert!(is_machine(&name), "{}", name);
            prop_assert!(name.ends_with("-01234567"));
        }
    }
}
