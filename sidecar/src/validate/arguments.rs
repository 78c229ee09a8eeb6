//! What `anomalyctl validate` is told.

use clap::Args;

use crate::place::Which;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl validate --sample-size 100
      vectors, words and neighbours of the 100 latest rows, and 100 marked programs through the feed
  anomalyctl validate --config /etc/falco-anomaly/anomaly.yaml
      for that configuration; as ExecStartPre of the service it keeps a machine from starting half blind
  anomalyctl validate --json | jq '.checks[] | select(.status == \"fail\")'
      what failed

Without a database the programs that run are the sample. What cannot be checked here says skipped and why.
Exit codes: 0 when nothing failed, 1 when something did, 2 when it could not begin.";

/// `anomalyctl validate`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many rows are looked at, and how many marked programs are started
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) sample_size: u32,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
