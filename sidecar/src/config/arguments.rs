//! What `anomalyctl config` is told.

use std::path::PathBuf;

use clap::Subcommand;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl config init --out /etc/falco-anomaly/anomaly.yaml
      a file with every key, what it means and its default
  anomalyctl config check anomaly.yaml
      every mistake as FILE:LINE:COLUMN, what is wrong, and what to write instead
  anomalyctl config schema > anomaly.schema.json
      the JSON schema, for an editor

An empty file is a whole configuration. Exit codes: 0, 1 when something is to be corrected, 2 when a file \
cannot be read or written.";

/// `anomalyctl config`
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Write a configuration with every key, what it means and its default
    #[command(after_help = EXAMPLES)]
    Init {
        /// Write it to this file instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,

        /// Replace the file where it exists
        #[arg(long, requires = "out")]
        force: bool,
    },
    /// Say what is wrong with configurations
    #[command(after_help = EXAMPLES)]
    Check {
        /// Configuration files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,

        /// Print what is wrong as one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of the configuration
    #[command(after_help = EXAMPLES)]
    Schema,
}
