//! `anomalyctl status`: how far every workload is, and what keeps it from being further.

use std::io;

use anomaly_baseline::text::printable;
use anomaly_baseline::{Engine, Progress, Score, Timestamp, WorkloadStatus, utc_day};
use anomaly_fleet::Status as Shared;
use anomaly_vectorizer::Kind;
use serde::Serialize;

use super::arguments::Status;
use super::held::seconds;
use super::open::{View, micros, now};
use super::table;
use crate::failure::{Failure, say};
use crate::table::Table;
use crate::terminal::{self, wrap};
use crate::watch::clock::Clock;
use crate::watch::progress::missing;
use crate::words::{count, thousands};

/// Days of growth that are shown beside today's.
const WEEK: i32 = 7;

/// Runs the command.
pub(super) fn run(arguments: &Status) -> Result<(), Failure> {
    let view = arguments.which.database()?.open()?;
    let wanted = |status: &WorkloadStatus| {
        arguments.workload.as_ref().is_none_or(|pattern| pattern.matches(&status.workload))
    };
    let mut all = view.engine.status();
    all.extend(view.engine.status_of_acts());
    all.retain(wanted);
    // A workload that only acts are known of is in both.
    all.sort_by(|a, b| (&a.workload, a.kind).cmp(&(&b.workload, b.kind)));
    all.dedup_by(|a, b| (&a.workload, a.kind) == (&b.workload, b.kind));
    if let (Some(pattern), true) = (&arguments.workload, all.is_empty()) {
        return Err(Failure::new(format!(
            "no workload matches {pattern}; `anomalyctl status` lists them all"
        )));
    }
    let waiting = view.decisions.iter().filter(|feedback| feedback.settled.is_none()).count();
    let lines: Vec<_> = all.iter().map(|status| Line::of(&view.engine, status, now())).collect();
    if arguments.json {
        return table::print_json(&Report::of(&view, waiting, lines));
    }
    let width = terminal::width(&io::stdout());
    let room = width.unwrap_or(usize::MAX);
    table::print(&format!("{}\n\n", wrap(&heading(&view, waiting), room, room).join("\n")))?;
    if lines.is_empty() {
        say("it knows no workload yet");
        return Ok(());
    }
    let clock = Clock::local();
    let columns =
        ["WORKLOAD", "STATE", ">KNOWN", ">HELD", ">DENIED", ">THRESHOLD", ">SEEN", ">TODAY", ">WEEK", "LAST"];
    let mut table = Table::new(&columns);
    for (line, status) in lines.iter().zip(&all) {
        let cells = vec![
            if status.kind.is_act() {
                format!("{}: {}", table::workload(&status.workload), status.kind)
            } else {
                table::workload(&status.workload)
            },
            if status.learning.is_some() { "learning" } else { "settled" }.to_owned(),
            thousands(status.rows as u64),
            thousands(status.held as u64),
            thousands(status.denied as u64),
            status.threshold.to_string(),
            thousands(status.executions),
            thousands(line.learned_today as u64),
            thousands(line.learned_this_week as u64),
            clock.moment(status.last_seen),
        ];
        table.row(cells, remarks(status, &clock));
    }
    table::print(&table.text(width))
}

/// What is to be said of a workload beside its numbers.
fn remarks(status: &WorkloadStatus, clock: &Clock) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(progress) = &status.learning {
        remarks.push(format!("no scores yet: {}", missing(progress)));
    }
    if !status.warnings.is_empty() {
        let names = printable(&status.warnings.join(", "), 200);
        remarks
            .push(format!("its warm-up saw {names}, which is never learned: was somebody there before us?"));
    }
    if let Some((_, until)) = status.window.filter(|(_, until)| *until > now()) {
        remarks.push(format!("everything is learned at once until {}", clock.moment(until)));
    }
    remarks
}

/// Where it is, who writes it, and how fresh what is shown is.
fn heading(view: &View, waiting: usize) -> String {
    let writer = match view.writer {
        Some(Some(pid)) => format!("written by process {pid}"),
        Some(None) => "written by another process".to_owned(),
        None => "nobody writes it now".to_owned(),
    };
    let saved = view.last_saved.map_or_else(String::new, |saved| {
        let ago = now().saturating_sub(micros(saved)).max(0) / 1_000_000;
        format!(", last saved {ago} s ago (counts wait up to five minutes)")
    });
    let waiting = match waiting {
        0 => String::new(),
        waiting => format!("; {} to be taken up", count(waiting as u64, "decision")),
    };
    let space = &view.space;
    let shared = view.shared.as_ref().map_or_else(String::new, shared);
    format!(
        "{}: {writer}{saved}{waiting}{shared}; features {} {} (key {})",
        printable(&view.directory.display().to_string(), 1_000),
        space.scheme,
        space.version,
        space.key_version,
    )
}

/// How sharing with other machines goes.
fn shared(shared: &Shared) -> String {
    let taken = shared.merged.map_or_else(
        || "nothing taken yet".to_owned(),
        |merged| format!("all taken {} s ago", now().saturating_sub(merged).max(0) / 1_000_000),
    );
    let failing = shared.failing.as_ref().map_or_else(String::new, |failing| format!(" ({failing})"));
    let place = printable(&shared.place, 500);
    format!(
        "; shared through {place} with {}, {taken}{failing}",
        count(shared.machines.len() as u64, "machine")
    )
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    database: String,
    /// Whether a process writes it now.
    written: bool,
    writer: Option<u32>,
    last_saved: Option<f64>,
    scheme: &'static str,
    feature_version: u32,
    key_version: u32,
    /// Decisions that nobody has taken up yet.
    waiting: usize,
    /// Where a process shares with other machines.
    shared: Option<Sharing<'a>>,
    workloads: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Sharing<'a> {
    place: &'a str,
    machine: &'a str,
    /// How many other machines there are.
    machines: usize,
    /// When everything was taken.
    merged: Option<f64>,
    failing: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn of(view: &'a View, waiting: usize, workloads: Vec<Line<'a>>) -> Self {
        Self {
            database: view.directory.display().to_string(),
            written: view.writer.is_some(),
            writer: view.writer.flatten(),
            last_saved: view.last_saved.map(|saved| seconds(micros(saved))),
            scheme: view.space.scheme,
            feature_version: view.space.version,
            key_version: view.space.key_version,
            waiting,
            shared: view.shared.as_ref().map(|shared| Sharing {
                place: &shared.place,
                machine: &shared.machine,
                machines: shared.machines.len(),
                merged: shared.merged.map(seconds),
                failing: shared.failing.as_deref(),
            }),
            workloads,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    workload: &'a str,
    kind: Kind,
    learning: Option<Learning>,
    executions: u64,
    known: usize,
    /// Of those, what other machines alone know.
    known_elsewhere: usize,
    learned_today: usize,
    learned_this_week: usize,
    held: usize,
    denied: usize,
    threshold: Score,
    /// Programs of the never-learn list that the warm-up saw.
    warnings: &'a [String],
    /// Until when everything is learned at once.
    window_until: Option<f64>,
    first_seen: f64,
    last_seen: f64,
}

#[derive(Serialize)]
struct Learning {
    executions_needed: u64,
    seconds: u64,
    seconds_needed: u64,
    new_percent: u8,
    new_percent_allowed: u8,
}

impl<'a> Line<'a> {
    fn of(engine: &Engine, status: &'a WorkloadStatus, now: Timestamp) -> Self {
        // A recording has days of its own.
        let today = engine.last_day(&status.workload).unwrap_or_else(|| utc_day(now));
        let since =
            |days: i32| engine.learned_since(&status.workload, status.kind, today.saturating_sub(days - 1));
        Self {
            workload: &status.workload,
            kind: status.kind,
            learning: status.learning.map(Learning::of),
            executions: status.executions,
            known: status.rows,
            known_elsewhere: status.elsewhere,
            learned_today: since(1),
            learned_this_week: since(WEEK),
            held: status.held,
            denied: status.denied,
            threshold: status.threshold,
            warnings: &status.warnings,
            window_until: status.window.filter(|(_, until)| *until > now).map(|(_, until)| seconds(until)),
            first_seen: seconds(status.first_seen),
            last_seen: seconds(status.last_seen),
        }
    }
}

impl Learning {
    fn of(progress: Progress) -> Self {
        let Progress {
            executions: _,
            executions_needed,
            seconds,
            seconds_needed,
            new_percent,
            new_percent_allowed,
        } = progress;
        Self { executions_needed, seconds, seconds_needed, new_percent, new_percent_allowed }
    }
}
