//! Asking the daemon of this machine over its socket: `ready`, `findings`, `metrics`.
//!
//! A container that holds this program and nothing else has no curl, and neither a probe nor a person should need one.

mod arguments;
mod findings;
mod metrics;
mod resolve;

use std::process::ExitCode;

use anomaly_api::ClientError;

pub(crate) use arguments::{FINDINGS_EXAMPLES, Findings, METRICS_EXAMPLES, Metrics, READY_EXAMPLES, Ready};

pub(crate) use resolve::{not_saved, row_or_group};

use crate::failure::{Failure, say};

/// The code of a daemon that answers and is not ready.
const NOT_READY: u8 = 1;

/// The status with which the daemon says that it is not ready, or too busy to say.
const UNAVAILABLE: u16 = 503;

/// Runs `anomalyctl ready`.
pub(crate) fn ready(arguments: &Ready) -> Result<ExitCode, Failure> {
    match arguments.whom.client()?.get("/readyz", &[]) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(ClientError::Refused { status: UNAVAILABLE, message }) => {
            say(&format!("not ready: {message}"));
            Ok(ExitCode::from(NOT_READY))
        }
        Err(error) => Err(unanswered(&error)),
    }
}

/// Runs `anomalyctl findings`.
pub(crate) fn findings(arguments: &Findings) -> Result<(), Failure> {
    findings::run(arguments)
}

/// Runs `anomalyctl metrics`.
pub(crate) fn metrics(arguments: &Metrics) -> Result<(), Failure> {
    metrics::run(arguments)
}

fn unanswered(error: &ClientError) -> Failure {
    Failure::new(error.to_string())
}
