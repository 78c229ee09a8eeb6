//! The thread that hands to the engine what others know.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{Access, Day, Elsewhere, utc_day};
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

/// How often a process that does not write looks at what the one that does brought.
const READING: Duration = Duration::from_secs(5);

/// Hands over until it is told to stop.
pub(super) fn run(common: &Common) {
    let mut merging = Merging { common, day: utc_day(now()), read_due: Instant::now() + READING };
    merging.announce();
    merging.all_anew();
    while !is_stopping(common) {
        let wanted = common.local.wanted(TICK);
        merging.tick(wanted);
    }
}

struct Merging<'a> {
    common: &'a Common,
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
                self.merge(&workload);
                // Whoever waits does not wait for all the others.
                let wanted = common.local.wanted(Duration::ZERO);
                wanted.iter().for_each(|workload| self.merge(workload));
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
        let Common { options, local, cache, counters, index, .. } = self.common;
        let entries: Vec<(String, Entry)> = {
            let index = index.lock();
            index.entries(workload).map(|(machine, entry)| (machine.to_owned(), entry.clone())).collect()
        };
        let embedder = local.embedder();
        let portions = entries.iter().filter_map(|(machine, entry)| -> Option<Portion> {
            let bytes = cache.get(&entry.object, entry.bytes).ok()?;
            match object::decode(&bytes, &entry.object, workload, &*embedder) {
                Ok(portion) => Some(portion),
                Err(error) => {
                    counters.corrupt.add(1);
                    let name = anomaly_baseline::text::printable(workload, 100);
                    local.notice(&format!(
                        "machine {machine} of the fleet: its rows of workload {name} are left out: {error}"
                    ));
                    if matches!(error, object::ObjectError::Digest) {
                        cache.discard(&entry.object);
                    }
                    None
                }
            }
        });
        let terms = Terms { today: self.day, retention_days: options.retention_days, agree: options.agree };
        let elsewhere: Elsewhere = fold(portions, terms);
        local.take_elsewhere(workload, elsewhere);
        counters.merged.add(1);
    }
}
