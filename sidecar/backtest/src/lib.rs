//! Back-testing: recordings through the very engine that scores live, and what came of it.
//!
//! [`Backtest`] learns a baseline, then scores events one by one as they would have come. [`Outcome`] collects what a
//! person wants to know of the scores: how many alert groups a day at which threshold, and how many of the attacks
//! would have been found.

mod outcome;
mod run;
#[cfg(test)]
mod tests;

pub use outcome::{AtBudget, AtFalsePositives, AtThreshold, Daily, Outcome, Tally};
pub use run::{Backtest, Options, Step};
