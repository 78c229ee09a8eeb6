//! Reading a recording: a stream in bounded memory that garbage does not end.

use std::io::{self, BufRead, BufReader, Read};

use anomaly_vectorizer::scrub::Scrubber;
use flate2::bufread::MultiGzDecoder;

use super::{MAX_LINE, Recorded, line::Line};

/// The longest reason that is told, in bytes: some of it may come from the recording.
const MAX_REASON: usize = 160;

/// A line that is no execution, or a recording that ends badly.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// One line was passed over; the next ones follow.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// Why, without control characters.
        reason: String,
    },
    /// Nothing more can be read: the last item.
    #[error("line {line}: cannot read on: {source}")]
    Read {
        /// The line that was being read.
        line: u64,
        /// Why.
        source: io::Error,
    },
}

/// Reads a recording, plain or gzip, line by line.
pub struct Reader<'a> {
    input: Box<dyn BufRead + 'a>,
    scrubber: Scrubber,
    pub(super) buffer: Vec<u8>,
    line: u64,
    /// The last time read, microseconds since the Unix epoch.
    time: i64,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Reads from `input`; gzip is recognised by its first two bytes.
    ///
    /// # Errors
    /// Those of `input`, when not even two bytes can be read.
    pub fn new(input: impl BufRead + 'a, scrubber: Scrubber) -> io::Result<Self> {
        let mut input = input;
        // A reader is free to give one byte at first, so two are taken and put back in front.
        let mut magic = Vec::with_capacity(2);
        input.by_ref().take(2).read_to_end(&mut magic)?;
        let compressed = magic == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic).chain(input);
        let input: Box<dyn BufRead + 'a> = if compressed {
            Box::new(BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { input, scrubber, buffer: Vec::new(), line: 0, time: 0, ended: false })
    }

    /// Reads the next line into the buffer. `None` at the end; an error where the line is too long, after passing
    /// over it.
    fn read_line(&mut self) -> Option<Result<(), RecordingError>> {
        self.line += 1;
        self.buffer.clear();
        let line = self.line;
        let mut take = |buffer: &mut Vec<u8>, most: usize| {
            self.input.by_ref().take(most as u64).read_until(b'\n', buffer)
        };
        let outcome = match take(&mut self.buffer, MAX_LINE + 1) {
            Ok(0) => return None,
            Ok(_) if self.buffer.len() <= MAX_LINE || self.buffer.ends_with(b"\n") => Ok(()),
            Ok(_) => loop {
                self.buffer.clear();
                match take(&mut self.buffer, MAX_LINE) {
                    Ok(0) => break Ok(true),
                    Ok(_) if self.buffer.ends_with(b"\n") => break Ok(true),
                    Ok(_) => {}
                    Err(source) => break Err(source),
                }
            }
            .and_then(|_| Err(io::ErrorKind::FileTooLarge.into())),
            Err(source) => Err(source),
        };
        Some(outcome.map_err(|source| match source.kind() {
            io::ErrorKind::FileTooLarge => {
                RecordingError::Line { line, reason: format!("longer than {} KiB", MAX_LINE / 1024) }
            }
            _ => RecordingError::Read { line, source },
        }))
    }

    fn parse(&mut self) -> Result<Recorded, RecordingError> {
        let line: Line<'_> = serde_json::from_slice(&self.buffer)
            .map_err(|error| RecordingError::Line { line: self.line, reason: reason(&error) })?;
        let recorded = line
            .recorded(self.time, &self.scrubber)
            .map_err(|reason| RecordingError::Line { line: self.line, reason: reason.to_owned() })?;
        self.time = recorded.observation.time;
        Ok(recorded)
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Recorded, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.read_line()? {
                Ok(()) if self.buffer.trim_ascii().is_empty() => {}
                Ok(()) => return Some(self.parse()),
                Err(error) => {
                    self.ended = matches!(error, RecordingError::Read { .. });
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("line", &self.line).finish_non_exhaustive()
    }
}

/// What the parser objects to, in bounded text that is safe on a terminal.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The parser counts lines from the one it was given.
    let text = match text.rsplit_once(" at line ") {
        Some((text, _)) => format!("{text} at column {}", error.column()),
        None => text,
    };
    let clean: String =
        text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    clean[..clean.floor_char_boundary(MAX_REASON)].to_owned()
}
