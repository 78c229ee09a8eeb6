//! `anomalyctl validate`: whether vectors, words, neighbours and the feed do here what they are meant to.
//!
//! The figures are taken on this machine, on its own rows: those of the database, or of the programs that run where there
//! is none yet. Nothing is written. It is quick enough to stand before every start of the service.

mod arguments;
mod coverage;
mod neighbours;
mod sample;
mod vectors;

use std::process::ExitCode;

use anomaly_capture::HostRoot;

pub(crate) use arguments::{Arguments, EXAMPLES};

use crate::checks::{self, Check};
use crate::failure::Failure;
use crate::place::Database;
use sample::Sample;

/// Runs the command: 0 where everything that could be checked is as it should be, 1 where something is not.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Database { place, config, .. } = arguments.which.database()?;
    let size = arguments.sample_size as usize;
    let root = HostRoot::from_env();
    let mut sample = Sample::take(&place, &config, &root, size)?;
    let mut found: Vec<Check> = vec![Check::ok("sample", sample.told())];
    found.push(vectors::normalisation(&sample));
    found.push(vectors::tokens(&sample));
    found.extend(neighbours::check(&mut sample)?);
    found.push(coverage::check(&config, root, size));
    checks::report(&found, arguments.json)
}
