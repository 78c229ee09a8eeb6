//! The one thread that owns the store: it loads the baselines, writes them behind, and keeps house.
//!
//! Rows wait in their workloads, not in a queue, so nothing is dropped however slow the disk is: what waits is bounded
//! by the number of rows. New rows and changes of state are on the disk within a second, counts within five minutes.
//! A workload is locked only while a few rows are copied out of it, never during I/O.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::engine::{Baseline, Inner, Kinds, Loaded, Phase};
use crate::people::People;
use crate::store::{Access, Store, StoreError};

/// How often new rows are written. Twice in the second that the design allows, for a write takes time too.
const INTERVAL: Duration = Duration::from_millis(400);

/// How often counts are written.
const COUNTS_INTERVAL: Duration = Duration::from_secs(240);

/// The longest pause after a failed write.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Rows copied out of a workload at a time: some fifty microseconds of its lock.
const AT_ONCE: usize = 64;

/// Rows written at a time.
const BATCH: usize = 2_048;

/// Rows looked at for forgetting at a time.
const SWEEP: u32 = 256;

/// Baselines that sleep and are woken for a moment in each turn, at most.
const SLEEPERS: usize = 2;

/// How long what ran of a baseline that sleeps waits to be counted in its rows.
const TOUCHED: Duration = Duration::from_secs(3_600);

/// What is left of the time that a flush may take when the last baseline is begun.
const FLUSH_MARGIN: Duration = Duration::from_millis(500);

/// What the thread is asked.
pub(crate) enum Request {
    /// Write everything until this moment, then answer.
    Flush(SyncSender<Result<(), StoreError>>, Instant),
    /// Look at whose rows are waited for.
    Wake,
}

/// Runs until the engine is gone.
pub(crate) fn run(inner: &Arc<Inner>, mut store: Box<dyn Store>, requests: &Receiver<Request>) {
    let mut people = People::default();
    let access = match load(inner, &mut *store, &mut people) {
        Ok(loaded) => loaded.access,
        Err(error) => {
            inner.set_phase(Phase::Failed(Some(error)));
            return;
        }
    };
    let mut state =
        State { access, people, pause: Duration::ZERO, counts_due: Instant::now() + COUNTS_INTERVAL };
    let mut due = Instant::now() + INTERVAL;
    loop {
        match requests.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Request::Flush(answer, until)) => {
                let result = state
                    .write(inner, &mut *store, true)
                    .and_then(|()| state.count_touched(inner, &mut *store, until))
                    .and_then(|()| state.keep_budget(inner, &mut *store));
                // Whoever asked may have stopped waiting; the rows are written all the same.
                drop(answer.send(result));
            }
            Ok(Request::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return inner.asked.close(),
        }
        state.wake_asked(inner, &mut *store);
        if Instant::now() >= due {
            state.tick(inner, &mut *store);
            due = Instant::now() + INTERVAL.max(state.pause);
        }
    }
}

fn load(inner: &Arc<Inner>, store: &mut dyn Store, people: &mut People) -> Result<Loaded, StoreError> {
    let access = store.access();
    let (mut workloads, mut rows) = (0, 0);
    let mut taken = 0;
    // Before the rows: what is settled by now, they follow already.
    people.read_anew(inner, store);
    let notices = store.load(&mut |name, record, stored| {
        workloads += 1;
        rows += stored.len();
        people.applied(&record);
        let name: Arc<str> = name.into();
        inner.load(&name, record, stored);
        // What has to be written stays for now: the store is busy.
        inner.keep_budget_while_loading(&name, &mut taken);
    })?;
    // Before anything is observed: what a killed writer had begun is finished as if it had not been interrupted.
    people.apply(inner, store, access);
    let loaded = Loaded { access, workloads, rows, notices };
    inner.set_access(access);
    inner.set_phase(Phase::Loaded(loaded.clone()));
    Ok(loaded)
}

struct State {
    access: Access,
    people: People,
    /// How long to wait after a failure, at least.
    pause: Duration,
    counts_due: Instant,
}

impl State {
    fn tick(&mut self, inner: &Arc<Inner>, store: &mut dyn Store) {
        let access = store.access();
        if access != self.access {
            inner.notice(match access {
                Access::Writer => "the process that wrote this database is gone: this one learns from now on",
                Access::Reader => "another process writes this database: this one scores and learns nothing",
            });
            if access == Access::Writer
                && let Err(error) = load(inner, store, &mut self.people)
            {
                // What was read as a reader is older than what the writer wrote last: learning from it would undo that.
                return self.failed(inner, &error);
            }
            inner.set_access(access);
            self.access = access;
        }
        if self.people.are_due() {
            self.people.read(inner, store);
            self.people.apply(inner, store, self.access);
        }
        inner.shared.turn.fetch_add(1, Relaxed);
        sweep(inner);
        if self.access == Access::Reader {
            if let Err(error) = self.keep_budget(inner, store) {
                self.failed(inner, &error);
            }
            return;
        }
        let with_counts = Instant::now() >= self.counts_due;
        let result = self.write(inner, store, with_counts);
        if result.is_ok() && with_counts {
            self.counts_due = Instant::now() + COUNTS_INTERVAL;
        }
        let result = result.and_then(|()| self.care_for_sleepers(inner, store));
        let result = result.and_then(|()| self.keep_budget(inner, store));
        if let Err(error) = result.and_then(|()| store.maintain()) {
            self.failed(inner, &error);
        } else if !self.pause.is_zero() {
            self.pause = Duration::ZERO;
            inner.notice("the database takes rows again");
        }
    }

    /// Says so once, and waits longer each time.
    fn failed(&mut self, inner: &Inner, error: &StoreError) {
        inner.shared.counters.failed_saves(1);
        if self.pause.is_zero() {
            inner.notice(&format!("{error}; scoring goes on from memory, and writing is tried again"));
        }
        self.pause = (self.pause * 2).clamp(INTERVAL * 2, LONGEST_PAUSE);
    }

    fn write(&mut self, inner: &Inner, store: &mut dyn Store, with_counts: bool) -> Result<(), StoreError> {
        if self.access == Access::Reader {
            return Ok(());
        }
        for (name, kinds) in inner.by_name() {
            for baseline in kinds.iter() {
                write_one(inner, store, &name, &kinds, baseline, with_counts)?;
            }
            // Writing all of them may take long, and whoever waits for rows does not wait long.
            self.wake_asked(inner, store);
        }
        self.people.settle(inner, store)
    }

    /// Reads back what is waited for.
    fn wake_asked(&mut self, inner: &Inner, store: &mut dyn Store) {
        let access = self.access;
        if let Err(error) = inner.wake_asked(store, |store| make_room(inner, store, access)) {
            self.failed(inner, &error);
        }
    }

    fn keep_budget(&self, inner: &Inner, store: &mut dyn Store) -> Result<(), StoreError> {
        make_room(inner, store, self.access)
    }

    /// Once a day a baseline that sleeps is woken to forget what was not seen for long, and after an hour to count what
    /// ran meanwhile. A few in each turn, because each is read and written whole.
    fn care_for_sleepers(&self, inner: &Inner, store: &mut dyn Store) -> Result<(), StoreError> {
        let mut left = SLEEPERS;
        for (name, kinds) in inner.by_name() {
            for baseline in kinds.iter() {
                let (day, (touched, since)) = {
                    let locked = baseline.lock();
                    let Some(asleep) = locked.asleep() else { continue };
                    (locked.last_day(), asleep.touched())
                };
                let counts_due = touched > 0 && since >= TOUCHED;
                if left == 0 || !(inner.sweep_is_due(baseline, day) || counts_due) {
                    continue;
                }
                left -= 1;
                inner.wake(store, &name, baseline).inspect_err(|_| inner.sweep_again(baseline))?;
                sweep_one(inner, baseline);
                write_one(inner, store, &name, &kinds, baseline, true)?;
                inner.put_to_sleep(baseline);
            }
        }
        Ok(())
    }

    /// Counts what ran of baselines that sleep in their rows, as many as there is time for.
    fn count_touched(&self, inner: &Inner, store: &mut dyn Store, until: Instant) -> Result<(), StoreError> {
        if self.access == Access::Reader {
            return Ok(());
        }
        let mut left = 0;
        for (name, kinds) in inner.by_name() {
            for baseline in kinds.iter() {
                if baseline.lock().asleep().is_none_or(|asleep| asleep.touched().0 == 0) {
                    continue;
                }
                if Instant::now() + FLUSH_MARGIN > until {
                    left += 1;
                    continue;
                }
                inner.wake(store, &name, baseline)?;
                write_one(inner, store, &name, &kinds, baseline, true)?;
                inner.put_to_sleep(baseline);
            }
        }
        if left == 0 {
            return Ok(());
        }
        Err(StoreError::Failed {
            operation: "saving",
            workload: "every workload".into(),
            cause: format!("no time was left for the last counts of {left} of them"),
        })
    }
}

/// Puts to sleep what is not needed to keep the memory budget.
fn make_room(inner: &Inner, store: &mut dyn Store, access: Access) -> Result<(), StoreError> {
    inner.keep_budget(|name, baseline| {
        let Some(kinds) = inner.kinds(name).filter(|_| access == Access::Writer) else { return Ok(()) };
        write_one(inner, store, name, &kinds, baseline, true)
    })
}

/// Writes what the store does not have yet of one kind of act of a workload.
fn write_one(
    inner: &Inner,
    store: &mut dyn Store,
    name: &Arc<str>,
    kinds: &Kinds,
    workload: &Baseline,
    with_counts: bool,
) -> Result<(), StoreError> {
    let embedder = &*inner.shared.embedder;
    let take = || workload.lock().take_unsaved(AT_ONCE, with_counts, embedder);
    // What comes while this is written waits for the next time: a busy workload would be written without end.
    let mut left = workload.lock().waiting(with_counts);
    while let Some(mut batch) = take() {
        while batch.rows.len() < BATCH
            && let Some(more) = take()
        {
            let last = more.rows.is_empty() && more.deleted.is_empty();
            batch.rows.extend(more.rows);
            batch.deleted.extend(more.deleted);
            if last {
                break;
            }
        }
        // A row that was deleted and came back is in both: it is deleted first.
        let kind = workload.lock().kind;
        let deleted: Vec<_> = batch.deleted.iter().map(|&key| (kind, key)).collect();
        let result = if deleted.is_empty() { Ok(()) } else { store.delete(name, &deleted) }
            .and_then(|()| store.save(name, &kinds.record(), &batch.rows));
        if let Err(error) = result {
            workload.lock().put_back(&batch);
            return Err(error);
        }
        inner.shared.counters.rows_saved(batch.rows.len() as u64);
        let taken = batch.rows.len() + deleted.len();
        left = left.saturating_sub(taken);
        if left == 0 || taken == 0 {
            break;
        }
    }
    Ok(())
}

/// Forgets what was not seen for long, a few rows at a time.
fn sweep(inner: &Inner) {
    for (_, workload) in inner.workloads() {
        let (day, awake) = {
            let locked = workload.lock();
            (locked.last_day(), locked.is_awake())
        };
        if awake && inner.sweep_is_due(&workload, day) {
            sweep_one(inner, &workload);
        }
    }
}

fn sweep_one(inner: &Inner, workload: &Baseline) {
    let mut next = Some(0);
    while let Some(start) = next {
        next = workload.lock().sweep(start, SWEEP, &inner.shared);
    }
}
