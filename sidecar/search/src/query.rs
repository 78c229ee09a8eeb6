//! From the text of a question to what it is looked for by.

use anomaly_vectorizer::{FeatureClass, Hashed};

use crate::clues::{Clue, Test, Tests};
use crate::readings;
use crate::vocabulary::{MAX_PHRASE, TERMS, Term};

/// How long a question may be, in bytes. A pasted command line has room; a book has not.
pub const MAX_QUERY_BYTES: usize = 1024;

/// How many words a question may have.
pub const MAX_WORDS: usize = 32;

/// How much a term of the vocabulary counts beside a word: it was chosen to mean something.
const TERM_WEIGHT: f32 = 2.0;

/// A text of fewer letters has to be a whole word.
const MIN_PART: usize = 3;

/// The text is no question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseQueryError {
    /// No word.
    #[error("the question is empty: give words such as 'reverse shell' or 'curl /etc/passwd'")]
    Empty,
    /// More than [`MAX_QUERY_BYTES`].
    #[error("the question has {0} bytes, and {MAX_QUERY_BYTES} are the most: give the words that matter")]
    TooLong(usize),
    /// More than [`MAX_WORDS`].
    #[error("the question has {0} words, and {MAX_WORDS} are the most: give the words that matter")]
    TooManyWords(usize),
}

/// A question, ready to be asked of any number of executions.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) tests: Tests,
}

/// One thing that a question asks for.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// What was typed for it.
    pub(crate) asked: String,
    /// The term that it stands for; `None` of a word that is looked for as it is.
    pub(crate) term: Option<&'static Term>,
    pub(crate) weight: f32,
    pub(crate) clues: Vec<Clue>,
}

impl Query {
    /// Reads a question. Control characters part words and are nothing else.
    ///
    /// # Errors
    /// Where it has no word, or more than is taken.
    pub fn parse(text: &str) -> Result<Self, ParseQueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(ParseQueryError::TooLong(text.len()));
        }
        let parts_words = |c: char| c.is_whitespace() || c.is_control();
        let typed: Vec<_> = text.split(parts_words).filter(|word| !word.is_empty()).collect();
        match typed.len() {
            0 => return Err(ParseQueryError::Empty),
            count if count > MAX_WORDS => return Err(ParseQueryError::TooManyWords(count)),
            _ => {}
        }
        let mut words: Vec<_> = typed.iter().copied().filter(|word| !is_filler(&bare(word))).collect();
        if words.is_empty() {
            words.clone_from(&typed);
        }
        let mut query = Self { text: typed.join(" "), parts: Vec::new(), tests: Tests::default() };
        let embedder = Hashed::default();
        let mut at = 0;
        while at < words.len() {
            let length = match longest_term(&words[at..]) {
                Some((term, length)) => {
                    query.add_term(&embedder, term, &words[at..at + length]);
                    length
                }
                None => {
                    query.add_word(&embedder, words[at]);
                    1
                }
            };
            at += length;
        }
        Ok(query)
    }

    /// What was asked, with one space between two words and no control character.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The terms of the vocabulary that it has, in the order in which they were asked for.
    pub fn terms(&self) -> impl Iterator<Item = &'static Term> {
        self.parts.iter().filter_map(|part| part.term)
    }

    fn add_term(&mut self, embedder: &Hashed, term: &'static Term, words: &[&str]) {
        let asked = words.join(" ");
        if let Some(known) =
            self.parts.iter_mut().find(|part| part.term.is_some_and(|known| known.name == term.name))
        {
            known.asked = format!("{}, {asked}", known.asked);
            return;
        }
        let mut clues = term.clues(embedder, &mut self.tests).expect("a test reads the whole table");
        // Its words may stand in a command, too: `cloudflared tunnel`.
        let literal: Vec<_> = words.iter().map(|word| bare(word)).collect();
        let lists =
            literal.iter().map(|word| self.tests.add(Test::Whole(word.clone()), word).into_iter().collect());
        clues.push(Clue::All(0.6, lists.collect()));
        self.parts.push(Part { asked, term: Some(term), weight: TERM_WEIGHT, clues });
    }

    fn add_word(&mut self, embedder: &Hashed, word: &str) {
        if self.parts.iter().any(|part| part.term.is_none() && part.asked == word) {
            return;
        }
        let mut clues = Vec::new();
        let mut spellings = vec![word.to_owned()];
        for other in [bare(word), word.to_lowercase(), stem(&bare(word))] {
            if !other.is_empty() && !spellings.contains(&other) {
                spellings.push(other);
            }
        }
        for (position, spelling) in spellings.iter().enumerate() {
            // What was typed before what was made of it.
            let factor = if position == 0 { 1.0 } else { 0.95 };
            self.add_places(embedder, spelling, factor, &mut clues);
            self.add_text(&spelling.to_lowercase(), factor, &mut clues);
        }
        self.add_argument(embedder, word, &mut clues);
        self.parts.push(Part { asked: word.to_owned(), term: None, weight: 1.0, clues });
    }

    /// The word as each thing that it can be in an execution. What a process does counts before whose child it is.
    fn add_places(&mut self, embedder: &Hashed, word: &str, factor: f32, clues: &mut Vec<Clue>) {
        const PLACES: [(FeatureClass, f32); 12] = [
            (FeatureClass::Name, 1.0),
            (FeatureClass::Command, 1.0),
            (FeatureClass::Operator, 0.95),
            (FeatureClass::Word, 0.9),
            (FeatureClass::Variable, 0.9),
            (FeatureClass::Basename, 0.9),
            (FeatureClass::Flag, 0.85),
            (FeatureClass::Directory, 0.8),
            (FeatureClass::Extension, 0.7),
            (FeatureClass::ParentDirectory, 0.7),
            (FeatureClass::Parent, 0.5),
            (FeatureClass::Grandparent, 0.35),
        ];
        let is_plain = word.chars().all(|c| c.is_alphanumeric() || "-_.+".contains(c));
        for (class, strength) in PLACES {
            let text = match class {
                FeatureClass::Flag if !word.starts_with('-') => format!("--{word}"),
                FeatureClass::Operator | FeatureClass::Flag => word.to_owned(),
                _ if !is_plain => continue,
                FeatureClass::Directory => format!("/{word}"),
                _ => word.to_owned(),
            };
            if class == FeatureClass::Operator && is_plain {
                continue;
            }
            for feature in readings::as_class(embedder, class, &text) {
                if let Some(id) = self.tests.add(Test::Feature(feature.hash), &feature.text) {
                    clues.push(Clue::All(strength * factor, vec![vec![id]]));
                }
            }
        }
    }

    /// The word as text, in small letters.
    fn add_text(&mut self, word: &str, factor: f32, clues: &mut Vec<Clue>) {
        let mut add = |test: Test, strength: f32| {
            if let Some(id) = self.tests.add(test, word) {
                clues.push(Clue::All(strength * factor, vec![vec![id]]));
            }
        };
        add(Test::Whole(word.to_owned()), 0.8);
        if word.chars().count() >= MIN_PART {
            add(Test::InName(word.to_owned()), 0.75);
            add(Test::Text(word.to_owned()), 0.55);
            add(Test::InParents(word.to_owned()), 0.3);
        }
    }

    /// What was typed as an argument and as script: a path, a URL, an address in features, so that what changes from
    /// run to run may differ.
    fn add_argument(&mut self, embedder: &Hashed, word: &str, clues: &mut Vec<Clue>) {
        for features in [readings::of_argument(embedder, word), readings::of_script(embedder, word)] {
            // One feature of several bytes stands for much else, too: the class of an address, a scheme.
            let factor = if features.len() > 1 { 0.95 } else { 0.4 };
            let weights: Vec<_> = features
                .iter()
                .filter_map(|feature| {
                    let weight = feature.class.weight();
                    Some((self.tests.add(Test::Feature(feature.hash), &feature.text)?, weight * weight))
                })
                .collect();
            if !weights.is_empty() {
                clues.push(Clue::Share(factor, weights));
            }
        }
    }
}

/// The term that the first words are a phrase of, the longest one, and how many words that is.
fn longest_term(words: &[&str]) -> Option<(&'static Term, usize)> {
    let stems = |word: &&str| bare(word).split('-').map(stem).collect::<Vec<_>>();
    let stems: Vec<_> = words.iter().take(MAX_PHRASE).map(stems).collect();
    for length in (1..=stems.len()).rev() {
        let is_it = |phrase: &str| {
            let mut phrase = phrase.split([' ', '-']).filter(|word| !is_filler(word)).map(stem);
            let mut asked = stems[..length].iter().flatten();
            loop {
                match (phrase.next(), asked.next()) {
                    (None, None) => return true,
                    (Some(one), Some(other)) if one == *other => {}
                    _ => return false,
                }
            }
        };
        let found = TERMS.iter().find(|term| term.phrases().any(is_it));
        if let Some(term) = found {
            return Some((term, length));
        }
    }
    None
}

/// A word in small letters without the punctuation of sentences.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| "?!,;:\"'()".contains(c)).trim_end_matches('.').to_lowercase()
}

/// A word without its ending, roughly: enough to tell that *shells* and *shell*, *scanning* and *scan* are one.
pub(crate) fn stem(word: &str) -> String {
    let stem = |ending: &str, least: usize| {
        word.strip_suffix(ending).filter(|stem| stem.chars().count() >= least && word.is_ascii())
    };
    if let Some(stem) = stem("ies", 3) {
        return format!("{stem}y");
    }
    let cut = stem("ing", 3).or_else(|| stem("ed", 3)).or_else(|| {
        if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
            None
        } else {
            stem("sses", 1).map(|_| &word[..word.len() - 2]).or_else(|| stem("s", 3))
        }
    });
    let Some(cut) = cut else { return word.trim_end_matches('e').to_owned() };
    // scann-ing, tunnell-ing: the letter that was doubled for the ending.
    let mut letters = cut.chars().rev();
    match (letters.next(), letters.next()) {
        (Some(last), Some(before)) if last == before && !"sle".contains(last) => {
            cut[..cut.len() - 1].to_owned()
        }
        _ => cut.trim_end_matches('e').to_owned(),
    }
}

/// Words that only hold a sentence together. None of them is a program's name that somebody would ask for alone, and a
/// question of nothing else keeps them.
pub(crate) fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "a" | "an"
            | "the"
            | "of"
            | "to"
            | "in"
            | "into"
            | "on"
            | "at"
            | "as"
            | "by"
            | "for"
            | "with"
            | "from"
            | "and"
            | "or"
            | "is"
            | "was"
            | "were"
            | "are"
            | "be"
            | "been"
            | "being"
            | "that"
            | "this"
            | "these"
            | "those"
            | "it"
            | "its"
            | "which"
            | "what"
            | "where"
            | "when"
            | "did"
            | "does"
            | "has"
            | "have"
            | "had"
            | "any"
            | "all"
            | "some"
            | "somebody"
            | "someone"
            | "anybody"
            | "anyone"
            | "something"
            | "show"
            | "me"
            | "there"
            | "their"
            | "his"
            | "her"
            | "my"
            | "our"
            | "out"
            | "via"
            | "using"
            | "used"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(text: &str) -> Vec<(Option<&'static str>, String)> {
        let query = Query::parse(text).expect("a question");
        query.parts.iter().map(|part| (part.term.map(|term| term.name), part.asked.clone())).collect()
    }

    #[test]
    fn phrases_of_the_vocabulary_are_found_among_words() {
        assert_eq!(
            asked("reverse shell bash outbound connection"),
            [
                (Some("reverse shell"), "reverse shell".to_owned()),
                (None, "bash".to_owned()),
                (Some("outbound connection"), "outbound connection".to_owned()),
            ]
        );
        let port_scans = [(Some("port scan"), "port scanning".to_owned()), (None, "nmap".to_owned())];
        assert_eq!(asked("the port scanning with nmap?")[0], port_scans[0]);
        assert_eq!(asked("Reverse Shells")[0].0, Some("reverse shell"));
        assert_eq!(asked("one-liner")[0].0, Some("interpreter one-liner"));
        assert_eq!(asked("escape from the container")[0].0, Some("container escape"));
        assert_eq!(
            asked("password credentials"),
            [(Some("credential access"), "password, credentials".to_owned())]
        );
    }

    #[test]
    fn fillers_are_left_out_but_where_nothing_else_is_asked() {
        assert_eq!(asked("what did curl"), [(None, "curl".to_owned())]);
        assert_eq!(asked("at"), [(None, "at".to_owned())]);
        assert_eq!(asked("curl curl curl").len(), 1);
    }

    #[test]
    fn what_is_no_question_is_told() {
        for empty in ["", "  \t\n", "\0\x1b"] {
            assert_eq!(Query::parse(empty).expect_err("no word"), ParseQueryError::Empty);
        }
        let long = "x".repeat(MAX_QUERY_BYTES + 1);
        assert_eq!(Query::parse(&long).expect_err("long"), ParseQueryError::TooLong(MAX_QUERY_BYTES + 1));
        let many = "x ".repeat(MAX_WORDS + 1);
        assert_eq!(Query::parse(&many).expect_err("many"), ParseQueryError::TooManyWords(MAX_WORDS + 1));
    }

    #[test]
    fn endings_do_not_part_words() {
        for (one, other) in [
            ("shells", "shell"),
            ("scanning", "scan"),
            ("scanned", "scan"),
            ("tunnelling", "tunnelled"),
            ("processes", "process"),
            ("mining", "mine"),
            ("miners", "miner"),
            ("queries", "query"),
            ("deleted", "delete"),
            ("wiping", "wipe"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        for word in ["redis", "bus", "process", "ss", "ps", "id"] {
            assert_eq!(stem(word), word);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_question_or_told_why_not(text in "\\PC{0,200}|.{0,1200}") {
            if let Ok(query) = Query::parse(&text) {
                prop_assert!(!query.parts.is_empty() && query.parts.len() <= MAX_WORDS);
                prop_assert!(!query.text().chars().any(char::is_control));
            }
        }

        #[test]
        fn pieces_of_commands_are_questions(words in proptest::collection::vec("[-a-z0-9/.:|&<>$(=]{1,12}", 1..20)) {
            let query = Query::parse(&words.join(" ")).expect("words");
            prop_assert!(query.parts.iter().all(|part| !part.clues.is_empty()), "{query:?}");
        }
    }
}
