//! Text with several words in it: shell scripts first of all, but also programs of awk and sed, JSON, user agents.
//!
//! This is no parser. It finds the words, the operators between them and the names of variables, in one pass over the
//! bytes and whatever the quoting, because what matters is that the same text gives the same pieces and a changed text
//! gives mostly the same pieces.
//!
//! What a script *runs* says more than its other words do, and a script of two words has little else to be told by. So
//! the first word of every command behind a shell's `-c` is a feature of its own kind beside the word that it is.

use crate::{
    FeatureClass,
    hashed::{
        collect::Words,
        tokens::Walker,
        tools::{self, Tool},
    },
};

impl<'s, W: Words> Walker<'_, 's, W> {
    /// Splits text and emits what it finds.
    pub(super) fn script(&mut self, text: &'s str) {
        let bytes = text.as_bytes();
        // The numbers behind this argument are the program's whose arguments they are, not a script's.
        let tool = self.tool;
        self.is_program = self.is_shell && tools::takes_program(self.flag);
        self.expects_command = true;
        self.line_ended = false;
        self.is_redirected = false;
        self.in_backticks = false;
        self.flag = "";
        let mut at = 0;
        // Where the word being read began.
        let mut word = 0;
        while at < bytes.len() && !self.is_full() {
            let here = at;
            at = match bytes[at] {
                b'\n' | b'(' => {
                    self.word(&text[word..here]);
                    self.command();
                    self.line_ended = bytes[here] == b'\n' && here > 0;
                    at + 1
                }
                b' ' | b'\t' | b'\r' | b'"' | b'\'' | b')' | b'{' | b'}' | b'[' | b']' | b',' | b'\\' => {
                    self.word(&text[word..here]);
                    at + 1
                }
                b'|' | b'&' | b';' | b'`' => {
                    self.word(&text[word..here]);
                    self.operator(text, here)
                }
                b'<' | b'>' => {
                    // A descriptor's digit right before it belongs to the operator.
                    let digit = here == word + 1 && bytes[word].is_ascii_digit();
                    let start = if digit { word } else { here };
                    self.word(&text[word..start]);
                    self.redirection(text, start, here)
                }
                b'$' => {
                    self.word(&text[word..here]);
                    self.dollar(text, here)
                }
                b':' if bytes[at..].starts_with(b"://") => {
                    at = url_end(bytes, at);
                    self.word(&text[word..at]);
                    at
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            word = at;
        }
        if !self.is_full() {
            self.word(&text[word..]);
        }
        self.is_program = false;
        self.flag = "";
        self.tool = tool;
    }

    /// A word of a script, without the punctuation of sentences.
    fn word(&mut self, word: &'s str) {
        let trimmed = word.trim_end_matches([':', '.', ',', '!', '?']);
        // A word of nothing else (`.`, `..`, `!`, `:`) is one that shells know.
        let word = if trimmed.is_empty() { word } else { trimmed };
        if word.is_empty() {
            return;
        }
        if std::mem::take(&mut self.line_ended) {
            // The end of a line that another one follows is what `;` is.
            self.previous = Some(self.out.feature(FeatureClass::Operator, ";"));
        }
        let is_target = std::mem::take(&mut self.is_redirected);
        if self.is_program && self.expects_command && !is_target && !tools::precedes_command(word) {
            self.expects_command = false;
            self.out.open(FeatureClass::Command);
            let basename = word.rsplit('/').next().unwrap_or(word);
            self.shapes.write(basename, |piece| self.out.write(piece));
            self.out.close();
        }
        self.word_of_script(word);
    }

    /// A new command begins.
    fn command(&mut self) {
        self.tool = Tool::Other;
        self.flag = "";
        self.previous = None;
        self.expects_command = true;
        self.line_ended = false;
    }

    /// An operator between commands. Returns where it ends.
    fn operator(&mut self, text: &'s str, start: usize) -> usize {
        let bytes = text.as_bytes();
        if bytes[start] == b'`' {
            self.in_backticks = !self.in_backticks;
            if !self.in_backticks {
                return start + 1;
            }
        }
        let second = bytes.get(start + 1).copied();
        let operator = match (bytes[start], second) {
            (b'`', _) => "$(",
            (b'&', Some(b'>')) => return self.redirection(text, start, start + 1),
            (b'&', Some(b'&')) => "&&",
            (b'|', Some(b'|')) => "||",
            (b'|', Some(b'&')) => "|&",
            (b';', Some(b';')) => ";;",
            (b'&', _) => "&",
            (b'|', _) => "|",
            _ => ";",
        };
        self.command();
        self.previous = Some(self.out.feature(FeatureClass::Operator, operator));
        start + if operator == "$(" { 1 } else { operator.len() }
    }

    /// A redirection with the descriptors it names, which tell `2>&1` from a shell on a socket: `0>&1`, `<&3`.
    /// `start` is where it begins with its descriptor, `at` its first angle. Returns where it ends.
    fn redirection(&mut self, text: &'s str, start: usize, at: usize) -> usize {
        let bytes = text.as_bytes();
        let mut end = at + 1;
        while end < bytes.len() && end < at + 3 && matches!(bytes[end], b'<' | b'>') {
            end += 1;
        }
        if bytes.get(end) == Some(&b'&') {
            end += 1;
            if bytes.get(end).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-') {
                end += 1;
            }
        }
        self.is_redirected = !matches!(bytes[end - 1], b'-' | b'0'..=b'9');
        self.out.feature(FeatureClass::Operator, &text[start..end]);
        self.flag = "";
        end
    }

    /// A variable's name or the beginning of a substituted command. Returns where it ends.
    fn dollar(&mut self, text: &'s str, dollar: usize) -> usize {
        let bytes = text.as_bytes();
        let start = dollar + 1 + usize::from(bytes.get(dollar + 1) == Some(&b'{'));
        if bytes.get(start) == Some(&b'(') {
            self.command();
            self.previous = Some(self.out.feature(FeatureClass::Operator, "$("));
            return start + 1;
        }
        let rest = &bytes[start..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if length > 0 && !rest[0].is_ascii_digit() {
            let token = self.out.feature(FeatureClass::Variable, &text[start..start + length]);
            self.chain(token);
            return start + length;
        }
        // `$1`, `$?`, `$@` and their like say nothing.
        start
            + if length > 0 {
                length
            } else {
                usize::from(rest.first().is_some_and(|byte| b"?@*#!$-".contains(byte)))
            }
    }
}

/// Where a URL ends that has its `://` at `at`.
fn url_end(bytes: &[u8], at: usize) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`|;<>)}\\,".contains(byte);
    bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length)
}
