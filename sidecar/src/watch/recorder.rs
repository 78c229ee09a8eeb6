//! Writing executions to a file, to be replayed later.
//!
//! Command lines are nobody's business but the owner's: the file is made for the owner alone. It is never written
//! over unasked, because a recording of a week cannot be made again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anomaly_capture::recording::Writer;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::event::Event;
use crate::failure::Failure;

/// A recording that is being written.
pub(super) struct Recorder {
    path: PathBuf,
    writer: Writer<Sink>,
    /// Whether anything was written since the last flush.
    dirty: bool,
}

enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Recorder {
    /// Makes the file. `force` lets it replace one that exists.
    ///
    /// # Errors
    /// Where there is a file already, or none can be made.
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let file = options.open(path).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AlreadyExists => "choose another name, or give --force to replace it",
                io::ErrorKind::NotFound => "make its directory first",
                _ => "choose a place where you may write",
            };
            Failure::new(format!("cannot record to {}: {error}; {remedy}", path.display()))
        })?;
        let file = BufWriter::new(file);
        let sink = if path.extension().is_some_and(|extension| extension == "gz") {
            Sink::Gzip(Box::new(GzEncoder::new(file, Compression::default())))
        } else {
            Sink::Plain(file)
        };
        Ok(Self { path: path.to_owned(), writer: Writer::new(sink), dirty: false })
    }

    /// Writes one execution.
    ///
    /// # Errors
    /// Where it cannot be written: the recording ends before it.
    pub(super) fn write(&mut self, event: &Event) -> Result<(), Failure> {
        self.dirty = true;
        let outcome = self.writer.write_recorded(&event.recorded);
        outcome.map_err(|error| self.failure(&error))
    }

    /// Hands what was written to the operating system, so that an end by force loses little.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let outcome = self.writer.flush();
        outcome.map_err(|error| self.failure(&error))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { path, writer, .. } = self;
        let outcome = match writer.into_inner() {
            Sink::Plain(mut file) => file.flush(),
            Sink::Gzip(encoder) => encoder.finish().and_then(|mut file| file.flush()),
        };
        outcome.map_err(|error| failure(&path, &error))
    }

    fn failure(&self, error: &io::Error) -> Failure {
        failure(&self.path, error)
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::new(format!("the recording in {path} stops here: {error}; make room and record to another file"))
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}
