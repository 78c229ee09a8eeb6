//! What was counted up or drawn at random: recognised by its bytes alone, without a dictionary.

/// Words that look random and are not.
const KNOWN: [&[u8]; 3] = [b"ed25519", b"utf8mb4", b"utf8mb3"];

/// Whether a component is a word that looks random and is not.
pub(super) fn is_known(component: &[u8]) -> bool {
    KNOWN.contains(&component)
}

/// Letters, digits and everything beyond ASCII.
pub(super) fn is_component(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

pub(super) const UUID_BYTES: usize = 36;

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= UUID_BYTES
        && bytes[8] == b'-'
        && bytes[..UUID_BYTES].iter().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && bytes.get(UUID_BYTES).is_none_or(|&byte| !is_component(byte))
}

/// What a component is made of.
#[derive(Default)]
struct Count {
    digits: usize,
    lower: usize,
    upper: usize,
    other: usize,
    /// Letters from g on, which hexadecimal does not have.
    beyond_hex: usize,
    /// Neighbours of which one is a letter and one a digit.
    digit_changes: usize,
    /// Neighbours of different kind, not counting the one after the capital that begins a word.
    changes: usize,
}

impl Count {
    fn of(component: &[u8]) -> Self {
        let mut count = Self::default();
        let mut previous = b' ';
        for &byte in component {
            match byte {
                b'0'..=b'9' => count.digits += 1,
                b'a'..=b'z' => count.lower += 1,
                b'A'..=b'Z' => count.upper += 1,
                _ => count.other += 1,
            }
            count.beyond_hex += usize::from(!byte.is_ascii_hexdigit());
            if previous != b' ' {
                let digit_change = byte.is_ascii_digit() != previous.is_ascii_digit();
                count.digit_changes += usize::from(digit_change);
                count.changes +=
                    usize::from(digit_change || (previous.is_ascii_lowercase() && byte.is_ascii_uppercase()));
            }
            previous = byte;
        }
        count
    }
}

/// Whether a component was counted up or drawn at random.
pub(super) fn is_random(component: &[u8]) -> bool {
    if component.iter().all(u8::is_ascii_digit) || is_measure(component) {
        return true;
    }
    if component.len() < 6 || component.is_ascii() && component.iter().all(u8::is_ascii_lowercase) {
        return false;
    }
    if component.starts_with(b"rustc") && component.len() == b"rustc".len() + 6 {
        return true;
    }
    let count = Count::of(component);
    if count.digits == 0 || count.other > 0 {
        return false;
    }
    let hex = count.beyond_hex == 0 && (count.lower == 0 || count.upper == 0);
    let mixed = count.lower > 0 && count.upper > 0;
    (hex && (component.len() >= 7 || count.digit_changes >= 2))
        || (component.len() >= 7 && count.digit_changes >= 3)
        || (mixed && count.changes >= 3)
}

/// Whether a component is a number with a unit, a size or part of a time: `5s`, `64mb`, `200x200`, `21T10`.
fn is_measure(component: &[u8]) -> bool {
    const UNITS: [&[u8]; 20] = [
        b"b", b"k", b"m", b"g", b"t", b"kb", b"mb", b"gb", b"tb", b"kib", b"mib", b"gib", b"ns", b"us",
        b"ms", b"s", b"h", b"d", b"sec", b"min",
    ];
    let digits = component.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 && UNITS.iter().any(|unit| component[digits..].eq_ignore_ascii_case(unit)) {
        return true;
    }
    // Where the letter is no unit, one digit in front is too little (`7z`).
    let mut letters = 0;
    component.first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_digit))
        && component.iter().all(|byte| {
            letters = if byte.is_ascii_digit() { 0 } else { letters + 1 };
            letters <= 1 && byte.is_ascii_alphanumeric()
        })
}

/// Whether a name in a folder for temporary files is one that `mktemp` and its kin make.
pub(super) fn is_temporary(component: &[u8]) -> bool {
    /// Prefixes of well-known makers with the length of what they append.
    const MAKERS: [(&[u8], usize); 3] = [(b"php", 6), (b"tmp", 8), (b"cc", 6)];
    let made = |(prefix, drawn): &(&[u8], usize)| {
        component.len() == prefix.len() + drawn && component.starts_with(prefix)
    };
    if component.len() < 6 || MAKERS.iter().any(made) {
        return component.len() >= 6;
    }
    let count = Count::of(component);
    count.other == 0 && count.changes > 0
}

/// Whether a suffix in a folder for temporary files was drawn (`backup.VSVHPe`): extensions are in lower case.
pub(super) fn is_drawn(suffix: &[u8]) -> bool {
    (6..=12).contains(&suffix.len())
        && suffix.iter().all(u8::is_ascii_alphanumeric)
        && suffix.iter().any(|byte| !byte.is_ascii_lowercase())
}

/// `tmp` and eight of an alphabet that has `_` in it, so that they may be several components.
pub(super) const PYTHON_TEMPORARY_BYTES: usize = 11;

pub(super) fn is_python_temporary(bytes: &[u8]) -> bool {
    let is_drawn = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    bytes.starts_with(b"tmp")
        && bytes.get(..PYTHON_TEMPORARY_BYTES).is_some_and(|name| name.iter().all(is_drawn))
        && bytes.get(PYTHON_TEMPORARY_BYTES).is_none_or(|byte| !is_component(*byte) && *byte != b'_')
}

/// Whether a whole argument is a long stretch of base64 (or of its URL-safe variant): data, not a name.
pub(super) fn is_base64(text: &str) -> bool {
    const SHORTEST: usize = 24;
    let bytes = text.trim_end_matches('=').as_bytes();
    if bytes.len() < SHORTEST || matches!(bytes[0], b'/' | b'-') {
        return false;
    }
    let mut changes = 0;
    let mut kinds = [false; 3];
    let mut previous = None;
    for &byte in bytes {
        let kind = match byte {
            b'0'..=b'9' => 0,
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            b'+' | b'/' | b'_' | b'-' => continue,
            _ => return false,
        };
        kinds[kind] = true;
        changes += usize::from(previous.is_some_and(|previous| previous != kind));
        previous = Some(kind);
    }
    // Of random characters more than half differ in kind from the one before; of written text one in ten.
    kinds.iter().filter(|&&seen| seen).count() == 3 && changes * 3 >= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_data() {
        assert!(is_base64("IyEvYmluL2Jhc2gKYmFzaCAtaSA+JiAvZGV2L3RjcC8xMC4wLjAuMS80NDQ0IDA+JjEK"));
        assert!(is_base64("YmFzaCAtaSA+JiAvZGV2L3RjcC8x=="));
        for text in [
            "short",
            "/usr/lib/gcc/x86_64-linux-gnu/12/LTO",
            "a-very-long-Package-name-with-2-numbers",
            "build/OutputFile/ReleaseBinary2",
            "proc_macro_span_file_and_location",
        ] {
            assert!(!is_base64(text), "{text}");
        }
    }
}
