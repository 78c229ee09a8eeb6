//! What a word announces: flags, names before a sign, commands, keywords.

use crate::scrub::{
    commands::{Command, Secret},
    names,
    scan::{Scan, values::Until},
};

impl Scan<'_, '_> {
    /// Reads the word `start..end`. Returns where to go on.
    pub(super) fn word(&mut self, start: usize, end: usize) -> usize {
        let before = std::mem::replace(&mut self.previous, (start, end));
        let next = match self.bytes[start] {
            b'-' => self.flag(before, start, end),
            b':' | b'=' => self.separator(before, start, end),
            _ => self.plain(before, start, end),
        };
        let next = next.unwrap_or_else(|| self.inside(start, end));
        if next < end && self.previous == (start, end) {
            // The rest of the word is read as one of its own.
            self.previous = (start, next);
        }
        next
    }

    /// A word that begins with `-`.
    pub(super) fn flag(&mut self, before: (usize, usize), start: usize, end: usize) -> Option<usize> {
        let word = &self.text[start..end];
        if word.starts_with("-----BEGIN") {
            return self.private_key(start);
        }
        let name_end = word.find(['=', ':']).unwrap_or(word.len());
        let name = &word[..name_end];
        if self.scrubber.is_secret(name) {
            return Some(if name_end < word.len() {
                self.attached(start, start + name_end + 1)
            } else {
                self.following(end, Secret::Whole)
            });
        }
        let is_login = match name {
            "--user" | "--proxy-user" => self.command == Command::Curl,
            "--auth" => self.command == Command::Httpie,
            "--creds" | "--src-creds" | "--dest-creds" => true,
            _ => false,
        };
        if is_login {
            let after = Secret::After(b':');
            return Some(if name_end < word.len() {
                self.attached_as(start, start + name_end + 1, after)
            } else {
                self.following(end, after)
            });
        }
        if matches!(word, "--stdin" | "--password-stdin")
            || (self.slice(before) == "sudo" && word.ends_with('S'))
        {
            self.echoed_secret();
        }
        self.short_flag(start, end)
    }

    /// A flag of one letter, alone, with its value attached or at the end of several.
    fn short_flag(&mut self, start: usize, end: usize) -> Option<usize> {
        let word = &self.bytes[start..end];
        if self.command == Command::Htpasswd && word.contains(&b'b') {
            self.operands = Some(if word.contains(&b'n') { 2 } else { 3 });
        }
        let (&letter, &last) = (word.get(1)?, word.last()?);
        let is_quoted = self.bytes.get(end).is_some_and(|byte| matches!(byte, b'"' | b'\''));
        if (word.len() > 2 || is_quoted)
            && let Some(secret) = self.command.flag(letter, true)
        {
            return Some(self.attached_as(start, start + 2, secret));
        }
        if word[1..].iter().all(u8::is_ascii_alphabetic) && !word.starts_with(b"--") {
            let secret = self.command.flag(last, false)?;
            return Some(self.following(end, secret));
        }
        None
    }

    /// A word that begins with `:` or `=`: what is before it may be the name of what is behind it.
    fn separator(&mut self, before: (usize, usize), start: usize, end: usize) -> Option<usize> {
        let gap = &self.bytes[before.1..start];
        let is_near =
            gap.len() <= 4 && gap.iter().all(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b']'));
        if !is_near || before.0 == before.1 {
            return None;
        }
        let name = self.slice(before);
        let name = name.rsplit(['.', ':']).next().unwrap_or(name);
        if let Some(header) = names::header(name) {
            return Some(self.header(header, start + 1));
        }
        if !self.scrubber.is_secret(name) {
            return None;
        }
        let mut at = start;
        while at < self.bytes.len()
            && at < end + 8
            && matches!(self.bytes[at], b':' | b'=' | b'>' | b' ' | b'\\')
        {
            at += 1;
        }
        Some(self.value(at, Until::Field, Secret::Whole))
    }

    /// A word that begins with neither: a command, an operand, a keyword.
    fn plain(&mut self, before: (usize, usize), start: usize, end: usize) -> Option<usize> {
        let word = &self.text[start..end];
        let basename = word.rsplit('/').next().unwrap_or_default();
        if let Some(command) = Command::named(basename) {
            self.command = command;
            self.operands = None;
            return None;
        }
        match (self.command, word) {
            (Command::Registry, "login") => self.command = Command::Password,
            (Command::Openssl, "passwd") => self.command = Command::Passwd,
            (Command::Passwd, _) if self.slice(before) != "-salt" && self.slice(before) != "-in" => {
                let end =
                    self.value_end(start, if start == self.argument { Until::Argument } else { Until::Word });
                self.secret(start, end);
                return Some(end);
            }
            (Command::Redis, "auth" | "AUTH") => {
                let first = self.following(end, Secret::Whole);
                return Some(self.following(first, Secret::Whole));
            }
            (Command::Htpasswd, _) => {
                let left = self.operands.as_mut()?;
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.operands = None;
                    self.secret(start, end);
                    return Some(end);
                }
            }
            (Command::Password, _) if word.starts_with("/p:") => {
                return Some(self.attached(start, start + 3));
            }
            _ => {}
        }
        self.keyword(before, start, end)
    }

    /// Words that say what follows, in SQL and in clients' own languages.
    fn keyword(&mut self, before: (usize, usize), start: usize, end: usize) -> Option<usize> {
        let word = &self.text[start..end];
        match word.len() {
            2 if self.is_sql && word.eq_ignore_ascii_case("by") => return self.quoted(end),
            4 if word == "echo" => self.echoed = Some((end, end)),
            6 if word == "printf" => self.echoed = Some((end, end)),
            5 | 6 | 10
                if ["alter", "create", "grant", "identified"]
                    .iter()
                    .any(|sql| word.eq_ignore_ascii_case(sql)) =>
            {
                self.is_sql = true;
            }
            8 if self.is_sql && word.eq_ignore_ascii_case("password") => return self.quoted(end),
            8 if word == "chpasswd" => self.echoed_secret(),
            10 | 11 if matches!(word, "masterauth" | "requirepass") => {
                return Some(self.following(end, Secret::Whole));
            }
            _ if self.slice(before) == "set" && self.scrubber.is_secret(word) => {
                return Some(self.following(end, Secret::Whole));
            }
            _ => {}
        }
        None
    }
}
