//! Where values begin and end, and which of them are secrets.

use crate::scrub::{
    MARK,
    commands::Secret,
    scan::{SEPARATES, Scan},
};

/// Where a value ends.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// With the argument.
    Argument,
    /// With the quote that opened it.
    Quote(u8),
    /// With the line or at a quote.
    Line,
    /// With the field of a structure, the line or at a quote.
    Field,
    /// With the word, as a shell or a query string has words.
    Word,
}

impl Scan<'_, '_> {
    /// The value at `value`, in the same word as the name or flag at `start`.
    pub(super) fn attached(&mut self, start: usize, value: usize) -> usize {
        self.attached_as(start, value, Secret::Whole)
    }

    pub(super) fn attached_as(&mut self, start: usize, value: usize, secret: Secret) -> usize {
        // An argument that begins with the name is all value behind it, blanks and quotes included.
        let until = if start == self.argument && !self.is_script { Until::Argument } else { Until::Word };
        self.value(value, until, secret)
    }

    /// The next argument or word as a value; one that begins with `-` is a flag, and no value was given.
    pub(super) fn following(&mut self, end: usize, secret: Secret) -> usize {
        let Some(&separator) = self.bytes.get(end) else { return end };
        let (start, until) = if separator == 0 {
            (end + 1, Until::Argument)
        } else {
            let blanks =
                self.bytes[end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\\')).count();
            if blanks == 0 {
                return end;
            }
            (end + blanks, Until::Word)
        };
        if self.bytes.get(start) == Some(&b'-')
            && self.bytes.get(start + 1).is_some_and(|byte| !SEPARATES[usize::from(*byte)])
        {
            return end;
        }
        if separator == 0 {
            self.argument = start;
            self.quote = None;
            self.is_script = false;
        }
        self.previous = (start, start);
        self.value(start, until, secret)
    }

    /// The quoted string behind a keyword.
    pub(super) fn quoted(&mut self, end: usize) -> Option<usize> {
        let rest = &self.bytes[end..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\\' | b'\n' | b'\t')).count();
        matches!(rest.get(blanks), Some(b'\'' | b'"'))
            .then(|| self.value(end + blanks, Until::Word, Secret::Whole))
    }

    /// Marks the value that begins at `start`. Returns where it ends.
    pub(super) fn value(&mut self, start: usize, until: Until, secret: Secret) -> usize {
        let (start, until) = match (self.bytes.get(start), until) {
            (Some(&open @ (b'"' | b'\'')), Until::Word | Until::Field) if self.quote != Some(open) => {
                (start + 1, Until::Quote(open))
            }
            _ => (start, until),
        };
        let end = self.value_end(start, until);
        let first = match secret {
            Secret::Whole => start,
            Secret::After(sign) => {
                let Some(found) = self.bytes[start..end].iter().position(|&byte| byte == sign) else {
                    return self.words_inside(start, end);
                };
                start + found + 1
            }
        };
        self.secret(first, end);
        // The closing quote is consumed with the value whose opening one was.
        end + usize::from(
            matches!(until, Until::Quote(_)) && self.bytes.get(end).is_some_and(|byte| *byte != 0),
        )
    }

    pub(super) fn value_end(&self, start: usize, until: Until) -> usize {
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            let ends = match until {
                Until::Argument => byte == 0,
                Until::Quote(open) => byte == 0 || byte == open,
                Until::Line => matches!(byte, 0 | b'\n' | b'\r' | b'"' | b'\''),
                Until::Field => matches!(byte, 0 | b'\n' | b'\r' | b'"' | b'\'' | b',' | b'}'),
                Until::Word => match byte {
                    0 | b' ' | b'\t' | b'\n' | b'\r' => true,
                    b'"' | b'\'' if self.quote.is_none() && at > start => {
                        // A shell joins what touches: ab"cd"ef.
                        at = self.value_end(at + 1, Until::Quote(byte));
                        at += usize::from(self.bytes.get(at) == Some(&byte));
                        continue;
                    }
                    b'"' | b'\'' => true,
                    b'|' | b'<' | b'>' | b'(' | b')' | b'`' => self.is_script || at == start,
                    b';' | b'&' | b',' => (self.is_script && byte != b',') || self.starts_field(at + 1),
                    _ => false,
                },
            };
            if ends {
                break;
            }
            at += 1;
        }
        // An escaped quote ended it.
        if at > start
            && matches!(until, Until::Quote(_) | Until::Line | Until::Field)
            && self.bytes[at - 1] == b'\\'
        {
            at -= 1;
        }
        at
    }

    /// Whether the next field of a list or query begins here, or nothing follows.
    fn starts_field(&self, at: usize) -> bool {
        let rest = &self.bytes[at..];
        let name = rest
            .iter()
            .take(64)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte))
            .count();
        matches!(rest.get(name), None | Some(0 | b'=' | b'"' | b'\''))
    }

    /// What `echo` handed to the command that reads a password.
    pub(super) fn echoed_secret(&mut self) {
        if let Some((start, end)) = self.echoed.take().filter(|(start, end)| start < end) {
            let text = &self.text[start..end];
            let inner = text.trim_start_matches([' ', '"', '\'', '-', 'n', 'e']);
            let start = end - inner.len();
            self.secret(start, start + inner.trim_end_matches([' ', '"', '\'']).len());
        }
    }

    /// Notes what is to be replaced, unless it is no secret: a mark, a variable, a word for yes or no.
    pub(super) fn secret(&mut self, start: usize, end: usize) {
        let Some(text) = self.text.get(start..end).filter(|text| !text.is_empty()) else { return };
        let is_harmless =
            matches!(text, MARK | "true" | "false" | "yes" | "no" | "null" | "none" | "stdin" | "prompt")
                || is_reference(text);
        if !is_harmless {
            self.secrets.push((start, end));
        }
    }
}

/// `$PASSWORD`, `${PASSWORD}`, `$(cat file)`: where the secret comes from is worth keeping, and is no secret.
fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    name.starts_with(['(', '{']) || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
