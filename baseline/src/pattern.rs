//! Patterns as people write them in a shell: `ci*`, `*curl*`, `tool-?`.
//!
//! Hostile text meets them, so matching takes time proportional to the two lengths at worst and never more.

use std::fmt;
use std::str::FromStr;

/// The longest pattern, in bytes.
const MAX_BYTES: usize = 1_000;

/// A pattern over a whole text: `*` stands for any characters, `?` for one, a backslash takes the next as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Any,
    One,
    Just(char),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePatternError {
    /// It would match nothing but nothing.
    #[error("a pattern cannot be empty; write * for everything")]
    Empty,
    /// Longer than anything that it could be meant for.
    #[error("a pattern has at most {MAX_BYTES} bytes")]
    Long,
}

impl Pattern {
    /// Whether it matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut part) = (0, 0);
        // Where the last `*` stands and how much of the text it stands for: the only place to go back to.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    star = Some((part, at));
                    part += 1;
                }
                Some(Part::One) => (at, part) = (at + 1, part + 1),
                Some(Part::Just(character)) if *character == text[at] => (at, part) = (at + 1, part + 1),
                _ => match &mut star {
                    Some((of, until)) => {
                        *until += 1;
                        (at, part) = (*until, *of + 1);
                    }
                    None => return false,
                },
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Any)
    }

    /// How many characters it fixes: of two patterns that match, the one that fixes more was meant more closely.
    pub fn closeness(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Just(_))).count()
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParsePatternError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(ParsePatternError::Long);
        }
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                // A backslash at the end has nothing to take, so it is one.
                '\\' => Part::Just(characters.next().unwrap_or('\\')),
                character => Part::Just(character),
            });
        }
        parts.dedup_by(|a, b| *a == Part::Any && *b == Part::Any);
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Pattern>().expect("a pattern").matches(text)
    }

    #[test]
    fn what_people_write() {
        for (pattern, text) in [
            ("ci*", "ci"),
            ("ci*", "ci-runner"),
            ("*curl*", "sh -c curl x"),
            ("tool-?", "tool-é"),
            ("*", ""),
            ("**a**", "xxaxx"),
            ("a*b*c", "a-b-b-c"),
            ("\\*", "*"),
            ("a\\", "a\\"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("ci*", "a ci"), ("?", ""), ("a*b", "a-b-c"), ("\\*", "x"), ("[ab]", "a"), ("CI", "ci")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        assert_eq!("".parse::<Pattern>(), Err(ParsePatternError::Empty));
        assert_eq!("x".repeat(1_001).parse::<Pattern>(), Err(ParsePatternError::Long));
    }

    #[test]
    fn hostile_text_costs_no_more_than_the_product_of_the_lengths() {
        let pattern = "*a".repeat(400) + "b";
        assert!(!matches(&pattern, &"a".repeat(4_000)));
    }

    proptest! {
        /// What a plain recursion says of short ones.
        #[test]
        fn as_by_definition(pattern in "[ab*?]{1,7}", text in "[ab]{0,7}") {
            fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
                match pattern {
                    [] => text.is_empty(),
                    [b'*', rest @ ..] => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
                    [b'?', rest @ ..] => !text.is_empty() && by_definition(rest, &text[1..]),
                    [byte, rest @ ..] => text.first() == Some(byte) && by_definition(rest, &text[1..]),
                }
            }
            prop_assert_eq!(matches(&pattern, &text), by_definition(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
