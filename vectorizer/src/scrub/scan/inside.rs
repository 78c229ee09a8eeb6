//! What is inside a word: names with values, headers, user info of URLs, tokens, keys.

use crate::scrub::{
    commands::Secret,
    names::{self, Header},
    scan::{SEPARATES, Scan, values::Until},
    shapes,
};

impl Scan<'_, '_> {
    /// What is inside a word: names with values, user info of URLs, tokens.
    pub(super) fn inside(&mut self, start: usize, end: usize) -> usize {
        let mut name = start;
        // The rest of a word that was read in part is no login, nor is it looked through again for one.
        let mut seen_colon = start > 0 && !SEPARATES[usize::from(self.bytes[start - 1])];
        let mut at = start;
        while at < end {
            let byte = self.bytes[at];
            if at == name
                && let Some(length) = shapes::token(&self.text[at..])
            {
                self.secret(at, at + length);
                return at + length;
            }
            match byte {
                b'=' if self.scrubber.is_secret(&self.text[name..at]) => return self.attached(name, at + 1),
                b':' => {
                    if self.bytes[at..].starts_with(b"://") {
                        return self.url(at + 3, end);
                    }
                    let word = &self.text[name..at];
                    if let Some(header) = names::header(word) {
                        return self.header(header, at + 1);
                    }
                    if self.scrubber.is_secret(word) && !self.bytes[at..].starts_with(b":/") {
                        return self.named(name, at + 1);
                    }
                    if !std::mem::replace(&mut seen_colon, true)
                        && let Some(next) = self.login(start, at, end)
                    {
                        return next;
                    }
                }
                _ => {}
            }
            at += 1;
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80) {
                name = at;
            }
        }
        end
    }

    /// What is inside the words of `start..end`, which are no flags of their own. Returns where that ended.
    pub(super) fn words_inside(&mut self, start: usize, end: usize) -> usize {
        let mut at = start;
        while at < end {
            at = if SEPARATES[usize::from(self.bytes[at])] {
                at + 1
            } else {
                self.inside(at, self.word_end(at).min(end))
            };
        }
        at
    }

    /// The value behind `name:`, attached or not.
    fn named(&mut self, name: usize, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b' ' | b'\t') => {
                let spaces = self.bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                self.value(at + spaces, Until::Field, Secret::Whole)
            }
            _ => self.attached(name, at),
        }
    }

    /// What is behind the name and colon of a header that holds credentials.
    pub(super) fn header(&mut self, header: Header, at: usize) -> usize {
        let skip = |from: usize| {
            from + self.bytes[from..]
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\'))
                .count()
        };
        let mut start = skip(at);
        if header == Header::Authorization {
            let end = self.word_end(start);
            if names::is_scheme(&self.text[start..end]) && self.bytes.get(end) == Some(&b' ') {
                start = skip(end);
            }
        }
        self.value(start, Until::Line, Secret::Whole)
    }

    /// A URL from its authority on: user info, and paths that are secrets.
    fn url(&mut self, authority: usize, word_end: usize) -> usize {
        let rest = &self.bytes[authority..];
        let length = rest.iter().take_while(|byte| !b"/?#\0 \t\r\n\"'`<>\\|".contains(byte)).count();
        let Some(at) = rest[..length].iter().rposition(|&byte| byte == b'@') else {
            let tail = &self.text[authority..word_end.max(authority)];
            if let Some(hook) = shapes::HOOKS.iter().find(|hook| tail.starts_with(**hook)) {
                self.secret(authority + hook.len(), word_end);
                return word_end;
            }
            return authority.max(authority + length);
        };
        let colon = rest[..at].iter().position(|&byte| byte == b':').unwrap_or(at);
        // A user's name is short and has letters; what is long and has digits is a token in its place.
        if colon >= 16 && rest[..colon].iter().any(u8::is_ascii_digit) {
            self.secret(authority, authority + colon);
        }
        if colon < at {
            self.secret(authority + colon + 1, authority + at);
        }
        authority + at
    }

    /// `user:secret@host` without a scheme, as database drivers have it.
    fn login(&mut self, start: usize, colon: usize, end: usize) -> Option<usize> {
        const NOT_USERS: [&str; 6] = ["npm", "mailto", "sip", "sips", "acct", "pkg"];
        let at = colon + self.bytes[colon..end].iter().rposition(|&byte| byte == b'@')?;
        let user = self.text[start..colon].rsplit('=').next().unwrap_or_default();
        let secret = &self.text[colon + 1..at];
        let host = &self.text[at + 1..end];
        let fits = !user.is_empty()
            && !NOT_USERS.contains(&user)
            && !user.contains(['/', '@'])
            && !secret.is_empty()
            && !secret.contains('/')
            && host.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !host.starts_with("sha256:");
        fits.then(|| {
            self.secret(colon + 1, at);
            at
        })
    }

    /// A block of PEM from its first line on, where it is a private key.
    pub(super) fn private_key(&mut self, start: usize) -> Option<usize> {
        // Whether it is one stands in its first line.
        let head = &self.text[start..self.text.floor_char_boundary(start + 64)];
        let body = head.find("PRIVATE KEY").map(|found| found + "PRIVATE KEY".len())?;
        let argument = &self.text[start..self.value_end(start, Until::Argument)];
        let end = argument.get(body..)?.find("-----END").map_or(argument.len(), |found| {
            let last = body + found + "-----END".len();
            argument[last..].find("-----").map_or(argument.len(), |dashes| last + dashes + 5)
        });
        self.secret(start, start + end);
        Some(start + end)
    }
}
