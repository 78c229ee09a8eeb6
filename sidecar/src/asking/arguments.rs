//! The flags of the commands that ask the daemon.

use std::path::PathBuf;

use anomaly_api::Client;
use anomaly_baseline::{Pattern, Score};
use clap::Args;

use crate::baseline::when::When;
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

Exit codes: 0 when executions are watched and scored, 1 when they are not, with the reasons, 2 when nobody \
answers.";

pub(crate) const FINDINGS_EXAMPLES: &str = "\
Examples:
  anomalyctl findings
      what was novel, an alert group each, the latest first
  anomalyctl findings --workload 'web*' --since 1d --min-score 0.95
      some workloads, the last day, and only what is nearly certain
  anomalyctl findings --json | jq -r '.[] | [.group, .example.id, .example.command] | @tsv'
      the same for another program

SEEN is how many novel executions a finding has, SCORE and the command below it are those of the one that \
scored highest. `anomalyctl explain ID` says why, `approve ID` and `deny ID` decide.
Exit codes: 0 when it did, 2 when nobody answers.";

pub(crate) const METRICS_EXAMPLES: &str = "\
Examples:
  anomalyctl metrics | grep anomaly_lost_total
      what was lost, by cause
  anomalyctl metrics --output /var/lib/prometheus/node-exporter/anomaly.prom
      for node_exporter's textfile collector, from a timer: the file is replaced whole

Where nobody answers, the file stays as it is and its age tells.
Exit codes: 0 when it did, 2 when nobody answers or the file cannot be written.";

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
            None => paths::socket(&config::load(config::file(self.config.as_deref()).as_deref())?)?,
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

/// `anomalyctl findings`
#[derive(Debug, Args)]
pub(crate) struct Findings {
    #[command(flatten)]
    pub(crate) whom: Whom,

    /// Only workloads that match
    #[arg(long, value_name = "PATTERN")]
    pub(crate) workload: Option<Pattern>,

    /// Only what happened at this time or later: 2026-11-01, 2026-11-01T14:00:00Z, or 1d for a day ago
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,

    /// Only scores of at least this
    #[arg(long, value_name = "SCORE")]
    pub(crate) min_score: Option<Score>,

    /// How many are shown at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,

    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// `anomalyctl metrics`
#[derive(Debug, Args)]
pub(crate) struct Metrics {
    #[command(flatten)]
    pub(crate) whom: Whom,

    /// Write them to this file instead, at once and readable by everybody
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
