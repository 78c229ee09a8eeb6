//! Recorded executions, read on a thread of their own.
//!
//! Standard input may be a pipe that stays silent for hours: the thread waits for it, so that the loop goes on looking
//! at signals and clocks. The queue between them is bounded and the thread waits for room: a recording loses nothing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anomaly_baseline::{Day, Teach, utc_day};
use anomaly_capture::recording::{Reader, Recorded, RecordingError};
use anomaly_capture::workload::{HOST, Template};
use anomaly_vectorizer::scrub::Scrubber;

use super::event::Event;
use super::source::Next;
use crate::failure::Failure;

/// Lines that wait to be scored.
const QUEUE: usize = 256;

/// Lines that could not be read and are told in full.
const TOLD: u64 = 10;

/// Workloads whose last day is remembered: no more than the engine keeps by default.
const MAX_WORKLOADS: usize = 10_000;

/// Where lines come from.
struct Input {
    /// As messages name it.
    name: String,
    read: Box<dyn Read + Send>,
}

/// What the thread hands over.
type Item = Result<Recorded, (Arc<str>, RecordingError)>;

/// Recordings being replayed, one after the other.
pub(crate) struct Replay {
    items: Receiver<Item>,
    read: Arc<AtomicU64>,
    /// The size of all files, where it is known.
    total: Option<u64>,
    /// Every execution belongs to this workload.
    workload: Option<String>,
    days: HashMap<String, Day>,
    bad_lines: u64,
    notices: Vec<String>,
    /// The first recording that could not be read to its end.
    failure: Option<Failure>,
}

impl Replay {
    /// Opens every recording before the first line is read.
    ///
    /// # Errors
    /// Where one cannot be opened, standard input is named twice, or `workload` has placeholders.
    pub(crate) fn open(
        paths: &[PathBuf],
        workload: Option<&Template>,
        scrubber: Scrubber,
    ) -> Result<Self, Failure> {
        let workload = workload.map(ToString::to_string);
        if workload.as_ref().is_some_and(|name| name.contains('{')) {
            return Err(Failure::new(
                "a recording knows no containers and units; give --workload a plain name",
            ));
        }
        let read = Arc::new(AtomicU64::new(0));
        let mut inputs = Vec::new();
        let mut total = Some(0);
        if paths.iter().filter(|path| is_standard_input(path)).count() > 1 {
            return Err(Failure::new("standard input can be replayed once; name - one time only"));
        }
        for path in paths {
            let (input, size) = open(path, &read)?;
            inputs.push(input);
            total = total.zip(size).map(|(total, size)| total + size);
        }
        let (sender, items) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("replay".into())
            .spawn(move || inputs.into_iter().all(|input| feed(input, &scrubber, &sender)))
            .map_err(|error| {
                Failure::new(format!("cannot start a thread: {error}; raise the limit on tasks"))
            })?;
        let (days, notices) = Default::default();
        Ok(Self { items, read, total, workload, days, bad_lines: 0, notices, failure: None })
    }

    /// The next line that is an execution.
    pub(crate) fn next(&mut self, patience: Duration) -> Next {
        match self.items.recv_timeout(patience) {
            Ok(Ok(recorded)) => Next::Event(self.event(recorded)),
            Ok(Err((name, error))) => {
                self.pass_over(&name, &error);
                Next::Nothing
            }
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => match self.failure.take() {
                Some(failure) => Next::Failed(failure),
                None => Next::End,
            },
        }
    }

    fn event(&mut self, mut recorded: Recorded) -> Event {
        let workload = &mut recorded.observation.workload;
        if let Some(forced) = &self.workload {
            workload.clone_from(forced);
        } else if workload.is_empty() {
            HOST.clone_into(workload);
        }
        let teach = if recorded.is_attack() { Teach::Nothing } else { Teach::Policy };
        Event { day: self.day(&recorded), teach, recorded }
    }

    /// The recording's day, else the workload's last one, else the UTC date of the time.
    fn day(&mut self, recorded: &Recorded) -> Day {
        let workload = &recorded.observation.workload;
        match recorded.day.and_then(|day| Day::try_from(day).ok()) {
            Some(day) => {
                if let Some(last) = self.days.get_mut(workload) {
                    *last = day;
                } else if self.days.len() < MAX_WORKLOADS {
                    self.days.insert(workload.clone(), day);
                }
                day
            }
            None => self.days.get(workload).copied().unwrap_or_else(|| utc_day(recorded.observation.time)),
        }
    }

    fn pass_over(&mut self, name: &str, error: &RecordingError) {
        match error {
            RecordingError::Line { .. } => {
                self.bad_lines += 1;
                if self.bad_lines <= TOLD {
                    self.notices.push(format!("{name}: {error}; passed over"));
                }
                if self.bad_lines == TOLD {
                    self.notices.push("further lines that cannot be read are only counted".into());
                }
            }
            RecordingError::Read { .. } => {
                let sentence = format!("{name}: {error}; copy the recording anew, or repair it");
                self.notices.push(sentence.clone());
                self.failure.get_or_insert_with(|| Failure::new(sentence));
            }
        }
    }

    /// What there is to say.
    pub(crate) fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Bytes read so far, and of how many.
    pub(crate) fn bytes_read(&self) -> Option<(u64, u64)> {
        self.total.map(|total| (self.read.load(Relaxed), total))
    }

    /// Lines that were passed over.
    pub(crate) fn bad_lines(&self) -> u64 {
        self.bad_lines
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens one recording. Its size is known where it is a regular file.
fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<(Input, Option<u64>), Failure> {
    let counted = Arc::clone(read);
    if is_standard_input(path) {
        let read = Box::new(Counted { inner: io::stdin(), read: counted });
        return Ok((Input { name: "standard input".into(), read }, None));
    }
    let name = path.display().to_string();
    let failure = |error: io::Error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "check the name",
            _ => "give a file that you may read",
        };
        Failure::new(format!("cannot replay {name}: {error}; {remedy}"))
    };
    let file = File::open(path).map_err(failure)?;
    let metadata = file.metadata().map_err(failure)?;
    if metadata.is_dir() {
        return Err(Failure::new(format!("cannot replay {name}: it is a directory; give one of its files")));
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Input { name, read: Box::new(Counted { inner: file, read: counted }) }, size))
}

/// The thread's work for one recording. Returns whether anybody still wants more.
fn feed(input: Input, scrubber: &Scrubber, sender: &SyncSender<Item>) -> bool {
    let name: Arc<str> = input.name.into();
    let named = |error| (Arc::clone(&name), error);
    let reader = match Reader::new(BufReader::with_capacity(256 << 10, input.read), scrubber.clone()) {
        Ok(reader) => reader,
        Err(source) => return sender.send(Err(named(RecordingError::Read { line: 1, source }))).is_ok(),
    };
    reader.into_iter().all(|item| sender.send(item.map_err(named)).is_ok())
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_219_200_000_000;

    fn replay(workload: Option<&str>) -> Replay {
        Replay {
            items: sync_channel(0).1,
            read: Arc::default(),
            total: None,
            workload: workload.map(str::to_owned),
            days: HashMap::new(),
            bad_lines: 0,
            notices: Vec::new(),
            failure: None,
        }
    }

    fn recorded(line: &str) -> Recorded {
        let mut reader = Reader::new(line.as_bytes(), Scrubber::default()).unwrap();
        reader.next().unwrap().unwrap()
    }

    #[test]
    fn the_day_is_the_recordings_else_the_workloads_last_else_the_date() {
        let mut replay = replay(None);
        let mut day = |line: &str| {
            let mut recorded = recorded(line);
            recorded.observation.time = NOON;
            replay.event(recorded).day
        };
        assert_eq!(day(r#"{"name":"a","workload":"x"}"#), utc_day(NOON));
        assert_eq!(day(r#"{"name":"a","workload":"x","day":3}"#), 3);
        assert_eq!(day(r#"{"name":"a","workload":"x"}"#), 3);
        assert_eq!(day(r#"{"name":"a","workload":"y"}"#), utc_day(NOON));
        assert_eq!(day(r#"{"name":"a","workload":"x","day":2}"#), 2);
        assert_eq!(day(r#"{"name":"a","workload":"x"}"#), 2);
        assert_eq!(day(r#"{"name":"a","workload":"x","day":99999999999}"#), 2, "no day of any calendar");
    }

    #[test]
    fn remembered_days_are_bounded() {
        let mut replay = replay(None);
        for workload in 0..2 * MAX_WORKLOADS {
            let line = format!(r#"{{"name":"a","workload":"w{workload}","day":3}}"#);
            assert_eq!(replay.event(recorded(&line)).day, 3);
        }
        assert_eq!(replay.days.len(), MAX_WORKLOADS);
    }

    #[test]
    fn an_attack_teaches_nothing_and_a_line_without_workload_is_the_hosts() {
        let event = replay(None).event(recorded(r#"{"name":"a","label":"attack"}"#));
        assert_eq!((event.teach, event.observation().workload.as_str()), (Teach::Nothing, HOST));
        let event = replay(Some("mine")).event(recorded(r#"{"name":"a","workload":"x"}"#));
        assert_eq!((event.teach, event.observation().workload.as_str()), (Teach::Policy, "mine"));
    }
}
