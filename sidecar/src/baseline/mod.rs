//! `anomalyctl baseline`: what workloads are known by, as something to read, review, carry and repair.
//!
//! What only reads works beside the database's writer. What changes it needs it for itself.

mod archive;
mod archive_place;
mod archive_search;
mod arguments;
mod compact;
mod database;
mod diff;
mod export;
mod file;
mod import;
mod list;
mod oci;
mod output;
mod prune;
mod shared;
mod show;
mod verify;
pub(crate) mod when;

use std::process::ExitCode;

pub(crate) use self::arguments::{Action, EXAMPLES};
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List(arguments) => list::run(arguments),
        Action::Show(arguments) => show::run(arguments),
        Action::Export(arguments) => export::run(arguments),
        Action::Diff(arguments) => diff::run(arguments),
        Action::Import(arguments) => import::run(arguments),
        Action::Prune(arguments) => prune::run(arguments),
        Action::Archive(arguments) => archive::run(arguments),
        Action::Compact(arguments) => compact::run(arguments),
        Action::Verify(arguments) => verify::run(arguments),
        Action::Shared(arguments) => shared::run(arguments),
    }
}
