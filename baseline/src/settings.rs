//! What an operator can change about learning and scoring. Every default needs no thought.

use std::time::Duration;

use crate::score::Score;

/// From which score an execution is novel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threshold {
    /// 0.85 on an unspent day, rising while a flood of novelty spends the day's budget.
    #[default]
    Auto,
    /// The same number always.
    Fixed(Score),
}

impl std::str::FromStr for Threshold {
    type Err = crate::score::ParseScoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Fixed) }
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(score) => score.fmt(f),
        }
    }
}

/// Learning, scoring and bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// An execution at least this far from everything learned is held instead of learned (distance, 0 to 1).
    pub learn_below: f64,
    /// A workload learns until it has seen this many executions ...
    pub learn_executions: u64,
    /// ... and this much time has passed since its first ...
    pub learn_for: Duration,
    /// ... and at most this share of its last [`RECENT`](Self::RECENT) executions was new, or it has seen
    /// [`PATIENCE`](Self::PATIENCE) times as much of both.
    pub learn_until_new_share: f64,
    /// From which score an execution is novel.
    pub threshold: Threshold,
    /// From which score the level is `warn`.
    pub warn: Score,
    /// From which score the level is `critical`.
    pub critical: Score,
    /// Rows not seen for this many full days are forgotten.
    pub retention_days: u16,
    /// Programs that are never learned, by name, not even while the workload learns.
    pub never_learn: Vec<String>,
    /// Distinct executions kept per workload.
    pub max_rows: usize,
    /// Held and denied executions kept per workload.
    pub max_held: usize,
    /// Workloads kept.
    pub max_workloads: usize,
}

impl Settings {
    /// How many of the last executions the share of new ones is taken over.
    pub const RECENT: u32 = 50;

    /// How much longer than asked for a workload learns at most, when new executions keep coming.
    pub const PATIENCE: u32 = 20;

    /// Days that rows seen in two different weeks or more are kept, and that held and forgotten ones are remembered.
    pub const LONG_RETENTION_DAYS: u16 = 35;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learn_below: 0.45,
            learn_executions: 50,
            learn_for: Duration::from_secs(30),
            learn_until_new_share: 0.2,
            threshold: Threshold::Auto,
            warn: Score::from_ten_thousandths(8500),
            critical: Score::from_ten_thousandths(9500),
            retention_days: 7,
            never_learn: NEVER_LEARN.iter().map(ToString::to_string).collect(),
            max_rows: 100_000,
            max_held: 5_000,
            max_workloads: 10_000,
        }
    }
}

/// Tools of attack that no service needs: scanners, relays, crackers, miners.
const NEVER_LEARN: &[&str] = &[
    "chisel",
    "crackmapexec",
    "hashcat",
    "hydra",
    "john",
    "linpeas",
    "linpeas.sh",
    "masscan",
    "medusa",
    "mimipenguin",
    "msfconsole",
    "msfvenom",
    "ncat",
    "netexec",
    "nikto",
    "nmap",
    "proxychains",
    "proxychains4",
    "pspy",
    "pspy64",
    "rustscan",
    "socat",
    "sqlmap",
    "xmrig",
    "zmap",
];
