//! `anomalyctl held`: what waits for a decision, grouped as alerts are, and the history of decisions.

use std::io;

use anomaly_baseline::{Feedback, RowState, RowView, Score, Timestamp};
use anomaly_daemon::groups::{Group, gather};
use anomaly_vectorizer::act::Keys;
use serde::Serialize;

use super::arguments::Held;
use super::table;
use crate::durations;
use crate::failure::{Failure, say};
use crate::table::Table;
use crate::terminal;
use crate::watch::clock::Clock;
use crate::words::{count, thousands};
use anomaly_daemon::ids::Id;

/// Rows of a group that are listed with `--json`.
const LISTED: usize = 100;

/// Runs the command.
pub(super) fn run(arguments: &Held) -> Result<(), Failure> {
    let view = arguments.which.database()?.open()?;
    if arguments.history {
        return history(&view.decisions, arguments);
    }
    let wanted = |state: RowState| arguments.state == "all" || arguments.state == state.as_str();
    let rows = view.engine.rows(&|workload, state, _| {
        wanted(state) && arguments.workload.as_ref().is_none_or(|pattern| pattern.matches(workload))
    });
    let groups = gather(&view.engine, rows, arguments.each);
    if arguments.json {
        return table::print_json(&groups.iter().map(line).collect::<Vec<_>>());
    }
    if groups.is_empty() {
        let state = if arguments.state == "all" { "known" } else { &arguments.state };
        say(&format!("nothing is {state} in {}", view.directory.display()));
        return Ok(());
    }
    let clock = Clock::local();
    let mut table =
        Table::new(&["ID", ">SCORE", "WORKLOAD", "PARENT > NAME (UID)", ">SEEN", ">DAYS", "FIRST", "LAST"]);
    for group in &groups {
        let example = group.example();
        let several = group.rows.len() > 1;
        let state =
            if arguments.state == "held" { String::new() } else { format!(" {}", example.state.as_str()) };
        let cells = vec![
            group.id.short(),
            group.score().map_or_else(|| "learning".into(), |score| score.to_string()),
            table::workload(&example.workload),
            format!("{}{state}", table::group(&example.execution)),
            thousands(group.seen()),
            thousands(group.days().len().into()),
            clock.date(group.first_seen()),
            clock.moment(group.last_seen()),
        ];
        let others = if several { format!(" (and {} more)", group.rows.len() - 1) } else { String::new() };
        let mut below = vec![format!("{}{others}", table::command(&example.execution))];
        below.extend(group.inspection.as_ref().map(|inspection| inspection.explanation.reason.clone()));
        table.row(cells, below);
    }
    table::print(&table.text(terminal::width(&io::stdout())))
}

/// A group as `--json` prints it.
fn line(group: &Group) -> Line<'_> {
    let RowView { workload, state, execution, .. } = group.example();
    let inspection = group.inspection.as_ref();
    let explanation = inspection.map(|inspection| &inspection.explanation);
    Line {
        id: group.id.full(),
        workload,
        parent: &execution.parent,
        name: &execution.name,
        uid: execution.uid,
        state: state.as_str(),
        executions: group.rows.len(),
        seen: group.seen(),
        days: group.days().len(),
        first_seen: seconds(group.first_seen()),
        last_seen: seconds(group.last_seen()),
        score: group.score(),
        distance: Score::floor(inspection.map_or(0.0, |inspection| inspection.distance)),
        threshold: inspection.map(|inspection| inspection.threshold),
        reason: explanation.map(|explanation| explanation.reason.as_str()),
        nearest: explanation.and_then(|explanation| explanation.nearest.as_deref()),
        command: execution.command_line(),
        rows: group.rows.iter().take(LISTED).map(Member::of).collect(),
    }
}

/// Seconds since the Unix epoch.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time as f64 / 1e6
}

/// What `--json` prints of a group.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    workload: &'a str,
    parent: &'a str,
    name: &'a str,
    uid: u32,
    state: &'static str,
    executions: usize,
    seen: u64,
    days: u32,
    first_seen: f64,
    last_seen: f64,
    score: Option<Score>,
    distance: Score,
    threshold: Option<Score>,
    reason: Option<&'a str>,
    nearest: Option<&'a str>,
    command: String,
    rows: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    id: String,
    state: &'static str,
    seen: u64,
    grandparent: &'a str,
    #[serde(flatten)]
    done: Keys<'a>,
    surroundings: &'a [&'static str],
}

impl<'a> Member<'a> {
    fn of(row: &'a RowView) -> Self {
        Self {
            id: Id::of_row(row).full(),
            state: row.state.as_str(),
            seen: row.count,
            grandparent: &row.execution.grandparent,
            done: (&row.execution).into(),
            surroundings: &row.surroundings,
        }
    }
}

/// What `--history --json` prints of a decision.
#[derive(Serialize)]
struct Decision<'a> {
    time: f64,
    who: &'a str,
    uid: u32,
    action: &'static str,
    workload: &'a str,
    asked: &'a str,
    why: &'a str,
    executions: usize,
    seconds: u64,
    taken_up: Option<f64>,
    outcome: Option<&'a str>,
}

/// Who decided what, the latest last.
fn history(decisions: &[Feedback], arguments: &Held) -> Result<(), Failure> {
    let wanted = |feedback: &&Feedback| {
        arguments.workload.as_ref().is_none_or(|pattern| pattern.matches(&feedback.workload))
    };
    let decisions: Vec<_> = decisions.iter().filter(wanted).collect();
    if arguments.json {
        let lines: Vec<_> = decisions.iter().map(|feedback| Decision::of(feedback)).collect();
        return table::print_json(&lines);
    }
    if decisions.is_empty() {
        say("nobody has decided anything yet");
        return Ok(());
    }
    let clock = Clock::local();
    let mut table = Table::new(&["WHEN", "WHO", "WHAT", "WORKLOAD", "OUTCOME"]);
    for feedback in decisions {
        let outcome = feedback.settled.as_ref().map_or("not taken up yet", |settled| &settled.outcome);
        let (workload, who) = (table::workload(&feedback.workload), table::workload(&feedback.who));
        let cells =
            vec![clock.moment(feedback.time), who, feedback.action.to_string(), workload, outcome.to_owned()];
        let mut below = vec![asked(feedback)];
        if !feedback.why.is_empty() {
            below.push(format!("because: {}", feedback.why));
        }
        table.row(cells, below);
    }
    table::print(&table.text(terminal::width(&io::stdout())))
}

/// What was asked for: `*curl* (3 executions)`, `for 1h`.
fn asked(feedback: &Feedback) -> String {
    let Feedback { asked, keys, window, action, .. } = feedback;
    match action {
        anomaly_baseline::Action::Learn => format!("{asked} for {}", durations::show(*window)),
        _ => format!("{asked} ({})", count(keys.len() as u64, "execution")),
    }
}

impl<'a> Decision<'a> {
    fn of(feedback: &'a Feedback) -> Self {
        let Feedback { id: _, time, who, uid, why, action, workload, asked, keys, window, settled } =
            feedback;
        Self {
            time: seconds(*time),
            who,
            uid: *uid,
            action: action.as_str(),
            workload,
            asked,
            why,
            executions: keys.len(),
            seconds: window.as_secs(),
            taken_up: settled.as_ref().map(|settled| seconds(settled.time)),
            outcome: settled.as_ref().map(|settled| settled.outcome.as_str()),
        }
    }
}
