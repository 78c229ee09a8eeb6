//! One file of a spool: which there are, how long they are, and reading from one.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Position;

/// The readable part of a segment: whole lines.
#[derive(Debug)]
pub(super) struct Segment {
    number: u64,
    bytes: u64,
    records: u64,
}

impl Segment {
    pub(super) const fn empty(number: u64) -> Self {
        Self { number, bytes: 0, records: 0 }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    pub(super) const fn grow(&mut self, bytes: u64, records: u64) {
        self.bytes += bytes;
        self.records += records;
    }

    pub(super) const fn end(&self) -> Position {
        Position { segment: self.number, offset: self.bytes, records: self.records }
    }

    /// Whether a line of this segment begins or its last one ends there, after as many lines as it says.
    pub(super) fn has_boundary(&self, folder: &Path, position: Position) -> io::Result<bool> {
        if position.offset > self.bytes {
            return Ok(false);
        }
        let file = File::open(path(folder, self.number))?;
        Ok(whole_lines(file.take(position.offset))? == (position.offset, position.records))
    }
}

/// Where a segment is.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.jsonl"))
}

/// The segments of a folder, oldest first. Anything else in it is left alone.
pub(super) fn list(folder: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(number) else { continue };
        let (bytes, records) = whole_lines(File::open(entry.path())?)?;
        segments.push(Segment { number, bytes, records });
    }
    segments.sort_unstable_by_key(Segment::number);
    Ok(segments.into())
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl").filter(|digits| digits.len() == 16)?;
    // The last one has no successor.
    u64::from_str_radix(digits, 16).ok().filter(|number| *number < u64::MAX)
}

/// How many bytes are whole lines, and how many lines.
fn whole_lines(mut file: impl Read) -> io::Result<(u64, u64)> {
    let mut buffer = vec![0; 256 << 10];
    let (mut seen, mut whole, mut lines) = (0, 0, 0);
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => return Ok((whole, lines)),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for (at, _) in buffer[..length].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            whole = seen + at as u64 + 1;
            lines += 1;
        }
        seen += length as u64;
    }
}

/// Reads lines of one segment, from a place on.
#[derive(Debug)]
pub(super) struct Reader {
    number: u64,
    offset: u64,
    file: BufReader<File>,
}

impl Reader {
    pub(super) fn open(folder: &Path, at: Position) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(64 << 10, File::open(path(folder, at.segment))?);
        file.seek(SeekFrom::Start(at.offset))?;
        Ok(Self { number: at.segment, offset: at.offset, file })
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn stands_at(&self, position: Position) -> bool {
        self.number == position.segment && self.offset == position.offset
    }

    /// The next line with its newline, from a segment whose whole lines are so long.
    pub(super) fn line(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let rest = length.saturating_sub(self.offset);
        (&mut self.file).take(rest).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            // Somebody else has cut the file.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a segment is shorter than it was"));
        }
        self.offset += line.len() as u64;
        Ok(line)
    }
}
