//! Secrets are removed before anything else sees an execution: no feature, row, field or log ever holds one.
//!
//! Command lines carry passwords in a handful of ways: behind a flag or a name that says so, in a URL's user info, in
//! a header, in the short flags of some clients, and as tokens that show by their shape what they are. Each is found in
//! one pass over the bytes, in linear time whatever they are, and replaced by one fixed mark, so that the same command
//! with another password has the same features. Nothing is allocated where nothing is found.
//!
//! What a word *might* be is not enough: `-p 8080`, `mkdir -p`, `--password-file` and `PWD=/srv` stay as they are,
//! because a score without the arguments would see less. The price of the other direction is stated plainly: somebody
//! who may choose arguments can hide a word from the score by calling it a password, but not the flag before it.

mod commands;
mod names;
mod patterns;
mod scan;
mod shapes;

use std::borrow::Cow;

use crate::Arguments;

pub use patterns::{ParseSecretPatternError, SecretPattern};

/// What stands where a secret was.
pub const MARK: &str = "***";

/// Replaces secrets in arguments and other text.
///
/// The default knows the common forms. [`with_names`](Self::with_names) adds names of one's own, and
/// [`with_patterns`](Self::with_patterns) forms.
#[derive(Debug, Clone, Default)]
pub struct Scrubber {
    /// Names beside the known ones whose values are secret, in lower case.
    names: Vec<String>,
    /// Forms beside the known ones.
    patterns: Vec<SecretPattern>,
}

/// How often text is read again in which something was found by patterns.
const MAX_PASSES: usize = 8;

impl Scrubber {
    /// Also treats the values of these names as secrets, as flags (`--NAME x`, `--NAME=x`), variables, fields and
    /// headers alike; upper and lower case are the same.
    #[must_use]
    pub fn with_names<I: IntoIterator<Item: AsRef<str>>>(mut self, names: I) -> Self {
        self.names
            .extend(names.into_iter().map(|name| name.as_ref().trim_start_matches('-').to_ascii_lowercase()));
        self
    }

    /// Also takes out what these expressions match in an argument, or the first group of one that has groups.
    #[must_use]
    pub fn with_patterns<I: IntoIterator<Item = SecretPattern>>(mut self, patterns: I) -> Self {
        self.patterns.extend(patterns);
        self
    }

    /// Whether somebody may call a secret so: two to 64 letters, digits, `-`, `_` and `.` behind any dashes before them.
    pub fn is_name(text: &str) -> bool {
        let name = text.trim_start_matches('-');
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (2..=64).contains(&name.len()) && name.bytes().all(is_part)
    }

    /// The same arguments without secrets. Where that makes them longer they are cut again to what counts.
    pub fn arguments(&self, arguments: Arguments) -> Arguments {
        match self.text(arguments.text()) {
            Cow::Borrowed(_) => arguments,
            // No secret contains a separator and the mark has none, so the arguments stay as many as they are.
            Cow::Owned(scrubbed) => Arguments::new(scrubbed.split('\0')),
        }
    }

    /// The same text without secrets: a command line or any other.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut scrubbed = scan::scrub(text, self);
        if self.patterns.is_empty() {
            return scrubbed;
        }
        for _ in 0..MAX_PASSES {
            let Some(found) = patterns::scrub(&scrubbed, &self.patterns) else { break };
            // What is left may have another meaning.
            scrubbed = Cow::Owned(scan::scrub(&found, self).into_owned());
        }
        scrubbed
    }

    fn is_secret(&self, name: &str) -> bool {
        names::is_secret(name)
            || self.names.iter().any(|own| name.trim_start_matches('-').eq_ignore_ascii_case(own))
    }
}
