//! The journal's own export format (`journalctl -o export`), a line at a time.
//!
//! An entry is lines of `FIELD=value`, closed by an empty one. A value that is no text stands behind the field's name
//! alone: eight bytes of length, little end first, then so many bytes, then a line end. Whoever reads the lines has to
//! take those bytes as they are, which [`Step::Binary`] asks for.

use crate::alert::{Line, of_message};

/// The field with what a program printed.
const MESSAGE: &[u8] = b"MESSAGE";

/// The line with which every export begins.
const FIRST: &[u8] = b"__CURSOR=";

/// Reads an export.
#[derive(Debug, Default)]
pub struct Export {
    wanted: bool,
}

/// What a line of an export was.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Nothing that is wanted.
    Nothing,
    /// An entry's message.
    Message(Result<Line, String>),
    /// A length and bytes come next; [`Export::binary`] takes the bytes.
    Binary,
}

impl Export {
    /// Whether a file that begins with this line is one.
    pub fn begins_with(line: &[u8]) -> bool {
        line.starts_with(FIRST)
    }

    /// Takes a line without its end.
    pub fn line(&mut self, line: &[u8]) -> Step {
        let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        match line.iter().position(|&byte| byte == b'=') {
            Some(end) if line[..end] == *MESSAGE => Step::Message(of_message(&line[end + 1..])),
            None if !line.is_empty() && line.iter().all(is_name) => {
                self.wanted = line == MESSAGE;
                Step::Binary
            }
            Some(end) if line[..end].iter().all(is_name) => Step::Nothing,
            None if line.is_empty() => Step::Nothing,
            _ => Step::Message(Err("no FIELD=value of a journal's export".into())),
        }
    }

    /// Takes the bytes of the value whose name the last line was.
    pub fn binary(&mut self, bytes: &[u8]) -> Step {
        if std::mem::take(&mut self.wanted) { Step::Message(of_message(bytes)) } else { Step::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_read_by_its_fields() {
        let mut export = Export::default();
        assert!(Export::begins_with(b"__CURSOR=s=1;i=2") && !Export::begins_with(b"{\"rule\":1}"));
        for line in ["__CURSOR=s=1", "_SYSTEMD_UNIT=falco.service", "PRIORITY=6", ""] {
            assert_eq!(export.line(line.as_bytes()), Step::Nothing, "{line}");
        }
        assert_eq!(export.line(b"MESSAGE=Falco initialized"), Step::Message(Ok(Line::Log)));
        assert!(
            matches!(export.line(b"MESSAGE={\"rule\":"), Step::Message(Err(reason)) if reason.contains("cut"))
        );
        assert_eq!(export.line(b"MESSAGE"), Step::Binary);
        assert_eq!(export.binary(b"\x1b[0m"), Step::Message(Ok(Line::Log)));
        assert_eq!(export.line(b"_CMDLINE"), Step::Binary);
        assert_eq!(export.binary(b"{\"rule\":\"another field's\"}"), Step::Nothing);
        assert!(matches!(export.line(b"no field"), Step::Message(Err(_))));
    }
}
