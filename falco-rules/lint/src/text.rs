//! A scalar's text, each character with its place in the file.
//!
//! Conditions are folded over lines, quoted, escaped. What a finding points at is the character in the file, so the
//! text is read from there once more, by the scalar's style. The parser's value decides whether that succeeded: where
//! the two differ in more than white space, the value is taken, with the scalar's beginning as the place of everything.

use saphyr_parser::ScalarStyle;

use crate::yaml::{Content, NodeId, Tree};

/// A place in a file, both numbers from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Characters with their places.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) characters: Vec<char>,
    positions: Vec<Position>,
    /// Where it ends, for what is missing there.
    end: Position,
}

impl Text {
    /// The text of a scalar; nothing of a collection.
    pub(crate) fn of(tree: &Tree, id: NodeId) -> Option<Self> {
        let node = tree.node(id);
        let Content::Scalar(value, style) = &node.content else { return None };
        let start = Position { line: node.span.start.line(), column: node.span.start.col() + 1 };
        let raw = tree.source.get(node.span.start.index()..node.span.end.index()).unwrap_or_default();
        let solid = |character: &char| !character.is_whitespace();
        for skipped in [0, introduction(raw, *style)] {
            let (introduction, text) = raw.split_at(skipped);
            let read = Self::read(text, advance(start, introduction), *style);
            if read.characters.iter().copied().filter(solid).eq(value.chars().filter(solid)) {
                return Some(read);
            }
        }
        let characters: Vec<_> = value.chars().collect();
        Some(Self { positions: vec![start; characters.len()], characters, end: start })
    }

    fn read(raw: &[char], start: Position, style: ScalarStyle) -> Self {
        let mut text = Self { characters: Vec::new(), positions: Vec::new(), end: start };
        let mut at = start;
        let mut index = 0;
        let last = raw.len().saturating_sub(1);
        while let Some(&character) = raw.get(index) {
            text.end = at;
            let (read, length) = match style {
                ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if index == 0 || index == last => {
                    (None, 1)
                }
                ScalarStyle::SingleQuoted if character == '\'' => (Some('\''), 2),
                ScalarStyle::DoubleQuoted if character == '\\' => unescape(&raw[index..]),
                _ => (Some(character), 1),
            };
            if let Some(read) = read {
                text.characters.push(read);
                text.positions.push(at);
            }
            at = advance(at, &raw[index..raw.len().min(index + length)]);
            index += length;
        }
        if !matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            text.end = at;
        }
        while text.characters.pop_if(|character| character.is_whitespace()).is_some() {
            text.end = text.positions.pop().unwrap_or(text.end);
        }
        text
    }

    /// Where a character stands; past the last, where the text ends.
    pub(crate) fn position(&self, index: usize) -> Position {
        self.positions.get(index).copied().unwrap_or(self.end)
    }
}

/// The place behind these characters.
fn advance(at: Position, passed: &[char]) -> Position {
    passed.iter().fold(at, |at, &character| match character {
        '\n' => Position { line: at.line + 1, column: 1 },
        _ => Position { column: at.column + 1, ..at },
    })
}

/// How many characters come before the text: an anchor, a tag, the first line of a block.
fn introduction(raw: &[char], style: ScalarStyle) -> usize {
    let length_while =
        |from: usize, belongs: fn(&char) -> bool| raw[from..].iter().take_while(|c| belongs(c)).count();
    let mut start = 0;
    while matches!(raw.get(start), Some('&' | '!')) {
        start += length_while(start, |character| !character.is_whitespace());
        start += length_while(start, |character| character.is_whitespace());
    }
    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
        && matches!(raw.get(start), Some('|' | '>'))
    {
        start += length_while(start, |character| *character != '\n');
    }
    start
}

/// An escape in double quotes: what it stands for, and how many characters it has.
fn unescape(raw: &[char]) -> (Option<char>, usize) {
    let numbered = |digits: usize| {
        let text: String = raw.iter().skip(2).take(digits).collect();
        (u32::from_str_radix(&text, 16).ok().and_then(char::from_u32), digits + 2)
    };
    match raw.get(1) {
        Some('x') => numbered(2),
        Some('u') => numbered(4),
        Some('U') => numbered(8),
        // White space of one kind or another; a line's end is none at all.
        Some('n' | 'r' | 't' | 'v' | 'f' | 'a' | 'b' | 'e' | '0' | 'N' | '_' | 'L' | 'P') => (Some(' '), 2),
        Some('\n') => (None, 2),
        Some(&character) => (Some(character), 2),
        None => (None, 1),
    }
}
