//! For which rules a gate is advisable.
//!
//! A gate fails open, so the worst that it does to an alert of an unknown or learning workload is nothing. But what it
//! would hide cannot be shown where most alerts have no score, and nobody should agree to what was not shown.

use std::cmp::Reverse;

use anomaly_baseline::text::printable;
use serde::Serialize;

use crate::tally::Rule;

/// From how many alerts a day on a rule is noisy.
pub const NOISY: f64 = 10.0;

/// Up to which share of a rule's alerts may have no score.
const TOLERATED: f64 = 0.05;

/// Below which share of alerts hidden a gate is hardly worth its risk.
const WORTH: f64 = 0.10;

/// Workloads that are named.
const NAMED: usize = 3;

/// The longest name of one, in bytes. Names come from alerts, and these sentences go to terminals and into rules files.
const NAME: usize = 80;

/// Whether to gate a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Whether a gate is recommended.
    pub recommended: bool,
    /// Whether a gate can be written at all.
    pub possible: bool,
    /// Why not, each a sentence's part in small letters; empty where it is recommended.
    pub why_not: Vec<String>,
}

pub(crate) fn advise(rule: &Rule, days: f64) -> Advice {
    let counts = rule.counts;
    let share = |part: u64| part as f64 / (counts.alerts.max(1)) as f64;
    let percent =
        |part: u64| format!("{part} of its {} alerts ({:.1} %)", counts.alerts, share(part) * 100.0);
    let mut why_not = Vec::new();
    let possible = rule.elsewhere == 0;
    if !possible {
        why_not.push(
            "its events are no system calls, where a gate's field does not exist: Falco would not start"
                .into(),
        );
    }
    if share(counts.unknown_workload) > TOLERATED {
        why_not.push(format!(
            "{} are of workloads that are not known, so nobody can say what is normal there",
            percent(counts.unknown_workload)
        ));
    }
    let (learning, names) = learning(rule);
    if share(learning) > TOLERATED {
        why_not.push(format!(
            "{} are of workloads that are being learned ({names}): wait until they are, and look again",
            percent(learning)
        ));
    }
    if share(counts.unsaid) > TOLERATED {
        why_not.push(format!(
            "{} do not say how novel they are: append anomaly.score and anomaly.event_score to all alerts for a week",
            percent(counts.unsaid)
        ));
    }
    if rule.groups.others[0] > 0 {
        why_not.push("it would hide more kinds of alerts than can be shown".into());
    }
    if share(counts.hidden) < WORTH && why_not.is_empty() {
        why_not.push(format!("a gate would hide only {}", percent(counts.hidden)));
    }
    if rule.critical {
        why_not.push("it is CRITICAL: gate it only by name, once you have read what would be hidden".into());
    }
    if (counts.alerts as f64) < NOISY * days {
        why_not.push(format!("it is not noisy: fewer than {NOISY:.0} alerts a day"));
    }
    Advice { recommended: why_not.is_empty(), possible, why_not }
}

/// How many alerts are of workloads that were being learned to the last, and the names of the loudest.
fn learning(rule: &Rule) -> (u64, String) {
    let mut learning: Vec<_> = rule.workloads.iter().filter(|(_, workload)| workload.is_learning()).collect();
    learning.sort_by_key(|(name, workload)| (Reverse(workload.counts.alerts), *name));
    let alerts = learning.iter().map(|(_, workload)| workload.counts.alerts).sum();
    let mut names: Vec<_> = learning.iter().take(NAMED).map(|(name, _)| printable(name, NAME)).collect();
    if learning.len() > NAMED {
        names.push(format!("{} more", learning.len() - NAMED));
    }
    (alerts, names.join(", "))
}
