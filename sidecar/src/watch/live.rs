//! Executions of this machine: first what runs already, then what the feed tells, each in its workload.
//!
//! The first executions of a container may be told before its runtime has written down which image it is. They wait
//! here for a few seconds, because the wrong workload would learn them; what stays unknown is counted.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anomaly_baseline::{Teach, utc_day};
use anomaly_capture::workload::{PATIENCE, Resolution, Workloads};
use anomaly_capture::{Capture, CaptureError, FeedKind, HostRoot, Loss, Observation, Options, running};

use super::event::Event;
use super::source::Next;
use crate::cli::Watch;
use crate::failure::Failure;

/// Executions that wait for their container's image, at most; the oldest is given up for one more.
const MAX_WAITING: usize = 1024;

/// How often those are asked for again.
const RETRY: Duration = Duration::from_millis(100);

/// This machine's executions.
pub(super) struct Live {
    capture: Capture,
    /// What ran before the feed was opened; drained first.
    seeds: Box<dyn Iterator<Item = Observation>>,
    workloads: Workloads,
    waiting: VecDeque<Waiting>,
    retry_due: Instant,
    stopped: bool,
    notices: Vec<String>,
    /// Executions of containers whose image stayed unknown.
    unresolved: u64,
}

struct Waiting {
    observation: Observation,
    since: Instant,
}

impl Live {
    /// Opens the feed, then looks for what runs already, so that nothing falls between the two.
    ///
    /// # Errors
    /// Where no feed works that may be used.
    pub(super) fn open(arguments: &Watch) -> Result<Self, Failure> {
        let root = HostRoot::from_env();
        let options = Options { root: root.clone(), ..Options::default() };
        let opened = since_boot();
        let (capture, steps) = Capture::open(arguments.feed, &options)?;
        let mut notices: Vec<String> = steps.iter().map(ToString::to_string).collect();
        notices.push(format!("feed {}: {}", capture.kind(), capture.kind().misses()));
        // A process that started since then is the feed's to tell.
        let seeds =
            running(&root, &options.scrubber)?.filter(move |seed| seed.identity.start_boottime < opened);
        let template = arguments.workload.clone().unwrap_or_default();
        Ok(Self {
            capture,
            seeds: Box::new(seeds),
            workloads: Workloads::new(root, template),
            waiting: VecDeque::new(),
            retry_due: Instant::now(),
            stopped: false,
            notices,
            unresolved: 0,
        })
    }

    /// The next execution whose workload is known.
    pub(super) fn next(&mut self, patience: Duration) -> Next {
        let now = Instant::now();
        if let Some(observation) = self.waited(now) {
            return Next::Event(event(observation));
        }
        if let Some(seed) = self.seeds.next() {
            return self.resolve(seed, now);
        }
        match self.capture.observations().recv_timeout(patience) {
            Ok(observation) => self.resolve(observation, now),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => match self.capture.stop() {
                Err(error) => Next::Failed(error.into()),
                Ok(()) => Next::End,
            },
        }
    }

    /// Finds an execution's workload, or lets it wait for it.
    fn resolve(&mut self, mut observation: Observation, now: Instant) -> Next {
        match self.workloads.resolve(&observation.cgroup, now) {
            Resolution::Known(workload) => {
                observation.workload = workload.to_string();
                Next::Event(event(observation))
            }
            Resolution::Pending => {
                self.waiting.push_back(Waiting { observation, since: now });
                Next::Nothing
            }
        }
    }

    /// The oldest of those that wait, once its workload is known or is not waited for any longer.
    fn waited(&mut self, now: Instant) -> Option<Observation> {
        let first = self.waiting.front()?;
        let give_up =
            self.stopped || self.waiting.len() > MAX_WAITING || now.duration_since(first.since) >= PATIENCE;
        if !give_up && now < self.retry_due {
            return None;
        }
        let cgroup = &first.observation.cgroup;
        let workload = match self.workloads.resolve(cgroup, now) {
            Resolution::Known(workload) => workload,
            Resolution::Pending if give_up => {
                self.unresolved += 1;
                self.workloads.give_up(cgroup, now)
            }
            Resolution::Pending => {
                self.retry_due = now + RETRY;
                // Another container behind it may be known by now.
                self.waiting.rotate_left(1);
                return None;
            }
        };
        let Waiting { mut observation, .. } = self.waiting.pop_front()?;
        observation.workload = workload.to_string();
        Some(observation)
    }

    /// Ends the feed. What it told before can still be taken.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        if let Err(error) = self.capture.stop() {
            self.notices.push(error.to_string());
        }
    }

    /// What there is to say.
    pub(super) fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Executions that were delivered, per feed.
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
        self.unresolved
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
