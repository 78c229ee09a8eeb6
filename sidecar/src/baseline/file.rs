//! Exported files: made for their owner alone, written whole or not at all, known by their SHA-256.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anomaly_archive::{Lines, MAGIC};
use anomaly_exchange::Reader;
use anomaly_vectorizer::Hashed;
use anomaly_vectorizer::scrub::Scrubber;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::oci;
use crate::failure::Failure;

/// The features that rows are computed in.
pub(super) static EMBEDDER: std::sync::LazyLock<Hashed> = std::sync::LazyLock::new(Hashed::default);

/// Opens an exported file: plain, gzip or Parquet, as its first bytes say; or the directory of an OCI layout. Secrets are
/// taken out by `scrubber` again.
pub(super) fn open(path: &Path, scrubber: Scrubber) -> Result<Reader<'static, Box<dyn BufRead>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| not_read(path, error);
    if oci::is_layout(path) {
        let input: Box<dyn BufRead> =
            Box::new(BufReader::new(oci::open(path).map_err(|error| failed(&error))?));
        return Reader::new(input, &*EMBEDDER, scrubber).map_err(|error| failed(&error));
    }
    let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
    let begins = file.fill_buf().map_err(|error| failed(&error))?;
    let input: Box<dyn BufRead> = if begins.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else if begins.starts_with(MAGIC) {
        Box::new(Lines::open(file.into_inner()).map_err(|error| failed(&error))?)
    } else {
        Box::new(file)
    };
    Reader::new(input, &*EMBEDDER, scrubber).map_err(|error| failed(&error))
}

pub(super) fn not_read(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{} cannot be read as a baseline: {error}", path.display()))
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(digest)),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new().chain_update(bytes))
}

fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that is being written beside its place.
pub(super) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    /// Until it is finished.
    sink: Option<Sink>,
}

enum Sink {
    Plain(Hashing),
    Gzip(Box<GzEncoder<Hashing>>),
}

/// What is written, and its digest so far.
struct Hashing {
    out: BufWriter<File>,
    digest: Sha256,
}

impl NewFile {
    /// Begins a file that takes its place with [`finish`](Self::finish); gzip where its name ends in `.gz`.
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        if !force && path.symlink_metadata().is_ok() {
            return Err(Failure::new(format!(
                "{} exists; choose another name, or give --force to replace it",
                path.display()
            )));
        }
        let partial = beside(path, &format!(".{}.partial", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let out = BufWriter::new(file.map_err(|error| not_written(path, &error))?);
        let out = Hashing { out, digest: Sha256::new() };
        let sink = if path.extension().is_some_and(|extension| extension == "gz") {
            Sink::Gzip(Box::new(GzEncoder::new(out, Compression::default())))
        } else {
            Sink::Plain(out)
        };
        Ok(Self { path: path.to_owned(), partial, sink: Some(sink) })
    }

    /// Puts it in its place with its digest in `FILE.sha256`, as `sha256sum -c` reads it, both of them on the disk when
    /// this returns. Returns the digest.
    pub(super) fn finish(mut self) -> Result<String, Failure> {
        let done = match self.sink.take() {
            Some(Sink::Plain(out)) => Ok(out),
            Some(Sink::Gzip(encoder)) => encoder.finish(),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        let put = done.and_then(|Hashing { out, digest }| {
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&self.partial, &self.path)?;
            let digest = hexadecimal(digest);
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            let mut known = File::create(beside(&self.path, ".sha256"))?;
            known.write_all(format!("{digest}  {name}\n").as_bytes()).and_then(|()| known.sync_all())?;
            // The names are on the disk when their folder is.
            File::open(absolute(&self.path).parent().unwrap_or(&self.path))?.sync_all()?;
            Ok(digest)
        });
        put.map_err(|error| not_written(&self.path, &error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // It is gone where it took its place.
        let _ = fs::remove_file(&self.partial);
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Some(Sink::Plain(out)) => out.write(bytes),
            Some(Sink::Gzip(out)) => out.write(bytes),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Some(Sink::Plain(out)) => out.flush(),
            Some(Sink::Gzip(out)) => out.flush(),
            None => Ok(()),
        }
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A name next to a file: its own with something behind it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A path that has a parent even where it was given as a name alone.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn not_written(path: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull => "make room",
        io::ErrorKind::NotFound => "make its directory first",
        _ => "choose a place where you may write",
    };
    Failure::new(format!("cannot write {}: {error}; {remedy}", path.display()))
}
