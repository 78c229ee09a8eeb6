//! How far learning is, and that the program lives: one line, drawn over and over on a terminal, a line every few
//! seconds elsewhere, however many workloads there are.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::text::printable;
use anomaly_baseline::{Progress as Learning, WorkloadStatus};

use crate::failure::say;
use crate::terminal::{self, fit};
use crate::words::{count, list, thousands};

/// How often the line is drawn on a terminal.
const REDRAW: Duration = Duration::from_millis(250);

/// How often a line is written elsewhere, at most.
const REPEAT: Duration = Duration::from_secs(5);

/// Workloads named in one line.
const NAMED: usize = 3;

/// What the line tells beside learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Executions so far.
    pub(super) executions: u64,
    /// Novel ones among them.
    pub(super) novel: u64,
    /// Bytes of a recording read so far, and of how many.
    pub(super) read: Option<(u64, u64)>,
}

/// The line on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    redraws: bool,
    drawn: bool,
    due: Instant,
    last: String,
    /// Workloads of which it is known that they have learned enough.
    learned: HashSet<Arc<str>>,
}

impl Progress {
    /// `workloads` are those of the database.
    pub(super) fn new(now: Instant, workloads: &[WorkloadStatus]) -> Self {
        let mut progress = Self {
            redraws: terminal::stderr_redraws(),
            drawn: false,
            due: now,
            last: String::new(),
            learned: HashSet::new(),
        };
        progress.newly_learned(workloads);
        progress
    }

    /// Whether it is time for [`show`](Self::show).
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Says which workloads have learned enough since the last call, and how far the others are.
    pub(super) fn show(&mut self, now: Instant, workloads: &[WorkloadStatus], seen: Seen) {
        self.due = now + if self.redraws { REDRAW } else { REPEAT };
        self.tell_learned(workloads);
        if self.redraws {
            let width = terminal::width(&io::stderr()).unwrap_or(80);
            // The last column stays free: some terminals wrap as soon as it is written.
            let line = fit(&status(workloads, seen, true), width.saturating_sub(1));
            let _ = write!(io::stderr().lock(), "\r\x1b[2K{line}");
            self.drawn = true;
        } else if workloads.len() > self.learned.len() {
            let line = status(workloads, seen, false);
            if line != self.last {
                say(&line);
                self.last = line;
            }
        }
    }

    /// Takes the line away, so that others can be written in its place.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
        }
    }

    /// Says which workloads have learned enough since the last call.
    pub(super) fn tell_learned(&mut self, workloads: &[WorkloadStatus]) {
        if let Some(line) = self.newly_learned(workloads) {
            self.clear();
            say(&line);
        }
    }

    /// The sentence about workloads that have learned enough since the last call.
    fn newly_learned(&mut self, workloads: &[WorkloadStatus]) -> Option<String> {
        let new =
            |status: &&WorkloadStatus| status.learning.is_none() && !self.learned.contains(&status.workload);
        let learned: Vec<&WorkloadStatus> = workloads.iter().filter(new).collect();
        if learned.is_empty() {
            return None;
        }
        self.learned.extend(learned.iter().map(|status| Arc::clone(&status.workload)));
        let names = learned.iter().map(|status| {
            let name = printable(&status.workload, 60);
            let known =
                format!("{name} ({} executions, {} distinct", thousands(status.executions), status.rows);
            match status.warnings.as_slice() {
                [] => format!("{known})"),
                warnings => format!("{known}; not learned: {})", printable(&warnings.join(", "), 100)),
            }
        });
        Some(format!("learned enough to score: {}", list(names, NAMED)))
    }
}

/// The line itself.
fn status(workloads: &[WorkloadStatus], seen: Seen, bar: bool) -> String {
    let learning = || workloads.iter().filter_map(|status| Some((status, status.learning?)));
    let mut parts = Vec::new();
    if let (Some((done, total)), true) = (seen.read, bar) {
        parts.push(bar_of(done, total));
    }
    // The nearest to their end first: they are what a person waits for.
    let mut waiting: Vec<_> = learning().collect();
    waiting.sort_by_key(|(_, progress)| progress.executions_needed.saturating_sub(progress.executions));
    let names = waiting
        .iter()
        .map(|(status, progress)| format!("{} {}", printable(&status.workload, 40), missing(progress)));
    if !waiting.is_empty() {
        parts.push(format!("learning {}", list(names, NAMED)));
    }
    let scored = workloads.len() - waiting.len();
    if scored > 0 {
        parts.push(format!("scoring {}", count(scored as u64, "workload")));
    }
    parts.push(format!("{}, {} novel", count(seen.executions, "execution"), thousands(seen.novel)));
    parts.join(" | ")
}

/// What a workload still needs: `34/50 executions, 12/30s`.
pub(crate) fn missing(progress: &Learning) -> String {
    let Learning { executions, executions_needed, seconds, seconds_needed, new_percent, new_percent_allowed } =
        *progress;
    let mut parts = Vec::new();
    if executions < executions_needed {
        parts.push(format!("{executions}/{executions_needed} executions"));
    }
    if seconds < seconds_needed {
        parts.push(format!("{seconds}/{seconds_needed}s"));
    }
    if parts.is_empty() {
        parts.push(format!("{new_percent} % unlike anything before, {new_percent_allowed} % allowed"));
    }
    parts.join(", ")
}

/// `[=======>            ]  37 %`
fn bar_of(done: u64, total: u64) -> String {
    const CELLS: usize = 20;
    let done = done.min(total);
    let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    let filled = (share * CELLS as f64) as usize;
    let tip = if filled < CELLS { ">" } else { "" };
    format!("[{:<CELLS$}] {:>3} %", format!("{}{tip}", "=".repeat(filled)), (share * 100.0) as u64)
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::Score;

    use super::*;

    fn workload(name: &str, executions: u64, learning: bool) -> WorkloadStatus {
        let progress = Learning {
            executions,
            executions_needed: 50,
            seconds: 12,
            seconds_needed: 30,
            new_percent: 80,
            new_percent_allowed: 20,
        };
        WorkloadStatus {
            kind: anomaly_vectorizer::Kind::Exec,
            workload: name.into(),
            learning: learning.then_some(progress),
            learned_at: None,
            executions,
            rows: 7,
            in_memory: 7,
            elsewhere: 0,
            held: 0,
            denied: 0,
            threshold: Score::from_ten_thousandths(8500),
            warnings: Vec::new(),
            window: None,
            first_seen: 0,
            last_seen: 0,
        }
    }

    const SEEN: Seen = Seen { executions: 1234, novel: 2, read: None };

    #[test]
    fn the_line_names_who_learns_and_what_is_missing() {
        let line = status(&[workload("host", 34, true), workload("nginx", 60, false)], SEEN, false);
        assert_eq!(
            line,
            "learning host 34/50 executions, 12/30s | scoring 1 workload | 1,234 executions, 2 novel"
        );
    }

    #[test]
    fn many_workloads_are_one_line_with_the_nearest_first() {
        let many: Vec<_> = (0..500).map(|n| workload(&format!("unit{n}"), n % 50, true)).collect();
        let line = status(&many, SEEN, false);
        assert!(line.len() < 200 && line.contains("unit49 49/50") && line.contains("497 more"), "{line}");
    }

    #[test]
    fn executions_and_time_reached_leaves_the_share_of_new_ones() {
        let progress =
            Learning { executions: 99, seconds: 99, ..workload("x", 0, true).learning.expect("it learns") };
        assert_eq!(missing(&progress), "80 % unlike anything before, 20 % allowed");
    }

    #[test]
    fn having_learned_is_said_once_with_what_was_not_learned() {
        let mut progress = Progress::new(Instant::now(), &[workload("known", 99, false)]);
        let learning = [workload("host", 34, true), workload("known", 99, false)];
        assert_eq!(progress.newly_learned(&learning), None);
        let mut done = workload("host", 50, false);
        done.warnings = vec!["nmap".into()];
        let expected = "learned enough to score: host (50 executions, 7 distinct; not learned: nmap)";
        assert_eq!(progress.newly_learned(&[done.clone()]).as_deref(), Some(expected));
        assert_eq!(progress.newly_learned(&[done]), None);
    }

    #[test]
    fn bars() {
        assert_eq!(bar_of(0, 100), "[>                   ]   0 %");
        assert_eq!(bar_of(50, 100), "[==========>         ]  50 %");
        assert_eq!(bar_of(100, 100), "[====================] 100 %");
        assert_eq!(bar_of(7, 0), bar_of(1, 1));
    }
}
