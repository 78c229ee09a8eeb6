//! What standard output gets, gathered until there is nothing more to score at the moment.
//!
//! Gathering keeps a flood of executions from becoming a flood of system calls, and the progress line is taken away
//! once per write instead of once per line.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anomaly_baseline::Verdict;
use anomaly_daemon::scored::Origin;

use super::clock::Clock;
use super::event::Event;
use super::json;
use super::lines::{self, Layout};
use super::live::{boot, host};
use super::repeats::Repeats;
use crate::cli::Watch;
use crate::terminal;

/// How much is gathered at most, in bytes.
const GATHERED: usize = 64 << 10;

/// How often the repeats of alert groups are told.
const REPEATS: Duration = Duration::from_secs(60);

/// Standard output and what it is given.
#[derive(Debug)]
pub(super) struct Output {
    gathered: Vec<u8>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Lines(Box<Lines>),
    Json(Origin),
}

/// Lines for people.
#[derive(Debug)]
struct Lines {
    clock: Clock,
    layout: Layout,
    /// Normal executions too.
    all: bool,
    /// Every novel execution, not the first of its group alone.
    every: bool,
    repeats: Repeats,
    repeats_due: Instant,
    /// The day under which the last line stands.
    heading: Option<String>,
}

/// Whose executions are printed; a recording is of no machine that is known.
fn origin(arguments: &Watch) -> Origin {
    let is_live = arguments.replay.is_empty();
    Origin {
        host: if is_live { host() } else { String::new() },
        org: arguments.org.clone(),
        boot: if is_live { boot() } else { String::new() },
    }
}

impl Output {
    pub(super) fn new(arguments: &Watch, now: Instant) -> Self {
        let form = if arguments.json {
            Form::Json(origin(arguments))
        } else {
            Form::Lines(Box::new(Lines {
                clock: Clock::local(),
                layout: Layout { width: None, colours: terminal::stdout_has_colours() },
                all: arguments.all,
                every: arguments.every || arguments.all,
                repeats: Repeats::default(),
                repeats_due: now + REPEATS,
                heading: None,
            }))
        };
        Self { gathered: Vec::new(), form }
    }

    /// Takes an execution and what is to be said about it.
    pub(super) fn execution(&mut self, event: &Event, verdict: &Verdict) {
        match &mut self.form {
            Form::Json(origin) => json::write(&mut self.gathered, &event.recorded, verdict, origin),
            Form::Lines(lines) => lines.execution(&mut self.gathered, event, verdict),
        }
    }

    /// Takes text that is ready to be written.
    pub(super) fn gather(&mut self, text: &str) {
        self.gathered.extend_from_slice(text.as_bytes());
    }

    /// Whether enough is gathered to be written at once.
    pub(super) fn is_full(&self) -> bool {
        self.gathered.len() >= GATHERED
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// Gathers what is due by time: the repeats of alert groups.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Form::Lines(lines) = &mut self.form
            && now >= lines.repeats_due
        {
            lines.repeats_due = now + REPEATS;
            lines.repeats(&mut self.gathered);
        }
    }

    /// Gathers what is due at the end.
    pub(super) fn finish(&mut self) {
        if let Form::Lines(lines) = &mut self.form {
            lines.repeats(&mut self.gathered);
        }
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// The stream's; [`io::ErrorKind::BrokenPipe`] where nobody reads any more.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let outcome = stdout.write_all(&self.gathered).and_then(|()| stdout.flush());
        self.gathered.clear();
        outcome
    }

    /// How many alert groups were shown, and how many repeats were not.
    pub(super) fn groups(&self) -> (u64, u64) {
        match &self.form {
            Form::Lines(lines) => (lines.repeats.groups(), lines.repeats.not_shown()),
            Form::Json(_) => (0, 0),
        }
    }
}

impl Lines {
    fn execution(&mut self, out: &mut Vec<u8>, event: &Event, verdict: &Verdict) {
        let execution = &event.observation().execution;
        let shown = match verdict.novel {
            true => self.every || self.repeats.is_first(event.day, execution, verdict),
            false => self.all,
        };
        if !shown {
            return;
        }
        self.layout.width = terminal::width(&io::stdout());
        if self.layout.width.is_some() {
            self.heading(out, event);
        }
        let time = self.clock.time_of_day(event.observation().time);
        out.extend_from_slice(lines::execution(&time, execution, verdict, self.layout).as_bytes());
    }

    /// Writes the day above the first line of another day than the last line's.
    fn heading(&mut self, out: &mut Vec<u8>, event: &Event) {
        let day = match event.recorded.day {
            Some(day) => format!("day {day}"),
            None => self.clock.date(event.observation().time),
        };
        if self.heading.as_ref() != Some(&day) {
            if self.heading.is_some() || event.recorded.day.is_some() {
                out.extend_from_slice(format!("-- {day} --\n").as_bytes());
            }
            self.heading = Some(day);
        }
    }

    fn repeats(&mut self, out: &mut Vec<u8>) {
        for line in self.repeats.take_lines() {
            let line = match terminal::width(&io::stdout()) {
                Some(width) => terminal::fit(&line, width),
                None => line,
            };
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
}
