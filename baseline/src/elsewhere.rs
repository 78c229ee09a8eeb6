//! What other machines know of the same workloads, and how it gets here.
//!
//! It counts for scores and is kept apart from what was seen here: it is not saved with it, and it is not among what is
//! told to others, so that nothing is counted twice however often it goes around. Whoever brings it
//! holds a [`Peering`] and works on a thread of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anomaly_vectorizer::{Embedder, Kind};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use crate::engine::{Baseline, Inner, Kinds};
use crate::row::{Day, StoredRow, Timestamp, WorkloadRecord};
use crate::store::Access;
use crate::workload::Workload;

/// How long a workload that begins here waits to be told what others know of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for rows that are not in memory.
const AWAKENING: Duration = Duration::from_secs(10);

/// Workloads that wait at a time; more begin at once.
const MAX_WAITING: usize = 1_024;

/// Rows that are copied out under one lock of their workload.
const AT_ONCE: usize = 64;

/// Rows that are told under one: each may go into the index.
const TOLD_AT_ONCE: usize = 16;

/// Rows that are looked at together for which of them have to be read first.
const NEEDED_AT_ONCE: usize = 512;

/// How far a workload's own rows are. Both grow with every change; they mean nothing beyond this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Revision {
    /// Rows and states.
    pub rows: u64,
    /// Counts and times.
    pub counts: u64,
}

impl Revision {
    /// One that nothing had before.
    pub(crate) fn new() -> Self {
        let mut revision = Self::default();
        revision.bump(true);
        revision
    }

    /// Notes a change.
    pub(crate) fn bump(&mut self, of_rows: bool) {
        // Of the whole process, so that a workload that is loaded anew never repeats an earlier one.
        static CHANGES: AtomicU64 = AtomicU64::new(1);
        self.counts = CHANGES.fetch_add(1, Relaxed);
        if of_rows {
            self.rows = self.counts;
        }
    }

    fn or(self, other: Self) -> Self {
        Self { rows: self.rows.max(other.rows), counts: self.counts.max(other.counts) }
    }
}

/// What other machines know of a workload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Elsewhere {
    /// How many machines.
    pub machines: usize,
    /// When each kind of act had been learned enough there; without those that are still being learned.
    pub learned: BTreeMap<Kind, Timestamp>,
    /// What is active or denied there, counts summed over the machines. Vectors are not looked at.
    pub rows: Vec<StoredRow>,
}

/// Which workloads others know, and which wait to be told.
#[derive(Debug, Default)]
pub(crate) struct Others {
    known: RwLock<HashSet<Arc<str>>>,
    asked: Mutex<Asked>,
    asked_more: Condvar,
}

#[derive(Debug, Default)]
struct Asked {
    /// Workloads that somebody has to be told about.
    wanted: HashSet<Arc<str>>,
    /// Those of them that do not begin before.
    waiting: HashMap<Arc<str>, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    /// The first moment and day of each kind that waits.
    kinds: HashMap<Kind, (Timestamp, Day)>,
}

impl Others {
    /// Whether a kind of act that begins in a workload here has to wait. Asking is asking to be told.
    pub(crate) fn holds_up(&self, workload: &str, kind: Kind, time: Timestamp, day: Day) -> bool {
        let Some(name) = self.known.read().get(workload).cloned() else { return false };
        let mut asked = self.asked.lock();
        let Asked { wanted, waiting } = &mut *asked;
        if waiting.len() >= MAX_WAITING && !waiting.contains_key(&name) {
            return false;
        }
        let new = || Waiting { since: Instant::now(), kinds: HashMap::new() };
        let of_workload = waiting.entry(Arc::clone(&name)).or_insert_with(new);
        if of_workload.since.elapsed() >= PATIENCE {
            return false;
        }
        if of_workload.kinds.insert(kind, (time, day)).is_none() {
            wanted.insert(name);
            self.asked_more.notify_one();
        }
        true
    }

    /// A workload was loaded, without what others know of it.
    pub(crate) fn ask_again(&self, workload: &Arc<str>) {
        if self.known.read().contains(workload) {
            self.asked.lock().wanted.insert(Arc::clone(workload));
            self.asked_more.notify_one();
        }
    }
}

/// The way of what others know into an engine, and of what was seen here to them.
#[derive(Clone)]
pub struct Peering {
    pub(crate) inner: Arc<Inner>,
}

impl Peering {
    /// Whether this process writes the database; `None` while it is being loaded.
    pub fn access(&self) -> Option<Access> {
        self.inner.access()
    }

    /// Which features there are.
    pub fn embedder(&self) -> Arc<dyn Embedder> {
        Arc::clone(&self.inner.shared.embedder)
    }

    /// The workloads that there are, and how far their own rows are.
    pub fn workloads(&self) -> Vec<(Arc<str>, Revision)> {
        let revision = |kinds: &Kinds| {
            kinds
                .iter()
                .map(|baseline| baseline.lock().unsaved.revision)
                .fold(Revision::default(), Revision::or)
        };
        self.inner.by_name().into_iter().map(|(name, kinds)| (name, revision(&kinds))).collect()
    }

    /// What was seen here of a workload, but for what is forgotten; without vectors and features. `None` where it is
    /// nothing. Of one that is too large for memory it is what was seen last of it: the rows that are there.
    pub fn own(&self, workload: &str) -> Option<(WorkloadRecord, Vec<StoredRow>)> {
        let kinds = self.inner.kinds(workload)?;
        let mut rows: BTreeMap<(Kind, u128), StoredRow> = BTreeMap::new();
        let name = workload.into();
        for baseline in kinds.iter() {
            let mut start = Some(0);
            while let Some(from) = start {
                let locked = self.awake(&name, baseline)?;
                let (some, next) = locked.own_rows(from, AT_ONCE);
                drop(locked);
                // By key, because a row that moves meanwhile is met twice.
                rows.extend(some.into_iter().map(|row| ((row.execution.kind, row.key), row)));
                start = next;
            }
        }
        if rows.is_empty() {
            return None;
        }
        Some((kinds.record(), rows.into_values().collect()))
    }

    /// Names the workloads that others know, all of them: one that begins here waits, for a moment, until it was told
    /// what they know.
    pub fn known_elsewhere(&self, workloads: HashSet<Arc<str>>) {
        *self.inner.others.known.write() = workloads;
    }

    /// Waits for workloads that have to be told; none when the time is over.
    pub fn wanted(&self, timeout: Duration) -> Vec<Arc<str>> {
        let others = &self.inner.others;
        let mut asked = others.asked.lock();
        if asked.wanted.is_empty() && !timeout.is_zero() {
            others.asked_more.wait_for(&mut asked, timeout);
        }
        asked.wanted.drain().collect()
    }

    /// Tells what others know of a workload, in the place of what was told before. A workload that neither is here nor
    /// waits stays unknown.
    pub fn take_elsewhere(&self, workload: &str, elsewhere: Elsewhere) {
        let Elsewhere { machines: _, learned, rows } = elsewhere;
        let mut by_kind: BTreeMap<Kind, Vec<StoredRow>> = BTreeMap::new();
        for row in rows {
            by_kind.entry(row.execution.kind).or_default().push(row);
        }
        let inner = &*self.inner;
        let waited = inner.others.asked.lock().waiting.get(workload).map(|waiting| waiting.kinds.clone());
        if waited.is_none() && inner.kinds(workload).is_none() {
            return;
        }
        // Whoever waits goes on when all is told.
        let mut begun: HashMap<Kind, (Timestamp, Day)> = waited.unwrap_or_default();
        let start = begun.values().next().copied();
        let name: Arc<str> = workload.into();
        for kind in Kind::ALL {
            let rows = by_kind.remove(&kind).unwrap_or_default();
            let when = begun.remove(&kind);
            // A kind that others know and nobody asked about here yet is there when somebody does.
            let when = when.or(if rows.is_empty() { None } else { start });
            let Some(baseline) = inner.baseline(workload, kind, when) else { continue };
            let Some(told) = self.awake(&name, &baseline).map(|mut locked| locked.begin_telling()) else {
                // It is told again with the next news.
                continue;
            };
            for rows in rows.chunks(NEEDED_AT_ONCE) {
                let needed = baseline.lock().needed_to_tell(rows);
                if !needed.is_empty() {
                    // What does not come in time is told again with the next news.
                    drop(self.awake_with(&name, &baseline, &needed));
                }
                // Whoever waits meanwhile is next: this would else take the lock again before it wakes.
                for rows in rows.chunks(TOLD_AT_ONCE) {
                    let mut locked = baseline.lock();
                    locked.tell(rows, told, &inner.shared);
                    MutexGuard::unlock_fair(locked);
                }
            }
            let mut next = Some(0);
            while let Some(start) = next {
                let mut locked = baseline.lock();
                next = locked.untell(start, AT_ONCE, told, &inner.shared);
                MutexGuard::unlock_fair(locked);
            }
            baseline.lock().end_telling(learned.get(&kind).copied(), &inner.shared);
            inner.begin(workload, kind, baseline);
        }
        inner.others.asked.lock().waiting.remove(workload);
    }

    /// A baseline with its rows, which are read back where they are not in memory, and stay for a while. Once others'
    /// rows are among them they stay for good: the store does not have those.
    fn awake<'b>(&self, name: &Arc<str>, baseline: &'b Baseline) -> Option<MutexGuard<'b, Workload>> {
        self.awake_with(name, baseline, &[])
    }

    /// The same with the rows of these keys in memory.
    fn awake_with<'b>(
        &self,
        name: &Arc<str>,
        baseline: &'b Baseline,
        keys: &[u128],
    ) -> Option<MutexGuard<'b, Workload>> {
        let mut awake = self.inner.awake(name, baseline, keys, Instant::now() + AWAKENING, &|| {})?;
        self.inner.keep_awake(&mut awake);
        Some(awake)
    }

    /// Says something once, through the engine's notices.
    pub fn notice(&self, text: &str) {
        self.inner.notice(text);
    }
}

impl std::fmt::Debug for Peering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peering").finish_non_exhaustive()
    }
}
