//! Executions of this machine: first what runs already, then what the feed tells, each in its workload.

use std::fs;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anomaly_baseline::{Teach, utc_day};
use anomaly_capture::workload::{Template, Workloads};
use anomaly_capture::{Capture, CaptureError, FeedChoice, FeedKind, Loss, Observation, Options, running};

use super::event::Event;
use super::resolve::Resolver;
use super::source::Next;
use crate::failure::Failure;

/// This machine's executions.
pub(crate) struct Live {
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
    pub(crate) fn open(feed: FeedChoice, options: &Options, template: Template) -> Result<Self, Failure> {
        let opened = since_boot();
        let (capture, steps) = Capture::open(feed, options)?;
        let mut notices: Vec<String> = steps.iter().map(ToString::to_string).collect();
        notices.push(format!("feed {}: {}", capture.kind(), capture.kind().misses()));
        // A process that was started later is the feed's to tell.
        let seeds = running(&options.root, &options.scrubber)?
            .filter(move |seed| seed.identity.start_boottime < opened);
        let workloads = Workloads::new(options.root.clone(), template);
        let resolver = Resolver::new(workloads, Instant::now());
        Ok(Self { capture, seeds: Box::new(seeds), resolver, notices })
    }

    /// The next execution whose workload is known.
    pub(crate) fn next(&mut self, patience: Duration) -> Next {
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
    pub(crate) fn stop(&mut self) {
        self.resolver.end();
        if let Err(error) = self.capture.stop() {
            self.notices.push(error.to_string());
        }
    }

    /// What there is to say.
    pub(crate) fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The feed that was taken.
    pub(crate) fn kind(&self) -> FeedKind {
        self.capture.kind()
    }

    /// Executions that the feeds saw.
    pub(crate) fn executions(&self) -> Vec<(&'static str, u64)> {
        let counters = self.capture.counters();
        let kind = self.capture.kind();
        let others =
            FeedKind::ALL.into_iter().filter(|&other| other != kind && counters.executions(other) > 0);
        [kind].into_iter().chain(others).map(|kind| (kind.as_str(), counters.executions(kind))).collect()
    }

    /// Executions that were noticed and not delivered, per cause.
    pub(crate) fn lost(&self) -> Vec<(&'static str, u64)> {
        let counters = self.capture.counters();
        Loss::ALL.into_iter().map(|cause| (cause.as_str(), counters.lost(cause))).collect()
    }

    /// Executions of containers whose image stayed unknown.
    pub(crate) fn unresolved(&self) -> u64 {
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

/// This machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What tells this boot of this machine from every other.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim_end().to_owned()
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self::new(error.to_string())
    }
}
