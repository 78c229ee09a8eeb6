//! The flags of `anomalyctl baseline`.

use std::path::PathBuf;

use anomaly_fleet::Address;
use clap::{Args, Subcommand, ValueEnum};

use super::archive_place::ArchivePlace;
use super::when::When;
use crate::place::Which;
use crate::secrets::Secrets;

pub(crate) const EXAMPLES: &str = "\
Examples:
  anomalyctl baseline list
      every workload: how much it knows, how much waits for a decision, what it takes on the disk
  anomalyctl baseline export --output web.jsonl --force nginx && git diff web.jsonl
      what nginx is known to run, sorted, one line each, to review in a pull request
  anomalyctl baseline diff staging.jsonl /var/lib/falco-anomaly
      what this machine runs and staging never ran, and the other way round
  anomalyctl baseline import web.jsonl --dry-run
      what a machine would learn from it; nothing is written
  anomalyctl baseline archive --to /srv/archive && anomalyctl baseline archive search /srv/archive nginx curl
      what the retention lets go, kept as Parquet instead of lost, and found again
  anomalyctl baseline shared
      the machines that `watch --shared` shares with, how fresh they are and how much they know
  anomalyctl baseline verify
      whether everything can be read; exit code 1 where something cannot

What changes a database needs it for itself: end the daemon, `anomalyctl watch` and Falco first. What only \
reads works beside them.
Exit codes: 0 when it did what it says, 1 where `diff` found a difference, `verify` damage or `archive \
search` nothing, 2 when it could not.";

const LIST_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline list
      every workload: how much it knows, how much waits for a decision, what it takes on the disk
  anomalyctl baseline list --json | jq -r 'select(.held > 0) | .workload'
      the workloads in which something waits

Exit codes: 0 when it did, 2 when it could not.";

const SHOW_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline show nginx --sort distance --limit 10
      the ten executions of a workload that were farthest from what was known before them
  anomalyctl baseline show nginx --state denied
      what people denied there

Exit codes: 0 when it did, 2 when it could not.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline export --output web.jsonl --force nginx && git diff web.jsonl
      what nginx is known to run, sorted, one line each, to review in a pull request
  anomalyctl baseline export --oci nginx-baseline --tag 1.0 nginx
      an asset, as falcoctl and registries know them

Exit codes: 0 when it did, 2 when it could not: a file that exists is replaced with --force alone.";

const DIFF_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline diff staging.jsonl /var/lib/falco-anomaly
      what this machine runs and staging never ran, and the other way round
  anomalyctl baseline diff before.jsonl after.jsonl --json | jq 'select(.change == \"new\")'
      what came with a release

Exit codes: 0 when nothing differs, 1 when something does, 2 when it could not look.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline import web.jsonl --dry-run
      what this machine would learn from it; nothing is written
  anomalyctl baseline import web.jsonl.gz --sha256 \"$(cut -d' ' -f1 web.jsonl.gz.sha256)\" --shift
      a file that was checked, however old it is

It needs the database for itself, but with --dry-run.
Exit codes: 0 when it did, 2 when it could not; nothing is written then.";

const PRUNE_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline prune --dry-run
      what the retention would let go now
  anomalyctl baseline prune --retention-days 3
      what was not seen for three full days goes

It needs the database for itself, but with --dry-run.
Exit codes: 0 when it did, 2 when it could not.";

const ARCHIVE_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline archive --to /srv/archive
      what the retention lets go, kept as Parquet instead of lost
  anomalyctl baseline archive --to s3://archive/falco-anomaly --keep
      a copy in a bucket, beside a daemon that runs
  anomalyctl baseline archive search /srv/archive nginx curl
      found again

It needs the database for itself, but with --keep and --dry-run.
Exit codes: 0 when it did, 2 when it could not.";

const ARCHIVE_SEARCH_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline archive search /srv/archive nginx curl
      executions that have both words in their workload, names or arguments, the last seen first
  anomalyctl baseline archive search s3://archive/falco-anomaly --workload web --since 90d --json
      everything of one workload in three months, for another program

Exit codes: 0 when something was found, 1 when nothing was, 2 when it could not look.";

const COMPACT_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline compact --dry-run
      what the tables take
  anomalyctl baseline compact
      what was deleted leaves the disk now

It needs the database for itself, but with --dry-run.
Exit codes: 0 when it did, 2 when it could not.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline verify
      whether everything can be read
  anomalyctl baseline verify --repair
      keeps what can be, and moves the rest to the quarantine

It needs the database for itself with --repair.
Exit codes: 0 when nothing is damaged, 1 when something is, 2 when it could not look.";

const SHARED_EXAMPLES: &str = "\
Examples:
  anomalyctl baseline shared
      the machines that this one shares with, how fresh they are and how much they know
  anomalyctl baseline shared --forget web-1 --shared s3://baselines/production
      takes out a machine that is gone, or was not to be trusted

Exit codes: 0 when it did, 2 when it could not, or nothing was ever shared.";

/// What can be done with baselines.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Every workload with its rows and its files
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// The executions that one workload is known by
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Write baselines to one file that a person can read
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// What differs between two exports or databases
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Learn what an exported file knows
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Forget what the retention lets go, now
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Prune),
    /// Keep what the retention lets go as Parquet, and search what was kept
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    #[command(after_help = ARCHIVE_EXAMPLES)]
    Archive(Archive),
    /// Compact every table, so that deleted rows leave the disk
    #[command(after_help = COMPACT_EXAMPLES)]
    Compact(Compact),
    /// Read everything and say what is damaged
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
    /// The machines that baselines are shared with, how fresh they are and how much they know
    #[command(after_help = SHARED_EXAMPLES)]
    Shared(Shared),
}

#[derive(Debug, Args)]
pub(crate) struct Shared {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Make the others forget what this machine published, and free its name; nothing here is changed
    #[arg(long, value_name = "MACHINE", requires = "shared", conflicts_with = "json")]
    pub(crate) forget: Option<String>,

    /// Where: s3://bucket/prefix or file:///folder; with --forget alone
    #[arg(long, value_name = "URL", requires = "forget")]
    pub(crate) shared: Option<Address>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Print one JSON object per workload
    #[arg(long)]
    pub(crate) json: bool,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The last seen first
    Last,
    /// The newest first
    First,
    /// The most frequent first
    Count,
    /// The farthest from what was known first
    Distance,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Whose executions
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workload: String,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Only rows of this state: learned, held, denied, forgotten
    #[arg(long, value_name = "STATE", value_parser = ["learned", "held", "denied", "forgotten"])]
    pub(crate) state: Option<String>,

    /// What comes first
    #[arg(long, value_enum, value_name = "ORDER", default_value = "last")]
    pub(crate) sort: Order,

    /// Show at most this many rows; 0 for all [default: 50, all of them with --json]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Print one JSON object per row
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only these workloads; all of them where none is named
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workloads: Vec<String>,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Write to this file, with its digest in FILE.sha256 beside it; else to standard output
    ///
    /// Compressed where its name ends in .gz; Parquet, for other programs to read, where it ends in .parquet.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace a file that exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    /// Write an OCI image layout into this new directory: an asset, as falcoctl and registries know them
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) oci: Option<PathBuf>,

    /// The asset's version
    #[arg(long, value_name = "TAG", default_value = "latest", requires = "oci")]
    pub(crate) tag: String,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// An exported file or OCI layout, or the directory of a database
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,

    /// Another one
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,

    /// The daemon's configuration, for the organisation of databases [default: /etc/falco-anomaly/anomaly.yaml for the
    /// database that it names]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Of databases, whose baselines [default: agent.org of the configuration, else default]
    #[arg(long, value_name = "NAME")]
    pub(crate) org: Option<String>,

    /// Print one JSON object per change
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// An exported file, plain, gzip or Parquet; or the directory of an OCI layout
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Put its workloads in the place of ours instead of adding to them; what was denied here stays denied
    #[arg(long)]
    pub(crate) replace: bool,

    /// Move its times so that its newest day is today: for a file that is older than the retention
    #[arg(long)]
    pub(crate) shift: bool,

    #[command(flatten)]
    pub(crate) secrets: Secrets,

    /// Refuse the file unless this is its SHA-256; of an OCI layout that of its manifest, its digest
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,

    /// Say what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print one JSON object per workload
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Forget what was not seen for this many full days; what recurs weekly is kept for five weeks all the same [default:
    /// storage.retention_days of the configuration, else 7]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=60))]
    pub(crate) retention_days: Option<u16>,

    /// Say what would be forgotten, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print one JSON object per workload
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Archive {
    #[command(subcommand)]
    pub(crate) action: Option<ArchiveAction>,

    /// The archive's directory, made where it is missing, or s3://bucket/prefix: a Parquet file and a manifest each time
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) to: Option<ArchivePlace>,

    #[command(flatten)]
    pub(crate) which: Which,

    /// What was not seen for this many full days is let go; as `prune` has it
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=60))]
    pub(crate) retention_days: Option<u16>,

    /// Also what is forgotten and still remembered, in case it returns
    #[arg(long)]
    pub(crate) forgotten: bool,

    /// Delete nothing from the database: a copy, which needs no database for itself
    #[arg(long)]
    pub(crate) keep: bool,

    /// Say what would be archived, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print one JSON object per workload
    #[arg(long)]
    pub(crate) json: bool,
}

/// What else can be done with archives.
#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveAction {
    /// Find executions in an archive, the last seen first
    #[command(after_help = ARCHIVE_SEARCH_EXAMPLES)]
    Search(ArchiveSearch),
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveSearch {
    /// The archive's directory, or s3://bucket/prefix
    #[arg(value_name = "DIR")]
    pub(crate) place: ArchivePlace,

    /// Words that are all in the workload, the names or the arguments; capitals make no difference
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,

    /// Only this workload
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,

    /// Only rows of this state: held, forgotten
    #[arg(long, value_name = "STATE", value_parser = ["learned", "held", "denied", "forgotten"])]
    pub(crate) state: Option<String>,

    /// Seen at this time or later: 2026-11-01, 2026-11-01T14:00:00Z, or 30d for thirty days ago
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,

    /// Seen at this time or before
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<When>,

    /// Show at most this many rows; 0 for all [default: 50, all of them with --json]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Print one JSON object per row
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Say what the tables take, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print one JSON object per workload
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Keep what can be read, and move what cannot to the quarantine; nothing is deleted
    #[arg(long)]
    pub(crate) repair: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
