//! Falco's conditions as trees: enough of the grammar to know what is compared with what, and under how many `not`s.
//!
//! Falco's own parser refuses some of what is read here (a word where a number belongs, `.85`), and that is the point:
//! a finding with the corrected text helps more than the refusal at the next start.

mod lex;
mod parse;
#[cfg(test)]
mod tests;

pub(crate) use parse::parse;

use crate::text::Position;

/// A condition or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// All of them hold.
    All(Vec<Self>),
    /// Any of them holds.
    Any(Vec<Self>),
    /// It does not hold; with the place of the `not`.
    Not(Position, Box<Self>),
    /// A comparison.
    Compare(Compare),
    /// A macro by its name.
    Macro(Word),
    /// The condition that this one is appended to.
    Base,
}

/// A piece of a condition's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Position,
    pub(crate) quoted: bool,
}

/// A field, an operator, and what the field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compare {
    /// The field without its argument.
    pub(crate) field: Word,
    /// Whether something is made of the field first that changes what it is (`len`, `b64`).
    pub(crate) transformed: bool,
    pub(crate) operator: Word,
    pub(crate) right: Right,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Right {
    /// `exists` has none.
    Nothing,
    /// One value.
    Value(Word),
    /// Another field, in `val(...)`.
    Field(Word),
    /// Values in parentheses, or the name of a list.
    Values(Vec<Word>),
}

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) problem: &'static str,
}

impl Expr {
    /// Calls `visit` with every comparison and macro, and with the innermost `not` that turns it round, if an odd
    /// number of them stands above it.
    pub(crate) fn walk<'e>(&'e self, visit: &mut impl FnMut(Leaf<'e>, Option<Position>)) {
        self.walk_under(None, visit);
    }

    fn walk_under<'e>(
        &'e self,
        negated: Option<Position>,
        visit: &mut impl FnMut(Leaf<'e>, Option<Position>),
    ) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.walk_under(negated, visit));
            }
            Self::Not(at, part) => part.walk_under(negated.xor(Some(*at)), visit),
            Self::Compare(compare) => visit(Leaf::Compare(compare), negated),
            Self::Macro(name) => visit(Leaf::Macro(name), negated),
            Self::Base => {}
        }
    }
}

impl Compare {
    /// The field that this one is compared with.
    pub(crate) fn field_on_the_right(&self) -> Option<&Word> {
        match &self.right {
            Right::Field(field) => Some(field),
            _ => None,
        }
    }

    /// Where the value stands.
    pub(crate) fn value_at(&self) -> Position {
        match &self.right {
            Right::Value(word) | Right::Field(word) => word.at,
            Right::Values(words) => words.first().map_or(self.operator.at, |word| word.at),
            Right::Nothing => self.operator.at,
        }
    }
}

/// What [`Expr::walk`] finds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaf<'e> {
    Compare(&'e Compare),
    Macro(&'e Word),
}
