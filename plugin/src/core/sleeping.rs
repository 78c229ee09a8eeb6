//! Executions whose workload's baseline is not in memory. It is being read back, and they are judged then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{Standing, Teach};
use anomaly_capture::Observation;

use super::Core;
use super::verdicts::Handle;

/// Executions that may wait. One more, and the oldest stays without a score.
const CAPACITY: usize = 1_024;

/// How long one waits; then it stays without a score.
const PATIENCE: Duration = Duration::from_secs(5);

/// An execution that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) observation: Box<Observation>,
    pub(super) teach: Teach,
    pub(super) workload: Arc<str>,
    /// Where its verdict is expected.
    pub(super) handle: Handle,
    pub(super) since: Instant,
}

/// Those that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sleeping(VecDeque<Waiting>);

impl Core {
    /// Puts an execution off until its baseline is in memory.
    pub(super) fn put_off(&self, waiting: Waiting) {
        let crowded = {
            let Sleeping(queue) = &mut *self.sleeping.lock();
            let crowded = if queue.len() >= CAPACITY { queue.pop_front() } else { None };
            queue.push_back(waiting);
            crowded
        };
        if let Some(waiting) = crowded {
            self.judge_again(waiting, Instant::now(), Duration::ZERO);
        }
    }

    /// Judges those whose baseline is in memory by now, and gives up those that have waited for too long.
    pub(super) fn judge_sleeping(&self, now: Instant) {
        self.judge_all_again(now, PATIENCE);
    }

    /// Judges all of them at the end of a capture: nobody comes by any more.
    pub(super) fn give_up_sleeping(&self) {
        self.judge_all_again(Instant::now(), Duration::ZERO);
    }

    fn judge_all_again(&self, now: Instant, patience: Duration) {
        // Those that go on waiting are put behind them.
        let waiting = std::mem::take(&mut *self.sleeping.lock()).0;
        for waiting in waiting {
            self.judge_again(waiting, now, patience);
        }
        self.metrics.waiting_for_baseline.set(self.sleeping.lock().0.len() as u64);
    }

    fn judge_again(&self, waiting: Waiting, now: Instant, patience: Duration) {
        let verdict = self.ask(&waiting.workload, &waiting.observation, waiting.teach);
        if verdict.standing == Standing::Waking && now.saturating_duration_since(waiting.since) < patience {
            self.sleeping.lock().0.push_back(waiting);
            return;
        }
        let Waiting { observation, teach, handle, .. } = waiting;
        self.settle_late(&observation, teach, handle, verdict);
    }
}
