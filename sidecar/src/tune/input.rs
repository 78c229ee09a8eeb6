//! Alerts from a file: lines of JSON, or the journal's export. What cannot be read is told with its line and passed over.

use anomaly_tune::{Alert, Export, Line, Lines, Step, read};

use crate::drawn::Drawn;
use crate::failure::{Failure, say};
use crate::lines;

/// Lines that could not be read and are told in full, of all files together.
const TOLD: u64 = 10;

/// What a line that is longer than any alert is told as.
const TOO_LONG: &str = "longer than 1024 KiB";

/// What a line was or why it cannot be read, with its number.
type Numbered = (u64, Result<Line, String>);

/// One file.
pub(super) struct Input {
    lines: lines::Lines,
    /// Where the file is an export.
    export: Option<Export>,
}

impl Input {
    pub(super) fn new(lines: lines::Lines) -> Self {
        Self { lines, export: None }
    }

    /// Reads it to its end. A file that breaks off is read as far as it goes.
    pub(super) fn each(&mut self, passed_over: &mut Lines, take: &mut dyn FnMut(&Alert)) {
        let mut drawn = Drawn::new("reading alerts");
        loop {
            match self.next() {
                Ok(None) => break,
                Ok(Some((_, Ok(Line::Alert(alert))))) => take(&alert),
                Ok(Some((_, Ok(Line::Log)))) => passed_over.other += 1,
                Ok(Some((number, Err(reason)))) => {
                    passed_over.unreadable += 1;
                    drawn.end();
                    tell(passed_over.unreadable, &format!("{}: line {number}: {reason}", self.lines.name));
                }
                Err(failure) => {
                    passed_over.unreadable += 1;
                    drawn.end();
                    say(&format!("{failure}; what came before counts"));
                    break;
                }
            }
            drawn.tick(|| self.lines.progress());
        }
        drawn.end();
    }

    /// The next line that says something; `None` at the end.
    fn next(&mut self) -> Result<Option<Numbered>, Failure> {
        loop {
            let (number, step) = match self.lines.next()? {
                lines::Line::End => return Ok(None),
                lines::Line::TooLong(number) => return Ok(Some((number, Err(TOO_LONG.to_owned())))),
                lines::Line::Text(number, text) => {
                    if number == 1 && Export::begins_with(text) {
                        self.export = Some(Export::default());
                    }
                    match &mut self.export {
                        Some(export) => (number, export.line(text)),
                        None if text.trim_ascii().is_empty() => continue,
                        None => return Ok(Some((number, read(text)))),
                    }
                }
            };
            let step = match step {
                Step::Binary => self.binary()?,
                step => step,
            };
            if let Step::Message(message) = step {
                return Ok(Some((number, message)));
            }
        }
    }

    /// A value of an export that is no text: its length, then its bytes, then a line end.
    fn binary(&mut self) -> Result<Step, Failure> {
        let cut = || Step::Message(Err("cut in the middle of a value".to_owned()));
        let length = self.lines.bytes(8)?.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let (Some(length), Some(export)) = (length, &mut self.export) else { return Ok(cut()) };
        let step = self.lines.bytes(length)?.map(|bytes| export.binary(bytes));
        self.lines.bytes(1)?;
        Ok(step.unwrap_or_else(cut))
    }
}

fn tell(number: u64, what: &str) {
    if number <= TOLD {
        say(&format!("{what}; passed over"));
    }
    if number == TOLD {
        say("further lines that cannot be read are only counted");
    }
}
