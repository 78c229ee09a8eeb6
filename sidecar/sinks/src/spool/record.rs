//! One line of a segment: `{"crc32":"9ae0daaf","event":{...}}`.

use std::io::Write;

const BEFORE: &[u8] = b"{\"crc32\":\"";
const BETWEEN: &[u8] = b"\",\"event\":";
const AFTER: &[u8] = b"}\n";
const DIGITS: usize = 8;

/// Appends a line with this JSON in it, which must have no newline.
pub(super) fn write(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(BEFORE);
    write!(out, "{:08x}", checksum(json)).expect("memory takes every byte");
    out.extend_from_slice(BETWEEN);
    out.extend_from_slice(json);
    out.extend_from_slice(AFTER);
}

/// The JSON of a line with its newline; `None` where the line is not what was written.
pub(super) fn read(line: &[u8]) -> Option<&[u8]> {
    let (digits, rest) = line.strip_prefix(BEFORE)?.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(BETWEEN)?.strip_suffix(AFTER)?;
    let expected = u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    (checksum(json) == expected).then_some(json)
}

/// CRC-32 as gzip has it.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_nothing_else(json in "[^\n]{0,200}", at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut line = Vec::new();
            write(&mut line, json.as_bytes());
            prop_assert_eq!(read(&line), Some(json.as_bytes()));
            let at = at.index(line.len());
            prop_assert_eq!(read(&line[..at]), None);
            let changed = line[at] != to;
            // The checksum's own digits may change their case.
            let same = line[at].eq_ignore_ascii_case(&to) && (BEFORE.len()..BEFORE.len() + DIGITS).contains(&at);
            line[at] = to;
            prop_assert_eq!(read(&line).is_none(), changed && !same);
        }
    }
}
