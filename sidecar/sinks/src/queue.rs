//! What waits in memory for one sink.
//!
//! Whoever scores pushes and goes on: a push takes a lock for the time of a few moves and, where somebody has to wake
//! up, one system call. Bounded in number and in bytes; what does not fit pushes out the oldest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::event::Event;

/// When somebody who waits has to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may wait.
    pub(crate) events: usize,
    /// How many bytes of them.
    pub(crate) bytes: usize,
    /// How many make a batch.
    pub(crate) batch_events: usize,
    /// How many bytes make a batch.
    pub(crate) batch_bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    bounds: Bounds,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<(Arc<Event>, Instant)>,
    bytes: usize,
    /// Nothing comes in any more.
    closed: bool,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { waiting: Mutex::default(), wake: Notify::new(), bounds }
    }

    /// Takes one in; says how many of the oldest had to go for it. `None` where it is closed, and took nothing in.
    pub(crate) fn push(&self, event: Arc<Event>, now: Instant) -> Option<u64> {
        let weight = event.weight();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return None;
        }
        let mut dropped = 0;
        while !waiting.events.is_empty()
            && (waiting.events.len() >= self.bounds.events || waiting.bytes + weight > self.bounds.bytes)
        {
            waiting.pop();
            dropped += 1;
        }
        waiting.events.push_back((event, now));
        waiting.bytes += weight;
        let (events, bytes) = (waiting.events.len(), waiting.bytes);
        drop(waiting);
        // Who waits for a batch, for half a queue or for anything at all looks again when that is there; nobody is
        // woken for what changes nothing.
        let crossed = |mark: usize| bytes >= mark && bytes - weight < mark;
        if events == 1
            || events == self.bounds.batch_events
            || events == self.bounds.events / 2
            || crossed(self.bounds.batch_bytes)
            || crossed(self.bounds.bytes / 2)
        {
            self.wake.notify_one();
        }
        Some(dropped)
    }

    /// Nothing comes in any more; what is there can still be taken.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
    }

    /// The oldest that make one batch.
    pub(crate) fn take_batch(&self) -> Vec<Arc<Event>> {
        let mut waiting = self.waiting.lock();
        let mut batch = Vec::with_capacity(waiting.events.len().min(self.bounds.batch_events));
        let mut bytes = 0;
        while let Some((event, _)) = waiting.events.front() {
            bytes += event.weight();
            if batch.len() >= self.bounds.batch_events
                || (bytes > self.bounds.batch_bytes && !batch.is_empty())
            {
                break;
            }
            batch.extend(waiting.pop());
        }
        batch
    }

    /// Takes everything out, oldest first.
    pub(crate) fn take_all(&self) -> Vec<Arc<Event>> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        waiting.events.drain(..).map(|(event, _)| event).collect()
    }

    /// Puts back what was taken, in front, as far as there is room; says how many of the oldest had to go.
    pub(crate) fn put_back(&self, events: Vec<Arc<Event>>, since: Instant) -> u64 {
        let mut waiting = self.waiting.lock();
        let mut dropped = 0;
        for event in events.into_iter().rev() {
            let weight = event.weight();
            if waiting.events.len() >= self.bounds.events || waiting.bytes + weight > self.bounds.bytes {
                dropped += 1;
                continue;
            }
            waiting.bytes += weight;
            waiting.events.push_front((event, since));
        }
        dropped
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().events.len()
    }

    /// Whether what waits makes a batch; `None` where nothing waits.
    pub(crate) fn ripe(&self) -> Option<Ripe> {
        let waiting = self.waiting.lock();
        let (_, since) = waiting.events.front()?;
        let full =
            waiting.events.len() >= self.bounds.batch_events || waiting.bytes >= self.bounds.batch_bytes;
        Some(if full { Ripe::Now } else { Ripe::Since(*since) })
    }

    /// Whether half of it is full.
    pub(crate) fn is_half_full(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.events.len() >= self.bounds.events / 2 || waiting.bytes >= self.bounds.bytes / 2
    }

    /// Has who takes from it look again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Until something has changed that may matter to who takes from it.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }
}

/// Whether what waits makes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ripe {
    /// There is a whole batch.
    Now,
    /// There is less than one, and the oldest waits since then.
    Since(Instant),
}

impl Waiting {
    fn pop(&mut self) -> Option<Arc<Event>> {
        let (event, _) = self.events.pop_front()?;
        self.bytes -= event.weight();
        Some(event)
    }
}
