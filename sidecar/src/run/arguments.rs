//! The command's flags.

use std::path::PathBuf;
use std::time::Duration;

use anomaly_config::Config;
use clap::Args;

use crate::durations;
use crate::failure::Failure;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl config init --out anomaly.yaml
  anomalyctl run --config anomaly.yaml
      watch this machine, send alerts where the file says, answer on the socket that it names
  anomalyctl run
      the same by /etc/falco-anomaly/anomaly.yaml; where there is none, with every default: nothing is sent, what is novel is remembered and can be asked for
  curl --unix-socket /run/falco-anomaly/api.sock http://localhost/v1/findings
      what was novel

SIGHUP reads the file again: a mistake in it is told, and changes nothing. SIGTERM writes everything and \
ends within five seconds; a second one ends at once. Under systemd, readiness and the watchdog are told.
Exit codes: 0 when it ended as asked, 2 when it could not start or go on.";

/// `anomalyctl run`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file; every key of it has a default [default: /etc/falco-anomaly/anomaly.yaml, where there is
    /// none all defaults]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// End after this much time: 20s, 10m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = durations::parse)]
    pub(crate) end_after: Option<Duration>,
}

impl Arguments {
    /// The file that is read, if any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        crate::config::file(self.config.as_deref())
    }

    /// The configuration as the file has it now.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        crate::config::load(self.file().as_deref())
    }
}
