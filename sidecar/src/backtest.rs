//! `anomalyctl backtest`: recordings through the very code that scores live, and what came of it.
//!
//! The baseline is learned first, then the events are scored one after the other as they would have come. Standard
//! output has the result, standard error what happened on the way.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_backtest::{AtBudget, AtThreshold, Backtest, Options, Outcome, Step};
use anomaly_baseline::{Measure, Method, Settings};
use anomaly_capture::recording::Recorded;
use anomaly_vectorizer::{Article, Embedder, Hashed};
use serde::Serialize;

use crate::cli::{self, Scorer};
use crate::failure::{Failure, print, say};
use crate::terminal;
use crate::watch::json;
use crate::watch::replay::Replay;
use crate::watch::source::Next;
use crate::words::{list, thousands};

/// How often the progress line is drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Workloads named in one message.
const NAMED: usize = 8;

/// Bytes of output that are gathered before they are written.
const GATHERED: usize = 64 << 10;

/// Runs the command.
pub(crate) fn run(arguments: &cli::Backtest) -> Result<(), Failure> {
    // Both are opened before anything is read: a slip in a name costs no time.
    let mut baseline = Replay::open(&arguments.baseline, None)?;
    let mut events = Replay::open(&arguments.events, None)?;
    let mut backtest = Backtest::new(options(arguments), embedder(arguments));

    let mut progress = Progress::new("learning");
    let mut last = 0;
    each(&mut baseline, &mut progress, &mut |recorded| {
        last = last.max(recorded.observation.time);
        backtest.learn(&recorded);
        Ok(())
    })?;
    progress.end();
    backtest.finish_learning(last);

    let mut progress = Progress::new("scoring");
    let mut outcome = Outcome::default();
    let mut output = Output::default();
    let note = |outcome: &mut Outcome, output: &mut Output, step: &Step<'_>| {
        outcome.note(step);
        if arguments.json && step.occurrence == 1 {
            output.event(step);
        }
    };
    each(&mut events, &mut progress, &mut |recorded| {
        backtest.score(&recorded, &mut |step| note(&mut outcome, &mut output, step));
        output.flush_if_full()
    })?;
    let unknown = backtest.finish(&mut |step| note(&mut outcome, &mut output, step));
    output.flush()?;
    progress.end();

    if !unknown.is_empty() {
        let named = list(&unknown, NAMED);
        say(&format!("no baseline, so no score: {named}; give --baseline a recording of these workloads"));
    }
    let summary = Summary::of(&outcome, arguments);
    if arguments.json {
        print(&summary.text());
        return Ok(());
    }
    written(io::stdout().lock().write_all(summary.text().as_bytes()))
}

fn options(arguments: &cli::Backtest) -> Options {
    let measure = match arguments.scorer {
        Scorer::Hashed => Measure::Features,
        Scorer::Article => Measure::Vectors,
    };
    Options {
        settings: Settings { threshold: arguments.threshold, ..Settings::default() },
        method: Method { measure, ..Method::default() },
        online: arguments.online,
        repeat_attack: arguments.repeat_attack,
    }
}

fn embedder(arguments: &cli::Backtest) -> Arc<dyn Embedder> {
    match (arguments.scorer, arguments.hash_key) {
        (Scorer::Hashed, None) => Arc::new(Hashed::default()),
        (Scorer::Hashed, Some(key)) => Arc::new(Hashed::with_key(key)),
        (Scorer::Article, _) => Arc::new(Article::default()),
    }
}

/// Takes every line of recordings, and says which could not be read.
fn each(
    replay: &mut Replay,
    progress: &mut Progress,
    take: &mut dyn FnMut(Recorded) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        match replay.next(REDRAW) {
            Next::Event(event) => take(event.recorded)?,
            Next::Nothing => {}
            Next::End => break,
            Next::Failed(failure) => return Err(failure),
        }
        progress.tick(replay);
    }
    replay.notices().iter().for_each(|notice| say(notice));
    if replay.bad_lines() > 0 {
        say(&format!("{} lines could not be read", thousands(replay.bad_lines())));
    }
    Ok(())
}

/// A line on a terminal that is drawn over: how much was read.
struct Progress {
    doing: &'static str,
    due: Instant,
    lines: u64,
    drawn: bool,
}

impl Progress {
    fn new(doing: &'static str) -> Self {
        Self { doing, due: Instant::now() + REDRAW, lines: 0, drawn: false }
    }

    fn tick(&mut self, replay: &mut Replay) {
        self.lines += 1;
        // Asking the clock for every line would cost as much as scoring it.
        if !self.lines.is_multiple_of(1024) || !terminal::stderr_redraws() || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + REDRAW;
        let share = replay.bytes_read().filter(|(_, total)| *total > 0);
        let percent = share.map_or(String::new(), |(read, total)| format!(", {} %", read * 100 / total));
        print(&format!("\r\x1b[K{}: {} lines{percent}", self.doing, thousands(self.lines)));
        self.drawn = true;
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            print("\r\x1b[K");
        }
    }
}

/// Lines for standard output.
#[derive(Default)]
struct Output(Vec<u8>);

impl Output {
    fn event(&mut self, step: &Step<'_>) {
        // The day that it was scored on stands for one that the recording does not have.
        let mut recorded = step.recorded.clone();
        recorded.day = Some(step.day.into());
        json::write(&mut self.0, &recorded, step.verdict);
    }

    fn flush_if_full(&mut self) -> Result<(), Failure> {
        if self.0.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let written_all = io::stdout().lock().write_all(&self.0);
        self.0.clear();
        written(written_all)
    }
}

/// A reader that went away ends the program quietly, like any other of a pipeline.
fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome.map_err(|error| Failure::new(format!("cannot write the result: {error}"))),
    }
}

/// The numbers that people choose a threshold by.
#[derive(Debug, Serialize)]
struct Summary {
    tally: anomaly_backtest::Tally,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    false_positives: Vec<anomaly_backtest::AtFalsePositives>,
    budgets: Vec<AtBudget>,
    thresholds: Vec<AtThreshold>,
    occurrences: Vec<anomaly_backtest::Daily>,
}

impl Summary {
    fn of(outcome: &Outcome, arguments: &cli::Backtest) -> Self {
        let repeated = arguments.repeat_attack > 1;
        Self {
            tally: outcome.tally(),
            roc_auc: outcome.roc_auc(),
            average_precision: outcome.average_precision(),
            false_positives: [0.001, 0.01].map(|rate| outcome.at_false_positives(rate)).into(),
            budgets: [0.2, 1.0, 3.0].map(|budget| outcome.at_budget(budget)).into(),
            thresholds: vec![
                outcome.at_threshold(Some(Settings::default().warn)),
                outcome.at_threshold(None),
            ],
            occurrences: if repeated { outcome.by_occurrence() } else { Vec::new() },
        }
    }

    fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        let tally = &self.tally;
        let mut line = |left: &str, right: String| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{left:<34}{right}");
        };
        line("events", format!("{} benign, {} of attacks", thousands(tally.benign), thousands(tally.attack)));
        line("workloads' days, sessions", format!("{}, {}", tally.days, tally.sessions));
        line("without a score", thousands(tally.unscored));
        line("exactly known", percent(tally.exact));
        let both = self.roc_auc.zip(self.average_precision);
        if let Some((auc, precision)) = both {
            line("ROC-AUC, average precision", format!("{auc:.4}, {precision:.4}"));
        }
        // A rate, a budget or a recall says nothing where one of the two kinds of events is missing.
        let (rates, budgets) =
            if both.is_some() { (&self.false_positives[..], &self.budgets[..]) } else { Default::default() };
        for at in rates {
            line(
                &format!("at {} false positives", percent(at.rate)),
                format!("{} of attack events", percent(at.event_recall)),
            );
        }
        for at in budgets {
            let found = percent(at.session_recall);
            line(
                &format!("at {} groups a day", at.groups_a_day),
                format!("{found} of sessions (scores above {})", at.threshold),
            );
        }
        for at in &self.thresholds {
            let groups = (tally.benign > 0).then(|| format!("{:.2} groups a day", at.groups_a_day));
            let found = (tally.sessions > 0).then(|| format!("{} of sessions", percent(at.session_recall)));
            line(&threshold(at), groups.into_iter().chain(found).collect::<Vec<_>>().join(", "));
        }
        for daily in &self.occurrences {
            line(
                &format!("attack on day {}", daily.occurrence),
                format!("{} of sessions", percent(daily.session_recall)),
            );
        }
        text
    }
}

fn threshold(at: &AtThreshold) -> String {
    at.threshold.map_or("at each one's own threshold".into(), |score| format!("at a threshold of {score}"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
