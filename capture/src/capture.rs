//! A feed on a thread of its own, with a bounded queue behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crate::{CaptureError, Counters, Feed, FeedKind, Loss, Observation};

/// The longest that the feed's thread waits before it looks whether it should end.
const LOOK_UP: Duration = Duration::from_millis(100);

/// A running feed: its thread drains into a bounded queue that the owner reads.
///
/// Dropping it stops and joins the thread.
#[derive(Debug)]
pub struct Capture {
    kind: FeedKind,
    counters: Arc<Counters>,
    observations: Receiver<Observation>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), CaptureError>>>,
}

impl Capture {
    /// Starts a thread that drains `feed` into a queue of `queue` observations; what does not fit is dropped and
    /// counted as [`Loss::Queue`].
    ///
    /// # Errors
    /// [`CaptureError::Thread`] where no thread can be started.
    pub fn start(feed: Box<dyn Feed>, queue: usize) -> Result<Self, CaptureError> {
        let kind = feed.kind();
        let counters = Arc::clone(feed.counters());
        let (sender, observations) = sync_channel(queue);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = Builder::new()
            .name(format!("feed-{kind}"))
            .spawn(move || run(feed, &sender, &stop))
            .map_err(|source| CaptureError::Thread { feed: kind, source })?;
        Ok(Self { kind, counters, observations, stopping, thread: Some(thread) })
    }

    /// Which feed runs.
    pub fn kind(&self) -> FeedKind {
        self.kind
    }

    /// What it saw and lost.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The queue. It disconnects when the feed failed; [`Capture::stop`] then tells why.
    pub fn observations(&self) -> &Receiver<Observation> {
        &self.observations
    }

    /// Ends the thread after a last drain. The queue can still be read afterwards.
    ///
    /// # Errors
    /// What made the feed fail, if it had. Told once: later calls are `Ok`.
    pub fn stop(&mut self) -> Result<(), CaptureError> {
        self.stopping.store(true, Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => {
                Err(CaptureError::Failed { feed: self.kind, cause: "its thread panicked".to_owned() })
            }
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Nobody is left to tell; calling `stop` is for those who want to know.
        let _ = self.stop();
    }
}

/// The thread: waits and drains until it is told to stop, nobody listens any more or the feed fails.
fn run(
    mut feed: Box<dyn Feed>,
    queue: &SyncSender<Observation>,
    stop: &AtomicBool,
) -> Result<(), CaptureError> {
    feed.own_thread();
    let counters = Arc::clone(feed.counters());
    let mut deserted = false;
    let mut stopping = false;
    while !deserted && !stopping {
        feed.wait(LOOK_UP);
        // Read before the drain, so that what happened before the stop is still delivered.
        stopping = stop.load(Relaxed);
        feed.drain(&mut |observation| match queue.try_send(observation) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => counters.lose(Loss::Queue, 1),
            Err(TrySendError::Disconnected(_)) => deserted = true,
        })?;
    }
    Ok(())
}
