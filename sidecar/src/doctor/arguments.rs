//! What `anomalyctl doctor` is told.

use std::path::PathBuf;

use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl doctor
      kernel, privileges, feeds, disk, containers and Falco, each with what to do about it
  sudo -u falco-anomaly anomalyctl doctor --config /etc/falco-anomaly/anomaly.yaml
      the same as the service's user and for its configuration
  anomalyctl doctor --json | jq -r '.checks[] | select(.status != \"ok\") | .remedy'
      only what is to be done

Feeds are opened for a moment to see whether they work. Below HOST_ROOT, where that is set, the host's files \
are looked for, as in a container that has them mounted.
Exit codes: 0 when all that has to work does, 1 when something does not.";

/// `anomalyctl doctor`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The daemon's configuration file [default: /etc/falco-anomaly/anomaly.yaml, where there is none every default]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
