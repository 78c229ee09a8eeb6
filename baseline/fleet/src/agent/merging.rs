//! The thread that hands to the engine what others know.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anomaly_baseline::text::printable;
use anomaly_baseline::{Access, Day, utc_day};
use anomaly_exchange::Portion;

use super::rounds::{is_stopping, now};
use super::{Common, is_over};
use crate::cache::Index;
use crate::head::Entry;
use crate::merge::{Terms, fold};
use crate::object;
use crate::status::INDEX;

/// How long to wait for workloads that wait, and so how often to look for anything else.
const TICK: Duration = Duration::from_millis(200);

/// How many times as long as telling anew took the thread rests: many machines cost freshness, never more than a
/// twentieth of a core.
const IDLE: u32 = 19;

/// How often to look again for what went while it was being read.
const ATTEMPTS: usize = 3;

/// How often a process that does not write looks at what the one that does brought.
const READING: Duration = Duration::from_secs(5);

/// Hands over until it is told to stop.
pub(super) fn run(common: &Common) {
    let mut merging =
        Merging { common, told: HashSet::new(), day: utc_day(now()), read_due: Instant::now() + READING };
    merging.announce();
    merging.all_anew();
    while !is_stopping(common) {
        let wanted = common.local.wanted(TICK);
        merging.tick(wanted);
    }
}

struct Merging<'a> {
    common: &'a Common,
    /// Workloads that the engine was told about.
    told: HashSet<Arc<str>>,
    /// The day on which what is too old was last left out.
    day: Day,
    read_due: Instant,
}

impl Merging<'_> {
    fn tick(&mut self, wanted: Vec<Arc<str>>) {
        let common = self.common;
        for workload in wanted {
            self.merge(&workload);
        }
        let Some(access) = common.local.access() else { return };
        if access == Access::Reader && is_over(self.read_due) {
            self.read_due = Instant::now() + READING;
            self.read_again();
        }
        let day = utc_day(now());
        if day != self.day {
            self.day = day;
            self.all_anew();
        }
        let changed = std::mem::take(&mut *common.changed.lock());
        if changed.is_empty() {
            return;
        }
        self.announce();
        for (workload, _) in common.local.workloads() {
            if is_stopping(common) {
                return;
            }
            if changed.contains(&*workload) {
                let begun = Instant::now();
                self.merge(&workload);
                let again = !self.told.insert(workload);
                // Whoever waits does not wait for all the others.
                self.rest(if again { begun.elapsed() * IDLE } else { Duration::ZERO });
            }
        }
    }

    /// Does nothing for a while but what somebody waits for.
    fn rest(&self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wanted = self.common.local.wanted(left.min(TICK));
            wanted.iter().for_each(|workload| self.merge(workload));
            if left.is_zero() || is_stopping(self.common) {
                return;
            }
        }
    }

    fn announce(&self) {
        let names: HashSet<Arc<str>> =
            self.common.index.lock().workloads().into_iter().map(Arc::from).collect();
        self.common.local.known_elsewhere(names);
    }

    /// Everything is handed over again.
    fn all_anew(&self) {
        let names: Vec<String> =
            self.common.index.lock().workloads().into_iter().map(str::to_owned).collect();
        self.common.changed.lock().extend(names);
    }

    /// Takes what the process that writes has brought.
    fn read_again(&self) {
        let Some(index) = self.common.cache.read::<Index>(INDEX) else { return };
        if *self.common.index.lock() != index {
            self.common.index.lock().clone_from(&index);
            self.all_anew();
        }
    }

    /// Tells the engine what others know of a workload.
    fn merge(&self, workload: &str) {
        let Common { options, local, counters, .. } = self.common;
        let terms = Terms { today: self.day, retention_days: options.retention_days, agree: options.agree };
        for attempt in 1..=ATTEMPTS {
            let mut complete = true;
            let elsewhere = fold(self.portions(workload, &mut complete), terms);
            // An object that went while this was reading has a successor by now. One that is damaged has not, and what the
            // others know is worth more than what is missing.
            if complete || attempt == ATTEMPTS {
                local.take_elsewhere(workload, elsewhere);
                counters.merged.add(1);
                return;
            }
            self.read_again();
        }
    }

    /// What each machine published of a workload.
    fn portions(&self, workload: &str, complete: &mut bool) -> impl Iterator<Item = Portion> {
        let Common { local, cache, counters, index, damaged, .. } = self.common;
        let entries: Vec<(String, Entry)> = {
            let index = index.lock();
            index.entries(workload).map(|(machine, entry)| (machine.to_owned(), entry.clone())).collect()
        };
        let embedder = local.embedder();
        entries.into_iter().filter_map(move |(machine, entry)| {
            let missing = |complete: &mut bool| {
                *complete = false;
                damaged.store(true, Relaxed);
            };
            let Ok(bytes) = cache.get(&entry.object, entry.bytes) else {
                missing(complete);
                return None;
            };
            let error = match object::decode(&bytes, &entry.object, workload, &*embedder) {
                Ok(portion) => return Some(portion),
                Err(error) => error,
            };
            counters.corrupt.add(1);
            if matches!(error, object::ObjectError::Digest) {
                // It was whole when it came.
                cache.discard(&entry.object);
                missing(complete);
                return None;
            }
            let name = printable(workload, 100);
            local.notice(&format!(
                "machine {machine} of the fleet: its rows of workload {name} are left out: {error}"
            ));
            None
        })
    }
}
