//! What people look at and what they decide: `held`, `approve`, `deny`, `forget`, `learn`, `explain`, `status`.
//!
//! All of them read the database as it is on the disk, beside its writer or without one, and none takes its lock while
//! somebody else wants it. What they decide goes through the database's log of feedback.

pub(crate) mod arguments;
mod explain;
mod give;
mod held;
mod open;
mod select;
mod status;
pub(crate) mod table;
mod who;

use anomaly_baseline::Action;

use crate::failure::Failure;

/// Runs `anomalyctl held`.
pub(crate) fn held(arguments: &arguments::Held) -> Result<(), Failure> {
    held::run(arguments)
}

/// Runs `anomalyctl approve`, `deny` or `forget`.
pub(crate) fn decide(action: Action, arguments: &arguments::Decide) -> Result<(), Failure> {
    give::decide(action, arguments)
}

/// Runs `anomalyctl learn`.
pub(crate) fn learn(arguments: &arguments::Learn) -> Result<(), Failure> {
    give::learn(arguments)
}

/// Runs `anomalyctl explain`.
pub(crate) fn explain(arguments: &arguments::Explain) -> Result<(), Failure> {
    explain::run(arguments)
}

/// Runs `anomalyctl status`.
pub(crate) fn status(arguments: &arguments::Status) -> Result<(), Failure> {
    status::run(arguments)
}
