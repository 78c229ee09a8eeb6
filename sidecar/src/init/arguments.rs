//! What `anomalyctl init` is told.

use std::path::PathBuf;

use anomaly_capture::workload::Template;
use clap::Args;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl init --org prod --workload web-frontend
      make the database, and teach it the programs that run now as one workload
  anomalyctl init --config /etc/falco-anomaly/anomaly.yaml
      the same for the daemon's configuration: each program in the workload of its image or unit

What is there already stays; a second run learns what is new since. The daemon does the same when it starts.
Exit codes: 0, 2 when the database cannot be written: the daemon or Falco has it, or another user owns it.";

/// `anomalyctl init`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Whose baselines these are, instead of the configuration's
    #[arg(long, value_name = "NAME", value_parser = crate::cli::name)]
    pub(crate) org: Option<String>,

    /// Put everything into this one workload, or name workloads by a template, instead of the configuration's
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<Template>,

    /// The daemon's configuration file [default: every default]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The baseline's database, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Print what was learned as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
