//! Writing findings down and forgetting them, on a thread of its own: a sync may take as long as the disk wants, and the
//! loop waits for none.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anomaly_baseline::{Day, utc_day};
use anomaly_daemon::Journal;
use anomaly_scored::ScoredExecution;

use crate::failure::Failure;

use super::lasting::Lasting;

/// How often findings go to the disk, with a sync.
const WRITING: Duration = Duration::from_secs(1);

/// How often what is too old is forgotten.
const FORGETTING: Duration = Duration::from_secs(3600);

/// Days that the lanes are kept.
const LANES: i32 = 7;

/// Bytes that go to the disk at once.
const BATCH: usize = 1 << 20;

/// Findings that wait for the disk. An execution takes 10 KiB at most, so these are 20 MiB of the longest.
const WAITING: usize = 2048;

/// A finding, and how many its group has.
type Entry = (Arc<ScoredExecution>, u64);

/// The way of findings to the disk.
pub(super) struct Findings {
    lasting: Arc<Lasting>,
    /// There until the end.
    keeper: Option<Keeper>,
}

/// The thread that keeps them.
struct Keeper {
    sender: SyncSender<Entry>,
    /// Hears once from the thread, when all is written.
    ended: Receiver<()>,
}

impl Findings {
    /// Starts the thread. Without a journal nothing is written, and what is too old is forgotten all the same.
    pub(super) fn start(lasting: &Arc<Lasting>, journal: Option<Journal>) -> Result<Self, Failure> {
        let keeper = Some(Keeper::start(lasting, journal)?);
        Ok(Self { lasting: Arc::clone(lasting), keeper })
    }

    /// Hands a finding over, to be on the disk soon. Never waits: what the disk cannot follow is counted.
    pub(super) fn add(&self, execution: &Arc<ScoredExecution>, count: u64) {
        let taken = match &self.keeper {
            Some(keeper) => keeper.sender.try_send((Arc::clone(execution), count)).is_ok(),
            None => false,
        };
        if !taken {
            self.lasting.unwritten.fetch_add(1, Relaxed);
        }
    }

    /// Writes what is left, within this time.
    pub(super) fn finish(&mut self, patience: Duration) {
        let Some(Keeper { sender, ended }) = self.keeper.take() else { return };
        drop(sender);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience) {
            self.lasting
                .say("the last findings are not on the disk, which did not answer in time".to_owned());
        }
    }
}

impl Keeper {
    fn start(lasting: &Arc<Lasting>, journal: Option<Journal>) -> Result<Self, Failure> {
        let (sender, entries) = sync_channel(WAITING);
        let (ends, ended) = sync_channel(1);
        let lasting = Arc::clone(lasting);
        let keep = move || {
            Kept { lasting: &lasting, journal, failing: false, dropped: 0, day: today() }.keep(&entries);
            let _ = ends.send(());
        };
        thread::Builder::new().name("anomaly-findings".to_owned()).spawn(keep).map_err(|error| {
            Failure::new(format!("cannot start the thread that writes findings: {error}"))
        })?;
        Ok(Self { sender, ended })
    }
}

/// What the thread works on.
struct Kept<'l> {
    lasting: &'l Lasting,
    journal: Option<Journal>,
    /// Whether the journal's failure was said.
    failing: bool,
    /// How many the journal had dropped when that was looked at last.
    dropped: u64,
    /// The day when it was looked last for what is too old.
    day: Day,
}

impl Kept<'_> {
    /// Writes until there is nothing more to come.
    fn keep(&mut self, entries: &Receiver<Entry>) {
        let mut forgetting_due = Instant::now() + FORGETTING;
        let mut more = true;
        while more {
            more = self.gather(entries);
            self.write();
            if Instant::now() >= forgetting_due {
                forgetting_due = Instant::now() + FORGETTING;
                self.forget(today());
            }
        }
    }

    /// Takes what comes within a second, or fills a batch; tells whether more can come.
    fn gather(&mut self, entries: &Receiver<Entry>) -> bool {
        let due = Instant::now() + WRITING;
        while self.journal.as_ref().is_none_or(|journal| journal.waiting_bytes() < BATCH) {
            match entries.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok((execution, count)) => match &mut self.journal {
                    Some(journal) => journal.add(&execution, count),
                    None => drop(self.lasting.unwritten.fetch_add(1, Relaxed)),
                },
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    fn write(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let outcome = journal.flush(today());
        let (_, dropped) = journal.counts();
        self.lasting.unwritten.fetch_add(dropped - self.dropped, Relaxed);
        self.dropped = dropped;
        match outcome {
            Err(error) if !self.failing => {
                self.failing = true;
                self.lasting.say(error.to_string());
            }
            Err(_) => {}
            Ok(()) => self.failing = false,
        }
    }

    /// Forgets what is too old. A day counts once it is still there an hour later: a clock that jumps ahead and is set
    /// right again forgets nothing.
    fn forget(&mut self, today: Day) {
        let day = today.min(self.day.saturating_add(1));
        self.day = today;
        let oldest = day.saturating_sub(self.lasting.retention_days.load(Relaxed).into());
        if let Some(journal) = &mut self.journal {
            journal.forget_before(oldest);
        }
        self.lasting.history.forget_before(oldest);
        self.lasting.timeline.forget_before(day.saturating_sub(LANES));
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
    fn a_clock_that_jumps_ahead_for_less_than_an_hour_forgets_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lasting, _) = started(folder.path());
        let mut kept = Kept { lasting: &lasting, journal: None, failing: false, dropped: 0, day: 0 };
        assert!(lasting.history.add(&novel()).is_some(), "on the first day of 1970");
        let findings = || lasting.history.counts().0;
        kept.forget(20_000);
        assert_eq!(findings(), 1);
        kept.forget(1);
        kept.forget(8);
        assert_eq!(findings(), 1);
        lasting.retention_days.store(3, Relaxed);
        kept.forget(8);
        assert_eq!(findings(), 0, "the number of days is the configured one");
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
