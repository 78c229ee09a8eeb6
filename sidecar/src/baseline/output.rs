//! What these commands print: tables that fit the terminal, JSON Lines, progress.

use std::io::{self, Write};

use anomaly_baseline::text::printable;
use anomaly_baseline::{RowState, StoredRow, Timestamp, json};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::failure::{self, Failure};
use crate::table::Table;
use crate::terminal;

/// Standard output, whose reader may go away: `| head` has seen enough, and what a command changes is done to its end.
pub(super) struct Patient(io::StdoutLock<'static>);

impl Patient {
    pub(super) fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

/// What these commands print, as they print it.
pub(super) struct Output {
    out: io::BufWriter<Patient>,
    /// How wide a line may be; as wide as it likes where nobody looks.
    width: Option<usize>,
}

impl Output {
    pub(super) fn new() -> Self {
        let width = terminal::width(&io::stdout());
        Self { out: io::BufWriter::new(Patient::new()), width }
    }

    /// One JSON object and a line end.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        json::write(&mut self.out, value).map_err(io::Error::from).map_err(failed)?;
        self.out.write_all(b"\n").map_err(failed)
    }

    /// One line, cut where the terminal ends.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        let line = self.width.map_or_else(|| line.to_owned(), |width| terminal::fit(line, width));
        writeln!(self.out, "{}", line.trim_end()).map_err(failed)
    }

    /// A table. A column whose head starts with `>` is of numbers, which stand to the right.
    pub(super) fn table(&mut self, heads: &[&'static str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let mut table = Table::new(heads);
        rows.into_iter().for_each(|cells| table.row(cells, Vec::new()));
        self.text(&table)
    }

    /// A table that is made already.
    pub(super) fn text(&mut self, table: &Table) -> Result<(), Failure> {
        self.out.write_all(table.text(self.width).as_bytes()).map_err(failed)
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(format!("standard output cannot be written: {error}"))
}

/// How far a long piece of work is, on one line of standard error that is drawn over; nothing where it is no terminal.
pub(super) struct Steps {
    what: &'static str,
    all: usize,
    redraws: bool,
}

impl Steps {
    pub(super) fn new(what: &'static str, all: usize) -> Self {
        Self { what, all, redraws: terminal::stderr_redraws() }
    }

    pub(super) fn at(&self, step: usize, name: &str) {
        if self.redraws {
            let line = format!("{} {step} of {}: {}", self.what, self.all, printable(name, 60));
            failure::print(&format!("\r{}\x1b[K", terminal::fit(&line, 78)));
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if self.redraws {
            failure::print("\r\x1b[K");
        }
    }
}

/// Local time to the minute; what no calendar has is `-`.
pub(super) fn moment(time: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(time).ok().filter(|_| time > 0);
    moment.map_or_else(
        || "-".into(),
        |moment| moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// Bytes as people say them.
pub(super) fn bytes(bytes: u64) -> String {
    const KIB: f64 = 1024.0;
    match bytes as f64 {
        few if few < 10.0 * KIB => format!("{few} B"),
        some if some < 10.0 * KIB * KIB => format!("{:.0} KiB", some / KIB),
        many => format!("{:.1} MiB", many / KIB / KIB),
    }
}

/// What was executed by whom, on one line.
pub(super) fn command(row: &StoredRow) -> String {
    let execution = &row.execution;
    printable(&format!("{} > {}: {}", execution.parent, execution.name, execution.command_line()), 400)
}

/// How many rows are in each state, in the order of the states.
pub(super) fn states(rows: &[StoredRow]) -> [u64; 4] {
    rows.iter().fold([0; 4], |mut counts, row| {
        counts[row.state as usize] += 1;
        counts
    })
}

/// The state that a word names.
pub(super) fn state(word: &str) -> Option<RowState> {
    (0..4).filter_map(RowState::from_u8).find(|state| state.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_states_are_told_in_words() {
        assert_eq!([0, 10_239, 10_240, 99 << 20].map(bytes), ["0 B", "10239 B", "10 KiB", "99.0 MiB"]);
        assert_eq!(moment(0), "-");
        assert_eq!(moment(i64::MAX), "-");
        assert_eq!(state("held"), Some(RowState::Held));
        assert_eq!(state("good"), None);
    }
}
