//! Every workload of an organisation, and the way an execution finds its own.
//!
//! `observe` may be called from any thread. It takes the lock of one workload and nothing else that anybody holds for
//! longer than microseconds; a thread of the engine's does what takes longer.

mod inner;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anomaly_vectorizer::{Context, Embedder, Embedding, Execution, Kind};
use parking_lot::{Mutex, MutexGuard};

use crate::budget::Memory;
use crate::calibration::Prior;
use crate::counters::CounterValues;
use crate::distance::Measure;
use crate::elsewhere::Peering;
use crate::glimpse::Glimpse;
use crate::inspect::{Inspection, RowView};
use crate::row::{Day, RowState, StoredRow, Timestamp, key_in_surroundings};
use crate::settings::Settings;
use crate::store::{Access, Part, Store, StoreError};
use crate::verdict::{Sighting, Standing, Teach, Verdict, WorkloadStatus};
use crate::workload::{Shared, Workload};
use crate::writer::{self, Request};

use inner::Found;
pub(crate) use inner::{Baseline, Inner, Kinds, LoadingKinds, Phase};

/// How long somebody who looks at rows waits for those that are not in memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the store's thread may be busy still when everything is written and it is asked to end.
const ENDING: Duration = Duration::from_secs(1);

/// Rows that are not in memory and are kept for somebody who looks at them.
const MOST_READ: usize = 100_000;

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Whether this process learns.
    pub access: Access,
    /// How many workloads there are.
    pub workloads: usize,
    /// How many rows they have.
    pub rows: usize,
    /// What was wrong with the database and what was done about it, one line each.
    pub notices: Vec<String>,
}
/// Scores executions and learns from them.
pub struct Engine {
    inner: Arc<Inner>,
    writer: Option<Writer>,
}

struct Writer {
    requests: SyncSender<Request>,
    /// There until the engine is closed.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why the store's thread was not asked.
enum Unasked {
    Gone,
    Busy,
}

impl Writer {
    /// Asks the thread, which may have to do something else first.
    fn ask(&self, mut request: Request, until: Instant) -> Result<(), Unasked> {
        loop {
            request = match self.requests.try_send(request) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(Unasked::Gone),
                Err(TrySendError::Full(_)) if Instant::now() >= until => return Err(Unasked::Busy),
                Err(TrySendError::Full(back)) => back,
            };
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How an engine measures, beside its settings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Method {
    /// How distances are measured.
    pub measure: Measure,
    /// What rates of novelty are expected before a workload's own are known.
    pub prior: Prior,
    /// Compare every row, however many there are, instead of the nearest lists of them: slower, for comparison.
    pub exact_search: bool,
}

impl Engine {
    /// An engine that keeps nothing: for back-testing and for a host without a database.
    pub fn in_memory(settings: Settings, embedder: Arc<dyn Embedder>, method: Method) -> Self {
        let inner = Arc::new(Inner::new(settings, embedder, method));
        inner.loaded.store(true, Relaxed);
        Self { inner, writer: None }
    }

    /// An engine before a store. Loading begins at once, on the engine's own thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn with_store(
        settings: Settings,
        embedder: Arc<dyn Embedder>,
        method: Method,
        store: Box<dyn Store>,
    ) -> std::io::Result<Self> {
        let inner = Arc::new(Inner::new(settings, embedder, method));
        let (requests, receiver) = sync_channel(4);
        let of_thread = Arc::clone(&inner);
        let thread = std::thread::Builder::new()
            .name("anomaly-store".into())
            .spawn(move || writer::run(&of_thread, store, &receiver))?;
        Ok(Self { inner, writer: Some(Writer { requests, thread: Mutex::new(Some(thread)) }) })
    }

    /// Waits until the baselines are loaded.
    ///
    /// # Errors
    /// The store's, when the database cannot be used (handed out once; later calls name it again in short), or when
    /// loading takes longer than `timeout`.
    pub fn wait_loaded(&self, timeout: Duration) -> Result<Loaded, StoreError> {
        if self.writer.is_none() {
            return Ok(Loaded { access: Access::Writer, workloads: 0, rows: 0, notices: Vec::new() });
        }
        let deadline = Instant::now() + timeout;
        let mut phase = self.inner.phase.lock();
        loop {
            match &mut *phase {
                Phase::Loaded(loaded) => return Ok(loaded.clone()),
                Phase::Failed(error) => {
                    return Err(error.take().unwrap_or_else(|| failed("loading", "it failed before")));
                }
                Phase::Loading => {
                    if self.inner.phase_changed.wait_until(&mut phase, deadline).timed_out() {
                        return Err(failed(
                            "loading",
                            &format!("it takes longer than {} s", timeout.as_secs()),
                        ));
                    }
                }
            }
        }
    }

    /// Whether the baselines are being loaded still.
    pub fn is_loading(&self) -> bool {
        matches!(*self.inner.phase.lock(), Phase::Loading)
    }

    /// Whether this process writes the database; `None` while that is being loaded. A reader becomes the writer once that is
    /// gone.
    pub fn access(&self) -> Option<Access> {
        self.inner.access()
    }

    /// Scores an execution and learns from it what the policy allows. Any thread; microseconds.
    pub fn observe(&self, sighting: &Sighting<'_>) -> Verdict {
        let inner = &*self.inner;
        let counters = &inner.shared.counters;
        if !inner.loaded.load(Relaxed) {
            counters.while_loading(1);
            return inner.unknown(sighting, Standing::Loading);
        }
        let workload = match inner.find_or_add(sighting) {
            Found::There(workload) => workload,
            Found::Waits => {
                counters.while_loading(1);
                return inner.unknown(sighting, Standing::Loading);
            }
            Found::NoRoom => {
                counters.refused(1);
                return inner.unknown(sighting, Standing::Refused);
            }
        };
        let mut sighting = *sighting;
        if inner.reader.load(Relaxed) {
            sighting.teach = Teach::Nothing;
        }
        let mut verdict = workload.lock().observe(&sighting, &inner.shared);
        if verdict.standing == Standing::Waking {
            counters.while_waking(1);
            inner.ask(&verdict.workload, &workload);
            self.nudge();
            return verdict;
        }
        if let Some(score) = verdict.score
            && !sighting.execution.kind.is_act()
            && sighting.teach != Teach::Seed
        {
            verdict.smoothed = Some(inner.lineage.lock().smooth(sighting.pid, sighting.ppid, score));
        }
        inner.count(&sighting, &verdict);
        verdict
    }

    /// The same, waiting where what is known of the workload has to be read back into memory first: for whoever can
    /// wait. When it takes longer than `timeout`, the standing is still [`Standing::Waking`].
    pub fn observe_patiently(&self, sighting: &Sighting<'_>, timeout: Duration) -> Verdict {
        let until = Instant::now() + timeout;
        loop {
            let answers = self.inner.asked.answers();
            let verdict = self.observe(sighting);
            if verdict.standing != Standing::Waking || !self.inner.asked.wait(answers, until) {
                return verdict;
            }
        }
    }

    /// What the baselines take in memory.
    pub fn memory(&self) -> Memory {
        self.inner.memory()
    }

    /// Has the engine's thread look at once at who waits for it.
    fn nudge(&self) {
        if let Some(writer) = &self.writer {
            self.inner.asked.nudge(|| writer.requests.try_send(Request::Wake).is_ok());
        }
    }

    /// A baseline with its rows, those of these keys among them where it is too large for all.
    fn awake<'b>(
        &self,
        name: &Arc<str>,
        baseline: &'b Baseline,
        keys: &[u128],
    ) -> Option<MutexGuard<'b, Workload>> {
        let awake = self.inner.awake(name, baseline, keys, Instant::now() + PATIENCE, &|| self.nudge());
        if awake.is_none() {
            self.inner
                .notice(&format!("what workload {name} knows could not be read back into memory in time"));
        }
        awake
    }

    /// The way of what other machines know into this engine. It keeps the baselines, not the engine's thread.
    pub fn peering(&self) -> Peering {
        Peering { inner: Arc::clone(&self.inner) }
    }

    /// An engine in memory with a copy of one workload as it is now, for trying what must leave no trace. Of a workload
    /// that does not exist the copy is empty; of one that is too large for memory it has the rows that are there, and for
    /// the others no answers but to repeats.
    pub fn copy_of(&self, workload: &str) -> Self {
        let Shared { settings, method, embedder, .. } = &self.inner.shared;
        let copy = Self::in_memory(settings.clone(), Arc::clone(embedder), *method);
        let name: Arc<str> = workload.into();
        for original in self.inner.kinds(workload).unwrap_or_default().iter() {
            if let Some(original) = self.awake(&name, original, &[]) {
                copy.inner.insert(Arc::clone(&name), original.clone());
            }
        }
        copy
    }

    /// Every workload, by name: its executions, or where none was seen the first kind of act that was.
    pub fn status(&self) -> Vec<WorkloadStatus> {
        let first = |(_, kinds): &(_, Kinds)| Some(kinds.iter().next()?.lock().status(&self.inner.shared));
        let mut all: Vec<_> = self.inner.by_name().iter().filter_map(first).collect();
        all.sort_by(|a, b| a.workload.cmp(&b.workload));
        all
    }

    /// Every kind of act beside executions, by workload and kind.
    pub fn status_of_acts(&self) -> Vec<WorkloadStatus> {
        let status = |(_, baseline): &(_, Baseline)| baseline.lock().status(&self.inner.shared);
        let mut all: Vec<_> =
            self.inner.workloads().iter().map(status).filter(|status| status.kind.is_act()).collect();
        all.sort_by(|a, b| (&a.workload, a.kind).cmp(&(&b.workload, b.kind)));
        all
    }

    /// The last day that a workload saw; `None` for one that does not exist.
    pub fn last_day(&self, workload: &str) -> Option<Day> {
        self.inner.kinds(workload)?.iter().map(|baseline| baseline.lock().last_day()).max()
    }

    /// Tells the time while nothing happens, so that the warm-up of a workload that is quiet ends too. The clock is the
    /// one that executions' times come from.
    pub fn advance(&self, now: Timestamp) {
        for (_, workload) in self.inner.workloads() {
            workload.lock().end_learning_if_enough(now, &self.inner.shared);
        }
    }

    /// The rows that `keep` wants of all workloads, those of a workload together; it is asked with the workload's name,
    /// the state and the execution.
    pub fn rows(&self, keep: &dyn Fn(&str, RowState, &Execution) -> bool) -> Vec<RowView> {
        self.rows_of(&|_| true, keep)
    }

    /// The same of those workloads and kinds of acts alone that `of` wants: the others are not read back into memory. Of
    /// a workload that is too large for memory all rows are read from the store for it; of those that are not in memory at
    /// most 100,000 are kept, which is said.
    pub fn rows_of(
        &self,
        of: &dyn Fn(&WorkloadStatus) -> bool,
        keep: &dyn Fn(&str, RowState, &Execution) -> bool,
    ) -> Vec<RowView> {
        self.views(of, keep, true)
    }

    /// The same of what is held or denied alone, which is in memory where its workload is: nothing more is read.
    pub fn held_or_denied(
        &self,
        of: &dyn Fn(&WorkloadStatus) -> bool,
        keep: &dyn Fn(&str, RowState, &Execution) -> bool,
    ) -> Vec<RowView> {
        let keep = |workload: &str, state, execution: &Execution| {
            matches!(state, RowState::Held | RowState::Denied) && keep(workload, state, execution)
        };
        self.views(of, &keep, false)
    }

    /// Passes over the rows of those workloads and kinds of acts that `of` wants, without a copy of any: those of a workload
    /// together, in no order. Of a workload that is too large for memory all are read from the store for it.
    ///
    /// `each` holds up what happens in the workload meanwhile, and must not ask the engine anything.
    pub fn pass(&self, of: &dyn Fn(&WorkloadStatus) -> bool, each: &mut dyn FnMut(&Glimpse<'_>)) {
        self.pass_by(of, each, true);
    }

    /// The same over what is held or denied alone, which is in memory where its workload is: nothing more is read.
    pub fn pass_held_or_denied(
        &self,
        of: &dyn Fn(&WorkloadStatus) -> bool,
        each: &mut dyn FnMut(&Glimpse<'_>),
    ) {
        let mut of_these = |row: &Glimpse<'_>| {
            if matches!(row.state, RowState::Held | RowState::Denied) {
                each(row);
            }
        };
        self.pass_by(of, &mut of_these, false);
    }

    fn views(
        &self,
        of: &dyn Fn(&WorkloadStatus) -> bool,
        keep: &dyn Fn(&str, RowState, &Execution) -> bool,
        with_cold: bool,
    ) -> Vec<RowView> {
        let mut views = Vec::new();
        let mut read: BTreeMap<(Arc<str>, Kind), usize> = BTreeMap::new();
        let mut each = |row: &Glimpse<'_>| {
            if !keep(row.workload, row.state, row.execution) {
                return;
            }
            if !row.in_memory {
                let read = read.entry((Arc::clone(row.workload), row.execution.kind)).or_default();
                *read += 1;
                if *read > MOST_READ {
                    return;
                }
            }
            views.push(row.view());
        };
        self.pass_by(of, &mut each, with_cold);
        for ((name, _), read) in read {
            if let Some(left_out @ 1..) = read.checked_sub(MOST_READ) {
                self.inner
                    .notice(&format!("{left_out} rows of workload {name} are left out of what is listed"));
            }
        }
        views
    }

    fn pass_by(
        &self,
        of: &dyn Fn(&WorkloadStatus) -> bool,
        each: &mut dyn FnMut(&Glimpse<'_>),
        with_cold: bool,
    ) {
        let mut workloads = self.inner.workloads();
        // Stable: the kinds of a workload stay in their order.
        workloads.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, workload) in &workloads {
            if !of(&workload.lock().status(&self.inner.shared)) {
                continue;
            }
            let Some(locked) = self.awake(name, workload, &[]) else { continue };
            locked.pass(each);
            let (kind, cold) = (locked.kind, with_cold && locked.cold().is_some());
            let there = if cold { locked.keys() } else { HashSet::new() };
            drop(locked);
            if cold {
                self.read(name, kind, &there, &mut |row| {
                    let runs = workload.lock().cold().map_or(0, |cold| cold.runs(row.key));
                    each(&Glimpse::of_stored(name, &row, runs));
                });
            }
        }
    }

    /// Every row that the store has of a baseline, but for those of these keys.
    fn read(&self, name: &Arc<str>, kind: Kind, but: &HashSet<u128>, each: &mut dyn FnMut(StoredRow)) {
        let Some(writer) = &self.writer else { return };
        let (sender, parts) = sync_channel(1);
        match writer.ask(Request::Read(Arc::clone(name), sender), Instant::now() + PATIENCE) {
            Ok(()) => {}
            Err(Unasked::Gone) => return,
            Err(Unasked::Busy) => {
                return self.inner.notice(&format!("the rows of workload {name} could not be read in time"));
            }
        }
        let mut told = HashSet::new();
        for part in parts {
            let Part::Rows(rows) = part else { continue };
            // A damaged table is read again from the start.
            let of_these = |row: &StoredRow| row.execution.kind == kind && !but.contains(&row.key);
            rows.into_iter().filter(of_these).filter(|row| told.insert(row.key)).for_each(&mut *each);
        }
    }

    /// How many executions, or other acts of this kind, a workload learned on the day `from` or later; 0 for one that does
    /// not exist.
    pub fn learned_since(&self, workload: &str, kind: Kind, from: Day) -> usize {
        let kinds = self.inner.kinds(workload).unwrap_or_default();
        let name = workload.into();
        let Some(locked) = kinds.get(kind).and_then(|baseline| self.awake(&name, baseline, &[])) else {
            return 0;
        };
        let mut learned = locked.learned_since(from);
        if locked.may_have_cold_since(from) {
            let there = locked.keys();
            drop(locked);
            self.read(&name, kind, &there, &mut |row| {
                learned += usize::from(row.state == RowState::Active && row.first_day >= from);
            });
        }
        learned
    }

    /// How the score of a row comes about, were it to run now in the surroundings that it was seen in; `None` where
    /// there is none.
    pub fn inspect_row(&self, workload: &str, key: u128) -> Option<Inspection> {
        let kinds = self.inner.kinds(workload)?;
        let name = workload.into();
        kinds
            .iter()
            .find_map(|baseline| self.awake(&name, baseline, &[key])?.inspect_row(key, &self.inner.shared))
    }

    /// How the score of an execution comes about, were it to run now; `None` where there is no such workload, or nothing
    /// of this kind was seen of it. Nothing is learned and no account changed.
    pub fn inspect(&self, workload: &str, execution: &Execution, context: &Context) -> Option<Inspection> {
        let kinds = self.inner.kinds(workload)?;
        let mut embedding = Embedding::default();
        self.inner.shared.embedder.embed(execution, &mut embedding);
        let keys = [embedding.key, key_in_surroundings(embedding.key, (*context).into())];
        let baseline = self.awake(&workload.into(), kinds.get(execution.kind)?, &keys)?;
        Some(baseline.inspect(execution, context, &self.inner.shared))
    }

    /// Ends the warm-up of every workload, whatever was seen: a recorded baseline is complete by definition.
    pub fn finish_learning(&self, time: Timestamp) {
        for (_, workload) in self.inner.workloads() {
            workload.lock().finish_learning(time);
        }
    }

    /// The counters at this moment.
    pub fn counters(&self) -> CounterValues {
        self.inner.shared.counters.values()
    }

    /// Rows that the store does not have yet.
    pub fn unsaved_rows(&self) -> usize {
        let unsaved = |baseline: &Baseline| {
            let baseline = baseline.lock();
            baseline.waiting(true) + baseline.cold().map_or(0, |cold| cold.touched().0)
        };
        self.inner.workloads().iter().map(|(_, baseline)| unsaved(baseline)).sum()
    }

    /// What there is to say, one printable line each; each is handed out once.
    pub fn notices(&self) -> Vec<String> {
        self.inner.notices.lock().drain(..).collect()
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The store's, or that it takes longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), StoreError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let until = Instant::now() + timeout;
        let late = || failed("saving", &format!("it takes longer than {} s", timeout.as_secs()));
        let (answer, answered) = sync_channel(1);
        match writer.ask(Request::Flush(answer, until), until) {
            Ok(()) => {}
            Err(Unasked::Gone) => return Err(failed("saving", "the store's thread is gone")),
            Err(Unasked::Busy) => return Err(late()),
        }
        let left = until.saturating_duration_since(Instant::now());
        answered.recv_timeout(left).unwrap_or_else(|_| Err(late()))
    }

    /// Writes everything and ends the engine's thread, which gives the store back. Whoever holds the engine still is
    /// answered with what is in memory; nothing is saved any more.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). A store that does not answer is left behind with its thread.
    pub fn close(&self, timeout: Duration) -> Result<(), StoreError> {
        let flushed = self.flush(timeout);
        if flushed.is_err() {
            self.inner.shared.counters.unsaved_at_close(self.unsaved_rows() as u64);
        }
        if let Some(writer) = &self.writer
            && writer.ask(Request::End, Instant::now() + ENDING).is_ok()
            && flushed.is_ok()
            && let Some(thread) = writer.thread.lock().take()
            && thread.join().is_err()
        {
            return Err(failed("closing", "the store's thread panicked"));
        }
        flushed
    }
}

fn failed(operation: &'static str, cause: &str) -> StoreError {
    StoreError::Failed { operation, workload: "every workload".into(), cause: cause.into() }
}
