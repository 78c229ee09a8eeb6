//! The loop that serves one sink: takes batches, has them delivered, and waits out what fails.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use futures::future::{Either, select};
use tokio::time::{sleep, timeout_at};

use crate::backoff;
use crate::notices::Notices;
use crate::service::{Failure, Plan, Service};
use crate::sink::Sink;
use crate::spool::Spool;
use crate::status::{SinkState, add, one_line};
use crate::store::{Next, Store, Work};

/// While a sink is away, what comes in is brought to the disk this often.
const SPILL_PAUSE: Duration = Duration::from_millis(100);

/// Refused events are spoken of once in this time.
const REJECTION_PAUSE: Duration = Duration::from_secs(3600);

/// Until when everything has to be delivered or put away; empty while the daemon runs.
pub(crate) type Closing = Arc<OnceLock<Instant>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker<S> {
    service: S,
    store: Store,
    sink: Arc<Sink>,
    notices: Arc<Notices>,
    plan: Plan,
    closing: Closing,
    /// In a row.
    failures: u32,
    failing_since: Option<Instant>,
    told_rejection: Option<Instant>,
}

impl<S: Service> Worker<S> {
    pub(crate) fn new(
        service: S,
        plan: Plan,
        sink: Arc<Sink>,
        spool: Option<Spool>,
        notices: Arc<Notices>,
        closing: Closing,
    ) -> Self {
        let store = Store::new(Arc::clone(&sink), spool, Arc::clone(&notices), plan);
        Self {
            service,
            store,
            sink,
            notices,
            plan,
            closing,
            failures: 0,
            failing_since: None,
            told_rejection: None,
        }
    }

    /// Until the daemon ends.
    pub(crate) async fn run(mut self) {
        let mut work: Option<Work> = None;
        let mut prepared = false;
        let mut pause_until: Option<Instant> = None;
        loop {
            let closing = self.closing.get().copied();
            let now = Instant::now();
            if closing.is_some_and(|until| self.failures > 0 || now >= until) {
                break;
            }
            if let Some(until) = pause_until.filter(|until| now < *until) {
                self.pause(until, work.as_mut()).await;
                continue;
            }
            if work.is_none() && prepared {
                match self.store.next(closing.is_some(), now) {
                    Next::Deliver(next) => work = Some(next),
                    Next::Wait(_) if closing.is_some() => break,
                    Next::Wait(until) => {
                        self.change_before(until).await;
                        continue;
                    }
                }
            }
            match self.attempt(work.as_mut()).await {
                // The time is over.
                None => {}
                Some(Ok(())) => {
                    prepared = true;
                    self.succeeded(&mut work);
                }
                Some(Err(Failure::Rejected(problem))) if work.is_some() => self.rejected(&mut work, &problem),
                Some(Err(Failure::Ended(problem))) => {
                    self.end(work, &problem);
                    return;
                }
                Some(Err(failure)) => {
                    let pause = self.failed(&failure);
                    let now = Instant::now();
                    pause_until = Some(now + pause);
                    self.store.spill(work.as_mut(), now);
                }
            }
        }
        self.store.leave(work, Instant::now());
    }

    /// Waits until something has come in or the daemon ends, or until then.
    async fn change_before(&self, until: Option<Instant>) {
        let changed = self.sink.queue.changed();
        match until {
            // Either way the loop looks again.
            Some(until) => drop(timeout_at(until.into(), changed).await),
            None => changed.await,
        }
    }

    /// Waits until the next attempt is due, or for a moment where something has come in, which is brought to the disk.
    async fn pause(&mut self, until: Instant, work: Option<&mut Work>) {
        self.change_before(Some(until)).await;
        if self.closing.get().is_none() {
            sleep(SPILL_PAUSE.min(until.saturating_duration_since(Instant::now()))).await;
        }
        self.store.spill(work, Instant::now());
        self.store.tell_losses();
    }

    /// Delivers one part, and keeps the queue short meanwhile. `None` where the daemon ends before it is delivered.
    async fn attempt(&mut self, mut work: Option<&mut Work>) -> Option<Result<(), Failure>> {
        let Self { service, store, sink, closing, .. } = self;
        let part = work.as_ref().and_then(|work| work.part()).cloned().unwrap_or_default();
        // Also where nothing is sent yet because the place could not be prepared.
        if self.failures > 0 {
            add(&sink.counters.retries, 1);
        }
        let mut delivery = pin!(async {
            service.prepare().await?;
            if part.is_empty() { Ok(()) } else { service.deliver(&part).await }
        });
        loop {
            if sink.queue.is_half_full() {
                store.spill(work.as_deref_mut(), Instant::now());
            }
            let until = closing.get().copied();
            let changed = pin!(async {
                match until {
                    Some(until) => drop(timeout_at(until.into(), sink.queue.changed()).await),
                    None => sink.queue.changed().await,
                }
            });
            match select(delivery.as_mut(), changed).await {
                Either::Left((outcome, _)) => return Some(outcome),
                Either::Right(_) if until.is_some_and(|until| Instant::now() >= until) => return None,
                Either::Right(_) => {}
            }
        }
    }

    fn succeeded(&mut self, work: &mut Option<Work>) {
        if let Some(done) = work {
            done.accepted();
            self.sink.counters.health.lock().last_success = Some(SystemTime::now());
        }
        self.answered();
        self.finish_if_done(work);
        self.store.tell_losses();
    }

    fn finish_if_done(&mut self, work: &mut Option<Work>) {
        if let Some(done) = work.take_if(|work| work.part().is_none()) {
            self.store.finish(done);
        }
    }

    /// It took the batch or said why not: it is there.
    fn answered(&mut self) {
        self.failures = 0;
        let mut health = self.sink.counters.health.lock();
        if health.state == SinkState::Failed {
            let seconds = self.failing_since.map_or(0, |since| since.elapsed().as_secs());
            self.notices.say(&format!("sink {} takes events again, after {seconds} s", self.sink.name));
        }
        self.failing_since = None;
        health.state = SinkState::Healthy;
        health.last_error = None;
    }

    fn rejected(&mut self, work: &mut Option<Work>, problem: &str) {
        self.answered();
        let problem = one_line(problem);
        if self.told_rejection.is_none_or(|told| told.elapsed() >= REJECTION_PAUSE) {
            self.told_rejection = Some(Instant::now());
            self.notices.say(&format!(
                "sink {} refuses events, which are lost and counted: {problem}",
                self.sink.name
            ));
        }
        self.sink.counters.health.lock().last_error = Some(problem);
        if let Some(refused) = work {
            refused.rejected();
        }
        self.finish_if_done(work);
    }

    /// How long to wait before the next attempt.
    fn failed(&mut self, failure: &Failure) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert_with(Instant::now);
        let problem = one_line(failure.problem());
        let asked = match failure {
            Failure::Transient { after, .. } => *after,
            _ => None,
        };
        let last_resort =
            !matches!(failure, Failure::Transient { .. }) || self.failures > self.plan.retry_max;
        let mut health = self.sink.counters.health.lock();
        if last_resort && health.state != SinkState::Failed {
            self.notices.say(&format!(
                "sink {} fails: {problem}; what it should get is kept and it is tried again",
                self.sink.name
            ));
        }
        health.state = if last_resort { SinkState::Failed } else { SinkState::Retrying };
        health.last_error = Some(problem);
        // What waits for a person is not asked four times a second.
        let step = if matches!(failure, Failure::Refused(_)) {
            self.failures.saturating_add(2)
        } else {
            self.failures
        };
        backoff::delay(step, asked, backoff::random())
    }

    /// Nothing more will be taken: from now on everything is counted as lost.
    fn end(self, work: Option<Work>, problem: &str) {
        self.sink.queue.close();
        let problem = one_line(problem);
        self.notices.say(&format!(
            "sink {} has ended: {problem}; what it should get is lost and counted",
            self.sink.name
        ));
        {
            let mut health = self.sink.counters.health.lock();
            health.state = SinkState::Failed;
            health.last_error = Some(problem);
        }
        self.store.give_up(work);
    }
}
