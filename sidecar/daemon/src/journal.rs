//! Findings on the disk, so that a restart remembers what was novel.
//!
//! JSON Lines, one file a day, because a person may want to read them when nothing else works. A line is written when an
//! execution is novel, but of one group no more than [`WHOLE`] a day: then its count alone, once a second at most. What
//! would not fit goes the way that the bound says: the oldest file first, and today's file is not written any further.
//! A torn last line, the mark of a crash, costs that line.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anomaly_baseline::{Day, json, utc_day};
use anomaly_scored::ScoredExecution;
use serde::{Deserialize, Serialize};

use crate::history::History;

/// Executions of one group that are written whole on one day.
const WHOLE: u64 = 100;

/// The longest line that is read back: an execution's argument area is 4 KiB, escaped at worst six times as long, in two
/// forms.
const MAX_LINE: u64 = 128 << 10;

/// Bytes of all files together.
const MAX_BYTES: u64 = 64 << 20;

/// What cannot be done, and with which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {what} the findings: {source}; what was novel is remembered until the daemon ends", path.display())]
pub struct JournalError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The files of findings. Blocks as long as the disk wants, so whoever may not wait hands findings to a thread that owns it.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    max_bytes: u64,
    today: Option<(Day, File)>,
    bytes: BTreeMap<Day, u64>,
    buffer: Vec<u8>,
    /// Executions in the buffer.
    waiting: u64,
    /// Groups whose count rose and was not written, by a line that tells it.
    risen: BTreeMap<String, (u64, Arc<ScoredExecution>)>,
    written: u64,
    dropped: u64,
}

/// What could not be remembered of what was written before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unread {
    /// Lines that say nothing.
    pub lines: u64,
    /// Files of days that are still to come: the clock was ahead, and what they say would pass for the latest.
    pub later: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    count: u64,
    execution: &'a ScoredExecution,
}

#[derive(Deserialize)]
struct ReadLine {
    count: u64,
    execution: ScoredExecution,
}

impl Journal {
    /// Opens the folder, making it where it is not there, and tells `history` what it remembers. Tomorrow is read too: the
    /// clock may have been set back a little.
    ///
    /// # Errors
    /// Where the folder cannot be made or read.
    pub fn open(folder: &Path, today: Day, history: &History) -> Result<(Self, Unread), JournalError> {
        let fails = |what, path: &Path| {
            let path = path.to_owned();
            move |source| JournalError { what, path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(fails("make a folder for", folder))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            max_bytes: MAX_BYTES,
            today: None,
            bytes: BTreeMap::new(),
            buffer: Vec::new(),
            waiting: 0,
            risen: BTreeMap::new(),
            written: 0,
            dropped: 0,
        };
        for entry in fs::read_dir(folder).map_err(fails("read", folder))? {
            let entry = entry.map_err(fails("read", folder))?;
            if let Some(day) = entry.file_name().to_str().and_then(day_of) {
                journal.bytes.insert(day, entry.metadata().map_or(0, |metadata| metadata.len()));
            }
        }
        journal.make_room(today);
        let mut unread = Unread::default();
        for day in journal.bytes.keys() {
            if *day > today.saturating_add(1) {
                unread.later += 1;
                continue;
            }
            let path = journal.path(*day);
            unread.lines += recall(&path, history).map_err(fails("read", &path))?;
        }
        Ok((journal, unread))
    }

    /// Takes a novel execution whose group now has `count`. Written with the next [`flush`](Self::flush).
    pub fn add(&mut self, execution: &Arc<ScoredExecution>, count: u64) {
        if count > WHOLE {
            let group = crate::ids::Id::of_names(
                &execution.workload,
                &execution.parent,
                &execution.name,
                execution.uid,
            );
            self.risen.insert(group.on_day(utc_day(execution.micros())), (count, Arc::clone(execution)));
            return;
        }
        self.write(execution, count);
    }

    fn write(&mut self, execution: &ScoredExecution, count: u64) {
        let before = self.buffer.len();
        let line = Line { count, execution };
        match json::write(&mut self.buffer, &line) {
            Ok(()) => {
                self.buffer.push(b'\n');
                self.waiting += 1;
            }
            // Text and numbers into memory: it cannot fail. If it did, no half line may stay.
            Err(_) => self.buffer.truncate(before),
        }
    }

    /// Writes what was taken and has it on the disk when it returns; to be called about once a second.
    ///
    /// # Errors
    /// The file's. What could not be written is dropped and counted; the next call tries anew.
    pub fn flush(&mut self, today: Day) -> Result<(), JournalError> {
        for (_, (count, execution)) in std::mem::take(&mut self.risen) {
            self.write(&execution, count);
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.make_room(today);
        let buffer = std::mem::take(&mut self.buffer);
        let waiting = std::mem::take(&mut self.waiting);
        let length = buffer.len() as u64;
        if self.bytes.values().sum::<u64>() + length > self.max_bytes {
            self.dropped += waiting;
            return Ok(());
        }
        let path = self.path(today);
        let outcome = self.file(today, &path).and_then(|mut file| {
            file.write_all(&buffer)?;
            file.sync_data()
        });
        match outcome {
            Ok(()) => {
                *self.bytes.entry(today).or_default() += length;
                self.written += waiting;
                Ok(())
            }
            Err(source) => {
                self.today = None;
                self.dropped += waiting;
                Err(JournalError { what: "write", path, source })
            }
        }
    }

    /// What waits for the next [`flush`](Self::flush), in bytes, but for counts that rose.
    pub fn waiting_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Executions that were written, and those that were not for want of room or because the disk refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.written, self.dropped)
    }

    fn file(&mut self, day: Day, path: &Path) -> io::Result<&File> {
        if self.today.as_ref().is_none_or(|(of, _)| *of != day) {
            let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
            end_torn_line(&mut file)?;
            self.today = Some((day, file));
        }
        Ok(&self.today.as_ref().expect("it was opened just now").1)
    }

    /// Deletes the files of days before this one.
    pub fn forget_before(&mut self, day: Day) {
        while let Some((&oldest, _)) = self.bytes.first_key_value()
            && oldest < day
        {
            self.delete(oldest);
        }
    }

    /// Deletes the oldest files while there are too many bytes, but never today's.
    fn make_room(&mut self, today: Day) {
        while let Some((&oldest, _)) = self.bytes.first_key_value()
            && oldest < today
            && self.bytes.values().sum::<u64>() >= self.max_bytes - self.max_bytes / 8
        {
            self.delete(oldest);
        }
    }

    fn delete(&mut self, day: Day) {
        // One that cannot be deleted is not counted any more either: it would keep today's from being written.
        let _ = fs::remove_file(self.path(day));
        self.bytes.remove(&day);
    }

    fn path(&self, day: Day) -> PathBuf {
        self.folder.join(format!("{day}.jsonl"))
    }
}

/// The day of a file's name.
fn day_of(name: &str) -> Option<Day> {
    name.strip_suffix(".jsonl")?.parse().ok()
}

/// Begins a new line behind one that a crash cut off.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let mut last = [0];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut last, length - 1)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

/// Tells `history` what a file remembers; returns how many lines say nothing.
fn recall(path: &Path, history: &History) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut bad) = (Vec::new(), 0);
    loop {
        line.clear();
        if (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(bad);
        }
        match serde_json::from_slice::<ReadLine>(&line) {
            Ok(ReadLine { count, execution }) if execution.novel => history.recall(execution, count),
            _ => bad += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Bounds;
    use crate::history::tests::{all, novel};

    fn open(folder: &Path) -> (Journal, History, u64) {
        let history = History::new(Bounds::default());
        let (journal, unread) = Journal::open(folder, 20_000, &history).unwrap();
        (journal, history, unread.lines)
    }

    #[test]
    fn a_restart_remembers_what_was_novel_and_how_often() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("findings");
        let (mut journal, history, _) = open(&path);
        for minute in 0..1000 {
            let execution = novel("id\u{1b}[2J\u{202e}", minute, 9000);
            let count = history.add(&execution).expect("it is novel");
            journal.add(&execution, count);
            if minute % 50 == 0 {
                journal.flush(20_000).unwrap();
            }
        }
        journal.flush(20_000).unwrap();
        let file = path.join("20000.jsonl");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() < 130, "a group is not written for ever: {}", text.lines().count());
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));

        let (_, again, bad) = open(&path);
        let findings = all(&again);
        assert_eq!((bad, findings.len(), findings[0].count), (0, 1, 1000));
        assert_eq!(findings[0].example.command, "sh -c id\u{1b}[2J\u{202e}");
    }

    #[test]
    fn a_torn_line_costs_that_line() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, history, _) = open(folder.path());
        for minute in 0..3 {
            let execution = novel("x", minute, 9000);
            journal.add(&execution, history.add(&execution).unwrap());
        }
        journal.flush(20_000).unwrap();
        let file = folder.path().join("20000.jsonl");
        let text = fs::read(&file).unwrap();
        fs::write(&file, &text[..text.len() - 10]).unwrap();

        let (mut journal, history, bad) = open(folder.path());
        assert_eq!((bad, all(&history)[0].count), (1, 2));
        let execution = novel("y", 9, 9000);
        journal.add(&execution, history.add(&execution).unwrap());
        journal.flush(20_000).unwrap();
        let (_, history, bad) = open(folder.path());
        assert_eq!((bad, all(&history)[0].count), (1, 3), "what came after it is whole");
    }

    #[test]
    fn old_files_go_and_a_full_one_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("19980.jsonl"), "{}\n").unwrap();
        fs::write(folder.path().join("somebody's.txt"), "").unwrap();
        let (mut journal, _, bad) = open(folder.path());
        assert_eq!(bad, 1);
        journal.forget_before(19_993);
        assert!(!folder.path().join("19980.jsonl").exists() && folder.path().join("somebody's.txt").exists());
        journal.max_bytes = 3000;
        for minute in 0..100 {
            journal.add(&novel("x", minute, 9000), 1);
            journal.flush(20_000).unwrap();
        }
        let (written, dropped) = journal.counts();
        assert!(written > 1 && written + dropped == 100, "{written} {dropped}");
        assert!(fs::metadata(folder.path().join("20000.jsonl")).unwrap().len() <= 3000);
        // The next day has room again.
        journal.add(&novel("x", 24 * 60, 9000), 1);
        journal.flush(20_001).unwrap();
        assert!(!folder.path().join("20000.jsonl").exists() && journal.counts().0 == written + 1);
    }

    #[test]
    fn a_clock_that_was_ahead_costs_what_it_wrote_then() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, history, _) = open(folder.path());
        for (minute, day) in [(0, 20_000), (1440, 20_001), (100 * 1440, 20_100)] {
            let execution = novel("x", minute, 9000);
            journal.add(&execution, history.add(&execution).unwrap());
            journal.flush(day).unwrap();
        }
        let again = History::new(Bounds::default());
        let (mut journal, unread) = Journal::open(folder.path(), 20_000, &again).unwrap();
        assert_eq!((unread, all(&again).len()), (Unread { lines: 0, later: 1 }, 2));
        journal.forget_before(20_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "its day may still come");
    }
}
