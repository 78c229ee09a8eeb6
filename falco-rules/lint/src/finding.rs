//! What the lint has to say.

use std::fmt;

use serde::Serialize;

/// One misuse of one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, as it was named to the lint.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Which kind of misuse.
    pub check: Check,
    /// Where it is: `rule NAME` or `macro NAME`.
    pub entry: String,
    /// What stands there.
    pub found: String,
    /// Why it does not do what it seems to.
    pub problem: String,
    /// What to write in its place; empty where it is best left out.
    pub correction: String,
}

/// The kinds of misuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// A score is compared with what no score looks like.
    Literal,
    /// An operator that scores are not made for: `>`, `<=`, `=`.
    Operator,
    /// `not ... >=`, which also holds while there is no score.
    Negation,
    /// A change to somebody else's rule that silences it while there is no score.
    FailsClosed,
    /// A rule about other events, gated by how novel the process is instead of by what it does.
    OtherEvent,
    /// A gate on a rule of alternatives, of which it would concern the last alone.
    LastAlternative,
    /// A level that does not exist, or an order of levels.
    Level,
    /// A field that the plugin does not have.
    UnknownField,
    /// A condition on our fields that cannot be read.
    Syntax,
}

impl Check {
    /// Its name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Operator => "operator",
            Self::Negation => "negation",
            Self::FailsClosed => "fails-closed",
            Self::OtherEvent => "other-event",
            Self::LastAlternative => "last-alternative",
            Self::Level => "level",
            Self::UnknownField => "unknown-field",
            Self::Syntax => "syntax",
        }
    }
}

impl fmt::Display for Finding {
    /// One line, without control characters: names and conditions may hold any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, check, entry, found, problem, correction } = self;
        let remedy =
            if correction.is_empty() { "leave it out".to_owned() } else { format!("write `{correction}`") };
        let check = check.as_str();
        let text = format!("{file}:{line}:{column}: {check}: {entry}: `{found}` {problem}; {remedy}");
        let shown = text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character });
        f.write_str(&shown.collect::<String>())
    }
}
