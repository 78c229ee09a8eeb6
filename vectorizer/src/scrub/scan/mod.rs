//! The one pass that finds secrets.
//!
//! The text is read word by word, whether the words are arguments, words of a script inside one, or fields of JSON. A
//! word that announces a secret has its value looked up right behind it and the pass goes on after that, so no byte is
//! read more than a few times.

mod inside;
mod values;
mod words;

use std::borrow::Cow;

use crate::scrub::{MARK, Scrubber, commands::Command};

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
        let mut word_end = 0;
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            if !SEPARATES[usize::from(byte)] {
                // Of a word that was read in part the end is known.
                if at >= word_end {
                    word_end = self.word_end(at);
                }
                at = self.word(at, word_end);
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
