//! Secrets that somebody describes by regular expressions of their own.
//!
//! The expressions are compiled to automata: time is linear in the text whatever they are, and what they may take in
//! memory is bounded. Each argument is searched by itself.

use std::ops::Range;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use super::MARK;

/// The longest expression, in bytes.
const LONGEST: usize = 1_024;

/// What one may take in memory once compiled, in bytes, and what searching with it may.
const COMPILED: usize = 256 << 10;

/// How deep groups may be nested.
const DEEPEST: u32 = 32;

/// A form of secret: what an expression matches, or, where it has groups, what the first of them does.
#[derive(Debug, Clone)]
pub struct SecretPattern(Regex);

/// Why an expression was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSecretPatternError {
    /// It is too long.
    #[error("a regular expression has at most {LONGEST} bytes")]
    TooLong,
    /// It would find a secret everywhere.
    #[error("it matches where there is nothing; let it match at least one character")]
    Empty,
    /// It is no regular expression, or too large a one.
    #[error("{0}")]
    Invalid(String),
}

impl FromStr for SecretPattern {
    type Err = ParseSecretPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            return Err(ParseSecretPatternError::TooLong);
        }
        let built =
            RegexBuilder::new(text).size_limit(COMPILED).dfa_size_limit(COMPILED).nest_limit(DEEPEST).build();
        let regex = built.map_err(|error| {
            // The last line is the cause; those before draw where it is.
            let said = error.to_string();
            let cause = said.lines().last().unwrap_or_default();
            ParseSecretPatternError::Invalid(cause.trim_start_matches("error: ").to_owned())
        })?;
        if regex.is_match("") {
            return Err(ParseSecretPatternError::Empty);
        }
        Ok(Self(regex))
    }
}

impl SecretPattern {
    /// The expression.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The places of secrets in an argument.
    fn secrets<'t>(&'t self, argument: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let group = usize::from(self.0.captures_len() > 1);
        // Groups are dearer to find than whether there is anything.
        let captures = self.0.is_match(argument).then(|| self.0.captures_iter(argument));
        captures.into_iter().flatten().filter_map(move |captures| Some(captures.get(group)?.range()))
    }
}

/// The text without the secrets that these patterns find in its arguments, which NUL separates; `None` where there are
/// none.
pub(super) fn scrub(text: &str, patterns: &[SecretPattern]) -> Option<String> {
    let mut secrets = Vec::new();
    let mut start = 0;
    for argument in text.split('\0') {
        let found = patterns.iter().flat_map(|pattern| pattern.secrets(argument));
        secrets.extend(found.map(|range| start + range.start..start + range.end));
        start += argument.len() + 1;
    }
    secrets.retain(|range| !range.is_empty() && !is_marked(text, range));
    if secrets.is_empty() {
        return None;
    }
    secrets.sort_unstable_by_key(|range| (range.start, range.end));
    let mut scrubbed = String::with_capacity(text.len());
    let mut end = 0;
    for range in secrets {
        if range.start >= end {
            scrubbed.push_str(&text[end..range.start]);
            scrubbed.push_str(MARK);
        }
        // One that overlaps is part of the one before.
        end = end.max(range.end);
    }
    scrubbed.push_str(&text[end..]);
    Some(scrubbed)
}

/// Whether a place lies within a mark: what was there is gone.
fn is_marked(text: &str, range: &Range<usize>) -> bool {
    let marks = text.match_indices(MARK).map(|(start, _)| start..start + MARK.len());
    marks.into_iter().any(|mark| mark.start <= range.start && range.end <= mark.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Arguments;
    use crate::scrub::Scrubber;

    fn pattern(text: &str) -> SecretPattern {
        text.parse().expect("an expression")
    }

    fn scrubbed(patterns: &[&str], text: &str) -> String {
        let patterns = patterns.iter().map(|text| pattern(text));
        Scrubber::default().with_patterns(patterns).text(text).into_owned()
    }

    #[test]
    fn what_is_described_is_taken_out() {
        for (patterns, text, expected) in [
            (&["EMP-[0-9]{6}"][..], "badge --open EMP-123456 now", "badge --open *** now"),
            (&["--licence ([A-Z]+)"], "run --licence ABCDEF x", "run --licence *** x"),
            (&["cust=(\\w+)|acct=(\\w+)"], "q cust=anna", "q cust=***"),
            (&["a+", "ab"], "xaab", "x***"),
            (&["EMP-[0-9]{6}"], "nothing here", "nothing here"),
            (&[".+"], "all of it", "***"),
            (&["\\*"], "a*b", "a***b"),
            (&["(?i)geheim"], "x GEHEIM", "x ***"),
        ] {
            assert_eq!(scrubbed(patterns, text), expected, "{patterns:?}");
        }
    }

    #[test]
    fn arguments_stay_apart_and_what_is_known_is_taken_out_too() {
        let scrubber = Scrubber::default().with_patterns([pattern("id.*")]);
        let arguments = Arguments::new(["tool", "id 7 and more", "after", "--password=hunter2"]);
        let scrubbed = scrubber.arguments(arguments);
        assert_eq!(scrubbed.iter().collect::<Vec<_>>(), ["tool", "***", "after", "--password=***"]);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let said = |text: &str| text.parse::<SecretPattern>().expect_err("refused").to_string();
        assert_eq!(said("a*"), "it matches where there is nothing; let it match at least one character");
        assert_eq!(said("("), "unclosed group");
        assert!(said(&"x".repeat(2_000)).starts_with("a regular expression has at most"));
        assert!(said("(a{1000}){1000}").contains("exceeds size limit"), "{}", said("(a{1000}){1000}"));
        assert!(!said(&"(".repeat(900)).is_empty());
        assert!(!said("(?=a)b").is_empty(), "what cannot be searched in linear time");
    }

    proptest! {
        #[test]
        fn what_was_scrubbed_stays_as_it_is(text in "[a-c*= \\-\0]{0,60}", index in 0usize..6) {
            let patterns = [pattern(["a+", "b.", "\\*+", "a=(.)", ".", "(\\*)a"][index])];
            let scrubber = Scrubber::default().with_patterns(patterns);
            let once = scrubber.text(&text).into_owned();
            prop_assert_eq!(scrubber.text(&once).into_owned(), once.clone());
            prop_assert_eq!(once.matches('\0').count(), text.matches('\0').count());
        }

        #[test]
        fn any_text_and_any_pattern_are_taken(text in ".{0,200}", expression in ".{0,40}") {
            if let Ok(pattern) = expression.parse::<SecretPattern>() {
                let scrubbed = Scrubber::default().with_patterns([pattern]).text(&text).into_owned();
                prop_assert!(scrubbed.len() <= 64 * (text.len() + 1));
            }
        }
    }
}
