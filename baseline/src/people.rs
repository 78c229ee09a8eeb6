//! Taking up what people decided, exactly once.
//!
//! A decision is applied in memory, saved together with a note of it in its workload's record, and then settled in the
//! decisions' own log. A process that is killed before the second step has done nothing; one that is killed before the
//! third leaves the note, and its successor settles without applying again. A process that only reads applies what it
//! learns of in memory, so that it scores as the one that writes.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::Inner;
use crate::feedback::{Feedback, Settled};
use crate::row::{Timestamp, WorkloadRecord};
use crate::store::{Access, Store, StoreError};

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is known of the log.
#[derive(Debug, Default)]
pub(crate) struct People {
    version: Option<u64>,
    /// Decisions that the rows follow: settled before they were loaded, or applied by this process.
    done: HashSet<u128>,
    /// Decisions that wait to be applied, the oldest first.
    waiting: Vec<Feedback>,
    /// Decisions that are applied and that the log does not have as settled.
    unsettled: Vec<(u128, Settled)>,
    last_read: Option<Instant>,
    /// Whether reading failed the last time; it is said once.
    failing: bool,
}

impl People {
    /// Reads the whole log, before the rows are loaded.
    pub(crate) fn read_anew(&mut self, inner: &Inner, store: &mut dyn Store) {
        *self = Self::default();
        self.read(inner, store);
        let (settled, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|feedback| feedback.settled.is_some());
        self.done.extend(settled.iter().map(|feedback| feedback.id));
        self.waiting = waiting;
    }

    /// Notes which decisions a workload that is loaded follows already, though they are not settled.
    pub(crate) fn applied(&mut self, record: &WorkloadRecord) {
        let acts = record.acts.values().flat_map(|record| &record.applied);
        for (id, outcome) in record.applied.iter().chain(acts) {
            let before = self.waiting.len();
            self.waiting.retain(|feedback| feedback.id != *id);
            if self.waiting.len() < before {
                self.done.insert(*id);
                self.unsettled.push((*id, Settled { time: now(), outcome: outcome.clone() }));
            }
        }
    }

    /// Whether it is time to look again.
    pub(crate) fn are_due(&self) -> bool {
        self.last_read.is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    /// Looks for decisions that are new.
    pub(crate) fn read(&mut self, inner: &Inner, store: &mut dyn Store) {
        self.last_read = Some(Instant::now());
        let log = match store.feedback(self.version) {
            Ok(log) => log,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    inner.notice(&format!("{error}; what people decided is looked for again"));
                }
                return;
            }
        };
        self.failing = false;
        let Some(log) = log else { return };
        self.version = Some(log.version);
        // Bounded as the log is: what it does not have any more is not asked about again.
        let listed: HashSet<_> = log.entries.iter().map(|feedback| feedback.id).collect();
        self.done.retain(|id| listed.contains(id));
        self.waiting = log.entries.into_iter().filter(|feedback| !self.done.contains(&feedback.id)).collect();
    }

    /// Applies what waits, in memory.
    pub(crate) fn apply(&mut self, inner: &Inner, store: &mut dyn Store, access: Access) {
        for feedback in std::mem::take(&mut self.waiting) {
            if let Err(error) = inner.wake_for(store, &feedback.workload, &feedback.keys) {
                inner.notice(&format!("{error}; what people decided about it waits"));
                self.waiting.push(feedback);
                continue;
            }
            let outcome = inner.apply(&feedback);
            self.done.insert(feedback.id);
            if access == Access::Writer {
                inner.notice(&format!("{}: {outcome}", sentence(&feedback)));
                self.unsettled.push((feedback.id, Settled { time: now(), outcome }));
            }
        }
        self.keep_noted(inner);
    }

    /// Settles what was applied. Everything that follows it is saved.
    pub(crate) fn settle(&mut self, inner: &Inner, store: &mut dyn Store) -> Result<(), StoreError> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        store.settle(&self.unsettled)?;
        self.unsettled.clear();
        self.keep_noted(inner);
        Ok(())
    }

    /// Lets records forget the decisions that are settled.
    fn keep_noted(&self, inner: &Inner) {
        let unsettled: HashSet<_> = self.unsettled.iter().map(|(id, _)| *id).collect();
        inner.workloads().iter().for_each(|(_, workload)| workload.lock().keep_noted(&unsettled));
    }
}

/// `alice approved curl* in web`
fn sentence(feedback: &Feedback) -> String {
    let Feedback { who, action, workload, asked, .. } = feedback;
    let asked = if asked.is_empty() { String::new() } else { format!(" {asked}") };
    format!("{who} said {action}{asked} in workload {workload}")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_micros()).unwrap_or(Timestamp::MAX)
}
