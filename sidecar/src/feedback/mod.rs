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

use std::time::Duration;

use anomaly_baseline::{Action, Feedback, Store};
use anomaly_lance::LanceStore;

use crate::failure::Failure;
use crate::place::Place;

pub(crate) use open::micros;
pub(crate) use who::name_of;

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

/// Writes decisions down, as `approve` and its like do, and returns the database to look at what becomes of them.
pub(crate) fn write_down(place: &Place, decisions: Vec<Feedback>) -> Result<LanceStore, Failure> {
    give::write_down(place, decisions)
}

/// What became of each decision, once all are settled or nobody waits any longer; `None` for what is only written down.
pub(crate) fn wait_for(
    store: &mut LanceStore,
    decisions: &[Feedback],
    patience: Duration,
) -> Result<Vec<Option<String>>, Failure> {
    give::wait_for(store, decisions, patience)
}

/// Every decision of a database that is remembered, the oldest first.
pub(crate) fn all(place: &Place) -> Result<Vec<Feedback>, Failure> {
    Ok(place.read()?.feedback(None)?.map(|log| log.entries).unwrap_or_default())
}
