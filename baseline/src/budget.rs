//! Which baselines are in memory.
//!
//! All of them together have a budget. The engine's thread looks at what they take; above the budget it saves those that
//! nobody asked for longest and gives their rows back. Of one that is larger than what there is room for it gives back
//! those that were seen least recently. Whoever needs what is not in memory is told to ask again, and the thread reads
//! it back at once: all rows of a baseline that sleeps, or the one row that is needed. Locks are held for microseconds:
//! keys are gathered a few rows at a time, and rows are read, embedded and dropped outside.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::engine::{Baseline, Inner};
use crate::row::{StoredRow, Timestamp};
use crate::store::{Part, Store, StoreError};
use crate::workload::{LEAST_ROWS, Loading, Workload, cut};

/// Rows whose keys are gathered under one lock of their workload.
const AT_ONCE: u32 = 256;

/// Rows that are given back or taken back under one lock: each changes the index.
const CHANGED_AT_ONCE: u32 = 16;

/// How many turns rows stay that somebody waited for and has not asked yet: some five seconds.
const OWED: u64 = 12;

/// How many turns a baseline counts as used that is too large to be put to sleep for the others: some minutes.
const IN_USE: u64 = 300;

/// The share of the budget that is left free when anything is put to sleep, so that it is not done for each row: one in
/// so many.
const SLACK: usize = 8;

/// How long putting to sleep may take at a time; the rest is done in the next turn.
const SLICE: Duration = Duration::from_millis(200);

/// What the baselines take in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Bytes, estimated.
    pub bytes: usize,
    /// Baselines, one for each kind of act of a workload, whose rows are in memory.
    pub awake: usize,
    /// Of these, the ones of which some rows are not.
    pub partly: usize,
    /// Those of which the exact keys alone are.
    pub asleep: usize,
}

/// Baselines whose rows somebody waits for.
#[derive(Default)]
pub(crate) struct Asked {
    waiting: Mutex<VecDeque<(Arc<str>, Baseline)>>,
    /// Whether the engine's thread was told and has not looked yet: once is enough, and others want its queue.
    nudged: AtomicBool,
    /// Whether the engine's thread is gone.
    closed: AtomicBool,
    /// How often rows came, or did not because the store failed.
    answered: Mutex<u64>,
    answer: Condvar,
}

/// A baseline that could be put to sleep.
struct Candidate {
    used: u64,
    last_seen: Timestamp,
    bytes: usize,
    name: Arc<str>,
    baseline: Baseline,
}

impl Asked {
    /// How many answers there were.
    pub(crate) fn answers(&self) -> u64 {
        *self.answered.lock()
    }

    /// Waits for one more than there were. `false` when it did not come in time.
    pub(crate) fn wait(&self, answers: u64, until: Instant) -> bool {
        let mut answered = self.answered.lock();
        while *answered == answers {
            if self.closed.load(SeqCst) {
                return false;
            }
            if self.answer.wait_until(&mut answered, until).timed_out() {
                return *answered != answers;
            }
        }
        true
    }

    /// Has the engine's thread told, by `tell`, where it was not yet.
    pub(crate) fn nudge(&self, tell: impl FnOnce() -> bool) {
        if !self.nudged.swap(true, SeqCst) && !tell() {
            // Its queue is full: it looks anyway.
            self.nudged.store(false, SeqCst);
        }
    }

    /// The engine's thread ends: nobody waits for it any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        drop(self.answered.lock());
        self.answer.notify_all();
    }

    fn answered(&self) {
        *self.answered.lock() += 1;
        self.answer.notify_all();
    }
}

impl Inner {
    /// Asks for what somebody waits for of a baseline: its rows, where it sleeps, or some of them.
    pub(crate) fn ask(&self, name: &Arc<str>, baseline: &Baseline) {
        if baseline.lock().ask() {
            self.asked.waiting.lock().push_back((Arc::clone(name), Arc::clone(baseline)));
        }
    }

    /// A baseline that does not sleep, with the rows of these keys among those in memory; `None` where they do not come
    /// in time. Not for the engine's own thread, which is who reads them.
    pub(crate) fn awake<'b>(
        &self,
        name: &Arc<str>,
        baseline: &'b Baseline,
        keys: &[u128],
        until: Instant,
        nudge: &dyn Fn(),
    ) -> Option<MutexGuard<'b, Workload>> {
        loop {
            let answers = self.asked.answers();
            let mut locked = baseline.lock();
            let needed = if locked.is_awake() { locked.cold_among(keys, &self.shared) } else { Vec::new() };
            if locked.is_awake() && needed.is_empty() {
                locked.owed_until = 0;
                return Some(locked);
            }
            if let Some(cold) = locked.cold_mut() {
                cold.ask_for(needed);
            }
            drop(locked);
            self.ask(name, baseline);
            nudge();
            if !self.asked.wait(answers, until) {
                return None;
            }
        }
    }

    /// Keeps a baseline's rows in memory for some seconds.
    pub(crate) fn keep_awake(&self, baseline: &mut Workload) {
        baseline.owed_until = self.shared.turn() + OWED;
    }

    /// What all baselines take.
    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for (_, baseline) in self.workloads() {
            let baseline = baseline.lock();
            memory.bytes += baseline.bytes();
            *(if baseline.is_awake() { &mut memory.awake } else { &mut memory.asleep }) += 1;
            memory.partly += usize::from(baseline.is_awake() && baseline.cold().is_some());
        }
        memory
    }

    /// Baselines that may be put to sleep to keep the budget, the least recently used first, and how many bytes are too
    /// many. None where all is within.
    fn surplus(&self) -> (Vec<Candidate>, usize) {
        let budget = self.shared.settings.memory_budget;
        let turn = self.shared.turn();
        let (mut candidates, mut total) = (Vec::new(), 0);
        for (name, baseline) in self.workloads() {
            let locked = baseline.lock();
            let (bytes, used) = (locked.bytes(), locked.used);
            total += bytes;
            if locked.is_awake() && locked.owed_until <= turn {
                let last_seen = locked.record.last_seen;
                drop(locked);
                candidates.push(Candidate { used, last_seen, bytes, name, baseline });
            }
        }
        // One that is in use and takes most of the budget by itself would come back at once; the others get a quarter.
        let in_use = |candidate: &Candidate| {
            candidate.bytes > budget / 2 && candidate.used > 0 && candidate.used.saturating_add(IN_USE) > turn
        };
        let large = candidates.iter().enumerate().filter(|(_, candidate)| in_use(candidate));
        let large = large.max_by_key(|(_, candidate)| candidate.used).map(|(position, _)| position);
        let large = large.map_or(0, |position| candidates.swap_remove(position).bytes);
        let (total, budget) = (total - large, budget.saturating_sub(large).max(budget / 4));
        if total <= budget {
            return (Vec::new(), 0);
        }
        candidates.sort_unstable_by_key(|candidate| (candidate.used, candidate.last_seen));
        (candidates, total - (budget - budget / SLACK))
    }

    /// Puts to sleep what is not needed to keep the budget, and gives back the rows of what is too large by itself; first
    /// what has to be written for that, by `save`.
    pub(crate) fn keep_budget(
        &self,
        mut save: impl FnMut(&Arc<str>, &Baseline) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.shared.settings.memory_budget == usize::MAX {
            return Ok(());
        }
        let began = Instant::now();
        let (candidates, surplus) = self.surplus();
        let mut freed = 0;
        for Candidate { bytes, name, baseline, .. } in candidates {
            if freed >= surplus || began.elapsed() > SLICE {
                break;
            }
            if baseline.lock().waiting(true) > 0 {
                save(&name, &baseline)?;
            }
            if self.put_to_sleep(&baseline) {
                freed += bytes.saturating_sub(baseline.lock().bytes());
            }
        }
        self.keep_room(save)
    }

    /// What one baseline may take: what those that sleep leave of the budget, three quarters of it at most and a quarter
    /// at least.
    pub(crate) fn room(&self) -> usize {
        let budget = self.shared.settings.memory_budget;
        if budget == usize::MAX {
            return budget;
        }
        let asleep = |(_, baseline): (Arc<str>, Baseline)| {
            let baseline = baseline.lock();
            if baseline.is_awake() { 0 } else { baseline.bytes() }
        };
        let asleep: usize = self.workloads().into_iter().map(asleep).sum();
        budget.saturating_sub(asleep).clamp(budget / 4, budget / 4 * 3)
    }

    /// Gives back rows of baselines that take more than there is room for.
    fn keep_room(
        &self,
        mut save: impl FnMut(&Arc<str>, &Baseline) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let least = self.shared.settings.memory_budget / 4;
        let large: Vec<_> =
            self.workloads().into_iter().filter(|(_, baseline)| baseline.lock().bytes() > least).collect();
        if large.is_empty() {
            return Ok(());
        }
        let room = self.room();
        for (name, baseline) in large {
            let bytes = {
                let mut locked = baseline.lock();
                locked.end_owing(self.shared.turn());
                if locked.is_awake() { locked.bytes() } else { 0 }
            };
            if bytes <= room {
                continue;
            }
            if baseline.lock().waiting(true) > 0 {
                save(&name, &baseline)?;
            }
            // Maps keep the room that they once had. Where that is too much, it comes back as small as it may be.
            if bytes <= room + room / 2 || !self.put_to_sleep(&baseline) {
                self.cool(&baseline, bytes - (room - room / SLACK));
            }
        }
        Ok(())
    }

    /// Gives back the rows that were seen least recently, of about so many bytes.
    fn cool(&self, baseline: &Baseline, bytes: usize) {
        let mut times = Vec::new();
        let mut next = Some(0);
        while let Some(start) = next {
            next = baseline.lock().last_seen(start, AT_ONCE, &mut times);
        }
        let most = times.len().saturating_sub(LEAST_ROWS);
        let each = baseline.lock().bytes_of_row().max(1);
        let mut left = (bytes / each).min(most);
        let Some(until) = cut(times, left) else { return };
        let mut next = Some(0);
        while let Some(start) = next {
            let mut locked = baseline.lock();
            next = locked.cool(start, CHANGED_AT_ONCE, until, &mut left, &self.shared);
            MutexGuard::unlock_fair(locked);
        }
    }

    /// Gives a baseline's rows back where all of them are with the store. Whether it did.
    pub(crate) fn put_to_sleep(&self, baseline: &Baseline) -> bool {
        let (revision, mut gathered) = {
            let locked = baseline.lock();
            let Some(revision) = locked.may_sleep() else { return false };
            (revision, locked.begin_gathering())
        };
        let mut next = Some(0);
        while let Some(start) = next {
            next = baseline.lock().gather(start, AT_ONCE, &mut gathered);
        }
        let given_back = baseline.lock().fall_asleep(gathered, revision);
        let slept = given_back.is_some();
        self.shared.counters.slept(u64::from(slept));
        slept
    }

    /// Reads back the rows that somebody waits for, and puts others to sleep for them where they have to.
    pub(crate) fn wake_asked(
        &self,
        store: &mut dyn Store,
        mut make_room: impl FnMut(&mut dyn Store) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut result = Ok(());
        self.asked.nudged.store(false, SeqCst);
        loop {
            let Some((name, baseline)) = self.asked.waiting.lock().pop_front() else { return result };
            let woken =
                self.wake(store, &name, &baseline).and_then(|()| self.thaw_asked(store, &name, &baseline));
            // Where it failed, whoever needs it asks again.
            baseline.lock().answered();
            self.asked.answered();
            result = result.and(woken).and_then(|()| make_room(store));
        }
    }

    /// Reads back what a decision about these rows of a workload needs.
    pub(crate) fn wake_for(
        &self,
        store: &mut dyn Store,
        name: &str,
        keys: &[u128],
    ) -> Result<(), StoreError> {
        let name: Arc<str> = name.into();
        for baseline in self.kinds(&name).unwrap_or_default().iter() {
            self.wake(store, &name, baseline)?;
            loop {
                let needed = baseline.lock().cold_among(keys, &self.shared);
                if needed.is_empty() {
                    break;
                }
                self.thaw(store, &name, baseline, &needed)?;
            }
        }
        Ok(())
    }

    /// While everything is loaded: looks at the budget whenever so much was loaded that it may be spent. Whether it did.
    pub(crate) fn keep_budget_while_loading(&self, name: &str, taken: &mut usize) -> bool {
        for baseline in self.kinds(name).unwrap_or_default().iter() {
            let (bytes, day, swept) = {
                let locked = baseline.lock();
                (locked.bytes(), locked.last_day(), locked.cold().is_none() && locked.is_swept(&self.shared))
            };
            *taken = taken.saturating_add(bytes);
            if swept {
                // It need not be woken for that.
                self.sweep_is_due(baseline, day);
            }
        }
        if *taken <= self.shared.settings.memory_budget {
            return false;
        }
        // Only what has to be saved can fail, and nothing is here.
        drop(self.keep_budget(|_, _| Ok(())));
        // What sleeps may be too much by itself: then this is not worth trying for each.
        let budget = self.shared.settings.memory_budget;
        *taken = self.memory().bytes.min(budget - budget / SLACK);
        true
    }

    /// Reads the rows that somebody waits for of a baseline that does not sleep.
    fn thaw_asked(
        &self,
        store: &mut dyn Store,
        name: &Arc<str>,
        baseline: &Baseline,
    ) -> Result<(), StoreError> {
        let asked = baseline.lock().cold().map_or_else(Vec::new, |cold| cold.asked().to_vec());
        if asked.is_empty() { Ok(()) } else { self.thaw(store, name, baseline, &asked) }
    }

    /// Reads rows of a baseline that are not in memory. Of these keys none is afterwards one of a row that is not.
    pub(crate) fn thaw(
        &self,
        store: &mut dyn Store,
        name: &Arc<str>,
        baseline: &Baseline,
        keys: &[u128],
    ) -> Result<(), StoreError> {
        let kind = baseline.lock().kind;
        let found = store.find(name, kind, keys).inspect_err(|_| self.shared.counters.failed_wakes(1))?;
        self.take_thawed(name, baseline, keys, found, true);
        Ok(())
    }

    /// The same of rows that were read, which stay for a moment where somebody waits for them.
    pub(crate) fn take_thawed(
        &self,
        name: &str,
        baseline: &Baseline,
        keys: &[u128],
        mut found: Vec<StoredRow>,
        owed: bool,
    ) {
        let until = owed.then(|| self.shared.turn() + OWED);
        self.shared.counters.rows_read_back(found.len() as u64);
        while !found.is_empty() {
            let rest = found.split_off(found.len().min(CHANGED_AT_ONCE as usize));
            let mut locked = baseline.lock();
            locked.end_owing(self.shared.turn());
            locked.thaw(std::mem::replace(&mut found, rest), until, &self.shared);
            MutexGuard::unlock_fair(locked);
        }
        let lost = baseline.lock().lose(keys);
        if lost > 0 {
            self.notice(&format!(
                "{lost} rows of workload {name} are not in the database any more: they are learned anew"
            ));
        }
    }

    /// Reads a baseline's rows back, as many as there is room for.
    pub(crate) fn wake(
        &self,
        store: &mut dyn Store,
        name: &Arc<str>,
        baseline: &Baseline,
    ) -> Result<(), StoreError> {
        let (kind, record) = {
            let locked = baseline.lock();
            if locked.is_awake() {
                return Ok(());
            }
            (locked.kind, locked.record.clone())
        };
        let shared = &self.shared;
        let mut notices = Vec::new();
        let room = self.room();
        let mut loading = Loading::new(Arc::clone(name), kind, room);
        let found = store.stream_rows(
            name,
            &mut |part| match part {
                Part::Begin => loading = Loading::new(Arc::clone(name), kind, room),
                Part::Rows(rows) => {
                    loading.add(rows.into_iter().filter(|row| row.execution.kind == kind), shared);
                }
                // What is in memory is newer.
                Part::End(_) => {}
            },
            &mut notices,
        );
        notices.iter().for_each(|notice| self.notice(notice));
        if !found.inspect_err(|_| shared.counters.failed_wakes(1))? {
            self.notice(&format!(
                "what workload {name} knew is not in the database any more: it learns anew"
            ));
            let mut locked = baseline.lock();
            let (time, day) = (locked.record.last_seen, locked.last_day());
            *locked = Workload::new(Arc::clone(name), kind, shared, time, day);
            return Ok(());
        }
        let awakened = loading.finish(record, shared);
        let mut locked = baseline.lock();
        locked.used = shared.turn();
        if locked.has_been_asked() {
            self.keep_awake(&mut locked);
        }
        locked.wake(awakened, shared);
        shared.counters.woken(1);
        Ok(())
    }
}
