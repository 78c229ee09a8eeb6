//! Every workload of an organisation, and the way an execution finds its own.
//!
//! `observe` may be called from any thread. It takes the lock of one workload and nothing else that anybody holds for
//! longer than microseconds; a thread of the engine's does what takes longer.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anomaly_vectorizer::{Context, Embedder, Execution, Kind};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use crate::budget::{Asked, Memory};
use crate::calibration::Prior;
use crate::counters::{CounterValues, Counters};
use crate::decide::Tally;
use crate::distance::Measure;
use crate::elsewhere::{Others, Peering};
use crate::feedback::{Action, Feedback};
use crate::inspect::{Inspection, RowView};
use crate::lineage::Lineage;
use crate::row::{Day, RowState, StoredRow, Timestamp, WorkloadRecord};
use crate::score::{Level, Score};
use crate::settings::{Settings, Threshold};
use crate::store::{Access, Store, StoreError};
use crate::text::printable;
use crate::verdict::{Sighting, Standing, Teach, Verdict, WorkloadStatus};
use crate::workload::{Shared, Workload};
use crate::writer::{self, Request};

/// Rows that a decision changes under one lock of their workload.
const AT_ONCE: usize = 256;

/// How long somebody who looks at rows waits for those that are not in memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// An hour of executions' times.
const HOUR: Timestamp = 3_600_000_000;

/// Notices kept until somebody asks for them.
const MAX_NOTICES: usize = 64;

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

/// How far loading is.
pub(crate) enum Phase {
    Loading,
    Loaded(Loaded),
    /// The error, until it was handed out once.
    Failed(Option<StoreError>),
}

/// The baseline of one kind of act of a workload.
pub(crate) type Baseline = Arc<Mutex<Workload>>;

/// The baselines of one workload, by kind; a kind of which nothing was seen has none.
#[derive(Default, Clone)]
pub(crate) struct Kinds([Option<Baseline>; Kind::ALL.len()]);

impl Kinds {
    fn get(&self, kind: Kind) -> Option<&Baseline> {
        self.0[kind as usize].as_ref()
    }

    /// Those that there are, that of executions first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Baseline> {
        self.0.iter().flatten()
    }

    /// What is kept of the workload beside its rows: what is kept of its executions, and of its acts by kind.
    pub(crate) fn record(&self) -> WorkloadRecord {
        let record = |baseline: &Baseline| baseline.lock().record.clone();
        let acts = Kind::ALL.into_iter().filter(|kind| kind.is_act());
        WorkloadRecord {
            acts: acts.filter_map(|kind| Some((kind, record(self.get(kind)?)))).collect(),
            ..self.get(Kind::Exec).map(record).unwrap_or_default()
        }
    }
}

/// What became of looking for a baseline.
enum Found {
    There(Baseline),
    /// It begins as soon as it was told what others know.
    Waits,
    NoRoom,
}

/// How many workloads began in an hour.
#[derive(Debug, Default)]
struct Begun {
    hour: i64,
    count: usize,
}

type Baselines = HashMap<Arc<str>, Kinds>;

/// What the engine and its thread share.
pub(crate) struct Inner {
    pub(crate) shared: Shared,
    baselines: RwLock<Baselines>,
    lineage: Mutex<Lineage>,
    phase: Mutex<Phase>,
    phase_changed: Condvar,
    loaded: AtomicBool,
    reader: AtomicBool,
    notices: Mutex<VecDeque<String>>,
    /// The day up to which each workload was swept, by address.
    swept: Mutex<HashMap<usize, Day>>,
    /// Whose rows somebody waits for.
    pub(crate) asked: Asked,
    begun: Mutex<Begun>,
    /// What other machines know, and who waits to be told.
    pub(crate) others: Others,
}

/// Scores executions and learns from them.
pub struct Engine {
    inner: Arc<Inner>,
    writer: Option<Writer>,
}

struct Writer {
    requests: SyncSender<Request>,
    thread: JoinHandle<()>,
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
        Ok(Self { inner, writer: Some(Writer { requests, thread }) })
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

    /// A baseline with its rows.
    fn awake<'b>(&self, name: &Arc<str>, baseline: &'b Baseline) -> Option<MutexGuard<'b, Workload>> {
        let awake = self.inner.awake(name, baseline, Instant::now() + PATIENCE, &|| self.nudge());
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
    /// that does not exist the copy is empty.
    pub fn copy_of(&self, workload: &str) -> Self {
        let Shared { settings, method, embedder, .. } = &self.inner.shared;
        let copy = Self::in_memory(settings.clone(), Arc::clone(embedder), *method);
        let name: Arc<str> = workload.into();
        for original in self.inner.kinds(workload).unwrap_or_default().iter() {
            if let Some(original) = self.awake(&name, original) {
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
        let mut views = Vec::new();
        let mut workloads = self.inner.workloads();
        // Stable: the kinds of a workload stay in their order.
        workloads.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, workload) in &workloads {
            if let Some(workload) = self.awake(name, workload) {
                workload.views(keep, &mut views);
            }
        }
        views
    }

    /// How many executions, or other acts of this kind, a workload learned on the day `from` or later; 0 for one that does
    /// not exist.
    pub fn learned_since(&self, workload: &str, kind: Kind, from: Day) -> usize {
        let kinds = self.inner.kinds(workload).unwrap_or_default();
        let baseline = kinds.get(kind).and_then(|baseline| self.awake(&workload.into(), baseline));
        baseline.map_or(0, |baseline| baseline.learned_since(from))
    }

    /// How the score of a row comes about, were it to run now in the surroundings that it was seen in; `None` where
    /// there is none.
    pub fn inspect_row(&self, workload: &str, key: u128) -> Option<Inspection> {
        let kinds = self.inner.kinds(workload)?;
        let name = workload.into();
        kinds.iter().find_map(|baseline| self.awake(&name, baseline)?.inspect_row(key, &self.inner.shared))
    }

    /// How the score of an execution comes about, were it to run now; `None` where there is no such workload, or nothing
    /// of this kind was seen of it. Nothing is learned and no account changed.
    pub fn inspect(&self, workload: &str, execution: &Execution, context: &Context) -> Option<Inspection> {
        let kinds = self.inner.kinds(workload)?;
        let baseline = self.awake(&workload.into(), kinds.get(execution.kind)?)?;
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
            baseline.waiting(true) + baseline.asleep().map_or(0, |asleep| asleep.touched().0)
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
        let (answer, answered) = sync_channel(1);
        if writer.requests.try_send(Request::Flush(answer, Instant::now() + timeout)).is_err() {
            return Err(failed("saving", "the store's thread is gone or busy"));
        }
        answered.recv_timeout(timeout).unwrap_or_else(|_| {
            Err(failed("saving", &format!("it takes longer than {} s", timeout.as_secs())))
        })
    }

    /// Writes everything and ends the engine's thread.
    ///
    /// # Errors
    /// As [`flush`](Self::flush). A store that does not answer is left behind with its thread.
    pub fn close(mut self, timeout: Duration) -> Result<(), StoreError> {
        let flushed = self.flush(timeout);
        if flushed.is_err() {
            self.inner.shared.counters.unsaved_at_close(self.unsaved_rows() as u64);
        }
        if let Some(Writer { requests, thread }) = self.writer.take() {
            drop(requests);
            if flushed.is_ok() && thread.join().is_err() {
                return Err(failed("closing", "the store's thread panicked"));
            }
        }
        flushed
    }
}

impl Inner {
    fn new(settings: Settings, embedder: Arc<dyn Embedder>, method: Method) -> Self {
        Self {
            shared: Shared {
                settings,
                method,
                embedder,
                counters: Counters::default(),
                turn: AtomicU64::new(1),
            },
            baselines: RwLock::default(),
            lineage: Mutex::default(),
            phase: Mutex::new(Phase::Loading),
            phase_changed: Condvar::new(),
            loaded: AtomicBool::new(false),
            reader: AtomicBool::new(false),
            notices: Mutex::default(),
            swept: Mutex::default(),
            asked: Asked::default(),
            begun: Mutex::default(),
            others: Others::default(),
        }
    }

    fn find_or_add(&self, sighting: &Sighting<'_>) -> Found {
        let Sighting { workload, time, day, .. } = *sighting;
        let kind = sighting.execution.kind;
        {
            let baselines = self.baselines.read();
            let kinds = baselines.get(workload);
            if let Some(baseline) = kinds.and_then(|kinds| kinds.get(kind)) {
                return Found::There(Arc::clone(baseline));
            }
            if kinds.is_none()
                && (baselines.len() >= self.shared.settings.max_workloads || !self.may_begin(time))
            {
                return Found::NoRoom;
            }
        }
        if self.others.holds_up(workload, kind, time, day) {
            return Found::Waits;
        }
        let name: Arc<str> = workload.into();
        let new = Workload::new(Arc::clone(&name), kind, &self.shared, time, day);
        self.add(&name, kind, Arc::new(Mutex::new(new)), time).map_or(Found::NoRoom, Found::There)
    }

    /// Whether one more workload may begin within this hour. A clock that jumps back begins another.
    fn may_begin(&self, time: Timestamp) -> bool {
        let mut begun = self.begun.lock();
        let hour = time.div_euclid(HOUR);
        // Around the full hour executions come late.
        if hour > begun.hour || hour < begun.hour - 1 {
            *begun = Begun { hour, count: 0 };
        }
        begun.count < self.shared.settings.max_new_workloads
    }

    /// Adds a kind of act of a workload, where there is room for it and it is not there; the one that is there then.
    fn add(&self, name: &Arc<str>, kind: Kind, new: Baseline, time: Timestamp) -> Option<Baseline> {
        let mut baselines = self.baselines.write();
        if !baselines.contains_key(name) {
            if baselines.len() >= self.shared.settings.max_workloads || !self.may_begin(time) {
                return None;
            }
            self.begun.lock().count += 1;
        }
        let Kinds(kinds) = baselines.entry(Arc::clone(name)).or_default();
        Some(Arc::clone(kinds[kind as usize].get_or_insert(new)))
    }

    /// A kind of act of a workload; one that begins at this moment and is not among the others yet, where there is none.
    pub(crate) fn baseline(
        &self,
        workload: &str,
        kind: Kind,
        begins: Option<(Timestamp, Day)>,
    ) -> Option<Baseline> {
        if let Some(baseline) = self.kinds(workload).as_ref().and_then(|kinds| kinds.get(kind)) {
            return Some(Arc::clone(baseline));
        }
        let (time, day) = begins?;
        Some(Arc::new(Mutex::new(Workload::new(workload.into(), kind, &self.shared, time, day))))
    }

    /// Puts one that [`baseline`](Self::baseline) gave among the others.
    pub(crate) fn begin(&self, workload: &str, kind: Kind, baseline: Baseline) {
        let name: Arc<str> = workload.into();
        let time = baseline.lock().record.first_seen;
        let there = self.add(&name, kind, Arc::clone(&baseline), time);
        if there.is_some_and(|there| !Arc::ptr_eq(&there, &baseline)) {
            // It did not wait any longer.
            self.others.ask_again(&name);
        }
    }

    fn count(&self, sighting: &Sighting<'_>, verdict: &Verdict) {
        let counters = &self.shared.counters;
        if sighting.execution.kind.is_act() {
            counters.acts_scored(u64::from(verdict.score.is_some()));
            counters.acts_learning(u64::from(matches!(verdict.standing, Standing::Learning(_))));
            counters.acts_held(u64::from(verdict.standing == Standing::Held));
            return;
        }
        counters.scored(u64::from(verdict.score.is_some()));
        counters.novel(u64::from(verdict.novel));
        counters.unknown_context(u64::from(sighting.context.unknown() > 0));
        match verdict.standing {
            Standing::Learning(_) => counters.learning(1),
            Standing::Known | Standing::Learned => counters.learned(1),
            Standing::Held => counters.held(1),
            Standing::Denied
            | Standing::Unlearned
            | Standing::Loading
            | Standing::Waking
            | Standing::Refused => {}
        }
    }

    fn unknown(&self, sighting: &Sighting<'_>, standing: Standing) -> Verdict {
        Verdict {
            workload: sighting.workload.into(),
            standing,
            score: None,
            distance: None,
            smoothed: None,
            threshold: match self.shared.settings.threshold_of(sighting.workload) {
                Threshold::Fixed(threshold) => threshold,
                Threshold::Auto => Score::from_ten_thousandths(8_500),
            },
            level: Level::Learning,
            novel: false,
            first: false,
            seen: 0,
            explanation: None,
        }
    }

    pub(crate) fn kinds(&self, workload: &str) -> Option<Kinds> {
        self.baselines.read().get(workload).cloned()
    }

    /// Applies a decision, and tells what came of it.
    pub(crate) fn apply(&self, feedback: &Feedback) -> String {
        let Some(kinds) = self.kinds(&feedback.workload) else {
            return "the workload is not there any more".into();
        };
        let Feedback { action, keys, .. } = feedback;
        self.shared.counters.feedback(1);
        let outcome = if *action == Action::Learn {
            kinds.iter().for_each(|baseline| baseline.lock().open_window(feedback));
            if feedback.window.is_zero() { "closed" } else { "opened" }.to_owned()
        } else {
            let mut tally = Tally::default();
            // A few at a time: whoever scores an execution of this workload waits meanwhile.
            for keys in keys.chunks(AT_ONCE) {
                tally.add(self.decide(&kinds, *action, keys));
            }
            tally.words(*action)
        };
        // Decisions are about one kind, or do no harm twice; so it is enough that one of the kinds remembers.
        if let Some(baseline) =
            kinds.iter().find(|baseline| baseline.lock().has_any(keys)).or(kinds.iter().next())
        {
            baseline.lock().note_applied(feedback.id, outcome.clone());
        }
        outcome
    }

    /// Each key is a row's of one kind; those that are no row's are counted once.
    fn decide(&self, kinds: &Kinds, action: Action, keys: &[u128]) -> Tally {
        let mut tally = Tally::default();
        let mut left = keys.to_vec();
        for baseline in kinds.iter() {
            let mut baseline = baseline.lock();
            let (here, elsewhere): (Vec<_>, Vec<_>) = left.into_iter().partition(|key| baseline.has(*key));
            if !here.is_empty() {
                tally.add(baseline.decide(action, &here, &self.shared));
            }
            left = elsewhere;
        }
        tally.add(Tally::gone(left.len()));
        tally
    }

    /// Every workload; the map is not locked while they are used.
    pub(crate) fn by_name(&self) -> Vec<(Arc<str>, Kinds)> {
        self.baselines.read().iter().map(|(name, kinds)| (Arc::clone(name), kinds.clone())).collect()
    }

    /// Every kind of act of every workload.
    pub(crate) fn workloads(&self) -> Vec<(Arc<str>, Baseline)> {
        let each = |(name, kinds): (Arc<str>, Kinds)| {
            kinds.0.into_iter().flatten().map(move |baseline| (Arc::clone(&name), baseline))
        };
        self.by_name().into_iter().flat_map(each).collect()
    }

    pub(crate) fn insert(&self, name: Arc<str>, workload: Workload) {
        let kind = workload.kind;
        self.others.ask_again(&name);
        self.baselines.write().entry(name).or_default().0[kind as usize] =
            Some(Arc::new(Mutex::new(workload)));
    }

    /// A workload as the store kept it, each kind of act by itself, in the place of all that is known of it.
    pub(crate) fn load(&self, name: &Arc<str>, mut record: WorkloadRecord, rows: Vec<StoredRow>) {
        let mut acts = std::mem::take(&mut record.acts);
        let mut by_kind: BTreeMap<Kind, Vec<StoredRow>> = BTreeMap::new();
        for row in rows {
            by_kind.entry(row.execution.kind).or_default().push(row);
        }
        for kind in Kind::ALL {
            let rows = by_kind.remove(&kind).unwrap_or_default();
            let record = if kind.is_act() { acts.remove(&kind) } else { Some(std::mem::take(&mut record)) };
            let record = record.unwrap_or_default();
            // Of a kind without either there is nothing; that rows came without a record has made it learn anew.
            if record != WorkloadRecord::default() || !rows.is_empty() {
                self.insert(
                    Arc::clone(name),
                    Workload::load(Arc::clone(name), kind, record, rows, &self.shared),
                );
            }
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.loaded.store(matches!(phase, Phase::Loaded(_)), Relaxed);
        *self.phase.lock() = phase;
        self.phase_changed.notify_all();
    }

    pub(crate) fn set_access(&self, access: Access) {
        self.reader.store(access == Access::Reader, Relaxed);
    }

    /// Whether this process writes; `None` while it loads.
    pub(crate) fn access(&self) -> Option<Access> {
        let access = if self.reader.load(Relaxed) { Access::Reader } else { Access::Writer };
        self.loaded.load(Relaxed).then_some(access)
    }

    /// Whether a workload has not been swept on this day of its calendar yet. Asking marks it.
    pub(crate) fn sweep_is_due(&self, workload: &Arc<Mutex<Workload>>, day: Day) -> bool {
        self.swept.lock().insert(Arc::as_ptr(workload).addr(), day) != Some(day)
    }

    /// Notes that a workload was not swept after all.
    pub(crate) fn sweep_again(&self, workload: &Baseline) {
        self.swept.lock().remove(&Arc::as_ptr(workload).addr());
    }

    /// Says something once. The oldest goes when nobody listens.
    pub(crate) fn notice(&self, text: &str) {
        let mut notices = self.notices.lock();
        if notices.len() >= MAX_NOTICES {
            notices.pop_front();
        }
        notices.push_back(printable(text, 1_000));
    }
}

fn failed(operation: &'static str, cause: &str) -> StoreError {
    StoreError::Failed { operation, workload: "every workload".into(), cause: cause.into() }
}
