//! Many short texts looked for in one pass over a line.
//!
//! A question may bring hundreds of texts, and looking for one after the other would take longer than all else. Two
//! bytes say where it is worth to look: a table of all pairs with which a text begins, and for each pair those texts.

use crate::clues::TestId;

/// The texts, each with the tests that it stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needles {
    /// A bit for every pair of bytes; empty while there is no text.
    pairs: Vec<u64>,
    /// Sorted by pair.
    by_pair: Vec<(u16, Vec<Needle>)>,
    /// Texts of one byte.
    single: Vec<Needle>,
}

#[derive(Debug, Clone)]
struct Needle {
    text: String,
    /// Whether it has to be a word of its own.
    whole: bool,
    id: TestId,
}

impl Needles {
    /// Adds a text.
    pub(crate) fn add(&mut self, text: &str, whole: bool, id: TestId) {
        let needle = Needle { text: text.to_owned(), whole, id };
        let &[first, second, ..] = text.as_bytes() else { return self.single.push(needle) };
        let pair = u16::from_be_bytes([first, second]);
        self.pairs.resize(1 << 10, 0);
        self.pairs[usize::from(pair) / 64] |= 1 << (pair % 64);
        match self.by_pair.binary_search_by_key(&pair, |(pair, _)| *pair) {
            Ok(known) => self.by_pair[known].1.push(needle),
            Err(place) => self.by_pair.insert(place, (pair, vec![needle])),
        }
    }

    /// Tells of every text that the line has; of the same more than once where it has it more than once.
    pub(crate) fn find(&self, line: &str, mut found: impl FnMut(TestId)) {
        for needle in self.single.iter().filter(|needle| line.contains(&needle.text)) {
            if !needle.whole
                || line.match_indices(&needle.text).any(|(at, _)| is_word(line, at, needle.text.len()))
            {
                found(needle.id);
            }
        }
        if self.by_pair.is_empty() {
            return;
        }
        let bytes = line.as_bytes();
        for (at, two) in bytes.windows(2).enumerate() {
            let pair = u16::from_be_bytes([two[0], two[1]]);
            if self.pairs[usize::from(pair) / 64] & 1 << (pair % 64) == 0 {
                continue;
            }
            let Ok(place) = self.by_pair.binary_search_by_key(&pair, |(pair, _)| *pair) else { continue };
            for needle in &self.by_pair[place].1 {
                let is_there = bytes[at..].starts_with(needle.text.as_bytes());
                if is_there && (!needle.whole || is_word(line, at, needle.text.len())) {
                    found(needle.id);
                }
            }
        }
    }
}

/// Where `text` stands in `line` as a word of its own.
pub(crate) fn whole(line: &str, text: &str) -> impl Iterator<Item = usize> {
    line.match_indices(text).map(|(at, _)| at).filter(move |&at| is_word(line, at, text.len()))
}

/// Whether neither a letter nor a digit stands before or behind.
fn is_word(line: &str, at: usize, length: usize) -> bool {
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    !line[..at].ends_with(continues) && !line[at + length..].starts_with(continues)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_ends_where_letters_do() {
        assert_eq!(whole("sh -c bash /bin/sh s-sh", "sh").collect::<Vec<_>>(), [0, 16, 21]);
        assert_eq!(whole("sh_x shx", "sh").count(), 0);
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_one_search_each_does(
            line in "[ab é_]{0,30}",
            texts in proptest::collection::vec(("[abé ]{1,4}", any::<bool>()), 0..12),
        ) {
            let mut needles = Needles::default();
            for (id, (text, is_whole)) in texts.iter().enumerate() {
                needles.add(text, *is_whole, id as TestId);
            }
            let mut found = BTreeSet::new();
            needles.find(&line, |id| {
                found.insert(id);
            });
            for (id, (text, whole)) in texts.iter().enumerate() {
                let mut places = (0..line.len()).filter(|&at| line.is_char_boundary(at));
                let there = places.any(|at| {
                    line[at..].starts_with(text.as_str()) && (!whole || is_word(&line, at, text.len()))
                });
                prop_assert_eq!(found.contains(&(id as TestId)), there, "{:?} in {:?}", text, line);
            }
        }
    }
}
