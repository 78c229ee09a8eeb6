//! The flags of `anomalyctl convert`.

use std::path::PathBuf;

use clap::Args;

use crate::secrets::Secrets;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl convert /var/log/audit/audit.log | gzip > week.jsonl.gz
      the programs that the kernel's audit log saw start; it needs a rule such as -S execve -S execveat
  journalctl -u falco -o cat | anomalyctl convert --workload web > alerts.jsonl
      what Falco alerted about with json_output, as executions of one workload
  anomalyctl convert audit.log.* | anomalyctl backtest --baseline - --events today.jsonl
      straight into a back-test

Each line speaks for itself: a JSON object is one of Falco's alerts, what has msg=audit(...) is a record of \
the audit log, everything else is counted and the first few are named. An alert has no grandparent and only \
a joined command line where its rule does not print more: output fields proc.name, proc.pname, \
proc.aname[2], proc.exe, proc.args, user.uid and evt.type make the best of it. The audit log names parents \
by number: their names are those of executions seen before.
Exit codes: 0 when it converted, 2 when it could not, or found nothing but garbage.";

/// `anomalyctl convert`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Falco's JSON alerts or Linux audit logs, plain or gzip, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) files: Vec<PathBuf>,

    /// Put every execution into this one workload, instead of the alert's container image or `host`
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) workload: Option<String>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,
}

/// A workload's name: anything but nothing, and no template, for there is nothing to fill it with.
fn name(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("a name cannot be empty"),
        name if name.contains('{') => Err("alerts and logs know no units; give a plain name"),
        name if name.len() > MAX_NAME => Err("a name has at most 1024 bytes"),
        name => Ok(name.to_owned()),
    }
}

/// The longest name of a workload that a recording may have, in bytes.
const MAX_NAME: usize = 1024;
