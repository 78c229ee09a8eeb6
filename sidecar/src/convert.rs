//! `anomalyctl convert`: what machines have logged already, as recordings.
//!
//! Falco's alerts and the kernel's audit log hold weeks of executions on machines that never ran this program: enough to
//! see what it would have said there. Standard output has the recording, standard error what could not be read.

mod arguments;
mod audit;
pub(crate) mod execution;
pub(crate) mod falco;

use std::io::{self, BufWriter, Write};

use anomaly_baseline::text::needs_escape;
use anomaly_capture::HostRoot;
use anomaly_capture::recording::Writer;
use anomaly_capture::workload::{Template, Workloads};
use anomaly_vectorizer::scrub::Scrubber;

pub(crate) use self::arguments::{Arguments, EXAMPLES};
use self::audit::Audit;
use self::execution::Found;
use self::falco::Alert;
use crate::failure::{Failure, say};
use crate::lines::{Line, Lines};
use crate::reader::Reader;
use crate::words::{count, thousands};

/// Lines that could not be read and are told in full.
const TOLD: u64 = 10;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::new("standard input can be converted once; name - one time only"));
    }
    // All are opened before anything is read: a slip in a name costs no time.
    let inputs =
        arguments.files.iter().map(|path| Lines::open(path, "convert")).collect::<Result<Vec<_>, _>>()?;
    let mut conversion = Conversion::new(arguments.workload.as_deref(), arguments.secrets.scrubber());
    for mut input in inputs {
        if conversion.file(&mut input)? == Reader::Gone {
            break;
        }
    }
    conversion.end()
}

/// A conversion in progress.
struct Conversion<'a> {
    workload: Option<&'a str>,
    scrubber: Scrubber,
    /// Knows how images are named; never asked about this machine.
    workloads: Workloads,
    writer: Writer<Safe<BufWriter<io::Stdout>>>,
    executions: u64,
    other: u64,
    failed: u64,
    orphans: u64,
    bad: u64,
}

impl<'a> Conversion<'a> {
    fn new(workload: Option<&'a str>, scrubber: Scrubber) -> Self {
        Self {
            workload,
            scrubber,
            workloads: Workloads::new(HostRoot::new("/"), Template::default()),
            writer: Writer::new(Safe(BufWriter::new(io::stdout()))),
            executions: 0,
            other: 0,
            failed: 0,
            orphans: 0,
            bad: 0,
        }
    }

    /// Converts one file. Events of two audit logs have nothing in common.
    fn file(&mut self, input: &mut Lines) -> Result<Reader, Failure> {
        let mut audit = Audit::default();
        let mut found = Vec::new();
        let name = input.name.clone();
        loop {
            let (number, outcome) = match input.next()? {
                Line::End => break,
                Line::TooLong(number) => (number, Err("longer than 1024 KiB".to_owned())),
                Line::Text(_, text) if text.trim_ascii().is_empty() || is_separator(text) => continue,
                Line::Text(number, text) => {
                    (number, self.line(text.trim_ascii_start(), &mut audit, &mut found))
                }
            };
            if let Err(reason) = outcome {
                self.pass_over(&name, number, &reason);
            }
            if self.write(&mut found)? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        audit.finish(&mut |execution| found.push(execution));
        let audit::Tally { other, failed, orphans, incomplete } = audit.tally;
        (self.other, self.failed, self.orphans) =
            (self.other + other, self.failed + failed, self.orphans + orphans);
        if incomplete > 0 {
            self.bad += incomplete;
            say(&format!("{name}: {} without a SYSCALL record; passed over", count(incomplete, "execution")));
        }
        self.write(&mut found)
    }

    fn line(&mut self, text: &[u8], audit: &mut Audit, found: &mut Vec<Found>) -> Result<(), String> {
        if text.first() != Some(&b'{') {
            return audit.line(text, &mut |execution| found.push(execution)).map_err(str::to_owned);
        }
        match falco::alert(text, &self.workloads)? {
            Alert::Execution(execution) => found.push(*execution),
            Alert::Other => self.other += 1,
        }
        Ok(())
    }

    fn write(&mut self, found: &mut Vec<Found>) -> Result<Reader, Failure> {
        for execution in found.drain(..) {
            self.executions += 1;
            let recorded = execution.recorded(self.workload, &self.scrubber);
            if Reader::of(self.writer.write_recorded(&recorded))? == Reader::Gone {
                return Ok(Reader::Gone);
            }
        }
        Ok(Reader::There)
    }

    fn pass_over(&mut self, name: &str, number: u64, reason: &str) {
        self.bad += 1;
        if self.bad <= TOLD {
            say(&format!("{name}: line {number}: {reason}; passed over"));
        }
        if self.bad == TOLD {
            say("further lines that cannot be read are only counted");
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        Reader::of(self.writer.flush())?;
        let mut parts = vec![count(self.executions, "execution")];
        for (number, what) in [
            (self.other, "about something else"),
            (self.failed, "failed to start, left out"),
            (self.orphans, "without the parent's name, which the log does not have"),
            (self.bad, "could not be read"),
        ] {
            if number > 0 {
                parts.push(format!("{} {what}", thousands(number)));
            }
        }
        say(&parts.join("; "));
        if self.executions == 0 && self.bad > 0 {
            return Err(Failure::new(
                "nothing in it is an execution; give Falco's alerts printed with json_output, or an audit log with EXECVE records",
            ));
        }
        Ok(())
    }
}

/// What ausearch puts between two events.
fn is_separator(text: &[u8]) -> bool {
    text == b"----" || text.starts_with(b"time->")
}

/// Escapes what could fool a terminal, as JSON does. Lines of a recording arrive whole, and hold such characters within
/// strings alone.
struct Safe<W>(W);

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        let mut done = 0;
        for (at, character) in
            text.char_indices().filter(|&(_, character)| character != '\n' && needs_escape(character))
        {
            self.0.write_all(&bytes[done..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            done = at + character.len_utf8();
        }
        self.0.write_all(&bytes[done..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
