//! What waits for one sink, in memory or on the disk, and the accounts of it.
//!
//! In order of age: the batch that is being delivered, the spool, the queue. While a sink answers, batches come from the
//! queue and touch no disk. Once a batch fails it goes to the spool with everything behind it, so that nothing but what
//! came in a moment ago can be lost with the process; from then on batches come from the spool until it is empty. The
//! same happens when the queue is half full, however slowly the sink answers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::notices::Notices;
use crate::queue::Ripe;
use crate::service::Plan;
use crate::sink::Sink;
use crate::spool::{Span, Spool};
use crate::status::{add, one_line};

/// After the disk refused, it is asked again this much later.
const SPOOL_PAUSE: Duration = Duration::from_secs(5);

/// After so many refusals without a single acceptance the rest of a batch is given up.
const MAX_REJECTIONS: u32 = 64;

/// One batch on its way, which may be parted to find what the sink does not take.
#[derive(Debug)]
pub(crate) struct Work {
    parts: VecDeque<Vec<Arc<Event>>>,
    /// Where it is on the disk; `None` while it is in memory alone.
    span: Option<Span>,
    sent: u64,
    rejected: u64,
    rejections: u32,
}

impl Work {
    fn new(events: Vec<Arc<Event>>, span: Option<Span>) -> Self {
        Self { parts: [events].into(), span, sent: 0, rejected: 0, rejections: 0 }
    }

    /// What is to be delivered now; `None` where all of it has been.
    pub(crate) fn part(&self) -> Option<&Vec<Arc<Event>>> {
        self.parts.front()
    }

    /// The part has been taken.
    pub(crate) fn accepted(&mut self) {
        self.sent += self.parts.pop_front().map_or(0, |part| part.len() as u64);
    }

    /// Something in the part will never be taken: a half of it is tried next, or the next part.
    pub(crate) fn rejected(&mut self) {
        self.rejections += 1;
        let hopeless = self.sent == 0 && self.rejections >= MAX_REJECTIONS;
        let Some(mut part) = self.parts.pop_front() else { return };
        if hopeless {
            self.rejected += (part.len() + self.parts.drain(..).map(|part| part.len()).sum::<usize>()) as u64;
        } else if part.len() == 1 {
            self.rejected += 1;
        } else {
            let second = part.split_off(part.len() / 2);
            self.parts.push_front(second);
            self.parts.push_front(part);
        }
    }

    fn remaining(&self) -> Vec<Arc<Event>> {
        self.parts.iter().flatten().cloned().collect()
    }
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Deliver this.
    Deliver(Work),
    /// Nothing before then, unless something comes in.
    Wait(Option<Instant>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    sink: Arc<Sink>,
    spool: Option<Spool>,
    notices: Arc<Notices>,
    plan: Plan,
    /// The disk refused, and is not asked before then.
    spool_rests_until: Option<Instant>,
    /// What was lost when it was last spoken of.
    told_losses: u64,
    losing: bool,
    /// What is delivered could not be noted or deleted, and that was said.
    untidy: bool,
}

impl Store {
    pub(crate) fn new(sink: Arc<Sink>, spool: Option<Spool>, notices: Arc<Notices>, plan: Plan) -> Self {
        let mut store = Self {
            sink,
            spool,
            notices,
            plan,
            spool_rests_until: None,
            told_losses: 0,
            losing: false,
            untidy: false,
        };
        store.count_spool();
        let recovered = store.spool.as_ref().map_or(0, Spool::len);
        add(&store.sink.counters.recovered, recovered);
        store
    }

    /// The next batch; with `flush` also one that is neither full nor old.
    pub(crate) fn next(&mut self, flush: bool, now: Instant) -> Next {
        while let Some(spool) = &mut self.spool
            && !spool.is_exhausted()
        {
            let read = spool.read(self.plan.events, self.plan.bytes);
            add(&self.sink.counters.dropped_unreadable, read.unreadable);
            if let Some(error) = &read.error {
                self.notices.say(&format!(
                    "sink {}: {} events on the disk cannot be read ({error}) and are lost",
                    self.sink.name, read.unreadable
                ));
            }
            if !read.events.is_empty() {
                return Next::Deliver(Work::new(read.events, Some(read.span)));
            }
            self.advance(read.span);
        }
        let ripe_at = match self.sink.queue.ripe() {
            None => return Next::Wait(None),
            Some(Ripe::Now) => now,
            Some(Ripe::Since(since)) => since + self.plan.interval,
        };
        if ripe_at > now && !flush {
            return Next::Wait(Some(ripe_at));
        }
        let events = self.sink.queue.take_batch();
        self.sink.counters.in_hand.store(events.len() as u64, Ordering::Relaxed);
        if events.is_empty() { Next::Wait(None) } else { Next::Deliver(Work::new(events, None)) }
    }

    /// Brings what is in memory to the disk, the batch on its way before what came after it.
    pub(crate) fn spill(&mut self, work: Option<&mut Work>, now: Instant) {
        if self.spool.is_none() || self.spool_rests_until.is_some_and(|until| now < until) {
            return;
        }
        if let Some(work) = work
            && work.span.is_none()
            && !self.spill_work(work, now)
        {
            return;
        }
        let mut events = self.sink.queue.take_all();
        let Some(spool) = &mut self.spool else { return };
        if events.is_empty() {
            return;
        }
        // While a disk hangs they are nowhere else.
        self.sink.counters.in_hand.store(events.len() as u64, Ordering::Relaxed);
        let appended = spool.append(&events);
        self.sink.counters.in_hand.store(0, Ordering::Relaxed);
        add(&self.sink.counters.dropped_spool, appended.dropped);
        if let Some(error) = appended.error {
            let dropped = self.sink.queue.put_back(events.split_off(appended.events), now);
            add(&self.sink.counters.dropped_queue, dropped);
            self.spool_failed(&error, now);
        } else {
            self.spool_works();
        }
        self.count_spool();
        self.tell_losses();
    }

    /// A batch from memory was taken when the spool was empty, so that it stands first there.
    fn spill_work(&mut self, work: &mut Work, now: Instant) -> bool {
        let Some(spool) = &mut self.spool else { return false };
        let appended = spool.append(&work.remaining());
        if let Some(error) = appended.error {
            // Some of it may be there; all of it is still in memory.
            let _ = spool.clear();
            self.spool_failed(&error, now);
            self.count_spool();
            return false;
        }
        work.span = Some(spool.hand_out());
        self.settle(work);
        self.sink.counters.in_hand.store(0, Ordering::Relaxed);
        self.count_spool();
        self.spool_works();
        true
    }

    /// The batch is done with.
    pub(crate) fn finish(&mut self, mut work: Work) {
        self.settle(&mut work);
        match work.span {
            Some(span) => self.advance(span),
            None => self.sink.counters.in_hand.store(0, Ordering::Relaxed),
        }
        if self.spool.as_ref().is_none_or(Spool::is_exhausted) {
            self.losing = false;
            // Nothing waits for the disk any more. When something does, a disk that still refuses is news again.
            if !self.sink.queue.is_half_full() {
                self.sink.counters.health.lock().spool_error = None;
            }
        }
    }

    /// Counts what became of a batch so far.
    fn settle(&self, work: &mut Work) {
        add(&self.sink.counters.sent, std::mem::take(&mut work.sent));
        add(&self.sink.counters.dropped_rejected, std::mem::take(&mut work.rejected));
    }

    /// Leaves everything that is not delivered on the disk; what has no place there is lost and counted.
    pub(crate) fn leave(&mut self, work: Option<Work>, now: Instant) {
        self.spool_rests_until = None;
        let mut first = Vec::new();
        if let Some(mut work) = work {
            let gone = match (&mut self.spool, work.span) {
                (Some(spool), Some(span)) => spool.rewind(span),
                _ => true,
            };
            if gone {
                self.settle(&mut work);
                first = work.remaining();
            }
        }
        self.sink.queue.close();
        first.extend(self.sink.queue.take_all());
        let mut lost = first.len();
        self.sink.counters.in_hand.store(lost as u64, Ordering::Relaxed);
        if let Some(spool) = &mut self.spool {
            let appended = spool.append(&first);
            add(&self.sink.counters.dropped_spool, appended.dropped);
            lost -= appended.events;
            if let Some(error) = appended.error {
                self.spool_failed(&error, now);
            }
        }
        // Counted before the disk is waited for, which may take longer than anybody waits for us.
        self.sink.counters.in_hand.store(0, Ordering::Relaxed);
        add(&self.sink.counters.dropped_closed, lost as u64);
        self.count_spool();
        self.tell_losses();
        if lost > 0 {
            self.notices.say(&format!(
                "sink {}: {lost} events could neither be sent nor kept at its end; they are lost and counted",
                self.sink.name
            ));
        }
        if let Some(Err(error)) = self.spool.as_ref().map(Spool::sync) {
            self.spool_failed(&error, now);
        }
    }

    /// Nothing will ever be taken again: what is in memory is lost and counted.
    pub(crate) fn give_up(&self, work: Option<Work>) {
        self.sink.queue.close();
        if let Some(mut work) = work {
            self.settle(&mut work);
            if work.span.is_none() {
                add(&self.sink.counters.dropped_closed, work.remaining().len() as u64);
            }
        }
        self.sink.counters.in_hand.store(0, Ordering::Relaxed);
        add(&self.sink.counters.dropped_closed, self.sink.queue.take_all().len() as u64);
    }

    fn advance(&mut self, span: Span) {
        let Some(spool) = &mut self.spool else { return };
        match spool.advance(span) {
            Ok(()) => self.untidy = false,
            Err(error) => {
                if !std::mem::replace(&mut self.untidy, true) {
                    self.notices.say(&format!(
                        "sink {}: the spool cannot be tidied up ({error}), so that events may be sent again after a \
                         restart",
                        self.sink.name
                    ));
                }
            }
        }
        self.count_spool();
    }

    /// It took what it was given.
    fn spool_works(&mut self) {
        self.spool_rests_until = None;
        self.sink.counters.health.lock().spool_error = None;
    }

    fn count_spool(&mut self) {
        let (events, bytes) = self.spool.as_ref().map_or((0, 0), |spool| (spool.len(), spool.bytes()));
        self.sink.counters.spooled.store(events, Ordering::Relaxed);
        self.sink.counters.spooled_bytes.store(bytes, Ordering::Relaxed);
    }

    fn spool_failed(&mut self, error: &io::Error, now: Instant) {
        self.spool_rests_until = Some(now + SPOOL_PAUSE);
        let mut health = self.sink.counters.health.lock();
        if health.spool_error.is_none() {
            self.notices.say(&format!(
                "sink {}: its spool cannot be written ({error}): what does not fit into memory will be lost and \
                 counted; make room on the disk",
                self.sink.name
            ));
        }
        health.spool_error = Some(one_line(&format!("the spool cannot be written: {error}")));
    }

    /// Says that events are being lost, once until all is well again.
    pub(crate) fn tell_losses(&mut self) {
        let counters = &self.sink.counters;
        let lost =
            counters.dropped_queue.load(Ordering::Relaxed) + counters.dropped_spool.load(Ordering::Relaxed);
        if lost > self.told_losses && !self.losing {
            self.losing = true;
            self.notices.say(&format!(
                "sink {}: no room for more events, the oldest are dropped and counted; raise queue.spool_bytes or \
                 repair the sink",
                self.sink.name
            ));
        }
        self.told_losses = lost;
    }
}

#[cfg(test)]
mod tests;
