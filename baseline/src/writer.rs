//! The one thread that owns the store: it loads the baselines, writes them behind, and keeps house.
//!
//! Rows wait in their workloads, not in a queue, so nothing is dropped however slow the disk is: what waits is bounded
//! by the number of rows. New rows and changes of state are on the disk within a second, counts within five minutes.
//! A workload is locked only while a few rows are copied out of it, never during I/O.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::engine::{Inner, Loaded, Phase};
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

/// What the thread is asked.
pub(crate) enum Request {
    /// Write everything, then answer.
    Flush(SyncSender<Result<(), StoreError>>),
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
    loop {
        match requests.recv_timeout(INTERVAL.max(state.pause)) {
            Ok(Request::Flush(answer)) => {
                let result = state.write(inner, &mut *store, true);
                // Whoever asked may have stopped waiting; the rows are written all the same.
                drop(answer.send(result));
            }
            Err(RecvTimeoutError::Timeout) => state.tick(inner, &mut *store),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn load(inner: &Arc<Inner>, store: &mut dyn Store, people: &mut People) -> Result<Loaded, StoreError> {
    let access = store.access();
    let (mut workloads, mut rows) = (0, 0);
    // Before the rows: what is settled by now, they follow already.
    people.read_anew(inner, store);
    let notices = store.load(&mut |name, record, stored| {
        workloads += 1;
        rows += stored.len();
        people.applied(&record);
        let name: Arc<str> = name.into();
        inner.load(&name, record, stored);
    })?;
    // Before anything is observed: what a killed writer had begun is finished as if it had not been interrupted.
    people.apply(inner, access);
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
            self.people.apply(inner, self.access);
        }
        sweep(inner);
        if self.access == Access::Reader {
            return;
        }
        let with_counts = Instant::now() >= self.counts_due;
        let result = self.write(inner, store, with_counts);
        if result.is_ok() && with_counts {
            self.counts_due = Instant::now() + COUNTS_INTERVAL;
        }
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
        let embedder = &*inner.shared.embedder;
        let kinds = inner.by_name();
        let kinds =
            kinds.iter().flat_map(|(name, kinds)| kinds.iter().map(move |of_kind| (name, kinds, of_kind)));
        for (name, kinds, workload) in kinds {
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
        }
        self.people.settle(inner, store)
    }
}

/// Forgets what was not seen for long, a few rows at a time.
fn sweep(inner: &Inner) {
    for (_, workload) in inner.workloads() {
        let day = workload.lock().last_day();
        if !inner.sweep_is_due(&workload, day) {
            continue;
        }
        let mut next = Some(0);
        while let Some(start) = next {
            next = workload.lock().sweep(start, SWEEP, &inner.shared);
        }
    }
}
