//! Back-testing: recordings through the very engine that scores live, and what came of it.
//!
//! [`Backtest`] learns a baseline, then scores events one by one as they would have come. [`Outcome`] collects what a
//! person wants to know of the scores: how many alert groups a day at which threshold, and how many of the attacks
//! would have been found.

mod budget;
mod counts;
mod days;
mod novel;
mod outcome;
mod page;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use budget::{Budget, ParseBudgetError, Suggestion};
pub use days::Kind;
pub use novel::Novel;
pub use outcome::{AtBudget, AtFalsePositives, AtThreshold, Daily, Outcome, Part, Tally};
pub use page::page;
pub use report::{How, Report};
pub use run::{Backtest, Options, Scale, Step, is_event};
