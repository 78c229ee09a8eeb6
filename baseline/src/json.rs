//! JSON that somebody may look at on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::text::needs_escape;

/// Writes a value as compact JSON in which every character that could fool a terminal or a reader is escaped. The
/// values are the same.
///
/// # Errors
/// Those of `out` and of the value.
pub fn write(out: &mut (impl Write + ?Sized), value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Escaped))
}

#[derive(Debug)]
struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut written = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| needs_escape(*character)) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            written = at + character.len_utf8();
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_fools_a_reader_is_escaped_and_stays_what_it_is() {
        let text = "a\u{1b}[2J\u{9b}b\u{7f}\u{202e}c\u{e0041}\"\\\n日本 ☃é";
        let mut out = Vec::new();
        super::write(&mut out, &text).expect("memory can be written");
        let written = String::from_utf8(out).expect("JSON is text");
        assert_eq!(written, r#""a\u001b[2J\u009bb\u007f\u202ec\udb40\udc41\"\\\n日本 ☃é""#);
        assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
    }
}
