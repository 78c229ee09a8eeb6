//! Executions of this machine: first what runs already, then what the feed tells, each in its workload.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anomaly_baseline::{Teach, utc_day};
use anomaly_capture::workload::Workloads;
use anomaly_capture::{Capture, CaptureError, FeedKind, HostRoot, Loss, Observation, Options, running};

use super::event::Event;
use super::resolve::Resolver;
use super::source::Next;
use crate::cli::Watch;
use crate::failure::Failure;

/// This machine's executions.
pub(super) struct Live {
    capture: Capture,
    /// What ran before the feed was opened; taken first.
    seeds: Box<dyn Iterator<Item = Observation>>,
    resolver: Resolver,
    notices: Vec<String>,
}

impl Live {
    /// Opens the feed, then looks for what runs already, so that nothing falls between the two.
    ///
    /// # Errors
    /// Where no feed works that may be used.
    pub(super) fn open(arguments: &Watch) -> Result<Self, Failure> {
        let root = HostRoot::from_env();
        let options = Options { root: root.clone(), scrubber: arguments.scrubber(), ..Options::default() };
        let opened = since_boot();
        let (capture, steps) = Capture::open(arguments.feed, &options)?;
        let mut notices: Vec<String> = steps.iter().map(ToString::to_string).collect();
        notices.push(format!("feed {}: {}", capture.kind(), capture.kind().misses()));
        // A process that was started later is the feed's to tell.
        let seeds =
            running(&root, &options.scrubber)?.filter(move |seed| seed.identity.start_boottime < opened);
        let workloads = Workloads::new(root, arguments.workload.clone().unwrap_or_default());
        let resolver = Resolver::new(workloads, Instant::now());
        Ok(Self { capture, seeds: Box::new(seeds), resolver, notices })
    }

    /// The next execution whose workload is known.
    pub(super) fn next(&mut self, patience: Duration) -> Next {
        let now = Instant::now();
        if let Some(observation) = self.resolver.take(now) {
            return Next::Event(event(observation));
        }
        let observation = match self.seeds.next() {
            Some(seed) => seed,
            None => match self.capture.observations().recv_timeout(patience) {
                Ok(observation) => observation,
                Err(RecvTimeoutError::Timeout) => return Next::Nothing,
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            },
        };
        self.resolver
            .resolve(observation, now)
            .map_or(Next::Nothing, |observation| Next::Event(event(observation)))
    }

    /// The feed tells nothing more: whoever still waits is let through, then it is over.
    fn end(&mut self) -> Next {
        self.resolver.end();
        if let Some(observation) = self.resolver.take(Instant::now()) {
            return Next::Event(event(observation));
        }
        match self.capture.stop() {
            Err(error) => Next::Failed(error.into()),
            Ok(()) => Next::End,
        }
    }

    /// Ends the feed. What it told before can still be taken.
    pub(super) fn stop(&mut self) {
        self.resolver.end();
        if let Err(error) = self.capture.stop() {
            self.notices.push(error.to_string());
        }
    }

    /// What there is to say.
    pub(super) fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Executions that the feeds saw.
    pub(super) fn executions(&self) -> Vec<(&'static str, u64)> {
        let counters = self.capture.counters();
        let kind = self.capture.kind();
        let others =
            FeedKind::ALL.into_iter().filter(|&other| other != kind && counters.executions(other) > 0);
        [kind].into_iter().chain(others).map(|kind| (kind.as_str(), counters.executions(kind))).collect()
    }

    /// Executions that were noticed and not delivered, per cause.
    pub(super) fn lost(&self) -> Vec<(&'static str, u64)> {
        let counters = self.capture.counters();
        Loss::ALL.into_iter().map(|cause| (cause.as_str(), counters.lost(cause))).collect()
    }

    /// Executions of containers whose image stayed unknown.
    pub(super) fn unresolved(&self) -> u64 {
        self.resolver.unresolved()
    }
}

fn event(observation: Observation) -> Event {
    let teach = if observation.feed == FeedKind::Seed { Teach::Seed } else { Teach::Policy };
    Event { day: utc_day(observation.time), teach, recorded: observation.into() }
}

/// Nanoseconds since the machine was booted, suspend included.
fn since_boot() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self::new(error.to_string())
    }
}
