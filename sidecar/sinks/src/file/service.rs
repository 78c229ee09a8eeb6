//! Appending to the file: whole lines or nothing, in the file that has the name now.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::config::FileConfig;
use super::encoder::lines;
use super::rotation::rotate;
use crate::event::Event;
use crate::service::{Failure, Plan, Service};

#[derive(Debug)]
pub(crate) struct FileService {
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

impl FileService {
    pub(crate) fn new(config: &FileConfig) -> Self {
        Self {
            path: config.path.clone(),
            max_bytes: config.max_bytes,
            max_age: (config.max_age_hours > 0).then(|| Duration::from_secs(config.max_age_hours * 3600)),
            keep: config.keep,
            open: None,
        }
    }

    /// Written at once, in few calls, none of which is larger than a file may become.
    pub(crate) fn plan(config: &FileConfig) -> Plan {
        const BYTES: usize = 1 << 20;
        let bytes = if config.max_bytes > 0 { BYTES.min(config.max_bytes as usize) } else { BYTES };
        Plan { events: 1_000, bytes, interval: Duration::from_millis(100), retry_max: 3 }
    }

    fn write(&mut self, text: &[u8], now: SystemTime) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| !self.has_the_name(open)) {
            self.open = None;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open_file(now)?,
        };
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
        self.open = Some(open);
        Ok(())
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

impl Service for FileService {
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        self.write(&lines(batch), SystemTime::now())
            .map_err(|error| Failure::transient(problem(&self.path, &error)))
    }
}

/// Why nothing could be written, and what to do where it is the service's own confinement.
fn problem(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        return format!(
            "{path} cannot be written: {error}; under systemd name its folder in \
             ReadWritePaths=, in a container mount a volume there, or write below /var/log/falco-anomaly"
        );
    }
    format!("{path} cannot be written: {error}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn service(folder: &TempDir, change: impl FnOnce(&mut FileConfig)) -> FileService {
        let mut config = FileConfig::to(folder.path().join("out.jsonl"));
        change(&mut config);
        FileService::new(&config)
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
    fn a_file_system_that_is_read_only_says_whose_doing_that_is() {
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let told = problem(Path::new("/var/log/anomaly.jsonl"), &read_only);
        assert!(told.starts_with("/var/log/anomaly.jsonl cannot be written: "), "{told}");
        assert!(told.contains("ReadWritePaths=") && told.contains("volume"), "{told}");
        let full = problem(Path::new("/x"), &io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.contains("systemd"), "{full}");
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
