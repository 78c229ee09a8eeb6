//! The words of the trade, and what each of them looks like in an execution.
//!
//! Nobody types *persistence* into a shell. A [`Term`] says by which signs it shows: programs, flags, files, operators of
//! a script, what the program inherited. Signs are written in a small language, so that the table reads as what an
//! analyst would say, and turned into features by the embedder itself (see [`crate::Query`]).
//!
//! A sign is a strength and conditions, all of which must hold; a condition is a kind, a colon and alternatives:
//!
//! | kind | holds where |
//! |---|---|
//! | `program` | one of these runs: the process, or a command of its script; less strongly, a word or a file has that name |
//! | `name`, `parent` | the process itself, its parent or grandparent has that name |
//! | `flag`, `word`, `op`, `var`, `scheme`, `number`, `ext` | an argument or a piece of script text is that |
//! | `dir` | a path lies there: its first two directories, or the last |
//! | `file` | a path or a word has that name |
//! | `host` | an address or name of that class is there (`public`, `private`, `loopback`) |
//! | `text` | the command line has that text, in any case; alternatives are parted by ` \| ` |
//! | `around` | the row was seen so (`a public connection on 0-2`); alternatives as for `text` |
//! | `kind` | it is such an act (`connect`, `ptrace`) |
//!
//! Alternatives are parted by spaces but where the table says otherwise.

mod terms;

use anomaly_vectorizer::{Described, FeatureClass, Hashed, Kind, Seen};

use crate::clues::{Clue, Test, TestId, Tests};
use crate::readings;

pub use terms::TERMS;

/// A word of the trade.
#[derive(Debug)]
pub struct Term {
    /// What it is called.
    pub name: &'static str,
    /// What else people write for it, in small letters: phrases of up to [`MAX_PHRASE`] words.
    pub aliases: &'static [&'static str],
    /// What it means, in a few words.
    pub means: &'static str,
    /// By what it shows: how much each sign says, in hundredths, and its conditions.
    pub signs: &'static [(u8, &'static [&'static str])],
}

/// Words that a phrase of the vocabulary has at most.
pub const MAX_PHRASE: usize = 4;

/// What is left of a sign where a program does not run but is mentioned: as somebody's argument, as a file's name.
const MENTIONED: f32 = 0.6;

/// The condition of a sign cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{condition:?} is no condition of a sign: {reason}")]
pub struct SignError {
    /// What was written.
    pub condition: &'static str,
    /// Why it is none.
    pub reason: &'static str,
}

impl Term {
    /// Every way in which it may be written.
    pub fn phrases(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// What the term is looked for by. Its tests are added to those of the question.
    ///
    /// # Errors
    /// Where the table has a condition that says nothing; a test goes through the whole table.
    pub(crate) fn clues(&self, embedder: &Hashed, tests: &mut Tests) -> Result<Vec<Clue>, SignError> {
        let mut clues = Vec::with_capacity(self.signs.len());
        for (strength, conditions) in self.signs {
            let strength = f32::from(*strength) / 100.0;
            let mut add = |factor: f32, mentioned: bool| {
                let lists = conditions.iter().map(|condition| any_of(embedder, tests, condition, mentioned));
                clues.push(Clue::All(strength * factor, lists.collect::<Result<_, _>>()?));
                Ok(())
            };
            add(1.0, false)?;
            if conditions.iter().any(|condition| condition.starts_with("program:")) {
                add(MENTIONED, true)?;
            }
        }
        Ok(clues)
    }
}

/// The tests of which a condition wants at least one. A program that is only `mentioned` will do or not.
fn any_of(
    embedder: &Hashed,
    tests: &mut Tests,
    condition: &'static str,
    mentioned: bool,
) -> Result<Vec<TestId>, SignError> {
    let error = |reason| SignError { condition, reason };
    let (kind, alternatives) = condition.split_once(':').ok_or_else(|| error("it has no kind"))?;
    let mut ids = Vec::new();
    match kind {
        "text" => {
            for text in alternatives.split(" | ") {
                ids.extend(tests.add(Test::Text(text.to_owned()), text));
            }
        }
        "around" => {
            for words in alternatives.split(" | ") {
                Seen::from_words([words]).map_err(|_| error("no surroundings are called that"))?;
                ids.extend(tests.add(Test::Surroundings(words), words));
            }
        }
        "kind" => {
            for word in alternatives.split(' ') {
                let kind = Kind::named(word).ok_or_else(|| error("no kind of act is called that"))?;
                ids.extend(tests.add(Test::Kind(kind), &format!("act {word}")));
            }
        }
        _ => {
            let classes = classes(kind, mentioned).ok_or_else(|| error("there is no such kind"))?;
            for text in alternatives.split(' ') {
                let features = if kind == "host" {
                    readings::as_class(embedder, FeatureClass::Host, example(text))
                } else {
                    let read = |class: &FeatureClass| readings::as_class(embedder, *class, text);
                    classes.iter().flat_map(read).collect()
                };
                if features.is_empty() {
                    return Err(error("the embedder makes no feature of it"));
                }
                ids.extend(
                    features
                        .into_iter()
                        .filter_map(|Described { hash, text, .. }| tests.add(Test::Feature(hash), &text)),
                );
            }
        }
    }
    if ids.is_empty() { Err(error("nothing can meet it")) } else { Ok(ids) }
}

/// The classes of features that a kind of condition asks for.
fn classes(kind: &str, mentioned: bool) -> Option<&'static [FeatureClass]> {
    use FeatureClass::*;
    Some(match kind {
        "program" if mentioned => &[Name, Command, Word, Basename],
        "program" => &[Name, Command],
        "name" => &[Name],
        "parent" => &[Parent, Grandparent],
        "flag" => &[Flag],
        "word" => &[Word],
        "op" => &[Operator],
        "var" => &[Variable],
        "scheme" => &[Scheme],
        "number" => &[Number],
        "ext" => &[Extension],
        "dir" => &[Directory, ParentDirectory],
        "file" => &[Basename, Word],
        "host" => &[Host],
        _ => return None,
    })
}

/// An address of a class.
fn example(class: &str) -> &'static str {
    match class {
        "loopback" => "127.0.0.1",
        "private" => "10.0.0.1",
        "public" => "198.51.100.7",
        _ => "0.0.0.0",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::query::{is_filler, stem};

    #[test]
    fn every_sign_of_the_table_can_be_understood() {
        let (hashed, mut tests) = (Hashed::default(), Tests::default());
        let mut wrong = Vec::new();
        for term in TERMS {
            let texts = term.signs.iter().flat_map(|(_, conditions)| *conditions);
            for text in texts.filter_map(|condition| condition.strip_prefix("text:")) {
                assert_eq!(text, text.to_lowercase(), "command lines are compared in small letters");
            }
            match term.clues(&hashed, &mut tests) {
                Ok(clues) => assert!(!clues.is_empty(), "{} shows by nothing", term.name),
                Err(error) => wrong.push(format!("{}: {error}", term.name)),
            }
            assert!(term.signs.iter().all(|(strength, _)| (20..=100).contains(strength)), "{}", term.name);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let all = tests.iter().count();
        assert!(all < crate::clues::MAX_TESTS / 2, "a question that has all terms still has room: {all}");
    }

    #[test]
    fn a_condition_that_says_nothing_is_refused() {
        for (condition, reason) in [
            ("nc", "it has no kind"),
            ("binary:nc", "there is no such kind"),
            ("around:a window", "no surroundings are called that"),
            ("kind:dance", "no kind of act is called that"),
            ("word:12345", "the embedder makes no feature of it"),
        ] {
            let error =
                any_of(&Hashed::default(), &mut Tests::default(), condition, false).expect_err(condition);
            assert_eq!(error.reason, reason);
        }
    }

    #[test]
    fn every_phrase_belongs_to_one_term_and_can_be_typed() {
        let mut owners = BTreeMap::new();
        let mut twice = Vec::new();
        for term in TERMS {
            for phrase in term.phrases() {
                assert_eq!(phrase, phrase.to_lowercase());
                let words: Vec<_> =
                    phrase.split([' ', '-']).filter(|word| !is_filler(word)).map(stem).collect();
                assert!((1..=MAX_PHRASE).contains(&words.len()), "{phrase}");
                if let Some(other) = owners.insert(words, term.name) {
                    twice.push(format!("{phrase:?} of {:?} is {other:?} already", term.name));
                }
            }
        }
        assert!(twice.is_empty(), "{}", twice.join("\n"));
    }
}
