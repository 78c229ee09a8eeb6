//! Lines of any bytes and any length from a plain or compressed stream, in bounded memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use crate::failure::Failure;

/// The longest line that is read: an audit record has at most some 10 KiB, an alert what its output has.
const MAX_LINE: usize = 1 << 20;

/// One input.
pub(crate) struct Lines {
    /// As messages name it.
    pub(crate) name: String,
    input: Box<dyn BufRead>,
    buffer: Vec<u8>,
    number: u64,
    /// How many bytes were taken from the file, and how many it has; nothing of a stream.
    read: Rc<Cell<u64>>,
    size: Option<u64>,
}

/// What came next.
pub(crate) enum Line<'a> {
    /// A line without its end, and its number from 1.
    Text(u64, &'a [u8]),
    /// One that is longer than any record.
    TooLong(u64),
    /// Nothing more.
    End,
}

impl Lines {
    /// Opens a file, or standard input for `-`. `purpose` is what messages say that it cannot be used for.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(crate) fn open(path: &Path, purpose: &str) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Self::new("standard input".into(), purpose, Box::new(io::stdin()), None);
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "check the name",
                _ => "give a file that you may read",
            };
            Failure::new(format!("cannot {purpose} {name}: {error}; {remedy}"))
        };
        let file = File::open(path).map_err(failure)?;
        let facts = file.metadata().map_err(failure)?;
        if facts.is_dir() {
            return Err(Failure::new(format!(
                "cannot {purpose} {name}: it is a directory; give one of its files"
            )));
        }
        let size = facts.is_file().then_some(facts.len());
        Self::new(name, purpose, Box::new(file), size)
    }

    fn new(name: String, purpose: &str, input: Box<dyn Read>, size: Option<u64>) -> Result<Self, Failure> {
        let read = Rc::new(Cell::new(0));
        let mut input = BufReader::with_capacity(256 << 10, Counted(input, Rc::clone(&read)));
        // A reader is free to give one byte at first, so two are taken and put back in front.
        let mut magic = Vec::with_capacity(2);
        if let Err(error) = input.by_ref().take(2).read_to_end(&mut magic) {
            return Err(Failure::new(format!(
                "cannot {purpose} {name}: {error}; give a file that you may read"
            )));
        }
        let compressed = magic == [0x1f, 0x8b];
        let whole = io::Cursor::new(magic).chain(input);
        let input: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::with_capacity(64 << 10, MultiGzDecoder::new(whole)))
        } else {
            Box::new(whole)
        };
        Ok(Self { name, input, buffer: Vec::new(), number: 0, read, size })
    }

    /// How many bytes of the file were read, and how many it has; `None` of a stream.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        self.size.map(|size| (self.read.get().min(size), size))
    }

    /// The next line.
    ///
    /// # Errors
    /// Where the input cannot be read on.
    pub(crate) fn next(&mut self) -> Result<Line<'_>, Failure> {
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

    /// So many bytes, whatever they are, without regard to lines; `None` where there are more than a line may have,
    /// which are passed over, or where the input ends within them.
    ///
    /// # Errors
    /// Where the input cannot be read on.
    pub(crate) fn bytes(&mut self, length: u64) -> Result<Option<&[u8]>, Failure> {
        let Self { input, buffer, name, number, .. } = self;
        buffer.clear();
        let mut counted = input.by_ref().take(length);
        let outcome = if length <= MAX_LINE as u64 {
            counted.read_to_end(buffer).map(|_| ())
        } else {
            io::copy(&mut counted, &mut io::sink()).map(|_| ())
        };
        outcome.map_err(|error| unreadable(name, *number, &error))?;
        Ok((buffer.len() as u64 == length).then_some(buffer.as_slice()))
    }

    fn take(&mut self) -> Result<usize, Failure> {
        let Self { input, buffer, name, number, .. } = self;
        input
            .by_ref()
            .take(MAX_LINE as u64 + 1)
            .read_until(b'\n', buffer)
            .map_err(|error| unreadable(name, *number, &error))
    }
}

fn unreadable(name: &str, number: u64, error: &io::Error) -> Failure {
    Failure::new(format!("{name}: line {number}: cannot read on: {error}; copy the file anew, or repair it"))
}

/// Counts what is read.
struct Counted(Box<dyn Read>, Rc<Cell<u64>>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.set(self.1.get() + read as u64);
        Ok(read)
    }
}
