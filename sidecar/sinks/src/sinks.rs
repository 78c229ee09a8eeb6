//! All sinks together: started once, given every scored execution, asked how they are, and closed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anomaly_scored::ScoredExecution;
use futures::future::{LocalBoxFuture, join_all};
use tokio::task::LocalSet;

use crate::closing::{Alive, Closed, Latch};
use crate::config::SinkConfig;
use crate::error::SinkError;
use crate::event::Event;
use crate::notices::Notices;
use crate::prepared::Prepared;
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
    ended: Arc<Latch>,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sinks.iter().map(|sink| &sink.name)).finish()
    }
}

impl Sinks {
    /// [Prepares](Prepared::new) sinks and [starts](Prepared::start) them.
    ///
    /// # Errors
    /// As those.
    pub fn start(configs: &[SinkConfig], spool: &Path, host: &str) -> Result<Self, SinkError> {
        Prepared::new(configs, host)?.start(spool)
    }

    /// With the thread that does the sinks' work.
    pub(crate) fn serving(
        sinks: Vec<Arc<Sink>>,
        starts: Vec<Start>,
        notices: Arc<Notices>,
        closing: Closing,
    ) -> Result<Self, SinkError> {
        let ended = Arc::<Latch>::default();
        let alive = Alive(Arc::clone(&ended));
        if !starts.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .thread_name("anomaly-sinks")
                .max_blocking_threads(4)
                .build()
                .map_err(SinkError::Thread)?;
            let (served, told) = (sinks.clone(), Arc::clone(&notices));
            let serve = move || {
                let _alive = alive;
                LocalSet::new().block_on(&runtime, serve(starts, &served, &told));
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
            };
            let thread = thread::Builder::new().name("anomaly-sinks".to_owned());
            thread.spawn(serve).map_err(SinkError::Thread)?;
        }
        Ok(Self { sinks, notices, closing, ended })
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
            if event.weight() > MAX_EVENT {
                add(&counters.dropped_oversized, 1);
                continue;
            }
            match sink.queue.push(Arc::clone(event), now) {
                Some(dropped) => add(&counters.dropped_queue, dropped),
                None => add(&counters.dropped_closed, 1),
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
    /// A further call waits for as long again, and tells anew how the sinks are left.
    pub fn close(&self, timeout: Duration) -> Closed {
        // Whoever comes first says how long things may still be delivered.
        let _ = self.closing.set(Instant::now() + timeout - PUTTING_AWAY.min(timeout / 4));
        for sink in &self.sinks {
            sink.queue.wake();
        }
        let ended = self.wait_ended(timeout);
        for sink in &self.sinks {
            sink.queue.close();
        }
        let mut notices = self.notices.untold();
        let mut sinks = self.status();
        for SinkStatus { name, queued, dropped, .. } in sinks.iter_mut().filter(|status| status.queued > 0) {
            let lost = std::mem::take(queued);
            dropped.closed += lost;
            let condition = if ended { "" } else { " if the daemon ends now" };
            notices.push(format!(
                "sink {name}: {lost} events were not put on the disk in time, and are lost{condition}"
            ));
        }
        Closed { ended, sinks, notices }
    }

    /// Whether the thread ends within this time, once [`close`](Self::close) was called: only then can the spools be
    /// opened again.
    pub fn wait_ended(&self, patience: Duration) -> bool {
        self.ended.wait(patience)
    }
}

impl Drop for Sinks {
    /// Puts everything on the disk, and waits no longer than that takes.
    fn drop(&mut self) {
        if self.closing.get().is_none() {
            self.close(PUTTING_AWAY);
        }
    }
}

/// Serves every sink until the daemon ends. What goes wrong in one does not reach the others, but for a disk with their
/// spools that hangs.
async fn serve(starts: Vec<Start>, sinks: &[Arc<Sink>], notices: &Notices) {
    let tasks: Vec<_> = starts.into_iter().map(|start| tokio::task::spawn_local(start())).collect();
    let watched = tasks.into_iter().zip(sinks).map(|(task, sink)| async move {
        if task.await.is_err() {
            sink.queue.close();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tempfile::TempDir;

    use super::*;
    use crate::build::Parts;
    use crate::file::FileConfig;
    use crate::service::{Failure, Plan, Service};
    use crate::testing::execution;

    const LONG: Duration = Duration::from_secs(60);

    /// Holds the thread until it is let go, as a disk does that hangs.
    struct Hanging {
        begun: Sender<()>,
        goes_on: Receiver<()>,
    }

    impl Service for Hanging {
        async fn deliver(&mut self, _: &[Arc<Event>]) -> Result<(), Failure> {
            let _ = self.begun.send(());
            let _ = self.goes_on.recv();
            Err(Failure::transient("it was away"))
        }
    }

    /// Sinks of which the first holds the thread, once it has something; how to know of that, and to end it.
    fn hanging(folder: &TempDir, spool_bytes: u64) -> (Sinks, Receiver<()>, Sender<()>) {
        let (begun, has_begun) = channel();
        let (go_on, goes_on) = channel();
        let mut config = FileConfig::to("/nowhere");
        config.queue.spool_bytes = spool_bytes;
        let config = SinkConfig::File(config);
        let (notices, closing) = (Arc::default(), Closing::default());
        let parts = Parts { config: &config, spools: folder.path(), notices: &notices, closing: &closing };
        let plan = Plan { events: 1, bytes: 1 << 20, interval: Duration::ZERO, retry_max: 0 };
        let (sink, start) = parts.join(Hanging { begun, goes_on }, plan).expect("a sink");
        let sinks = Sinks::serving(vec![sink], vec![start], notices, closing).expect("the sinks start");
        (sinks, has_begun, go_on)
    }

    fn given_is_somewhere(status: &SinkStatus) {
        let SinkStatus { accepted, queued, spooled, sent, dropped, .. } = status;
        assert_eq!(*accepted, queued + spooled + sent + dropped.total(), "{status:?}");
    }

    #[test]
    fn a_thread_that_hangs_is_told_of_and_can_be_waited_for() {
        let folder = TempDir::new().expect("a folder");
        let (sinks, has_begun, go_on) = hanging(&folder, 1 << 20);
        for number in 0..5 {
            sinks.send(&Arc::new(execution(number)));
        }
        has_begun.recv_timeout(LONG).expect("the first is being delivered");
        sinks.notices.say("nobody was told yet");
        let closed = sinks.close(Duration::from_millis(50));
        assert!(!closed.ended && !sinks.wait_ended(Duration::from_millis(10)));
        let status = &closed.sinks[0];
        given_is_somewhere(status);
        assert_eq!((status.queued, status.dropped.closed), (0, 5), "all of it is in memory alone");
        assert!(
            closed.notices.iter().any(|notice| notice.contains("5 events") && notice.contains("ends now")),
            "{closed:?}"
        );
        sinks.send(&Arc::new(execution(5)));

        go_on.send(()).expect("it goes on");
        assert!(sinks.wait_ended(LONG));
        let closed = sinks.close(Duration::ZERO);
        assert!(closed.ended && !closed.notices.iter().any(|notice| notice.contains("lost")), "{closed:?}");
        assert_eq!(closed.notices[0], "nobody was told yet", "whichever call is listened to");
        let status = &closed.sinks[0];
        given_is_somewhere(status);
        assert_eq!(
            (status.spooled, status.dropped.closed),
            (5, 1),
            "what came too late is lost, nothing else"
        );
        let again =
            crate::spool::Spool::open(&folder.path().join("file"), 1 << 20).expect("its lock is free");
        assert_eq!(again.len(), 5);
    }

    #[test]
    fn what_finds_no_place_at_the_end_is_told_and_counted() {
        let folder = TempDir::new().expect("a folder");
        let (sinks, has_begun, go_on) = hanging(&folder, 0);
        for number in 0..3 {
            sinks.send(&Arc::new(execution(number)));
        }
        has_begun.recv_timeout(LONG).expect("the first is being delivered");
        go_on.send(()).expect("it goes on");
        let closed = sinks.close(LONG);
        assert!(closed.ended);
        given_is_somewhere(&closed.sinks[0]);
        assert_eq!(closed.sinks[0].dropped.closed, 3);
        assert!(
            closed.notices.iter().any(|notice| notice.contains("3 events could neither be sent nor kept")),
            "{closed:?}"
        );
        assert_eq!(sinks.status()[0].dropped.closed, 3);
        assert_eq!(sinks.sinks[0].counters.in_hand.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn without_a_sink_there_is_nothing_to_wait_for() {
        let folder = TempDir::new().expect("a folder");
        let sinks = Sinks::start(&[], folder.path(), "web-1").expect("they start");
        assert!(sinks.close(Duration::ZERO).ended);
    }
}
