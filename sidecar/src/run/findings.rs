//! Writing findings down, on a thread of its own: a sync may take as long as the disk wants, and the loop waits for none.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anomaly_baseline::{Day, utc_day};
use anomaly_daemon::Journal;
use anomaly_scored::ScoredExecution;

use crate::failure::Failure;

use super::parts::Lasting;

/// How often findings go to the disk, with a sync.
const WRITING: Duration = Duration::from_secs(1);

/// Bytes that go to the disk at once.
const BATCH: usize = 1 << 20;

/// Findings that wait for the disk. An execution takes 10 KiB at most, so these are 20 MiB of the longest.
const WAITING: usize = 2048;

/// A finding, and how many its group has.
type Entry = (Arc<ScoredExecution>, u64);

/// The way of findings to the disk.
pub(super) struct Findings {
    lasting: Arc<Lasting>,
    /// Where they can be written, until the end.
    writer: Option<Writer>,
}

struct Writer {
    sender: SyncSender<Entry>,
    /// Hears once from the thread, when all is written.
    ended: Receiver<()>,
}

impl Findings {
    /// Starts the thread, where there is a journal to write.
    pub(super) fn start(lasting: &Arc<Lasting>, journal: Option<Journal>) -> Result<Self, Failure> {
        let writer = journal.map(|journal| Writer::start(lasting, journal)).transpose()?;
        Ok(Self { lasting: Arc::clone(lasting), writer })
    }

    /// Hands a finding over, to be on the disk soon. Never waits: what the disk cannot follow is counted.
    pub(super) fn add(&self, execution: &Arc<ScoredExecution>, count: u64) {
        let taken = match &self.writer {
            Some(writer) => writer.sender.try_send((Arc::clone(execution), count)).is_ok(),
            None => false,
        };
        if !taken {
            self.lasting.unwritten.fetch_add(1, Relaxed);
        }
    }

    /// Writes what is left, within this time.
    pub(super) fn finish(&mut self, patience: Duration) {
        let Some(Writer { sender, ended }) = self.writer.take() else { return };
        drop(sender);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience) {
            self.lasting
                .say("the last findings are not on the disk, which did not answer in time".to_owned());
        }
    }
}

impl Writer {
    fn start(lasting: &Arc<Lasting>, mut journal: Journal) -> Result<Self, Failure> {
        let (sender, entries) = sync_channel(WAITING);
        let (ends, ended) = sync_channel(1);
        let lasting = Arc::clone(lasting);
        let write = move || {
            write(&entries, &mut journal, &lasting);
            let _ = ends.send(());
        };
        thread::Builder::new().name("anomaly-findings".to_owned()).spawn(write).map_err(|error| {
            Failure::new(format!("cannot start the thread that writes findings: {error}"))
        })?;
        Ok(Self { sender, ended })
    }
}

/// Writes until there is nothing more to come.
fn write(entries: &Receiver<Entry>, journal: &mut Journal, lasting: &Lasting) {
    let (mut failing, mut dropped, mut more) = (false, 0, true);
    while more {
        let due = Instant::now() + WRITING;
        while journal.waiting_bytes() < BATCH {
            match entries.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok((execution, count)) => journal.add(&execution, count),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    more = false;
                    break;
                }
            }
        }
        let outcome = journal.flush(today());
        let (_, now_dropped) = journal.counts();
        lasting.unwritten.fetch_add(now_dropped - dropped, Relaxed);
        dropped = now_dropped;
        match outcome {
            Err(error) if !failing => {
                failing = true;
                lasting.say(error.to_string());
            }
            Err(_) => {}
            Ok(()) => failing = false,
        }
    }
}

/// The day, as findings have it.
pub(super) fn today() -> Day {
    utc_day(jiff::Timestamp::now().as_microsecond())
}

#[cfg(test)]
mod tests {
    use anomaly_config::Config;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use serde_json::json;

    use super::*;

    fn novel() -> Arc<ScoredExecution> {
        let line = json!({
            "id": "1", "host": "h", "org": "default", "workload": "web", "time": 1.0, "feed": "ebpf", "pid": 7, "ppid": 1,
            "name": "sh", "parent": "nginx", "grandparent": "systemd", "uid": 33, "exe": "/bin/sh", "args": ["sh"],
            "command": "sh", "score": 0.9, "score_permille": 900, "distance": null, "smoothed": null,
            "threshold": 0.85, "level": "warn", "novel": true, "first": false, "seen": 1, "standing": "held",
            "held": true, "reason": "new", "nearest": null, "nearest_seen": null,
        });
        Arc::new(serde_json::from_value(line).expect("all keys are there"))
    }

    fn started(folder: &std::path::Path) -> (Arc<Lasting>, Findings) {
        let text = format!("storage: {{path: {}}}", folder.display());
        let config = Config::parse(&text, "test").expect("one key");
        let (lasting, journal) = Lasting::open(&config).expect("a folder of ours");
        let lasting = Arc::new(lasting);
        let findings = Findings::start(&lasting, journal).expect("a thread");
        (lasting, findings)
    }

    #[test]
    fn what_was_handed_over_is_on_the_disk_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lasting, mut findings) = started(folder.path());
        (1..=50).for_each(|count| findings.add(&novel(), count));
        findings.finish(Duration::from_secs(60));
        let files = std::fs::read_dir(folder.path().join("findings")).expect("made");
        let text = files.map(|file| std::fs::read_to_string(file.expect("one").path()).expect("text"));
        assert_eq!(text.collect::<String>().lines().count(), 50);
        assert_eq!(lasting.unwritten.load(Relaxed), 0);
        findings.add(&novel(), 51);
        assert_eq!(lasting.unwritten.load(Relaxed), 1, "after the end nobody writes");
    }

    #[test]
    fn a_disk_that_does_not_answer_costs_findings_and_no_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lasting, mut findings) = started(folder.path());
        // Takes 64 KiB and then no more, as a disk that hangs.
        for day in [today(), today() + 1] {
            let path = folder.path().join(format!("findings/{day}.jsonl"));
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        }
        let execution = novel();
        (0..20_000).for_each(|_| findings.add(&execution, 1));
        let unwritten = lasting.unwritten.load(Relaxed);
        assert!(unwritten > 10_000, "{unwritten}");
        findings.finish(Duration::from_millis(10));
        let said = lasting.notices.all();
        assert!(said.iter().any(|notice| notice.text.contains("did not answer in time")), "{said:?}");
    }
}
