//! The one thread that owns the store: it loads the baselines, writes them behind, and keeps house.
//!
//! Rows wait in their workloads, not in a queue, so nothing is dropped however slow the disk is: what waits is bounded
//! by the number of rows. New rows and changes of state are on the disk within a second, counts within five minutes.
//! A workload is locked only while a few rows are copied out of it, never during I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::engine::{Baseline, Inner, Kinds, Loaded, LoadingKinds, Phase};
use crate::people::People;
use crate::store::{Access, Part, Store, StoreError};
use crate::workload::Touch;

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

/// Baselines of which rows that are not in memory are read and written in each turn, at most.
const COLD: usize = 2;

/// How many rows that are not in memory and ran do not wait for [`COUNTS_INTERVAL`]: what is noted of each takes memory.
const MANY_TOUCHED: usize = 2 * BATCH;

/// What is left of the time that a flush may take when the last baseline is begun.
const FLUSH_MARGIN: Duration = Duration::from_millis(500);

/// What the thread is asked.
pub(crate) enum Request {
    /// Write everything until this moment, then answer.
    Flush(SyncSender<Result<(), StoreError>>, Instant),
    /// Look at whose rows are waited for.
    Wake,
    /// Hand over everything that the store has of a workload.
    Read(Arc<str>, SyncSender<Part>),
    /// Give the store back, though somebody still holds the engine.
    End,
}

/// Runs until the engine is closed or gone.
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
            Ok(Request::Read(name, parts)) => read(inner, &mut *store, &name, &parts),
            Ok(Request::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Request::End) | Err(RecvTimeoutError::Disconnected) => return inner.asked.close(),
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
    let (mut taken, mut room) = (0, inner.room());
    let mut loading = LoadingKinds::new();
    // Before the rows: what is settled by now, they follow already.
    people.read_anew(inner, store);
    let notices = store.stream(&mut |name, part| match part {
        Part::Begin => loading.clear(),
        Part::Rows(read) => {
            rows += read.len();
            inner.take_on(&name.into(), read, room, &mut loading);
        }
        Part::End(record) => {
            workloads += 1;
            people.applied(&record);
            let name: Arc<str> = name.into();
            inner.load(&name, record, std::mem::take(&mut loading));
            // What has to be written stays for now: the store is busy.
            if inner.keep_budget_while_loading(&name, &mut taken) {
                room = inner.room();
            }
        }
    })?;
    // Before anything is observed: what a killed writer had begun is finished as if it had not been interrupted.
    people.apply(inner, store, access);
    let loaded = Loaded { access, workloads, rows, notices };
    inner.set_access(access);
    inner.set_phase(Phase::Loaded(loaded.clone()));
    Ok(loaded)
}

/// Hands a workload over to whoever looks at all of its rows, as fast as that takes them.
fn read(inner: &Inner, store: &mut dyn Store, name: &str, parts: &SyncSender<Part>) {
    let mut notices = Vec::new();
    // Where nobody listens any more the rest is for nobody.
    let found = store.stream_rows(name, &mut |part| drop(parts.send(part)), &mut notices);
    notices.iter().for_each(|notice| inner.notice(notice));
    if let Err(error) = found {
        inner.notice(&error.to_string());
    }
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
        sweep(inner, self.access);
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
        let result = result.and_then(|()| self.care_for_cold(inner, store));
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

    /// Rows that are not in memory: what ran of them is counted, and what was not seen for long forgotten. A few
    /// baselines in each turn, because their rows are read for that.
    fn care_for_cold(&self, inner: &Inner, store: &mut dyn Store) -> Result<(), StoreError> {
        let mut left = COLD;
        for (name, kinds) in inner.by_name() {
            for baseline in kinds.iter() {
                let (day, (touched, since)) = {
                    let locked = baseline.lock();
                    let Some(cold) = locked.cold() else { continue };
                    (locked.last_day(), cold.touched())
                };
                let counts_due = touched >= MANY_TOUCHED || (touched > 0 && since >= COUNTS_INTERVAL);
                if left > 0 && counts_due {
                    left -= 1;
                    count_cold(inner, store, &name, &kinds, baseline)?;
                }
                if left > 0 && inner.sweep_is_due(baseline, day) {
                    let swept = forget_cold(inner, store, &name, &kinds, baseline);
                    if !matches!(swept, Ok(Swept::Nothing)) {
                        left -= 1;
                    }
                    if !matches!(swept, Ok(Swept::Nothing | Swept::All)) {
                        inner.sweep_again(baseline);
                    }
                    swept?;
                }
            }
        }
        Ok(())
    }

    /// Counts what ran of rows that are not in memory, as much as there is time for.
    fn count_touched(&self, inner: &Inner, store: &mut dyn Store, until: Instant) -> Result<(), StoreError> {
        if self.access == Access::Reader {
            return Ok(());
        }
        let mut left = 0;
        for (name, kinds) in inner.by_name() {
            for baseline in kinds.iter() {
                // What runs meanwhile waits for the next time.
                let mut touched = baseline.lock().cold().map_or(0, |cold| cold.touched().0);
                while touched > 0 {
                    if Instant::now() + FLUSH_MARGIN > until {
                        left += 1;
                        break;
                    }
                    count_cold(inner, store, &name, &kinds, baseline)?;
                    touched = touched.saturating_sub(BATCH);
                }
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

/// Counts what ran of some rows that are not in memory. They are the ones that were seen last by now: of a baseline that
/// does not sleep they come back into memory.
fn count_cold(
    inner: &Inner,
    store: &mut dyn Store,
    name: &Arc<str>,
    kinds: &Kinds,
    baseline: &Baseline,
) -> Result<(), StoreError> {
    let (kind, touched) = {
        let mut locked = baseline.lock();
        let kind = locked.kind;
        (kind, locked.cold_mut().map_or_else(Vec::new, |cold| cold.take_touched(BATCH)))
    };
    if touched.is_empty() {
        return Ok(());
    }
    let touches: HashMap<u128, Touch> = touched.into_iter().collect();
    let keys: Vec<_> = touches.keys().copied().collect();
    let saved = store.find(name, kind, &keys).and_then(|mut rows| {
        rows.iter_mut().for_each(|row| touches[&row.key].count_in(row));
        store.save(name, &kinds.record(), &rows).map(|()| rows)
    });
    match saved {
        Ok(rows) => {
            inner.shared.counters.rows_saved(rows.len() as u64);
            if baseline.lock().is_awake() {
                inner.take_thawed(name, baseline, &keys, rows, false);
            }
            Ok(())
        }
        Err(error) => {
            if let Some(cold) = baseline.lock().cold_mut() {
                touches.into_iter().for_each(|(key, touch)| cold.give_touched(key, touch));
            }
            Err(error)
        }
    }
}

/// What came of sweeping rows that are not in memory.
enum Swept {
    /// There was nothing to forget.
    Nothing,
    All,
    /// There is more.
    Some,
}

/// Forgets rows that are not in memory and were not seen for long, some of them: they come into memory and are treated
/// as those that are there.
fn forget_cold(
    inner: &Inner,
    store: &mut dyn Store,
    name: &Arc<str>,
    kinds: &Kinds,
    baseline: &Baseline,
) -> Result<Swept, StoreError> {
    let was_awake = baseline.lock().is_awake();
    if was_awake {
        sweep_one(inner, baseline);
    }
    let mut due = Vec::new();
    let mut last = None;
    while due.len() < BATCH {
        let next = baseline.lock().due(last, &mut due, &inner.shared);
        if next.is_none() {
            break;
        }
        last = next;
    }
    if due.is_empty() {
        return Ok(Swept::Nothing);
    }
    inner.wake(store, name, baseline)?;
    let cold = baseline.lock().cold_among(&due, &inner.shared);
    if !cold.is_empty() {
        inner.thaw(store, name, baseline, &cold)?;
    }
    sweep_one(inner, baseline);
    write_one(inner, store, name, kinds, baseline, true)?;
    if due.len() >= BATCH {
        return Ok(Swept::Some);
    }
    if !was_awake {
        inner.put_to_sleep(baseline);
    }
    Ok(Swept::All)
}

/// Forgets what was not seen for long, a few rows at a time.
fn sweep(inner: &Inner, access: Access) {
    for (_, workload) in inner.workloads() {
        let (day, whole) = {
            let locked = workload.lock();
            // Where some rows are not in memory, these are swept with them; what only reads forgets those that are.
            (locked.last_day(), locked.is_awake() && (access == Access::Reader || locked.cold().is_none()))
        };
        if whole && inner.sweep_is_due(&workload, day) {
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
