//! Lines of any bytes and any length from a plain or compressed stream, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::failure::Failure;

/// The longest line that is read: an audit record has at most some 10 KiB, an alert what its output has.
const MAX_LINE: usize = 1 << 20;

/// One input.
pub(super) struct Lines {
    /// As messages name it.
    pub(super) name: String,
    input: Box<dyn BufRead>,
    buffer: Vec<u8>,
    number: u64,
}

/// What came next.
pub(super) enum Line<'a> {
    /// A line without its end, and its number from 1.
    Text(u64, &'a [u8]),
    /// One that is longer than any record.
    TooLong(u64),
    /// Nothing more.
    End,
}

impl Lines {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Self::new("standard input".into(), Box::new(io::stdin()));
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "check the name",
                _ => "give a file that you may read",
            };
            Failure::new(format!("cannot convert {name}: {error}; {remedy}"))
        };
        let file = File::open(path).map_err(failure)?;
        if file.metadata().map_err(failure)?.is_dir() {
            return Err(Failure::new(format!(
                "cannot convert {name}: it is a directory; give one of its files"
            )));
        }
        Self::new(name, Box::new(file))
    }

    fn new(name: String, input: Box<dyn Read>) -> Result<Self, Failure> {
        let mut input = BufReader::with_capacity(256 << 10, input);
        // A reader is free to give one byte at first, so two are taken and put back in front.
        let mut magic = Vec::with_capacity(2);
        if let Err(error) = input.by_ref().take(2).read_to_end(&mut magic) {
            return Err(Failure::new(format!(
                "cannot convert {name}: {error}; give a file that you may read"
            )));
        }
        let compressed = magic == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic).chain(input);
        let input: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::with_capacity(64 << 10, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { name, input, buffer: Vec::new(), number: 0 })
    }

    /// The next line.
    ///
    /// # Errors
    /// Where the input cannot be read on.
    pub(super) fn next(&mut self) -> Result<Line<'_>, Failure> {
        self.number += 1;
        let number = self.number;
        self.buffer.clear();
        let is_whole = |buffer: &[u8]| buffer.len() <= MAX_LINE || buffer.ends_with(b"\n");
        if self.take()? == 0 {
            return Ok(Line::End);
        }
        if is_whole(&self.buffer) {
            return Ok(Line::Text(number, self.buffer.trim_ascii_end()));
        }
        while !self.buffer.ends_with(b"\n") {
            self.buffer.clear();
            if self.take()? == 0 {
                break;
            }
        }
        Ok(Line::TooLong(number))
    }

    fn take(&mut self) -> Result<usize, Failure> {
        let Self { input, buffer, name, number } = self;
        input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', buffer).map_err(|error| {
            Failure::new(format!(
                "{name}: line {number}: cannot read on: {error}; copy the file anew, or repair it"
            ))
        })
    }
}
