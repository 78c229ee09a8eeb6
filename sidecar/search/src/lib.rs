//! Executions that plain words mean: `reverse shell bash outbound connection`.
//!
//! A question has two kinds of words. Some occur in commands (`bash`, `/etc/shadow`, `-perm`): these are looked for in
//! the hashed space that executions are scored in, so that `http://198.51.100.7/a.sh` finds a script from any public
//! address, and beside it as the text they are. The others are the trade's (*persistence*, *credential access*) and occur
//! in no command at all: a small curated [`vocabulary`] says what each of them looks like in features. What neither knows
//! finds nothing, and a sentence model may be asked besides (the feature `semantic`).
//!
//! The way of a question: [`Query::parse`] makes parts of the text, each with what it is looked for by; [`Query::rank`]
//! goes once over any number of [`Candidate`]s and keeps the best few; each [`Hit`] says which parts it has, in which
//! features, and where they are in the command line.
//!
//! Everything here is pure. A question is hostile input: its length and the number of its words are bounded, and so are
//! the time for each candidate and the memory for all of them.

mod clues;
mod mark;
mod needles;
mod query;
mod rank;
mod readings;
pub mod semantic;
pub mod vocabulary;

pub use query::{MAX_QUERY_BYTES, MAX_WORDS, ParseQueryError, Query};
pub use rank::{Candidate, Hit, MAX_HITS, Match, Options, Source};
