//! An execution as a person would say it.
//!
//! A sentence model knows that *stealing passwords* and *credential access* are near, and nothing of `/etc/shadow`. The
//! vocabulary knows what `/etc/shadow` is. So the terms that an execution shows go before its command line, and the
//! model has to bridge only from words to words.

use anomaly_vectorizer::{Execution, Hashed};

use crate::clues::{Clue, Reader, Tests};
use crate::vocabulary::{TERMS, Term};

/// Raised by every change of the text or of the vocabulary: meanings of different texts are not compared.
pub const VERSION: u32 = 1;

/// From which strength on a term is said.
const SHOWN: f32 = 0.7;

/// How many terms are said at most.
const MOST: usize = 3;

/// How much of a command line is said, in bytes. The model reads 128 tokens in all.
const MAX_COMMAND: usize = 400;

/// Says executions. Keeps the whole vocabulary ready, so that it is made once.
#[derive(Debug)]
pub struct Narrator {
    tests: Tests,
    terms: Vec<(&'static Term, Vec<Clue>)>,
    reader: Reader,
}

impl Default for Narrator {
    fn default() -> Self {
        let (embedder, mut tests) = (Hashed::default(), Tests::default());
        let terms = TERMS
            .iter()
            .map(|term| (term, term.clues(&embedder, &mut tests).expect("a test reads the whole table")));
        let terms = terms.collect();
        Self { tests, terms, reader: Reader::default() }
    }
}

impl Narrator {
    /// The terms that an execution shows, the surest first, each with how sure.
    pub fn terms(
        &mut self,
        execution: &Execution,
        surroundings: &[&'static str],
    ) -> Vec<(&'static Term, f32)> {
        let Self { tests, terms, reader } = self;
        reader.read(tests, execution, surroundings);
        let strength = |clues: &[Clue]| clues.iter().map(|clue| reader.strength(clue)).fold(0.0, f32::max);
        let mut shown: Vec<_> = terms
            .iter()
            .map(|(term, clues)| (*term, strength(clues)))
            .filter(|(_, strength)| *strength >= SHOWN)
            .collect();
        shown.sort_by(|a, b| b.1.total_cmp(&a.1));
        shown.truncate(MOST);
        shown
    }

    /// The text that a model is given: the terms with what they mean, then who runs what.
    pub fn say(&mut self, execution: &Execution, surroundings: &[&'static str]) -> String {
        let mut text = String::new();
        for (term, _) in self.terms(execution, surroundings) {
            text.push_str(term.name);
            text.push_str(": ");
            text.push_str(term.means);
            text.push_str(". ");
        }
        if !execution.parent.is_empty() {
            text.push_str(&execution.parent);
            text.push_str(" runs ");
        }
        let command = execution.command_line();
        text.push_str(&command[..command.floor_char_boundary(MAX_COMMAND)]);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::of_arguments;

    #[test]
    fn what_it_shows_is_said_before_what_it_is() {
        let mut narrator = Narrator::default();
        let execution = Execution { parent: "sh".into(), ..of_arguments("cat", ["cat", "/etc/shadow"]) };
        let text = narrator.say(&execution, &[]);
        assert!(text.starts_with("credential access: "), "{text}");
        assert!(text.ends_with("sh runs cat /etc/shadow"), "{text}");
        let plain = narrator.say(&of_arguments("sleep", ["sleep", "5"]), &[]);
        assert_eq!(plain, "sleep 5");
    }
}
