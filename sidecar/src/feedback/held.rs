//! `anomalyctl held`: what waits for a decision, grouped as alerts are, and the history of decisions.

use std::collections::BTreeMap;
use std::io;

use anomaly_baseline::{
    DaySet, Engine, Explanation, Feedback, Inspection, RowState, RowView, Score, Timestamp,
};
use anomaly_vectorizer::act::Keys;
use serde::Serialize;

use super::arguments::Held;
use super::ids::Id;
use super::table;
use crate::durations;
use crate::failure::{Failure, say};
use crate::table::Table;
use crate::terminal;
use crate::watch::clock::Clock;
use crate::words::{count, thousands};

/// Rows of a group that are listed with `--json`.
const LISTED: usize = 100;

/// Runs the command.
pub(super) fn run(arguments: &Held) -> Result<(), Failure> {
    let view = arguments.place.open()?;
    if arguments.history {
        return history(&view.decisions, arguments);
    }
    let wanted = |state: RowState| arguments.state == "all" || arguments.state == state.as_str();
    let rows = view.engine.rows(&|workload, state, _| {
        wanted(state) && arguments.workload.as_ref().is_none_or(|pattern| pattern.matches(workload))
    });
    let groups = gather(&view.engine, rows, arguments.each);
    if arguments.json {
        return table::print_json(&groups.iter().map(Group::line).collect::<Vec<_>>());
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
        let example = &group.example;
        let several = group.rows.len() > 1;
        let state =
            if arguments.state == "held" { String::new() } else { format!(" {}", example.state.as_str()) };
        let cells = vec![
            group.id.short(),
            group.score.map_or_else(|| "learning".into(), |score| score.to_string()),
            table::workload(&example.workload),
            format!("{}{state}", table::group(&example.execution)),
            thousands(group.seen),
            thousands(group.days.len().into()),
            clock.date(group.first_seen),
            clock.moment(group.last_seen),
        ];
        let others = if several { format!(" (and {} more)", group.rows.len() - 1) } else { String::new() };
        let mut below = vec![format!("{}{others}", table::command(&example.execution))];
        below.extend(group.explanation.as_ref().map(|explanation| explanation.reason.clone()));
        table.row(cells, below);
    }
    table::print(&table.text(terminal::width(&io::stdout())))
}

/// Rows that a person sees as one thing.
struct Group {
    id: Id,
    /// The one that scores highest.
    example: RowView,
    rows: Vec<RowView>,
    seen: u64,
    days: DaySet,
    first_seen: Timestamp,
    last_seen: Timestamp,
    /// What the example would score now; `None` while its workload learns.
    score: Option<Score>,
    distance: f64,
    threshold: Option<Score>,
    explanation: Option<Explanation>,
}

/// Groups rows, the most novel group first.
fn gather(engine: &Engine, rows: Vec<RowView>, each: bool) -> Vec<Group> {
    let mut by_id: BTreeMap<Id, Vec<(RowView, Option<Inspection>)>> = BTreeMap::new();
    for row in rows {
        let id = if each { Id::of_row(&row) } else { Id::of_group(&row.workload, &row.execution) };
        let inspection = engine.inspect_row(&row.workload, row.key);
        by_id.entry(id).or_default().push((row, inspection));
    }
    let mut groups: Vec<_> = by_id.into_iter().filter_map(|(id, rows)| Group::of(id, rows)).collect();
    groups.sort_by(|a, b| b.score.cmp(&a.score).then(b.last_seen.cmp(&a.last_seen)).then(a.id.cmp(&b.id)));
    groups
}

impl Group {
    fn of(id: Id, mut rows: Vec<(RowView, Option<Inspection>)>) -> Option<Self> {
        rows.sort_by_key(|(row, inspection)| {
            let score = inspection.as_ref().and_then(|inspection| inspection.score);
            (std::cmp::Reverse(score), row.key)
        });
        let mut days = DaySet::default();
        rows.iter().for_each(|(row, _)| days.extend(row.days));
        let inspection = rows.first()?.1.clone();
        let rows: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        Some(Self {
            id,
            example: rows.first()?.clone(),
            seen: rows.iter().fold(0, |sum, row| sum.saturating_add(row.count)),
            days,
            first_seen: rows.iter().map(|row| row.first_seen).min()?,
            last_seen: rows.iter().map(|row| row.last_seen).max()?,
            rows,
            score: inspection.as_ref().and_then(|inspection| inspection.score),
            distance: inspection.as_ref().map_or(0.0, |inspection| inspection.distance),
            threshold: inspection.as_ref().map(|inspection| inspection.threshold),
            explanation: inspection.map(|inspection| inspection.explanation),
        })
    }

    fn line(&self) -> Line<'_> {
        let RowView { workload, state, execution, .. } = &self.example;
        let explanation = self.explanation.as_ref();
        Line {
            id: self.id.full(),
            workload,
            parent: &execution.parent,
            name: &execution.name,
            uid: execution.uid,
            state: state.as_str(),
            executions: self.rows.len(),
            seen: self.seen,
            days: self.days.len(),
            first_seen: seconds(self.first_seen),
            last_seen: seconds(self.last_seen),
            score: self.score,
            distance: Score::floor(self.distance),
            threshold: self.threshold,
            reason: explanation.map(|explanation| explanation.reason.as_str()),
            nearest: explanation.and_then(|explanation| explanation.nearest.as_deref()),
            command: execution.command_line(),
            rows: self.rows.iter().take(LISTED).map(Member::of).collect(),
        }
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
