//! What an operator can change about learning and scoring. Every default needs no thought.

use std::time::Duration;

use anomaly_vectorizer::Kind;

use crate::pattern::Pattern;
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
    /// (for acts this much since the first of their kind, because what a program does besides is rarer and follows the
    /// hours of the day) ...
    pub learn_acts_for: Duration,
    /// ... and at most this share of its last [`RECENT`](Self::RECENT) executions was far from everything before it, so
    /// that it would be held from now on. Where no more than the usual executions were asked for, a fifth of them is
    /// enough where none was far for as long as `learn_for`; and [`PATIENCE`](Self::PATIENCE) times as many end it however many were.
    pub learn_until_far_share: f64,
    /// From which score an execution is novel.
    pub threshold: Threshold,
    /// The same for workloads whose name a pattern matches; of several that match, the one that fixes most characters,
    /// of those the first.
    pub thresholds: Vec<(Pattern, Threshold)>,
    /// From which score the level is `warn`.
    pub warn: Score,
    /// From which score the level is `critical`.
    pub critical: Score,
    /// Rows not seen for this many full days are forgotten.
    pub retention_days: u16,
    /// Programs that are never learned, by name, not even while the workload learns.
    pub never_learn: Vec<String>,
    /// Distinct executions kept per workload, and other acts per kind. Those that there is no room for in memory are kept
    /// there as exact keys.
    pub max_rows: usize,
    /// Held and denied executions kept per workload.
    pub max_held: usize,
    /// Workloads kept.
    pub max_workloads: usize,
    /// Workloads that may begin within an hour: what starts containers without end under ever new names would otherwise
    /// fill the database before anybody looks.
    pub max_new_workloads: usize,
    /// What the baselines of all workloads may take in memory, in bytes, estimated. Those that nobody asked for longest
    /// are kept as exact keys alone and read back when they are needed, and so are the rows that were seen least recently
    /// of one that is larger than three quarters of this. `usize::MAX`: no bound. Without a store it is
    /// not looked at.
    pub memory_budget: usize,
}

impl Settings {
    /// How many of the last executions the share of far ones is taken over.
    pub const RECENT: u32 = 50;

    /// How many times `learn_executions` end the warm-up of a workload that goes on bringing what is far from
    /// everything; it then has lasted for twice `learn_for` at least.
    pub const PATIENCE: u64 = 4;

    /// What share of `learn_executions` is enough where all is quiet: one in so many.
    pub const QUIET_SHARE: u64 = 5;

    /// How many executions a workload learns from where nobody says. Quiet makes up for some of them only where no more
    /// than these were asked for.
    pub const USUAL_EXECUTIONS: u64 = 50;

    /// Days that rows seen in two different weeks or more are kept, and that held and forgotten ones are remembered.
    pub const LONG_RETENTION_DAYS: u16 = 35;

    /// How long a kind of act is learned at least.
    pub fn learn_for_of(&self, kind: Kind) -> Duration {
        if kind.is_act() { self.learn_acts_for } else { self.learn_for }
    }

    /// The threshold of a workload.
    pub fn threshold_of(&self, workload: &str) -> Threshold {
        let matching = self.thresholds.iter().filter(|(pattern, _)| pattern.matches(workload));
        // Of equal ones `max_by_key` takes the last.
        let closest = matching.rev().max_by_key(|(pattern, _)| pattern.closeness());
        closest.map_or(self.threshold, |(_, threshold)| *threshold)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learn_below: 0.45,
            // Warm-up keeps from holding what would have become normal by being seen once, and only what is far is
            // ever held: so far news is the evidence, not all news. Of the rustc lines of a build nine in ten are
            // new and one in ten is far. Half a minute is enough for a machine that is busy, ten executions for one
            // that is not; and nobody waits longer than a minute and two hundred executions, because a score that
            // costs an alert too many teaches more than none, and the threshold keeps the day's budget anyway.
            learn_executions: Self::USUAL_EXECUTIONS,
            learn_for: Duration::from_secs(30),
            learn_acts_for: Duration::from_secs(24 * 60 * 60),
            learn_until_far_share: 0.2,
            threshold: Threshold::Auto,
            thresholds: Vec::new(),
            warn: Score::from_ten_thousandths(8500),
            critical: Score::from_ten_thousandths(9500),
            retention_days: 7,
            never_learn: NEVER_LEARN.iter().map(ToString::to_string).collect(),
            max_rows: 1_000_000,
            max_held: 5_000,
            max_workloads: 10_000,
            // Ten times the pods of a large node.
            max_new_workloads: 1_000,
            memory_budget: 64 << 20,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_gives_the_threshold() {
        let fixed = |score| Threshold::Fixed(Score::from_ten_thousandths(score));
        let rule = |pattern: &str, score| (pattern.parse().expect("a pattern"), fixed(score));
        let settings = Settings {
            thresholds: vec![
                rule("*", 9_000),
                rule("ci*", 9_500),
                rule("c?*", 1),
                rule("ci?", 2),
                rule("ci-lint", 8_000),
            ],
            ..Settings::default()
        };
        for (workload, expected) in [("web", 9_000), ("ci-build", 9_500), ("ci-lint", 8_000), ("cix", 9_500)]
        {
            assert_eq!(settings.threshold_of(workload), fixed(expected), "{workload}");
        }
        assert_eq!(Settings::default().threshold_of("web"), Threshold::Auto);
    }
}
