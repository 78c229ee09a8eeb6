//! The one pass that finds secrets.
//!
//! The text is read word by word, whether the words are arguments, words of a script inside one, or fields of JSON. A
//! word that announces a secret has its value looked up right behind it and the pass goes on after that, so no byte is
//! read more than a few times.

use std::borrow::Cow;

use crate::scrub::{
    MARK, Scrubber,
    commands::{Command, Secret},
    names::{self, Header},
    shapes,
};

/// How often text is read again in which something was found.
const MAX_PASSES: usize = 8;

/// Replaces every secret in `text`, whose arguments are separated by NUL.
///
/// One pass where nothing is found. Otherwise the result is read again until nothing more is: a mark may end up where it
/// gives what is around it another meaning, and what was scrubbed once must stay as it is when it is read back.
pub(super) fn scrub<'t>(text: &'t str, scrubber: &Scrubber) -> Cow<'t, str> {
    let mut scrubbed = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        let mut scan = Scan::new(&scrubbed, scrubber);
        scan.run();
        match scan.replaced() {
            None => break,
            Some(text) => scrubbed = Cow::Owned(text),
        }
    }
    scrubbed
}

/// Where a value ends.
#[derive(Clone, Copy)]
enum Until {
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

struct Scan<'t, 's> {
    text: &'t str,
    bytes: &'t [u8],
    scrubber: &'s Scrubber,
    /// What is to be replaced, as ranges.
    secrets: Vec<(usize, usize)>,
    /// Where the argument began.
    argument: usize,
    /// Whether the argument is what a shell or client was told to run.
    is_script: bool,
    /// The quote that is open.
    quote: Option<u8>,
    command: Command,
    /// The word before.
    previous: (usize, usize),
    /// What `echo` was given in the pipeline's stage before this one, or in this one while it lasts.
    echoed: Option<(usize, usize)>,
    /// Whether the argument is SQL that sets a password.
    is_sql: bool,
    /// Operands of `htpasswd` until its secret, once its flags say that it takes one.
    operands: Option<u8>,
}

impl<'t, 's> Scan<'t, 's> {
    fn new(text: &'t str, scrubber: &'s Scrubber) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            scrubber,
            secrets: Vec::new(),
            argument: 0,
            is_script: false,
            quote: None,
            command: Command::Other,
            previous: (0, 0),
            echoed: None,
            is_sql: false,
            operands: None,
        }
    }

    fn run(&mut self) {
        let mut at = 0;
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            if !SEPARATES[usize::from(byte)] {
                let end = self.word_end(at);
                at = self.word(at, end);
                continue;
            }
            match byte {
                0 => {
                    self.is_script = self.announces_script();
                    self.argument = at + 1;
                    self.quote = None;
                    self.is_sql = false;
                }
                b'"' | b'\'' => match self.quote {
                    None => self.quote = Some(byte),
                    Some(open) if open == byte => self.quote = None,
                    Some(_) => {}
                },
                // Operators of a shell, unless they stand in a string.
                b'|' if self.quote.is_none() => {
                    self.command = self.after_operator();
                    // Only what is handed to the very next command was meant for it.
                    self.echoed =
                        self.echoed.filter(|(start, end)| start == end).map(|(start, _)| (start, at));
                }
                b'\n' | b';' | b'&' if self.quote.is_none() => {
                    self.command = self.after_operator();
                    self.echoed = None;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Whose flags follow an operator. Outside scripts it is only a byte of an argument.
    fn after_operator(&self) -> Command {
        if self.is_script { Command::Other } else { self.command }
    }

    /// Whether the argument behind the word before is a script: `sh -c`, `bash -lc`, `psql -c`, `perl -e`.
    fn announces_script(&self) -> bool {
        let word = self.slice(self.previous);
        let letters = word.strip_prefix('-').unwrap_or_default();
        let is_short = letters.len() <= 4 && letters.bytes().all(|byte| byte.is_ascii_alphabetic());
        // `docker -e NAME=value` sets a variable.
        (is_short
            && (letters.ends_with('c') || (letters.ends_with('e') && self.command != Command::Registry)))
            || matches!(word, "--command" | "--eval" | "--execute")
    }

    /// Reads the word `start..end`. Returns where to go on.
    fn word(&mut self, start: usize, end: usize) -> usize {
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
    fn flag(&mut self, before: (usize, usize), start: usize, end: usize) -> Option<usize> {
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

    /// What is inside a word: names with values, user info of URLs, tokens.
    fn inside(&mut self, start: usize, end: usize) -> usize {
        let mut name = start;
        let mut seen_colon = false;
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
    fn header(&mut self, header: Header, at: usize) -> usize {
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
    fn private_key(&mut self, start: usize) -> Option<usize> {
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

    /// The value at `value`, in the same word as the name or flag at `start`.
    fn attached(&mut self, start: usize, value: usize) -> usize {
        self.attached_as(start, value, Secret::Whole)
    }

    fn attached_as(&mut self, start: usize, value: usize, secret: Secret) -> usize {
        // An argument that begins with the name is all value behind it, blanks and quotes included.
        let until = if start == self.argument && !self.is_script { Until::Argument } else { Until::Word };
        self.value(value, until, secret)
    }

    /// The next argument or word as a value; one that begins with `-` is a flag, and no value was given.
    fn following(&mut self, end: usize, secret: Secret) -> usize {
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
    fn quoted(&mut self, end: usize) -> Option<usize> {
        let rest = &self.bytes[end..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\\' | b'\n' | b'\t')).count();
        matches!(rest.get(blanks), Some(b'\'' | b'"'))
            .then(|| self.value(end + blanks, Until::Word, Secret::Whole))
    }

    /// Marks the value that begins at `start`. Returns where it ends.
    fn value(&mut self, start: usize, until: Until, secret: Secret) -> usize {
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
                    return start;
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

    fn value_end(&self, start: usize, until: Until) -> usize {
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
    fn echoed_secret(&mut self) {
        if let Some((start, end)) = self.echoed.take().filter(|(start, end)| start < end) {
            let text = &self.text[start..end];
            let inner = text.trim_start_matches([' ', '"', '\'', '-', 'n', 'e']);
            let start = end - inner.len();
            self.secret(start, start + inner.trim_end_matches([' ', '"', '\'']).len());
        }
    }

    /// Notes what is to be replaced, unless it is no secret: a mark, a variable, a word for yes or no.
    fn secret(&mut self, start: usize, end: usize) {
        let Some(text) = self.text.get(start..end).filter(|text| !text.is_empty()) else { return };
        let is_harmless =
            matches!(text, MARK | "true" | "false" | "yes" | "no" | "null" | "none" | "stdin" | "prompt")
                || is_reference(text);
        if !is_harmless {
            self.secrets.push((start, end));
        }
    }

    fn slice(&self, (start, end): (usize, usize)) -> &'t str {
        &self.text[start..end]
    }

    fn word_end(&self, start: usize) -> usize {
        let rest = &self.bytes[start..];
        start + rest.iter().position(|byte| SEPARATES[usize::from(*byte)]).unwrap_or(rest.len())
    }

    /// The text with marks in place of secrets; `None` where there are none.
    fn replaced(mut self) -> Option<String> {
        if self.secrets.is_empty() {
            return None;
        }
        // What was echoed is found late; everything else is in order.
        self.secrets.sort_unstable();
        let mut scrubbed = String::with_capacity(self.text.len() + 16);
        let mut copied = 0;
        for (start, end) in self.secrets {
            if start >= copied {
                scrubbed.push_str(&self.text[copied..start]);
                scrubbed.push_str(MARK);
            }
            copied = copied.max(end);
        }
        scrubbed.push_str(&self.text[copied..]);
        Some(scrubbed)
    }
}

/// `$PASSWORD`, `${PASSWORD}`, `$(cat file)`: where the secret comes from is worth keeping, and is no secret.
fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    name.starts_with(['(', '{']) || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What ends a word. All are ASCII, so words end at characters' boundaries.
const SEPARATES: [bool; 256] = {
    let mut separates = [false; 256];
    let separators = b"\0 \t\r\n\"'`;|&()<>{}[],\\";
    let mut index = 0;
    while index < separators.len() {
        separates[separators[index] as usize] = true;
        index += 1;
    }
    separates
};
