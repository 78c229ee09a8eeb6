//! Appending to the file: whole lines or nothing, in the file that has the name now.
//!
//! While it writes it holds a lock on the file. A disk that hangs may hold up the thread of sinks that were closed long
//! ago, which would cut off what others have written meanwhile when it tidies up after itself.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::config::FileConfig;
use super::rotation::rotate;

#[derive(Debug)]
pub(super) struct Appender {
    path: PathBuf,
    max_bytes: u64,
    max_age: Option<Duration>,
    keep: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    since: SystemTime,
}

impl Appender {
    pub(super) fn new(config: &FileConfig) -> Self {
        Self {
            path: config.path.clone(),
            max_bytes: config.max_bytes,
            max_age: (config.max_age_hours > 0).then(|| Duration::from_secs(config.max_age_hours * 3600)),
            keep: config.keep,
            open: None,
        }
    }

    /// Appends this, which ends with a newline, or nothing.
    pub(super) fn write(&mut self, text: &[u8], now: SystemTime) -> io::Result<()> {
        let open = self.take_file(now)?;
        let full = self.max_bytes > 0 && open.bytes > 0 && open.bytes + text.len() as u64 > self.max_bytes;
        let old =
            self.max_age.is_some_and(|age| now.duration_since(open.since).is_ok_and(|since| since >= age));
        let mut open = if full || (old && open.bytes > 0) {
            rotate(&self.path, self.keep)?;
            self.open_file(now)?
        } else {
            open
        };
        if let Err(error) = open.file.write_all(text) {
            // No half line stays, and what is sent again is not there twice.
            let _ = open.file.set_len(open.bytes);
            return Err(error);
        }
        open.bytes += text.len() as u64;
        // Where there are no locks it is opened anew each time.
        self.open = open.file.unlock().is_ok().then_some(open);
        Ok(())
    }

    /// The file that has the name now, locked.
    fn take_file(&mut self, now: SystemTime) -> io::Result<Open> {
        if let Some(open) = self.open.take() {
            lock(&open.file)?;
            if self.has_the_name(&open) {
                return Ok(open);
            }
        }
        self.open_file(now)
    }

    /// Whether the open file is still the one of that name: others rotate too.
    fn has_the_name(&self, open: &Open) -> bool {
        let (Ok(named), Ok(ours)) = (fs::metadata(&self.path), open.file.metadata()) else { return false };
        // A file that was emptied under us is counted anew.
        (named.dev(), named.ino()) == (ours.dev(), ours.ino()) && ours.len() == open.bytes
    }

    fn open_file(&self, now: SystemTime) -> io::Result<Open> {
        // Opening a pipe would wait for its reader.
        if fs::metadata(&self.path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
        }
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        lock(&file)?;
        let metadata = file.metadata()?;
        let mut bytes = metadata.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // A process was killed while it wrote: its line ends here.
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        let since =
            if bytes == 0 { now } else { metadata.created().or_else(|_| metadata.modified()).unwrap_or(now) };
        Ok(Open { file, bytes, since })
    }
}

/// Keeps other writers away until it is unlocked or closed.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::WouldBlock, "another writer has not finished with it"))
        }
        // Some file systems know no locks; nobody else is likely to write there.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn service(folder: &TempDir, change: impl FnOnce(&mut FileConfig)) -> Appender {
        let mut config = FileConfig::to(folder.path().join("out.jsonl"));
        change(&mut config);
        Appender::new(&config)
    }

    fn text(folder: &TempDir, name: &str) -> Option<String> {
        fs::read_to_string(folder.path().join(name)).ok()
    }

    #[test]
    fn only_the_owner_reads_it_and_lines_are_appended() {
        let folder = TempDir::new().expect("a folder");
        for line in ["a\n", "b\n"] {
            service(&folder, |_| {}).write(line.as_bytes(), SystemTime::now()).expect("written");
        }
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("a\nb\n"));
        let mode = fs::metadata(folder.path().join("out.jsonl")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended() {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("out.jsonl"), "{\"a\":").expect("written");
        service(&folder, |_| {}).write(b"b\n", SystemTime::now()).expect("written");
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("{\"a\":\nb\n"));
    }

    #[test]
    fn it_is_rotated_by_size_and_so_many_are_kept() {
        let folder = TempDir::new().expect("a folder");
        let mut service = service(&folder, |config| (config.max_bytes, config.keep) = (5, 2));
        for line in ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"] {
            service.write(line.as_bytes(), SystemTime::now()).expect("written");
        }
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("7\n"));
        assert_eq!(text(&folder, "out.jsonl.1").as_deref(), Some("5\n6\n"));
        assert_eq!(text(&folder, "out.jsonl.2").as_deref(), Some("3\n4\n"));
        assert_eq!(text(&folder, "out.jsonl.3"), None);
        service.keep = 0;
        service.write(b"8 is long\n", SystemTime::now()).expect("written");
        assert_eq!(
            text(&folder, "out.jsonl").as_deref(),
            Some("8 is long\n"),
            "more than fits goes into a file alone"
        );
        assert_eq!(text(&folder, "out.jsonl.1").as_deref(), Some("5\n6\n"));
    }

    #[test]
    fn it_is_rotated_by_age() {
        let folder = TempDir::new().expect("a folder");
        let mut service = service(&folder, |config| config.max_age_hours = 2);
        let start = SystemTime::now();
        for (line, hours) in [("1\n", 0), ("2\n", 1), ("3\n", 2), ("4\n", 3)] {
            service.write(line.as_bytes(), start + HOUR * hours).expect("written");
        }
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("3\n4\n"));
        assert_eq!(text(&folder, "out.jsonl.1").as_deref(), Some("1\n2\n"));
    }

    #[test]
    fn moved_away_or_emptied_it_is_opened_anew() {
        let folder = TempDir::new().expect("a folder");
        let mut service = service(&folder, |_| {});
        let path = folder.path().join("out.jsonl");
        service.write(b"1\n", SystemTime::now()).expect("written");
        fs::rename(&path, folder.path().join("moved")).expect("moved");
        service.write(b"2\n", SystemTime::now()).expect("written");
        assert_eq!(text(&folder, "moved").as_deref(), Some("1\n"));
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("2\n"));
        File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("emptied");
        service.write(b"3\n", SystemTime::now()).expect("written");
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("3\n"));
    }

    #[test]
    fn a_writer_that_has_not_finished_is_kept_apart() {
        let folder = TempDir::new().expect("a folder");
        let mut service = service(&folder, |_| {});
        service.write(b"1\n", SystemTime::now()).expect("written");
        let other = File::options().append(true).open(folder.path().join("out.jsonl")).expect("a file");
        other.lock().expect("locked");
        let refused = service.write(b"2\n", SystemTime::now()).expect_err("it is being written");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        (&other).write_all(b"3\n").expect("written");
        drop(other);
        service.write(b"4\n", SystemTime::now()).expect("written");
        assert_eq!(text(&folder, "out.jsonl").as_deref(), Some("1\n3\n4\n"));
    }

    #[test]
    fn what_is_no_file_is_an_error_and_never_waited_for() {
        let folder = TempDir::new().expect("a folder");
        for path in ["/dev/full", "/nowhere/at/all", "/"] {
            let mut service = service(&folder, |config| config.path = Path::new(path).to_owned());
            assert!(service.write(b"1\n", SystemTime::now()).is_err(), "{path}");
        }
    }
}
