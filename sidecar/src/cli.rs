//! The commands and their flags, declared. Names of flags are the leaf names of the configuration, with dashes.

use std::path::PathBuf;
use std::time::Duration;

use anomaly_baseline::Settings;
use anomaly_capture::FeedChoice;
use anomaly_capture::workload::Template;
use anomaly_vectorizer::scrub::Scrubber;
use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::feedback::arguments as people;
use crate::secrets::Secrets;
use crate::sharing::Sharing;
use crate::{
    asking, backtest, baseline, config, convert, doctor, durations, init, run, search, thresholds, tune,
    validate,
};

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

/// Scores every program that starts on this machine by how unlike it is to what its workload normally runs.
#[derive(Debug, Parser)]
#[command(
    name = "anomalyctl",
    version,
    styles = STYLES,
    max_term_width = 100,
    after_help = "Examples:\n  anomalyctl watch                      watch this machine until Ctrl-C\n  \
                  anomalyctl help watch                 every flag of a command, with examples"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch executions, learn what is normal, show what is novel and why
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Box<Watch>),
    /// Make the database, and teach it what runs now
    #[command(after_help = init::EXAMPLES)]
    Init(init::Arguments),
    /// Check vectors, words, neighbours and the feed, with their figures on this machine
    #[command(after_help = validate::EXAMPLES)]
    Validate(validate::Arguments),
    /// Tell what this machine allows, and what to do about the rest
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Arguments),
    /// Write, check and describe the daemon's configuration
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::Action),
    /// The daemon: watch, learn, remember what is novel, send it, answer questions about it
    #[command(after_help = run::EXAMPLES)]
    Run(run::Arguments),
    /// Whether the daemon of this machine watches and scores, as an exit code
    #[command(after_help = asking::READY_EXAMPLES)]
    Ready(asking::Ready),
    /// What was novel, as the daemon of this machine remembers it
    #[command(after_help = asking::FINDINGS_EXAMPLES)]
    Findings(asking::Findings),
    /// Every number of the daemon of this machine, for Prometheus
    #[command(after_help = asking::METRICS_EXAMPLES)]
    Metrics(asking::Metrics),
    /// Score recordings against a recorded baseline, and tell what would have been found at which price
    #[command(after_help = backtest::EXAMPLES)]
    Backtest(Box<backtest::Arguments>),
    /// Make recordings of Falco's JSON alerts and of Linux audit logs
    #[command(after_help = convert::EXAMPLES)]
    Convert(convert::Arguments),
    /// Tell what gates would do to Falco's alerts, and write the gates
    #[command(after_help = tune::EXAMPLES)]
    Tune(tune::Arguments),
    /// Read, review, carry and repair what workloads are known by
    #[command(subcommand, after_help = baseline::EXAMPLES)]
    Baseline(baseline::Action),
    /// Find misuses of anomaly.score and its like that Falco accepts without a word
    #[command(after_help = LINT_RULES_EXAMPLES)]
    LintRules(LintRules),
    /// How far every workload's learning is, how much it knows, what waits for a decision
    #[command(after_help = people::STATUS_EXAMPLES)]
    Status(people::Status),
    /// What is held because it is far from what was learned, grouped as alerts are
    #[command(after_help = people::HELD_EXAMPLES)]
    Held(people::Held),
    /// Find executions by plain words: reverse shell, persistence, curl /etc/passwd
    #[command(after_help = search::arguments::EXAMPLES)]
    Search(search::arguments::Search),
    /// An execution beside the nearest learned ones, and how its score comes about
    #[command(after_help = people::EXPLAIN_EXAMPLES)]
    Explain(people::Explain),
    /// Make held executions normal
    #[command(after_help = people::APPROVE_EXAMPLES)]
    Approve(people::Decide),
    /// Keep executions novel for ever
    #[command(after_help = people::DENY_EXAMPLES)]
    Deny(people::Decide),
    /// Forget executions as if they had never been seen
    #[command(after_help = people::FORGET_EXAMPLES)]
    Forget(people::Decide),
    /// Learn at once whatever a workload runs for a while: a deployment
    #[command(after_help = people::LEARN_EXAMPLES)]
    Learn(people::Learn),
}

const WATCH_EXAMPLES: &str = "\
Examples:
  anomalyctl watch
      watch this machine; novel executions are shown once their workload is learned
  anomalyctl watch --learn-executions 20 --learn-for 10s
      the same with a shorter warm-up, to try it out
  anomalyctl watch --for 1h --record normal.jsonl.gz
      record an hour of executions, secrets scrubbed
  anomalyctl watch --replay normal.jsonl.gz --replay today.jsonl
      learn from the first recording, then show what is novel in the second
  anomalyctl watch --shared s3://baselines/production
      the same on many machines, each of which learns what the others know
  anomalyctl watch --json | jq 'select(.novel)'
      every execution as JSON Lines, filtered by another program

A workload learns until it has seen --learn-executions executions, --learn-for has passed and little is \
unlike anything before; a fifth of them is enough where it is quiet, and four times as many where it never \
is. Until then it has no score. Novel is what reaches the workload's threshold: about one alert a day. A \
recording with compressed time wants --learn-for 0s.
Exit codes: 0 when it ended as asked, 2 when it could not start or go on.";

const LINT_RULES_EXAMPLES: &str = "\
Examples:
  anomalyctl lint-rules /etc/falco/rules.d/*.yaml
      each finding as FILE:LINE:COLUMN, what is wrong, and what to write instead
  anomalyctl lint-rules falco_rules.yaml my_gates.yaml --json | jq -r '.[].correction'
      gates together with the rules they change, in the order in which Falco loads them

Falco compares scores as text: it loads `anomaly.score > 85` and never alerts. A gate on a rule that none of \
the files defines, or that another of them defines without a score, must let it fire while there is no \
score. A gate on a rule about other events than executions has to ask for anomaly.event_score: what is done \
there, not who does it.
Exit codes: 0 when nothing is to be corrected, 1 when something is, 2 when a file is no rules file.";

/// `anomalyctl lint-rules`
#[derive(Debug, Args)]
pub(crate) struct LintRules {
    /// Falco rules files, in the order in which Falco loads them
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Print the findings as one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// `anomalyctl watch`
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Where executions come from; auto takes the best feed that works here and says what it misses
    #[arg(long, value_name = "FEED", default_value_t, value_parser = feed(), help_heading = "Input")]
    pub(crate) feed: FeedChoice,

    /// Take recorded executions instead, plain or gzip, - for standard input; may be repeated
    ///
    /// Times, days and workloads are the recording's own. Lines labelled as attacks are scored and never learned.
    /// Nothing is stored unless --data is given too.
    #[arg(long, value_name = "FILE", conflicts_with = "feed", help_heading = "Input")]
    pub(crate) replay: Vec<PathBuf>,

    /// End after this much time: 20s, 10m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = durations::parse, help_heading = "Input")]
    pub(crate) end_after: Option<Duration>,

    /// The baseline's database [default: /var/lib/falco-anomaly as root, else in the user's data directory]
    #[arg(long, value_name = "DIR", help_heading = "Baseline")]
    pub(crate) data: Option<PathBuf>,

    /// Whose baselines these are: organisations that share a database do not share what is normal
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = name, help_heading = "Baseline")]
    pub(crate) org: String,

    /// Put every execution into this one workload, instead of its container image, systemd unit or `host`
    ///
    /// May be a template such as {namespace}/{container}, of {image}, {unit}, {namespace} and {container}; where one of
    /// them has no value, the default counts.
    #[arg(long, value_name = "NAME", help_heading = "Baseline")]
    pub(crate) workload: Option<Template>,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// A workload learns from at least this many executions
    #[arg(long, value_name = "N", default_value_t = Settings::default().learn_executions, help_heading = "Baseline")]
    pub(crate) learn_executions: u64,

    /// A workload learns for at least this long
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        value_parser = durations::parse,
        help_heading = "Baseline"
    )]
    pub(crate) learn_for: Duration,

    /// A kind of act beside executions (open, connect, ...) is learned for at least this long
    #[arg(
        long,
        value_name = "TIME",
        default_value = "24h",
        value_parser = durations::parse,
        help_heading = "Baseline"
    )]
    pub(crate) learn_acts_for: Duration,

    /// What the baselines of all workloads may take in memory, in MiB: those that nothing asked for longest are kept as
    /// exact keys and read back when they are needed, and so are the rows seen least recently of one that is too large
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Baseline")]
    pub(crate) memory_budget: u32,

    /// A workload learns at most this many different executions, and other acts of each kind; what goes beyond is scored
    /// and not learned
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_rows as u32, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Baseline")]
    pub(crate) max_rows: u32,

    /// At most this many are held or denied in a workload
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_held as u32, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Baseline")]
    pub(crate) max_held: u32,

    /// At most this many workloads begin within an hour; others have no score
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_new_workloads as u32, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Baseline")]
    pub(crate) max_new_workloads: u32,

    /// From which score an execution is novel: auto (0.85, more on a day flooded with novelty) or a number; with a
    /// pattern, such as ci*=0.95, for some workloads; may be repeated
    #[arg(long, value_name = "[PATTERN=]SCORE", default_value = "auto", help_heading = "Baseline")]
    pub(crate) threshold: Vec<thresholds::Rule>,

    #[command(flatten)]
    pub(crate) sharing: Sharing,

    /// Print one JSON object per execution, normal ones included; notices go to standard error
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Show every execution, normal ones too
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,

    /// Show every novel execution, instead of the first of its kind (parent, name, user) each day and a count
    #[arg(long, help_heading = "Output")]
    pub(crate) every: bool,

    /// Show only this workload; the others are learned all the same
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub(crate) only: Option<String>,

    /// Write executions to this file as they come, for --replay; gzip where the name ends in .gz
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) record: Option<PathBuf>,

    /// Let --record replace a file that exists
    #[arg(long, requires = "record", help_heading = "Output")]
    pub(crate) force: bool,
}

/// Reads a feed's name, and lists what each one sees.
fn feed() -> impl TypedValueParser<Value = FeedChoice> {
    let feeds = FeedChoice::ALL.map(|feed| PossibleValue::new(feed.as_str()).help(sees(feed)));
    PossibleValuesParser::new(feeds).try_map(|name| name.parse())
}

/// What a feed sees, in the words of the help.
const fn sees(feed: FeedChoice) -> &'static str {
    match feed {
        FeedChoice::Auto => "The best that works here, and a line about what it misses",
        FeedChoice::Ebpf => "The kernel program on sched_process_exec: everything",
        FeedChoice::EbpfEnter => "The kernel programs on execve's entry, for kernels without BTF",
        FeedChoice::Connector => "The netlink proc connector: arguments of short executions may be missed",
        FeedChoice::Proc => "Polling of /proc: needs no privilege, misses most short executions",
    }
}

/// A name of an organisation: anything but nothing.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("a name cannot be empty") } else { Ok(text.to_owned()) }
}

impl Watch {
    /// What takes secrets out.
    pub(crate) fn scrubber(&self) -> Scrubber {
        self.secrets.scrubber()
    }

    /// What the engine is to do.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings {
            learn_executions: self.learn_executions,
            learn_for: self.learn_for,
            learn_acts_for: self.learn_acts_for,
            memory_budget: (self.memory_budget as usize) << 20,
            max_rows: self.max_rows as usize,
            max_held: self.max_held as usize,
            max_new_workloads: self.max_new_workloads as usize,
            ..Settings::default()
        };
        if !self.replay.is_empty() {
            // In a recording all workloads may begin at once.
            settings.max_new_workloads = usize::MAX;
        }
        thresholds::apply(&self.threshold, &mut settings);
        settings
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_engines() {
        let Command::Watch(watch) = Cli::try_parse_from(["anomalyctl", "watch"]).unwrap().command else {
            panic!("it is watch");
        };
        assert_eq!(watch.settings(), Settings::default());
    }

    /// Every command, those of commands too.
    fn each(command: &clap::Command, look: &mut impl FnMut(&clap::Command)) {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            look(command);
            each(command, look);
        }
    }

    #[test]
    fn every_command_shows_examples_and_exit_codes() {
        let mut cli = Cli::command();
        cli.build();
        each(&cli, &mut |command| {
            let help = command.clone().render_long_help().to_string();
            for part in ["Examples:", "Exit codes: "] {
                assert!(help.contains(part), "{} has no {part}", command.get_name());
            }
        });
    }

    /// What is broken here is broken again by a narrow terminal, and leaves words alone on their lines.
    #[test]
    fn a_paragraph_below_the_examples_is_one_line() {
        let mut cli = Cli::command();
        cli.build();
        each(&cli, &mut |command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().collect();
            let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ') && line != "Examples:";
            for pair in lines.windows(2).filter(|pair| is_prose(pair[0]) && is_prose(pair[1])) {
                let begins = pair[1].starts_with("Exit codes: ") || pair[0].ends_with('.');
                assert!(begins, "{}: {:?} is broken", command.get_name(), pair[0]);
            }
        });
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        for arguments in [
            &["--replay", "x", "--feed", "proc"][..],
            &["--force"],
            &["--threshold", "85"],
            &["--learn-for", "30"],
            &["--workload", ""],
            &["--shared", "bucket"],
            &["--shared", "s3://b", "--replay", "x"],
            &["--shared", "s3://b", "--shared-agree", "0"],
            &["--shared-machine", "web-1"],
            &["--feed", "falco"],
            &["--scrub", "a=b"],
        ] {
            let all = ["anomalyctl", "watch"].iter().chain(arguments);
            assert!(Cli::try_parse_from(all).is_err(), "{arguments:?}");
        }
    }
}
