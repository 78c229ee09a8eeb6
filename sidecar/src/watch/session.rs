//! What becomes of an execution: it is scored, learned from, recorded, shown and counted, in this order.

use std::io;
use std::time::{Duration, Instant};

use anomaly_baseline::{Engine, Standing, Teach, WorkloadStatus};

use super::event::Event;
use super::output::Output;
use super::progress::{Progress, Seen};
use super::recorder::Recorder;
use super::source::Source;
use super::summary::Summary;
use crate::cli::Watch;
use crate::failure::{Failure, say};
use crate::terminal;

/// How long the database may take for its last rows.
const CLOSING: Duration = Duration::from_secs(10);

/// How long what is known of a workload may take to be read back into memory.
pub(crate) const WAKING: Duration = Duration::from_secs(5);

/// A run of `watch` from its first execution to its summary.
pub(super) struct Session {
    engine: Engine,
    output: Output,
    progress: Progress,
    recorder: Option<Recorder>,
    only: Option<String>,
    json: bool,
    /// Rows that were loaded.
    rows_before: usize,
    tally: Tally,
    /// The first failure that does not end the run but its success.
    failure: Option<Failure>,
}

/// What was seen.
#[derive(Debug, Default)]
struct Tally {
    executions: u64,
    seeded: u64,
    held: u64,
    novel: u64,
    /// The same of the workload that is shown; of all where all are.
    shown: Shown,
}

/// Executions that `--only` lets through.
#[derive(Debug, Default)]
struct Shown {
    executions: u64,
    novel: u64,
}

/// Why the output ended before the input.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// Nobody reads standard output any more: not an error.
    NobodyReads,
    /// It cannot be written.
    Failed(Failure),
}

impl Session {
    pub(super) fn new(arguments: &Watch, engine: Engine, recorder: Option<Recorder>) -> Self {
        let now = Instant::now();
        let workloads = engine.status();
        Self {
            engine,
            output: Output::new(arguments, now),
            progress: Progress::new(now, &workloads),
            recorder,
            only: arguments.only.clone(),
            json: arguments.json,
            rows_before: rows(&workloads),
            tally: Tally::default(),
            failure: None,
        }
    }

    /// Takes one execution.
    pub(super) fn execution(&mut self, event: &Event) -> Result<(), Interrupted> {
        let observation = event.observation();
        let verdict = self.engine.observe_patiently(&event.sighting(), WAKING);
        if event.teach == Teach::Seed {
            self.tally.seeded += 1;
            return Ok(());
        }
        let tally = &mut self.tally;
        tally.executions += 1;
        tally.held += u64::from(verdict.standing == Standing::Held);
        tally.novel += u64::from(verdict.novel);
        if let Some(recorder) = &mut self.recorder
            && let Err(failure) = recorder.write(event)
        {
            self.give_up_recording(failure);
        }
        if self.only.as_ref().is_none_or(|only| *only == observation.workload) {
            self.tally.shown.executions += 1;
            self.tally.shown.novel += u64::from(verdict.novel);
            self.output.execution(event, &verdict);
        }
        if self.output.is_full() { self.flush() } else { Ok(()) }
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self) -> Result<(), Interrupted> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.progress.clear();
        self.output.flush().map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Interrupted::NobodyReads,
            // The terminal is gone, and with it everybody who could be told.
            _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Interrupted::NobodyReads
            }
            _ => Interrupted::Failed(Failure::new(format!(
                "cannot write to standard output: {error}; make room there or send it elsewhere"
            ))),
        })
    }

    /// Does what is due by time: notices, repeats, the progress line.
    pub(super) fn tick(&mut self, now: Instant, source: &mut Source) -> Result<(), Interrupted> {
        self.notices(source);
        if source.is_live() {
            // What a quiet workload waits for is time.
            self.engine.advance(jiff::Timestamp::now().as_microsecond());
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(failure) = recorder.flush()
        {
            self.give_up_recording(failure);
        }
        self.output.tick(now);
        self.flush()?;
        if self.progress.is_due(now) {
            let seen = Seen {
                executions: self.tally.executions,
                novel: self.tally.novel,
                read: source.bytes_read(),
            };
            self.progress.show(now, &self.engine.status(), seen);
        }
        Ok(())
    }

    /// Passes on what the engine and the source have to say.
    fn notices(&mut self, source: &mut Source) {
        for notice in self.engine.notices().into_iter().chain(source.notices()) {
            self.progress.clear();
            say(&notice);
        }
    }

    /// Recording stopped; watching goes on, because it is worth more than the file.
    fn give_up_recording(&mut self, failure: Failure) {
        self.recorder = None;
        self.progress.clear();
        say(&failure.to_string());
        self.failure.get_or_insert(failure);
    }

    /// Ends the run: the last lines, the summary, the last rows of the database.
    pub(super) fn finish(
        mut self,
        source: &mut Source,
        interrupted: Option<Interrupted>,
    ) -> Result<(), Failure> {
        self.notices(source);
        self.progress.clear();
        if let Some(recorder) = self.recorder.take()
            && let Err(failure) = recorder.finish()
        {
            self.give_up_recording(failure);
        }
        let interrupted = interrupted.or_else(|| {
            self.output.finish();
            self.flush().and_then(|()| self.summarise(source)).err()
        });
        let Self { engine, failure, .. } = self;
        let closed = engine.close(CLOSING).map_err(Failure::from);
        match interrupted {
            Some(Interrupted::Failed(failure)) => Err(failure),
            Some(Interrupted::NobodyReads) | None => closed.and(failure.map_or(Ok(()), Err)),
        }
    }

    /// The summary: on standard output for people, on standard error beside JSON Lines.
    fn summarise(&mut self, source: &Source) -> Result<(), Interrupted> {
        let workloads = self.engine.status();
        self.progress.tell_learned(&workloads);
        self.warn_about_only(&workloads);
        let (groups, not_shown) = self.output.groups();
        let counters = self.engine.counters();
        let mut lost = source.lost();
        lost.push(("baselines_loading", counters.while_loading));
        lost.push(("too_many_workloads", counters.refused));
        lost.retain(|&(_, count)| count > 0);
        let summary = Summary {
            executions: source.executions(self.tally.executions),
            lost,
            seeded: self.tally.seeded,
            learned: rows(&workloads).saturating_sub(self.rows_before) as u64,
            held: self.tally.held,
            novel: self.tally.shown.novel,
            only: self.only.clone(),
            groups,
            not_shown,
            unresolved: source.unresolved(),
            bad_lines: source.bad_lines(),
            workloads,
        };
        if self.json {
            let width = terminal::width(&io::stderr()).unwrap_or(usize::MAX);
            crate::failure::print(&summary.text(width));
            return Ok(());
        }
        let width = terminal::width(&io::stdout()).unwrap_or(120);
        self.output.gather(&summary.text(width));
        self.flush()
    }

    /// `--only` with a name that nothing has is most likely a slip.
    fn warn_about_only(&self, workloads: &[WorkloadStatus]) {
        if let Some(only) = &self.only
            && self.tally.shown.executions == 0
            && self.tally.executions > 0
        {
            let names = crate::words::list(workloads.iter().map(|status| &*status.workload), 5);
            say(&format!("nothing was shown: no execution belongs to {only}, only to {names}"));
        }
    }
}

/// Distinct executions that are learned here, over all workloads.
fn rows(workloads: &[WorkloadStatus]) -> usize {
    workloads.iter().map(|status| status.rows - status.elsewhere).sum()
}
