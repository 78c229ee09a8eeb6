//! One baseline for many machines: the flags, and what is said about it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Engine, Settings};
use anomaly_fleet::{Address, Fleet, FleetError, Options};
use clap::Args;

use crate::durations;
use crate::failure::{Failure, say};
use crate::words::{count, thousands};

/// Whether and how baselines are shared.
#[derive(Debug, Clone, Args)]
pub(crate) struct Sharing {
    /// Share baselines with other machines: s3://bucket/prefix, or file:///folder that all of them mount
    ///
    /// Each machine publishes what it saw itself and takes what the others published. Credentials, region and endpoint
    /// come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT, AWS_ALLOW_HTTP.
    #[arg(long, value_name = "URL", conflicts_with = "replay", help_heading = "Fleet")]
    pub(crate) shared: Option<Address>,

    /// The name of this machine in what is shared [default: the host's, and eight digits of its own]
    #[arg(long, value_name = "NAME", requires = "shared", help_heading = "Fleet")]
    pub(crate) shared_machine: Option<String>,

    /// How often to publish and to look for what others published
    #[arg(
        long,
        value_name = "TIME",
        default_value = "60s",
        value_parser = interval,
        requires = "shared",
        help_heading = "Fleet"
    )]
    pub(crate) shared_interval: Duration,

    /// On how many other machines something has to be learned to be normal here
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..),
        requires = "shared",
        help_heading = "Fleet"
    )]
    pub(crate) shared_agree: u16,
}

/// A duration of at least a second.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = durations::parse(text).map_err(|error| error.to_string())?;
    if interval.is_zero() { Err("at least 1s".into()) } else { Ok(interval) }
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        Self::new(error.to_string())
    }
}

impl Sharing {
    /// Begins to share, where that was asked for.
    ///
    /// # Errors
    /// Where a name is none or no thread can be started. A store out of reach is no error.
    pub(crate) fn start(
        &self,
        engine: &Engine,
        data: Option<&Path>,
        org: &str,
        settings: &Settings,
    ) -> Result<Option<Fleet>, Failure> {
        let (Some(address), Some(data)) = (&self.shared, data) else { return Ok(None) };
        let options = Options {
            org: org.to_owned(),
            machine: self.shared_machine.clone(),
            interval: self.shared_interval,
            agree: usize::from(self.shared_agree),
            retention_days: settings.retention_days,
            ..Options::new(address.clone(), data.to_owned())
        };
        let fleet = match Fleet::start(options, Arc::new(engine.peering())) {
            Ok(fleet) => fleet,
            // As with a database that cannot be written: watching goes on.
            Err(error @ FleetError::File { .. }) => {
                say(&format!(
                    "{error}; nothing is shared, and watching goes on: make the database writable to share it"
                ));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        say(&format!("shared through {address} as {}", fleet.status().machine));
        Ok(Some(fleet))
    }
}

/// Says what was shared, and ends it.
pub(crate) fn end(fleet: Option<Fleet>) {
    let Some(fleet) = fleet else { return };
    let status = fleet.status();
    drop(fleet);
    let counters = status.counters;
    let mut line =
        format!("shared: {} sent, {} taken", count(counters.sent, "workload"), thousands(counters.received));
    for (number, what) in [
        (counters.failed, "rounds failed"),
        (counters.corrupt, "damaged and left out"),
        (counters.conflicts, "conflicts of names"),
        (counters.over_bounds, "over the bounds"),
    ] {
        if number > 0 {
            line.push_str(&format!(", {} {what}", thousands(number)));
        }
    }
    say(&line);
}
