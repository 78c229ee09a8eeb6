//! What waits on the disk for a sink that does not answer.
//!
//! A folder of numbered segments, each of them JSON Lines that any tool can read:
//! `{"crc32":"9ae0daaf","event":{...}}`. New events are appended to the last segment and read from the first; a segment
//! that has been delivered is deleted, and a small file says how far the first one has. After a crash everything that
//! was written whole is there: a torn last line is left out, a line that does not match its checksum is counted and
//! passed over, and what was delivered but not noted is delivered again, with the same id.
//!
//! Bounded in bytes: where there is no room the oldest segment goes, and its undelivered events are counted. Only the
//! sinks' thread works here, a few calls for each batch; nothing is synced to the disk but at the end, because what is
//! to be survived is the end of this process, not of the machine.

mod cursor;
mod record;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cursor::Cursor;
use segment::{Reader, Segment};

use crate::event::Event;

/// A place between two events: in which segment, at which byte, and after how many of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    segment: u64,
    offset: u64,
    records: u64,
}

/// From where to where a batch was handed out: for [`Spool::advance`] once it is delivered, else for [`Spool::rewind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: Position,
    end: Position,
}

/// What was read: the events of one batch, and where the next begins.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Oldest first.
    pub(crate) events: Vec<Arc<Event>>,
    /// Where they are.
    pub(crate) span: Span,
    /// How many were passed over: lines that do not match their checksum, or that this release cannot read, and the rest
    /// of a segment that could not be read.
    pub(crate) unreadable: u64,
    /// Why a segment could not be read.
    pub(crate) error: Option<io::Error>,
}

/// What became of events that were to be appended.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// How many of them, from the first on, are in the spool.
    pub(crate) events: usize,
    /// How many older ones had to go for them, neither delivered nor handed out.
    pub(crate) dropped: u64,
    /// Why the others are not.
    pub(crate) error: Option<io::Error>,
}

/// How many bytes are written in one call, give or take an event.
const WRITE_BYTES: usize = 256 << 10;

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("another process uses it")]
    Locked,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    segment_bytes: u64,
    /// Oldest first. Only the last is written to, and only if this process made it.
    segments: VecDeque<Segment>,
    writer: Option<File>,
    /// How far everything is delivered.
    head: Position,
    /// How far events were handed out: at `head` where none are out.
    read: Position,
    reader: Option<Reader>,
    cursor: Cursor,
    next_segment: u64,
    /// Keeps other processes away, as long as it is open.
    _lock: File,
}

impl Spool {
    /// Opens or makes a spool, with whatever an earlier process left there.
    pub(crate) fn open(folder: &Path, max_bytes: u64) -> Result<Self, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let lock =
            private(OpenOptions::new().write(true).create(true).truncate(false)).open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Locked),
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let segments = segment::list(folder)?;
        let (cursor, noted) = Cursor::open(folder)?;
        let mut spool = Self {
            folder: folder.to_owned(),
            max_bytes,
            segment_bytes: (max_bytes / 16).clamp(128 << 10, 4 << 20),
            next_segment: segments.back().map_or(0, |last| last.number() + 1),
            segments,
            writer: None,
            head: Position::default(),
            read: Position::default(),
            reader: None,
            cursor,
            _lock: lock,
        };
        spool.resume(noted)?;
        Ok(spool)
    }

    /// Begins where the process before us noted that everything is delivered.
    fn resume(&mut self, noted: Option<Position>) -> io::Result<()> {
        if let Some(noted) = noted {
            // A number that was used once is never used again: what is delivered could be taken for what is not.
            self.next_segment = self.next_segment.max(noted.segment + 1);
            while self.segments.front().is_some_and(|first| first.number() < noted.segment) {
                self.remove_first()?;
            }
            if let Some(first) = self.segments.front()
                && first.number() == noted.segment
                && first.has_boundary(&self.folder, noted)?
            {
                self.head = noted;
                self.read = noted;
                self.remove_delivered()?;
                return Ok(());
            }
        }
        self.head = self.first_position();
        self.read = self.head;
        Ok(())
    }

    fn first_position(&self) -> Position {
        let segment = self.segments.front().map_or(self.next_segment, Segment::number);
        Position { segment, offset: 0, records: 0 }
    }

    /// How many events wait here, those included that are being delivered.
    pub(crate) fn len(&self) -> u64 {
        let all: u64 = self.segments.iter().map(Segment::records).sum();
        let delivered = if self.head_is_within() { self.head.records } else { 0 };
        all - delivered
    }

    /// How many bytes the segments take.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    fn head_is_within(&self) -> bool {
        self.segments.front().is_some_and(|first| first.number() == self.head.segment)
    }

    /// Whether all that waits here has been handed out.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.unread().is_none()
    }

    /// The first segment with events that were not handed out.
    fn unread(&self) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.records() > 0 && segment.end() > self.read)
    }

    /// Appends events, oldest first, as far as they can be written. Where there is no room for them, the oldest segments
    /// go.
    pub(crate) fn append(&mut self, events: &[Arc<Event>]) -> Appended {
        let mut appended = Appended::default();
        let mut lines = Vec::new();
        let mut records = 0;
        for (index, event) in events.iter().enumerate() {
            record::write(&mut lines, event.json());
            records += 1;
            if lines.len() < WRITE_BYTES && index + 1 < events.len() {
                continue;
            }
            if let Err(error) = self.append_lines(&lines, records as u64, &mut appended.dropped) {
                appended.error = Some(error);
                return appended;
            }
            appended.events += records;
            records = 0;
            lines.clear();
        }
        appended
    }

    /// Counts in `dropped` what has to go, also where the lines cannot be written after all.
    fn append_lines(&mut self, lines: &[u8], records: u64, dropped: &mut u64) -> io::Result<()> {
        self.make_room(lines.len() as u64, dropped)?;
        let full = self.segments.back().is_none_or(|last| last.bytes() >= self.segment_bytes);
        if full || self.writer.is_none() {
            self.begin_segment()?;
        }
        let (Some(writer), Some(last)) = (&mut self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("a segment that was begun is gone"));
        };
        if let Err(error) = writer.write_all(lines) {
            // A part of it may be there. Where it cannot be taken away, reading stops before it, and nothing may follow.
            if writer.set_len(last.bytes()).is_err() {
                self.writer = None;
            }
            return Err(error);
        }
        last.grow(lines.len() as u64, records);
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        while !self.segments.is_empty() {
            self.remove_first()?;
        }
        self.cursor.note(self.head)
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        // One that the disk refused to fill makes place for the next: a disk that goes on refusing gets no more of them.
        if let Some(last) = self.segments.back().filter(|last| last.bytes() == 0) {
            remove(&segment::path(&self.folder, last.number()))?;
            self.segments.pop_back();
        }
        let number = self.next_segment;
        let path = segment::path(&self.folder, number);
        self.writer = Some(private(OpenOptions::new().append(true).create_new(true)).open(path)?);
        self.next_segment += 1;
        self.segments.push_back(Segment::empty(number));
        if self.segments.len() == 1 {
            self.head = self.first_position();
            self.read = self.head;
        }
        Ok(())
    }

    /// Drops the oldest segments until so many bytes fit, and counts the events that go with them and were neither
    /// delivered nor handed out.
    fn make_room(&mut self, bytes: u64, dropped: &mut u64) -> io::Result<()> {
        while self.bytes() + bytes > self.max_bytes
            && let Some(first) = self.segments.front()
        {
            let (number, records) = (first.number(), first.records());
            let out = if self.read.segment > number {
                records
            } else if self.read.segment == number {
                self.read.records
            } else {
                0
            };
            self.remove_first()?;
            *dropped += records - out;
        }
        Ok(())
    }

    fn remove_first(&mut self) -> io::Result<()> {
        let Some(first) = self.segments.front() else { return Ok(()) };
        let number = first.number();
        remove(&segment::path(&self.folder, number))?;
        self.segments.pop_front();
        if self.segments.is_empty() {
            self.writer = None;
        }
        if self.reader.as_ref().is_some_and(|reader| reader.number() == number) {
            self.reader = None;
        }
        let start = self.first_position();
        self.head = self.head.max(start);
        self.read = self.read.max(start);
        Ok(())
    }

    /// The next events that were not handed out yet, at most so many and about so many bytes. There may be none where
    /// all were unreadable.
    pub(crate) fn read(&mut self, max_events: usize, max_bytes: usize) -> Read {
        let mut read = Read { span: Span { start: self.read, end: self.read }, ..Read::default() };
        let mut bytes = 0;
        while read.events.len() < max_events
            && bytes < max_bytes
            && let Some(segment) = self.unread()
        {
            let (end, length) = (segment.end(), segment.bytes());
            if self.read.segment < end.segment {
                self.read = Position { segment: end.segment, offset: 0, records: 0 };
            }
            match self.line(length) {
                Ok(line) => {
                    bytes += line.len();
                    let event = record::read(&line).and_then(|json| Event::from_json(json).ok());
                    self.read.offset += line.len() as u64;
                    self.read.records += 1;
                    match event {
                        Some(event) => read.events.push(Arc::new(event)),
                        None => read.unreadable += 1,
                    }
                }
                Err(error) => {
                    read.unreadable += end.records - self.read.records;
                    read.error = Some(error);
                    self.reader = None;
                    self.read = end;
                }
            }
        }
        read.span.end = self.read;
        read
    }

    /// The line at `read`, with its newline.
    fn line(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let reader = match self.reader.take() {
            Some(reader) if reader.stands_at(self.read) => reader,
            _ => Reader::open(&self.folder, self.read)?,
        };
        self.reader.insert(reader).line(length)
    }

    /// Everything until the end of this batch is delivered, and need not be kept.
    pub(crate) fn advance(&mut self, delivered: Span) -> io::Result<()> {
        self.head = self.head.max(delivered.end);
        self.read = self.read.max(self.head);
        while self.segments.front().is_some_and(|first| first.number() < self.head.segment) {
            self.remove_first()?;
        }
        self.remove_delivered()?;
        self.cursor.note(self.head)
    }

    /// Removes the first segment where all of it is delivered.
    fn remove_delivered(&mut self) -> io::Result<()> {
        if self.segments.front().is_some_and(|first| self.head >= first.end()) {
            self.remove_first()?;
        }
        Ok(())
    }

    /// This batch was handed out and not delivered: it will be handed out again. Says whether it will not, because some
    /// of it was dropped meanwhile.
    pub(crate) fn rewind(&mut self, batch: Span) -> bool {
        self.read = self.head;
        !self.segments.iter().any(|segment| segment.number() == batch.start.segment)
    }

    /// All that waits here counts as handed out: whoever appended it has it.
    pub(crate) fn hand_out(&mut self) -> Span {
        let start = self.read;
        self.read = self.segments.back().map_or(self.read, Segment::end);
        Span { start, end: self.read }
    }

    /// Waits until what was appended is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.writer.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Appends to this instead, until the next segment is begun.
    #[cfg(test)]
    pub(crate) fn write_to(&mut self, file: File) {
        self.writer = Some(file);
    }

    /// Notes there how far delivery is.
    #[cfg(test)]
    pub(crate) fn note_to(&mut self, file: File) {
        self.cursor = Cursor::to(file);
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Only for the owner.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

#[cfg(test)]
mod tests;
