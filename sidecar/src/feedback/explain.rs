//! `anomalyctl explain`: an execution beside the nearest learned ones, and every number of its score.

use std::fmt::Write as _;
use std::io;

use anomaly_baseline::text::printable;
use anomaly_baseline::{Engine, Inspection, Neighbour, RowState, RowView, Score};
use anomaly_config::Config;
use anomaly_vectorizer::act::Keys;
use anomaly_vectorizer::canonical::{self, Raw};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Act, Context, Execution, Kind};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::arguments::Explain;
use super::open::View;
use super::select;
use super::table;
use crate::asking::{not_saved, row_or_group};
use crate::failure::Failure;
use crate::terminal::{self, columns, fit, wrap};
use crate::watch::clock::Clock;
use crate::watch::progress::missing;
use crate::words::{list, times};
use anomaly_daemon::ids::{self, Id};

/// The widest that a feature's text is laid out, in columns.
const FEATURE: usize = 60;

/// What the numbers beside a feature take: its weight, and a mark for each neighbour.
const MARKS: usize = 22;

/// What is laid out where there is no terminal.
const PIPE: usize = 120;

/// Runs the command.
pub(super) fn run(arguments: &Explain) -> Result<(), Failure> {
    let database = arguments.which.database()?;
    let view = database.open()?;
    let scrubber = arguments.secrets.beside(database.config.scrubber());
    let inspection = inspect(arguments, &view, &database.config, &scrubber)?;
    if arguments.json {
        return table::print_json(&Report::of(&inspection));
    }
    let width = terminal::width(&io::stdout()).unwrap_or(PIPE);
    table::print(&text(&inspection, width, terminal::stdout_has_colours(), &Clock::local()))
}

fn inspect(
    arguments: &Explain,
    view: &View,
    config: &Config,
    scrubber: &Scrubber,
) -> Result<Inspection, Failure> {
    let engine = &view.engine;
    let of_row = |row: &RowView| {
        engine.inspect_row(&row.workload, row.key).ok_or_else(|| Failure::new("it is gone; try again"))
    };
    // Who says how a command is called means a command.
    if let [what] = &arguments.what[..]
        && arguments.name.is_none()
        && let Some(row) = row(what, engine, config)?
    {
        return of_row(&row);
    }
    let words = match &arguments.what[..] {
        [line] => words(line),
        words => words.to_vec(),
    };
    let Some(first) = words.first() else {
        return Err(Failure::new("there is no command to explain; give one, or an id of `anomalyctl held`"));
    };
    if let Some(kind) = arguments.kind {
        return act(arguments, kind, &words, view, scrubber);
    }
    let name = arguments.name.clone().unwrap_or_else(|| first.rsplit('/').next().unwrap_or(first).to_owned());
    let area = canonical::area(&words);
    let raw = Raw {
        name: name.as_bytes(),
        parent: arguments.parent.as_deref().unwrap_or_default().as_bytes(),
        grandparent: arguments.grandparent.as_deref().unwrap_or_default().as_bytes(),
        uid: arguments.uid.unwrap_or(0),
        arguments: &area,
        ..Raw::default()
    };
    let execution = raw.execution(scrubber);
    if let Some(row) = seen(arguments, view, &execution) {
        return of_row(&row);
    }
    let workload = workload(arguments, view)?;
    engine.inspect(&workload, &execution, &Context::default()).ok_or_else(|| unknown(&workload, view))
}

/// The row that an id means; `None` of what is no id. What has the form of one is never taken for a command: its score
/// would be made up.
fn row(what: &str, engine: &Engine, config: &Config) -> Result<Option<RowView>, Failure> {
    let found = row_or_group(what, config)?;
    let id = found.as_deref().unwrap_or(what);
    if !ids::is_id(id) {
        return Ok(None);
    }
    let unknown = || match &found {
        Some(id) => not_saved(what, id),
        None => Failure::new(format!(
            "nothing has the id {what}; `anomalyctl held`, `findings` and `search` list ids, and --name {what} tells \
             that a command is meant"
        )),
    };
    select::one(engine, id)?.map(Some).ok_or_else(unknown)
}

/// The same of another act than an execution.
fn act(
    arguments: &Explain,
    kind: Kind,
    words: &[String],
    view: &View,
    scrubber: &Scrubber,
) -> Result<Inspection, Failure> {
    let (object, flags) =
        words.split_first().map_or(("", &[][..]), |(object, flags)| (object.as_str(), flags));
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let act = Act {
        kind,
        name: arguments.name.as_deref().unwrap_or_default().as_bytes(),
        parent: arguments.parent.as_deref().unwrap_or_default().as_bytes(),
        uid: arguments.uid.unwrap_or(0),
        executable: arguments.exe.as_bytes(),
        object: object.as_bytes(),
        flags: &flags,
    };
    let act = act.execution(scrubber);
    let workload = workload(arguments, view)?;
    view.engine.inspect(&workload, &act, &Context::default()).ok_or_else(|| {
        if view.engine.last_day(&workload).is_none() {
            return unknown(&workload, view);
        }
        let workload = printable(&workload, 100);
        Failure::new(format!(
            "no rule has asked about any {kind} of {workload} yet, so nothing is known of them"
        ))
    })
}

/// The row of this command line that is most worth explaining: one that was not learned, else the last.
fn seen(arguments: &Explain, view: &View, execution: &Execution) -> Option<RowView> {
    let Explain { workload, name, parent, grandparent, uid, .. } = arguments;
    let rows = view.engine.rows(&|of, _, row| {
        row.arguments == execution.arguments
            && workload.as_ref().is_none_or(|workload| workload == of)
            && name.as_ref().is_none_or(|name| *name == row.name)
            && parent.as_ref().is_none_or(|parent| *parent == row.parent)
            && grandparent.as_ref().is_none_or(|grandparent| *grandparent == row.grandparent)
            && uid.is_none_or(|uid| uid == row.uid)
    });
    rows.into_iter().max_by_key(|row| (row.state != RowState::Active, row.last_seen))
}

fn workload(arguments: &Explain, view: &View) -> Result<String, Failure> {
    if let Some(workload) = &arguments.workload {
        return Ok(workload.clone());
    }
    match &view.engine.status()[..] {
        [] => Err(Failure::new("nothing is learned yet; watch this machine first")),
        [only] => Ok(only.workload.to_string()),
        several => {
            let names = list(several.iter().map(|status| printable(&status.workload, 100)), 5);
            Err(Failure::new(format!("whose normal is meant? name one with --workload: {names}")))
        }
    }
}

fn unknown(workload: &str, view: &View) -> Failure {
    let all = view.engine.status();
    if all.is_empty() {
        return Failure::new(format!("no workload is called {workload}; none is known yet"));
    }
    let names = list(all.iter().map(|status| printable(&status.workload, 100)), 5);
    Failure::new(format!("no workload is called {workload}; there are {names}"))
}

/// A command line's words: single and double quotes and backslashes keep a space within a word. No shell: nothing is
/// expanded.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, ' ' | '\t' | '\n') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

fn text(inspection: &Inspection, width: usize, colours: bool, clock: &Clock) -> String {
    let mut text = String::new();
    let mut item = |label: &str, what: &str| {
        for (index, line) in
            wrap(what, width.saturating_sub(LABEL), width.saturating_sub(LABEL)).iter().enumerate()
        {
            let label = if index == 0 { label } else { "" };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{label:<LABEL$}{line}");
        }
    };
    let Inspection { workload, execution, row, score, threshold, level, explanation, .. } = inspection;
    item("command", &table::command(execution));
    item("run by", &table::group(execution));
    item("workload", &printable(workload, 200));
    item("known as", &row.as_ref().map_or_else(|| "never seen".into(), |row| known_as(row, clock)));
    match score {
        Some(score) => {
            let novel = if score >= threshold { "novel" } else { "not novel" };
            item("score", &format!("{score} {}, {novel}: the threshold is {threshold}", level.as_str()));
            formula(inspection).iter().for_each(|line| item("", line));
        }
        None => {
            let progress = inspection.learning.as_ref().map(missing).unwrap_or_default();
            item("score", &format!("none yet, the workload is learning: {progress}"));
        }
    }
    if inspection.distance > 0.0 {
        item("why", &explanation.reason);
    }
    text.push('\n');
    text.push_str(&features(inspection, width, colours));
    text
}

/// The width of the column of labels.
const LABEL: usize = 10;

/// `held, seen 4 times on 2 days, last 2026-11-21 14:03; with no terminal, no login`
fn known_as(row: &RowView, clock: &Clock) -> String {
    let days = row.days.len();
    let on = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let state = row.state.as_str();
    let mut text = format!(
        "{} {state}, seen {} on {on}, first {}, last {}",
        Id::of_row(row).short(),
        times(row.count),
        clock.moment(row.first_seen),
        clock.moment(row.last_seen),
    );
    if !row.surroundings.is_empty() {
        let _ = write!(text, "; with {}", row.surroundings.join(", "));
    }
    text
}

/// How score and distance come about, with the numbers in place.
fn formula(inspection: &Inspection) -> Vec<String> {
    let Inspection { distance, cosine, unknown, rate, repeats, row, .. } = inspection;
    if row.as_ref().is_some_and(|row| row.state == RowState::Denied) {
        return vec!["denied by a person: it scores as if nothing were like it".into()];
    }
    if *distance == 0.0 {
        return vec!["learned: exactly this has run before".into()];
    }
    vec![
        format!(
            "= min(1, {distance:.4} / 0.1) / (1 + 0.18 sqrt(0.8 x {rate:.4} + 0.1 x {:.2}))",
            repeats.min(20.0)
        ),
        format!(
            "{rate:.2} alert groups a day are usual here at this distance or farther; {repeats:.1} runs today, or as good as"
        ),
        format!("distance {distance:.4} = 0.7 x (1 - {cosine:.4}) + 0.3 x {unknown:.4}"),
        format!(
            "{cosine:.4} is the cosine with the nearest learned execution, {unknown:.4} the weight in what was never learned"
        ),
    ]
}

/// The features, one a line, and which of the neighbours have them; then the neighbours and what they have beside.
fn features(inspection: &Inspection, width: usize, colours: bool) -> String {
    let room = width.saturating_sub(MARKS + 7).clamp(12, FEATURE);
    let (new_style, faint) =
        if colours { (AnsiColor::Yellow.on_default(), Style::new().dimmed()) } else { Default::default() };
    let numbers: String = (1..=inspection.neighbours.len()).map(|n| format!("{n:>4}")).collect();
    let mut text = format!("       {:<room$} weight{numbers}\n", "feature");
    let mut sorted: Vec<_> = inspection.features.iter().collect();
    let rank = |shared: &[bool], known: bool| {
        if !known { 0 } else { 1 + u8::from(shared.iter().any(|shared| *shared)) }
    };
    sorted.sort_by_key(|feature| rank(&feature.shared, feature.known));
    for feature in sorted {
        let (word, style) = match rank(&feature.shared, feature.known) {
            0 => ("new", new_style),
            1 => ("other", Style::new()),
            _ => ("shared", faint),
        };
        let what = fit(&printable(&feature.text, 200), room);
        let padding = " ".repeat(room - columns(&what));
        let marks: String =
            feature.shared.iter().map(|shared| if *shared { "   x" } else { "   -" }).collect();
        let _ = writeln!(text, "{style}{word:<6}{style:#} {what}{padding} {:>6.2}{marks}", feature.weight);
    }
    for (number, neighbour) in (1..).zip(&inspection.neighbours) {
        text.push('\n');
        text.push_str(&neighbour_text(number, neighbour, width));
    }
    if inspection.neighbours.is_empty() {
        text.push_str("\nnothing is learned in this workload that it could be near to\n");
    }
    text
}

fn neighbour_text(number: usize, neighbour: &Neighbour, width: usize) -> String {
    let Neighbour { row, cosine, missing } = neighbour;
    let mut lines = vec![
        format!(
            "{number}  {} cosine {cosine:.4}, {}, seen {}",
            Id::of_row(row).short(),
            table::group(&row.execution),
            times(row.count)
        ),
        format!("   {}", table::command(&row.execution)),
    ];
    if !missing.is_empty() {
        lines.push(format!("   has beside: {}", printable(&missing.join(", "), 400)));
    }
    let wrapped = lines.iter().flat_map(|line| {
        let (indent, line) = if line.starts_with(' ') { (3, line.trim_start()) } else { (0, line.as_str()) };
        let room = width.saturating_sub(indent);
        wrap(line, room, room).into_iter().map(move |line| format!("{:indent$}{line}\n", ""))
    });
    wrapped.collect()
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    workload: &'a str,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    #[serde(flatten)]
    done: Keys<'a>,
    id: Option<String>,
    state: Option<&'static str>,
    seen: u64,
    score: Option<Score>,
    level: &'static str,
    threshold: Score,
    novel: bool,
    distance: Score,
    cosine: f64,
    unknown: f64,
    rate: f64,
    repeats: f64,
    reason: &'a str,
    features: Vec<Feature<'a>>,
    neighbours: Vec<Near<'a>>,
}

#[derive(Serialize)]
struct Feature<'a> {
    text: &'a str,
    weight: f64,
    known: bool,
    shared: &'a [bool],
}

#[derive(Serialize)]
struct Near<'a> {
    id: String,
    cosine: f64,
    seen: u64,
    parent: &'a str,
    name: &'a str,
    uid: u32,
    command: String,
    missing: &'a [String],
}

impl<'a> Report<'a> {
    fn of(inspection: &'a Inspection) -> Self {
        let Inspection {
            workload,
            execution,
            learning: _,
            row,
            score,
            level,
            threshold,
            distance,
            cosine,
            unknown,
            rate,
            repeats,
            explanation,
            features,
            neighbours,
        } = inspection;
        Self {
            workload,
            name: &execution.name,
            parent: &execution.parent,
            grandparent: &execution.grandparent,
            uid: execution.uid,
            done: execution.into(),
            id: row.as_ref().map(|row| Id::of_row(row).full()),
            state: row.as_ref().map(|row| row.state.as_str()),
            seen: row.as_ref().map_or(0, |row| row.count),
            score: *score,
            level: level.as_str(),
            threshold: *threshold,
            novel: score.is_some_and(|score| score >= *threshold),
            distance: Score::floor(*distance),
            cosine: *cosine,
            unknown: *unknown,
            rate: *rate,
            repeats: *repeats,
            reason: &explanation.reason,
            features: features
                .iter()
                .map(|feature| Feature {
                    text: &feature.text,
                    weight: feature.weight.into(),
                    known: feature.known,
                    shared: &feature.shared,
                })
                .collect(),
            neighbours: neighbours
                .iter()
                .map(|Neighbour { row, cosine, missing }| Near {
                    id: Id::of_row(row).full(),
                    cosine: *cosine,
                    seen: row.count,
                    parent: &row.execution.parent,
                    name: &row.execution.name,
                    uid: row.execution.uid,
                    command: row.execution.command_line(),
                    missing,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_line_becomes_words_as_in_a_shell() {
        for (line, expected) in [
            ("curl -s  http://x", &["curl", "-s", "http://x"][..]),
            ("sh -c 'a \"b\" | c'", &["sh", "-c", "a \"b\" | c"]),
            ("sh -c \"say \\\"hi\\\"\" a\\ b", &["sh", "-c", "say \"hi\"", "a b"]),
            ("x '' y'z'", &["x", "", "yz"]),
            ("  ", &[]),
            ("open 'never closed", &["open", "never closed"]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
