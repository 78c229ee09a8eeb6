//! `anomalyctl backtest`: recordings through the very code that scores live, and what came of it.
//!
//! The baseline is learned first, then the events are scored one after the other as they would have come. Standard
//! output has the result, standard error what happened on the way.

mod arguments;
mod features;
mod summary;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anomaly_backtest::{Backtest, How, Options, Outcome, Report, Step, is_event, page};
use anomaly_baseline::text::printable;
use anomaly_capture::recording::Recorded;
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Article, Embedder, Hashed};
use clap::ValueEnum;

use self::arguments::Scorer;
pub(crate) use self::arguments::{Backtest as Arguments, EXAMPLES};
use self::features::Part;
use crate::drawn::{Drawn, REDRAW};
use crate::failure::{Failure, print, say};
use crate::reader::Reader;
use crate::report;
use crate::watch::json;
use crate::watch::replay::Replay;
use crate::watch::source::Next;
use crate::words::{list, thousands};
use anomaly_daemon::scored::Origin;

/// Workloads named in one message.
const NAMED: usize = 8;

/// Bytes of output that are gathered before they are written.
const GATHERED: usize = 64 << 10;

/// The longest name of a recording in a report, in bytes.
const MAX_NAME: usize = 300;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // All are opened before anything is read: a slip in a name costs no time.
    let mut baseline = Replay::open(&arguments.baseline, None, Scrubber::default())?;
    let mut events = Replay::open(&arguments.events, None, Scrubber::default())?;
    if let Some(directory) = &arguments.report {
        report::prepare(directory)?;
    }
    let embedder = embedder(arguments);
    let mut backtest = Backtest::new(options(arguments), Arc::clone(&embedder));
    let mut output = Output { goes_on: arguments.report.is_some(), ..Output::default() };
    if arguments.dump_features {
        return dump(&mut backtest, &*embedder, (&mut baseline, &mut events), &mut output);
    }

    let mut last = 0;
    each(&mut baseline, "learning", &mut |recorded| {
        last = last.max(recorded.observation.time);
        backtest.learn(&recorded);
        Ok(Wanted::More)
    })?;
    backtest.finish_learning(last);

    let mut outcome = Outcome::default();
    let note = |outcome: &mut Outcome, output: &mut Output, step: &Step<'_>| {
        outcome.note(step);
        if arguments.json && step.occurrence == 1 {
            output.event(step);
        }
    };
    each(&mut events, "scoring", &mut |recorded| {
        backtest.score(&recorded, &mut |step| note(&mut outcome, &mut output, step));
        output.flush_if_full()
    })?;
    let unknown = backtest.finish(&mut |step| note(&mut outcome, &mut output, step));
    if output.flush()? == Wanted::Nothing {
        return Ok(());
    }

    if !unknown.is_empty() {
        let named = list(&unknown, NAMED);
        say(&format!("no baseline, so no score: {named}; give --baseline a recording of these workloads"));
    }
    let report = Report::new(&outcome, how(arguments), arguments.budget, unknown);
    if let Some(directory) = &arguments.report {
        report::write(directory, &report, &page(&report))?;
        say(&format!("the report is {}", directory.join("report.html").display()));
    }
    let summary = summary::text(&report);
    if arguments.json {
        print(&summary);
        return Ok(());
    }
    Reader::of(io::stdout().lock().write_all(summary.as_bytes())).map(drop)
}

/// Prints what would be learned and what would be scored.
fn dump(
    backtest: &mut Backtest,
    embedder: &dyn Embedder,
    (baseline, events): (&mut Replay, &mut Replay),
    output: &mut Output,
) -> Result<(), Failure> {
    let parts = [
        (baseline, Part::Baseline, Recorded::is_base as fn(&Recorded) -> bool),
        (events, Part::Events, is_event as fn(&Recorded) -> bool),
    ];
    for (replay, part, is_part) in parts {
        each(replay, "reading", &mut |recorded| {
            if !is_part(&recorded) {
                return Ok(Wanted::More);
            }
            let day = backtest.day_of(&recorded);
            features::write(&mut output.gathered, embedder, (part, &recorded, day))?;
            output.flush_if_full()
        })?;
    }
    output.flush().map(drop)
}

fn options(arguments: &Arguments) -> Options {
    Options {
        settings: arguments.settings(),
        method: arguments.method(),
        scale: arguments.scale(),
        online: arguments.online,
        repeat_attack: arguments.repeat_attack,
    }
}

fn embedder(arguments: &Arguments) -> Arc<dyn Embedder> {
    match (arguments.scorer, arguments.hash_key) {
        (Scorer::Article, _) => Arc::new(Article::default()),
        (_, None) => Arc::new(Hashed::default()),
        (_, Some(key)) => Arc::new(Hashed::with_key(key)),
    }
}

fn how(arguments: &Arguments) -> How {
    let names = |paths: &[PathBuf]| {
        paths.iter().map(|path| printable(&path.display().to_string(), MAX_NAME)).collect()
    };
    let settings = arguments.settings();
    let is_calibrated = arguments.scorer == Scorer::Hashed;
    How {
        version: env!("CARGO_PKG_VERSION"),
        scorer: arguments
            .scorer
            .to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned()),
        baseline: names(&arguments.baseline),
        events: names(&arguments.events),
        online: arguments.online,
        repeat_attack: arguments.repeat_attack,
        threshold: settings.threshold,
        warn: settings.warn,
        prior: is_calibrated.then(|| arguments.method().prior),
        hash_key: arguments.hash_key,
    }
}

/// Whether there is a use for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    More,
    /// Whoever read standard output has gone, as `head` does, and there is no report to write.
    Nothing,
}

/// Takes every line of recordings as long as more is wanted, and says which could not be read.
fn each(
    replay: &mut Replay,
    doing: &'static str,
    take: &mut dyn FnMut(Recorded) -> Result<Wanted, Failure>,
) -> Result<(), Failure> {
    let mut drawn = Drawn::new(doing);
    loop {
        match replay.next(REDRAW) {
            Next::Event(event) => {
                if take(event.recorded)? == Wanted::Nothing {
                    break;
                }
            }
            Next::Nothing => {}
            Next::End => break,
            Next::Failed(failure) => return Err(failure),
        }
        drawn.tick(|| replay.bytes_read());
    }
    drawn.end();
    replay.notices().iter().for_each(|notice| say(notice));
    if replay.bad_lines() > 0 {
        say(&format!("{} lines could not be read", thousands(replay.bad_lines())));
    }
    Ok(())
}

/// Lines for standard output.
#[derive(Default)]
struct Output {
    gathered: Vec<u8>,
    /// Whether the work goes on when nobody reads any more: a report is to be written.
    goes_on: bool,
    closed: bool,
}

impl Output {
    fn event(&mut self, step: &Step<'_>) {
        // The day that it was scored on stands for one that the recording does not have.
        let mut recorded = step.recorded.clone();
        recorded.day = Some(step.day.into());
        json::write(&mut self.gathered, &recorded, step.verdict, &Origin::default());
    }

    fn flush_if_full(&mut self) -> Result<Wanted, Failure> {
        if self.gathered.len() >= GATHERED { self.flush() } else { Ok(self.wanted()) }
    }

    fn flush(&mut self) -> Result<Wanted, Failure> {
        if !self.closed {
            self.closed = Reader::of(io::stdout().lock().write_all(&self.gathered))? == Reader::Gone;
        }
        self.gathered.clear();
        Ok(self.wanted())
    }

    fn wanted(&self) -> Wanted {
        if self.closed && !self.goes_on { Wanted::Nothing } else { Wanted::More }
    }
}
