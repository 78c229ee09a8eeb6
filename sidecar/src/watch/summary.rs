//! The summary at the end: what was seen, what was lost, what was learned, and how large each baseline is.

use std::fmt::Write;

use anomaly_baseline::WorkloadStatus;
use anomaly_baseline::text::printable;

use super::progress::missing;
use crate::terminal::{columns, fit};
use crate::words::{count, list, thousands};

/// Workloads in the table, the busiest first.
const MAX_WORKLOADS: usize = 20;

/// How a run went.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Executions per feed.
    pub(super) executions: Vec<(&'static str, u64)>,
    /// Executions that were noticed and not scored, per cause, zero ones left out.
    pub(super) lost: Vec<(&'static str, u64)>,
    /// Processes that ran already.
    pub(super) seeded: u64,
    /// Distinct executions learned in this run.
    pub(super) learned: u64,
    /// Executions held in this run.
    pub(super) held: u64,
    /// Executions at or above their threshold that belong to what is shown.
    pub(super) novel: u64,
    /// The one workload that is shown.
    pub(super) only: Option<String>,
    /// Alert groups that had a line.
    pub(super) groups: u64,
    /// Novel executions counted instead of shown.
    pub(super) not_shown: u64,
    /// Executions of containers whose image stayed unknown.
    pub(super) unresolved: u64,
    /// Lines of recordings that could not be read; `None` where there was no recording.
    pub(super) bad_lines: Option<u64>,
    /// The workloads.
    pub(super) workloads: Vec<WorkloadStatus>,
}

impl Summary {
    /// The summary as lines of at most `width` columns where a line has names from outside in it.
    pub(super) fn text(&self, width: usize) -> String {
        let mut out = String::from("\n");
        let mut line = |label: &str, text: &str| {
            let _ = writeln!(out, "{label:<12}{text}");
        };
        line("executions", &counts(&self.executions));
        line("lost", &counts(&self.lost));
        if self.seeded > 0 {
            line("seeded", &format!("{} (processes that ran before)", thousands(self.seeded)));
        }
        if self.unresolved > 0 {
            line(
                "unresolved",
                &format!("{} of containers with an unknown image", thousands(self.unresolved)),
            );
        }
        if let Some(bad) = self.bad_lines.filter(|&bad| bad > 0) {
            line("not read", &format!("{} of the recording", count(bad, "line")));
        }
        line("learned", &count(self.learned, "distinct execution"));
        line("held", &count(self.held, "execution"));
        line("novel", &self.novel());
        self.table(&mut out, width);
        out
    }

    fn novel(&self) -> String {
        let mut text = count(self.novel, "execution");
        if let Some(only) = &self.only {
            text.push_str(&format!(" of {}", printable(only, 60)));
        }
        if self.groups > 0 {
            text.push_str(&format!(" in {}", count(self.groups, "alert group")));
        }
        if self.not_shown > 0 {
            text.push_str(&format!("; {} not shown (--every shows them)", count(self.not_shown, "repeat")));
        }
        text
    }

    fn table(&self, out: &mut String, width: usize) {
        if self.workloads.is_empty() {
            return;
        }
        let mut busiest: Vec<&WorkloadStatus> = self.workloads.iter().collect();
        busiest.sort_by_key(|status| std::cmp::Reverse(status.executions));
        let others = busiest.split_off(busiest.len().min(MAX_WORKLOADS));
        let numbers = "        seen   known  held  ";
        let most = width.saturating_sub(numbers.len() + "learning".len()).clamp(8, 60);
        let names: Vec<String> =
            busiest.iter().map(|status| fit(&printable(&status.workload, 200), most)).collect();
        let name_columns = names.iter().map(|name| columns(name)).max().unwrap_or(0).max("workload".len());
        let _ = writeln!(out, "\n{:<name_columns$}{numbers}state", "workload");
        for (status, name) in busiest.iter().zip(&names) {
            let padding = " ".repeat(name_columns - columns(name));
            let state = match &status.learning {
                Some(progress) => format!("learning: {}", missing(progress)),
                None => "settled".to_owned(),
            };
            let row = format!(
                "{name}{padding}  {:>10}  {:>6}  {:>4}  {state}",
                thousands(status.executions),
                thousands(status.rows as u64),
                thousands(status.held as u64),
            );
            let _ = writeln!(out, "{}", fit(&row, width.max(MIN_ROW)));
        }
        if !others.is_empty() {
            let executions: u64 = others.iter().map(|status| status.executions).sum();
            let more = count(others.len() as u64, "more workload");
            let _ = writeln!(out, "{more} with {}", count(executions, "execution"));
        }
    }
}

/// The narrowest a row is cut to: its numbers are worth a broken line.
const MIN_ROW: usize = 50;

/// `1,234 (ebpf 1,230, connector 4)`; the total alone where nothing is to be told apart.
fn counts(parts: &[(&'static str, u64)]) -> String {
    let total: u64 = parts.iter().map(|(_, count)| count).sum();
    if parts.is_empty() {
        return "0".to_owned();
    }
    let parts = parts.iter().map(|(what, count)| format!("{what} {}", thousands(*count)));
    format!("{} ({})", thousands(total), list(parts, usize::MAX))
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::{Progress, Score};

    use super::*;

    fn workload(name: &str, executions: u64) -> WorkloadStatus {
        WorkloadStatus {
            kind: anomaly_vectorizer::Kind::Exec,
            workload: name.into(),
            learning: (executions < 50).then_some(Progress {
                executions,
                executions_needed: 50,
                seconds: 30,
                seconds_needed: 30,
                new_percent: 90,
                new_percent_allowed: 20,
            }),
            learned_at: None,
            executions,
            rows: 12,
            in_memory: 0,
            elsewhere: 0,
            held: 1,
            denied: 0,
            threshold: Score::from_ten_thousandths(8500),
            warnings: Vec::new(),
            window: None,
            first_seen: 0,
            last_seen: 0,
        }
    }

    #[test]
    fn a_summary_in_full() {
        let summary = Summary {
            executions: vec![("ebpf", 1230)],
            lost: vec![("ring_buffer", 3), ("queue", 1)],
            seeded: 120,
            learned: 57,
            held: 3,
            novel: 14,
            only: None,
            groups: 2,
            not_shown: 12,
            unresolved: 2,
            bad_lines: None,
            workloads: vec![workload("nginx.service", 12), workload("host", 1218)],
        };
        assert_eq!(
            summary.text(80),
            "
executions  1,230 (ebpf 1,230)
lost        4 (ring_buffer 3, queue 1)
seeded      120 (processes that ran before)
unresolved  2 of containers with an unknown image
learned     57 distinct executions
held        3 executions
novel       14 executions in 2 alert groups; 12 repeats not shown (--every shows them)

workload             seen   known  held  state
host                1,218      12     1  settled
nginx.service          12      12     1  learning: 12/50 executions
"
        );
    }

    #[test]
    fn many_and_hostile_names_stay_a_table_that_fits() {
        let workloads = (0..500).map(|n| workload(&format!("\x1b[31m{}{n}", "x".repeat(300)), n)).collect();
        let text = Summary { workloads, ..Summary::default() }.text(80);
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        assert!(text.contains("480 more workloads with ") && !text.contains('\x1b'), "{text}");
    }
}
