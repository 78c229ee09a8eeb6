//! What `anomalyctl init` is told.

use anomaly_capture::workload::Template;
use clap::Args;

use crate::place::Which;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl init --config /etc/falco-anomaly/anomaly.yaml
      make the database of the daemon with this configuration, and teach it the programs that run now
  anomalyctl init --org prod --workload web-frontend
      as one workload of an organisation; the lines that the daemon's configuration needs for it are printed

What is there already stays; a second run learns what is new since. The daemon does the same when it starts.
Exit codes: 0, 2 when the database cannot be written: the daemon or Falco has it, or another user owns it.";

/// `anomalyctl init`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Put everything into this one workload, or name workloads by a template, instead of the configuration's
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<Template>,

    /// Print what was learned as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
