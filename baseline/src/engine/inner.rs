//! Every baseline of every workload, and how an execution finds its own: what the engine and its thread share.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use anomaly_vectorizer::{Embedder, Kind};
use parking_lot::{Condvar, Mutex, RwLock};

use super::{Loaded, Method};
use crate::budget::Asked;
use crate::counters::Counters;
use crate::decide::Tally;
use crate::elsewhere::Others;
use crate::feedback::{Action, Feedback};
use crate::lineage::Lineage;
use crate::row::{Day, StoredRow, Timestamp, WorkloadRecord};
use crate::score::{Level, Score};
use crate::settings::{Settings, Threshold};
use crate::store::{Access, StoreError};
use crate::text::printable;
use crate::verdict::{Sighting, Standing, Verdict};
use crate::workload::{Loading, Shared, Workload};

/// Rows that a decision changes under one lock of their workload.
const AT_ONCE: usize = 256;

/// An hour of executions' times.
const HOUR: Timestamp = 3_600_000_000;

/// Notices kept until somebody asks for them.
const MAX_NOTICES: usize = 64;

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
pub(crate) struct Kinds(pub(super) [Option<Baseline>; Kind::ALL.len()]);

impl Kinds {
    pub(super) fn get(&self, kind: Kind) -> Option<&Baseline> {
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
pub(super) enum Found {
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

/// The kinds of a workload that is being loaded.
pub(crate) type LoadingKinds = BTreeMap<Kind, Loading>;

/// What the engine and its thread share.
pub(crate) struct Inner {
    pub(crate) shared: Shared,
    pub(super) baselines: RwLock<Baselines>,
    pub(super) lineage: Mutex<Lineage>,
    pub(super) phase: Mutex<Phase>,
    pub(super) phase_changed: Condvar,
    pub(super) loaded: AtomicBool,
    pub(super) reader: AtomicBool,
    pub(super) notices: Mutex<VecDeque<String>>,
    /// The day up to which each workload was swept, by address.
    swept: Mutex<HashMap<usize, Day>>,
    /// Whose rows somebody waits for.
    pub(crate) asked: Asked,
    begun: Mutex<Begun>,
    /// What other machines know, and who waits to be told.
    pub(crate) others: Others,
}

impl Inner {
    pub(super) fn new(settings: Settings, embedder: Arc<dyn Embedder>, method: Method) -> Self {
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

    pub(super) fn find_or_add(&self, sighting: &Sighting<'_>) -> Found {
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
    pub(super) fn may_begin(&self, time: Timestamp) -> bool {
        let mut begun = self.begun.lock();
        let hour = time.div_euclid(HOUR);
        // Around the full hour executions come late.
        if hour > begun.hour || hour < begun.hour - 1 {
            *begun = Begun { hour, count: 0 };
        }
        begun.count < self.shared.settings.max_new_workloads
    }

    /// Adds a kind of act of a workload, where there is room for it and it is not there; the one that is there then.
    pub(super) fn add(
        &self,
        name: &Arc<str>,
        kind: Kind,
        new: Baseline,
        time: Timestamp,
    ) -> Option<Baseline> {
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

    pub(super) fn count(&self, sighting: &Sighting<'_>, verdict: &Verdict) {
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

    pub(super) fn unknown(&self, sighting: &Sighting<'_>, standing: Standing) -> Verdict {
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
    pub(super) fn decide(&self, kinds: &Kinds, action: Action, keys: &[u128]) -> Tally {
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
    pub(crate) fn load(&self, name: &Arc<str>, mut record: WorkloadRecord, mut kinds: LoadingKinds) {
        let mut acts = std::mem::take(&mut record.acts);
        for kind in Kind::ALL {
            let record = if kind.is_act() { acts.remove(&kind) } else { Some(std::mem::take(&mut record)) };
            let record = record.unwrap_or_default();
            let loading = kinds.remove(&kind);
            // Of a kind without either there is nothing; that rows came without a record has made it learn anew.
            if record != WorkloadRecord::default() || loading.is_some() {
                let loading = loading.unwrap_or_else(|| Loading::new(Arc::clone(name), kind, 0));
                self.insert(Arc::clone(name), loading.finish(record, &self.shared));
            }
        }
    }

    /// Takes on rows of a workload that is being loaded, which may take so many bytes for each kind.
    pub(crate) fn take_on(
        &self,
        name: &Arc<str>,
        rows: Vec<StoredRow>,
        room: usize,
        kinds: &mut LoadingKinds,
    ) {
        let mut by_kind: BTreeMap<Kind, Vec<StoredRow>> = BTreeMap::new();
        for row in rows {
            by_kind.entry(row.execution.kind).or_default().push(row);
        }
        for (kind, rows) in by_kind {
            let new = || Loading::new(Arc::clone(name), kind, room);
            kinds.entry(kind).or_insert_with(new).add(rows, &self.shared);
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
