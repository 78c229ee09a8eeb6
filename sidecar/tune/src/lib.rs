//! What gates would do to the alerts that a Falco already wrote.
//!
//! A gate hides an alert whose act is known, and nobody should take that on trust. So every alert of a week is judged
//! here as its gate would have judged it: at the word of the score that is printed in it, else by a baseline that is
//! asked. [`Tally`] adds up, by rule, what would be hidden and what would remain, in groups that a person can read;
//! [`Report`] says for which rules a gate is advisable, and for which not, and why; [`gates`] writes the gates.
//!
//! Alerts are hostile input: any bytes, any number of rules, names made to break a page or a rules file. Memory is
//! bounded whatever comes, and what exceeds the bounds is counted.

mod advice;
mod alert;
mod bounds;
mod gates;
mod groups;
mod journal;
mod object;
mod page;
mod report;
mod tally;
#[cfg(test)]
mod tests;

pub use advice::{Advice, NOISY};
pub use alert::{About, Alert, Fields, Line, Place, Priority, Told, read};
pub use gates::{Refusal, gates};
pub use groups::Fate;
pub use journal::{Export, Step};
pub use page::page;
pub use report::{GroupReport, Lines, Remain, Report, RuleReport, WorkloadReport};
pub use tally::{Judged, Source, Tally};
