//! The words of a condition, with their places.

use super::{SyntaxError, Word};
use crate::text::Text;

/// Operators that need no blank behind them, the longer first.
const SYMBOLS: [&str; 7] = ["<=", ">=", "==", "!=", "<", ">", "="];

/// Operators that are words.
const WORDS: [&str; 13] = [
    "exists",
    "glob",
    "iglob",
    "contains",
    "icontains",
    "bcontains",
    "startswith",
    "bstartswith",
    "endswith",
    "regex",
    "intersects",
    "in",
    "pmatch",
];

/// Reads a condition from its beginning.
pub(super) struct Lexer<'t> {
    text: &'t Text,
    index: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t Text) -> Self {
        Self { text, index: 0 }
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.index += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.characters.get(self.index).copied()
    }

    fn rest_starts_with(&self, prefix: &str) -> bool {
        let mut rest = self.text.characters[self.index..].iter();
        prefix.chars().all(|character| rest.next() == Some(&character))
    }

    /// The characters that `belongs` accepts, if there are any.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> Option<Word> {
        let start = self.index;
        while self.peek().is_some_and(&belongs) {
            self.index += 1;
        }
        (self.index > start).then(|| self.word(start, self.index, false))
    }

    fn word(&self, start: usize, end: usize, quoted: bool) -> Word {
        Word {
            text: self.text.characters[start..end].iter().collect(),
            at: self.text.position(start),
            quoted,
        }
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.peek().is_none()
    }

    /// Whether nothing but blanks has been read.
    pub(super) fn is_at_start(&self) -> bool {
        self.text.characters[..self.index].iter().all(|character| character.is_whitespace())
    }

    /// Whether `and` or `or` comes next, which stays unread.
    pub(super) fn continues(&mut self) -> bool {
        let index = self.index;
        let continues = self.keyword("and").or_else(|| self.keyword("or")).is_some();
        self.index = index;
        continues
    }

    pub(super) fn fail<T>(&mut self, problem: &'static str) -> Result<T, SyntaxError> {
        self.skip_blanks();
        Err(SyntaxError { at: self.text.position(self.index), problem })
    }

    /// The symbol, if it comes next.
    pub(super) fn symbol(&mut self, symbol: char) -> bool {
        self.skip_blanks();
        let is_next = self.peek() == Some(symbol);
        self.index += usize::from(is_next);
        is_next
    }

    /// `and`, `or`, `not`, if it comes next and does not merely begin a longer word.
    pub(super) fn keyword(&mut self, keyword: &str) -> Option<Word> {
        self.skip_blanks();
        let start = self.index;
        let end = start + keyword.len();
        let ends = self.text.characters.get(end).is_none_or(|&next| next.is_whitespace() || next == '(');
        (self.rest_starts_with(keyword) && ends).then(|| {
            self.index = end;
            self.word(start, end, false)
        })
    }

    /// A macro's, a list's, a transformer's or a field's name.
    pub(super) fn name(&mut self) -> Option<Word> {
        self.skip_blanks();
        if !self.peek().is_some_and(|character| character.is_ascii_alphabetic()) {
            return None;
        }
        self.run(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-'))
    }

    /// What stands in brackets behind a field, skipped.
    pub(super) fn argument(&mut self) -> Result<(), SyntaxError> {
        if self.peek() != Some('[') {
            return Ok(());
        }
        self.index += 1;
        if self.quoted()?.is_none() {
            self.run(|character| character != ']');
        }
        if self.symbol(']') { Ok(()) } else { self.fail("an opened bracket is never closed") }
    }

    pub(super) fn operator(&mut self) -> Option<Word> {
        self.skip_blanks();
        let start = self.index;
        let symbol = SYMBOLS.iter().find(|symbol| self.rest_starts_with(symbol));
        if let Some(symbol) = symbol {
            self.index += symbol.len();
            return Some(self.word(start, self.index, false));
        }
        let word = self.run(|character| character.is_ascii_alphabetic())?;
        if WORDS.contains(&word.text.as_str()) {
            return Some(word);
        }
        self.index = start;
        None
    }

    /// A value, quoted or bare.
    pub(super) fn value(&mut self) -> Result<Option<Word>, SyntaxError> {
        self.skip_blanks();
        if let Some(word) = self.quoted()? {
            return Ok(Some(word));
        }
        let ends = |character: char| {
            character.is_whitespace() || matches!(character, '(' | ')' | ',' | '=' | '"' | '\'')
        };
        Ok(self.run(|character| !ends(character)))
    }

    /// A quoted value without its quotes; its place is that of the first.
    fn quoted(&mut self) -> Result<Option<Word>, SyntaxError> {
        let Some(quote @ ('"' | '\'')) = self.peek() else { return Ok(None) };
        let start = self.index;
        let mut escaped = false;
        for index in start + 1..self.text.characters.len() {
            let character = self.text.characters[index];
            if character == quote && !escaped {
                self.index = index + 1;
                let inner = self.word(start + 1, index, true);
                return Ok(Some(Word { at: self.text.position(start), ..inner }));
            }
            escaped = character == '\\' && !escaped;
        }
        self.fail("an opened quote is never closed")
    }
}
