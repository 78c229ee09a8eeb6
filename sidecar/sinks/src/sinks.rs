//! All sinks together: started once, given every scored execution, asked how they are, and closed.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anomaly_scored::ScoredExecution;
use futures::future::{LocalBoxFuture, join_all};
use parking_lot::Mutex;
use tokio::task::LocalSet;

use crate::build::{build, check};
use crate::config::SinkConfig;
use crate::error::SinkError;
use crate::event::Event;
use crate::notices::Notices;
use crate::sink::Sink;
use crate::status::{SinkState, SinkStatus, add};
use crate::worker::Closing;

/// An execution that takes more memory is not sent. Arguments are cut long before that.
const MAX_EVENT: usize = 256 << 10;

/// What is left for putting away what could not be delivered in time.
const PUTTING_AWAY: Duration = Duration::from_millis(500);

/// One sink's work, to be begun on the sinks' thread.
pub(crate) type Start = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// The configured sinks and the thread that serves them.
pub struct Sinks {
    sinks: Vec<Arc<Sink>>,
    notices: Arc<Notices>,
    closing: Closing,
    /// Hears once from the thread, when it ends.
    ended: Mutex<Option<Receiver<()>>>,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sinks.iter().map(|sink| &sink.name)).finish()
    }
}

impl Sinks {
    /// Whether these could be started, but for their spools: nothing is opened, so that whoever has sinks already finds out
    /// before closing them.
    ///
    /// # Errors
    /// Where a configuration cannot work, or a secret or all certificates are missing.
    pub fn check(configs: &[SinkConfig]) -> Result<(), SinkError> {
        distinct(configs)?;
        configs.iter().try_for_each(check)
    }

    /// Opens the spools, reads the secrets and starts the thread. Nothing is sent before the first
    /// [`send`](Self::send) but what an earlier process has left in the spools, and no sink has to be there yet. `spool`
    /// is the folder of the spools, which is made where it is missing; `host` is what HTTP batches call this machine.
    ///
    /// # Errors
    /// Where a configuration cannot work, a secret is missing, or a spool cannot be used.
    pub fn start(configs: &[SinkConfig], spool: &Path, host: &str) -> Result<Self, SinkError> {
        let notices = Arc::new(Notices::default());
        let closing = Closing::default();
        let names = distinct(configs)?;
        tell_of_orphans(spool, &names, &notices);
        let mut sinks = Vec::new();
        let mut starts = Vec::new();
        for config in configs {
            let (sink, start) = build(config, spool, host, &notices, &closing)?;
            sinks.push(sink);
            starts.push(start);
        }
        let (ended, hears) = sync_channel(1);
        if !starts.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .thread_name("anomaly-sinks")
                .max_blocking_threads(4)
                .build()
                .map_err(SinkError::Thread)?;
            let (served, told) = (sinks.clone(), Arc::clone(&notices));
            let serve = move || {
                LocalSet::new().block_on(&runtime, serve(starts, &served, &told));
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
                let _ = ended.send(());
            };
            let thread = thread::Builder::new().name("anomaly-sinks".to_owned());
            thread.spawn(serve).map_err(SinkError::Thread)?;
        }
        Ok(Self { sinks, notices, closing, ended: Mutex::new(Some(hears)) })
    }

    /// Hands an execution to every sink that wants it, and returns at once: at most one allocation, and for each sink a
    /// lock for the time of a few moves. What does not fit pushes out the oldest and is counted.
    pub fn send(&self, execution: &Arc<ScoredExecution>) {
        let mut shared = None;
        let now = Instant::now();
        for sink in self.sinks.iter().filter(|sink| sink.events.include(execution)) {
            let counters = &sink.counters;
            add(&counters.accepted, 1);
            let event = shared.get_or_insert_with(|| Arc::new(Event::new(Arc::clone(execution))));
            if counters.ended.load(Ordering::Relaxed) {
                add(&counters.dropped_closed, 1);
            } else if event.weight() > MAX_EVENT {
                add(&counters.dropped_oversized, 1);
            } else {
                add(&counters.dropped_queue, sink.queue.push(Arc::clone(event), now));
            }
        }
    }

    /// How every sink is, in the order of the configuration.
    pub fn status(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(|sink| sink.status()).collect()
    }

    /// What has changed since the last call, for the log: a sink that fails or is back, a disk that is full. Lines that
    /// are safe to print, at most a hundred.
    pub fn notices(&self) -> Vec<String> {
        self.notices.take()
    }

    /// Delivers what waits, within this time, and puts the rest on the disk. What is sent afterwards is lost and counted.
    /// Further calls do nothing.
    pub fn close(&self, timeout: Duration) {
        let Some(ended) = self.ended.lock().take() else { return };
        if self.sinks.is_empty() {
            return;
        }
        let now = Instant::now();
        // Set once: `ended` was there.
        let _ = self.closing.set(now + timeout - PUTTING_AWAY.min(timeout / 4));
        for sink in &self.sinks {
            sink.queue.wake();
        }
        // An error means that the thread is gone.
        let _ = ended.recv_timeout(timeout);
        for sink in &self.sinks {
            sink.counters.ended.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Sinks {
    /// Puts everything on the disk, and waits no longer than that takes.
    fn drop(&mut self) {
        self.close(PUTTING_AWAY);
    }
}

/// Serves every sink until the daemon ends. What goes wrong in one does not reach the others.
async fn serve(starts: Vec<Start>, sinks: &[Arc<Sink>], notices: &Notices) {
    let tasks: Vec<_> = starts.into_iter().map(|start| tokio::task::spawn_local(start())).collect();
    let watched = tasks.into_iter().zip(sinks).map(|(task, sink)| async move {
        if task.await.is_err() {
            sink.counters.ended.store(true, Ordering::Relaxed);
            let mut health = sink.counters.health.lock();
            health.state = SinkState::Failed;
            health.last_error =
                Some("it has stopped after an error of its own; restart the daemon".to_owned());
            notices.say(&format!(
                "sink {} has stopped after an error of its own; restart the daemon",
                sink.name
            ));
        }
    });
    join_all(watched).await;
}

/// The names of sinks that can work beside one another.
fn distinct(configs: &[SinkConfig]) -> Result<HashSet<&str>, SinkError> {
    let mut names = HashSet::new();
    for config in configs {
        let name = config.name();
        config.check().map_err(|source| SinkError::Config { name: name.to_owned(), source })?;
        if !names.insert(name) {
            return Err(SinkError::SameName(name.to_owned()));
        }
    }
    Ok(names)
}

/// Says where events wait for sinks that are not configured any more.
fn tell_of_orphans(spool: &Path, names: &HashSet<&str>, notices: &Notices) {
    for entry in std::fs::read_dir(spool).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let configured = name.to_str().is_some_and(|name| names.contains(name));
        let segment = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|kind| kind == "jsonl");
        let waits = || std::fs::read_dir(entry.path()).into_iter().flatten().flatten().any(segment);
        if !configured && waits() {
            notices.say(&format!(
                "{} holds events for a sink that is not configured any more: give a sink that name, or delete it",
                entry.path().display()
            ));
        }
    }
}
