//! The flags of `anomalyctl tune`.

use std::path::PathBuf;

use clap::Args;

use crate::place::Which;
use crate::secrets::Secrets;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl tune /var/log/falco/events.json* --report tune
      per rule: alerts a day, how many a gate would leave, what it would hide; tune/report.html to read
  journalctl -u falco -o json --all --since -7d | anomalyctl tune
      the same from the journal, long alerts included; -o export and -o cat will do too
  anomalyctl tune alerts.jsonl.gz --rule 'Run shell untrusted' --write gates.yaml
      shows all that the gate would hide, then writes it; it goes to /etc/falco/rules.d/
  anomalyctl tune week.jsonl --json | jq -r '.rules[] | select(.advice.recommended) | .rule'
      the rules that a gate is recommended for

An alert about an execution is taken at the word of its anomaly.score, one about another event at that of \
its anomaly.event_score; examples/falco/zz-anomaly.yaml appends both to all alerts. With --data, what lacks \
them is scored from its output fields. A gate hides what scores below 0.85 and fails open: what has no score \
remains. A rule is recommended for a gate where it is noisy, not CRITICAL, and nearly all of its alerts have \
a score.
Exit codes: 0 when it ran, 2 when it could not, or a gate could not be written.";

/// `anomalyctl tune`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Falco's JSON alerts or exports of the journal, plain or gzip, - for standard input
    #[arg(value_name = "ALERTS", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,

    /// Ask the baseline in this database for the scores that alerts do not have
    #[arg(long, value_name = "DIR", help_heading = "Baseline")]
    pub(crate) data: Option<PathBuf>,

    /// The configuration of the daemon that writes it [default: /etc/falco-anomaly/anomaly.yaml for the database that it
    /// names]
    #[arg(long, value_name = "FILE", requires = "data", help_heading = "Baseline")]
    pub(crate) config: Option<PathBuf>,

    /// Whose baselines: organisations that share a database do not share what is normal [default: agent.org of
    /// the configuration, else default]
    #[arg(long, value_name = "NAME", requires = "data", help_heading = "Baseline")]
    pub(crate) org: Option<String>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// Show everything of this rule, and gate it with --write; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Gates")]
    pub(crate) rule: Vec<String>,

    /// The same for every rule that a gate is recommended for
    #[arg(long, help_heading = "Gates")]
    pub(crate) all_noisy: bool,

    /// Write the gates of these rules to a rules file for Falco, after all that they would hide was shown
    #[arg(long, value_name = "FILE", help_heading = "Gates")]
    pub(crate) write: Option<PathBuf>,

    /// Let --write replace a file that exists
    #[arg(long, requires = "write", help_heading = "Gates")]
    pub(crate) force: bool,

    /// Write report.html and report.json into this directory, which is made where there is none; older ones are replaced
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// Print everything as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl Arguments {
    /// The database that is asked, where one is.
    pub(super) fn which(&self) -> Option<Which> {
        let Self { config, data, org, .. } = self;
        data.as_ref()?;
        Some(Which { config: config.clone(), data: data.clone(), org: org.clone() })
    }
}
