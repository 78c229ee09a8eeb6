//! The flags of the commands that ask the daemon.

use std::path::PathBuf;

use anomaly_api::Client;
use clap::Args;

use crate::config;
use crate::failure::Failure;
use crate::paths;

pub(crate) const READY_EXAMPLES: &str = "\
Examples:
  anomalyctl ready
      nothing is said where all is well
  anomalyctl ready --config /etc/falco-anomaly/anomaly.yaml || systemctl status anomalyctl
      the daemon that this file configures
  anomalyctl ready --socket /run/falco-anomaly/api.sock
      the daemon behind this socket

Exit codes: 0 when executions are watched and scored, 1 when they are not, with the reasons, 2 when nobody answers.";

/// Which daemon is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Whom {
    /// The daemon's socket [default: api.socket of the configuration]
    #[arg(long, value_name = "FILE")]
    pub(crate) socket: Option<PathBuf>,

    /// The daemon's configuration [default: /etc/falco-anomaly/anomaly.yaml where it exists, else all defaults]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Whom {
    /// Who asks it. The configuration is not read where the socket is named.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let socket = match &self.socket {
            Some(socket) => socket.clone(),
            None => paths::socket(&config::load_or_machines(self.config.as_deref())?)?,
        };
        Ok(Client::new(&socket))
    }
}

/// `anomalyctl ready`
#[derive(Debug, Args)]
pub(crate) struct Ready {
    #[command(flatten)]
    pub(crate) whom: Whom,
}
