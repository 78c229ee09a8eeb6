//! A line on a terminal that is drawn over: how much of a long work is done.

use std::time::{Duration, Instant};

use crate::failure::print;
use crate::terminal;
use crate::words::thousands;

/// How often it is drawn.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);

/// The line. Nothing is drawn where standard error is no terminal.
pub(crate) struct Drawn {
    doing: &'static str,
    due: Instant,
    lines: u64,
    drawn: bool,
}

impl Drawn {
    /// A line that says what is being done.
    pub(crate) fn new(doing: &'static str) -> Self {
        Self { doing, due: Instant::now() + REDRAW, lines: 0, drawn: false }
    }

    /// One more line is done. `read` tells how many bytes were read, of how many, where that is known.
    pub(crate) fn tick(&mut self, read: impl FnOnce() -> Option<(u64, u64)>) {
        self.lines += 1;
        // Asking the clock for every line would cost as much as the work.
        if !self.lines.is_multiple_of(1024) || !terminal::stderr_redraws() || Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + REDRAW;
        let share = read().filter(|(_, total)| *total > 0);
        let percent = share.map_or(String::new(), |(read, total)| format!(", {} %", read * 100 / total));
        print(&format!("\r\x1b[K{}: {} lines{percent}", self.doing, thousands(self.lines)));
        self.drawn = true;
    }

    /// Takes the line away, before something else is said or at the end.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            print("\r\x1b[K");
        }
    }
}
