//! One workload: its rows, its learning, and the way of an execution through them.

mod calendar;
mod cold;
mod cool;
mod learn;
mod load;
mod others;
mod save;
mod sleep;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anomaly_vectorizer::act::anything_there;
use anomaly_vectorizer::{Embedder, Embedding, Execution, Kind, Seen};

use crate::calibration::{Calibration, OWN_FROM};
use crate::counters::Counters;
use crate::distance::{self, Query};
use crate::engine::Method;
use crate::explain::explain;
use crate::features::{self, Packed};
use crate::history::{Group, OwnDays, Today};
use crate::index::{Index, Scratch};
use crate::learning;
use crate::row::{Day, RowState, Timestamp, WorkloadRecord, key_in_surroundings};
use crate::rows::{Row, Rows, Unsaved};
use crate::score::{Level, Score};
use crate::settings::{Settings, Threshold};
use crate::verdict::{Progress, Sighting, Standing, Teach, Verdict, WorkloadStatus};

pub(crate) use self::cold::Touch;
use self::cold::{Answer, Cold};
pub(crate) use self::cool::{LEAST_ROWS, cut};
use self::learn::never_learn;
pub(crate) use self::load::Loading;
use self::save::UnsavedRows;

/// What every workload of an engine shares.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) method: Method,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) counters: Counters,
    /// How often the engine's thread has come by: what tells which workload was asked last, cheaper than a clock.
    pub(crate) turn: AtomicU64,
}

impl Shared {
    /// The turn that it is.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.load(Relaxed)
    }
}

/// The baseline of one kind of act of one workload.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) name: Arc<str>,
    /// What kind of act all of this is about.
    pub(crate) kind: Kind,
    /// Its `acts` stay empty: each kind has a baseline of its own.
    pub(crate) record: WorkloadRecord,
    /// From which score an execution is novel here.
    threshold: Threshold,
    pub(crate) rows: Rows,
    /// The vectors of the active rows.
    pub(crate) index: Index,
    /// In how many active rows each feature is.
    pub(crate) known: HashMap<Packed, u32>,
    /// The contexts that active rows were seen with.
    pub(crate) seen: Seen,
    own: OwnDays,
    pub(crate) today: Today,
    /// The first day that was seen behind today since the last one that was not, where any was.
    behind: Option<Day>,
    pub(crate) calibration: Calibration,
    warnings: Vec<String>,
    pub(crate) unsaved: UnsavedRows,
    /// How often others' rows were told.
    told: u32,
    /// Whether active rows went since what they add up to was computed.
    shrunk: bool,
    /// Made when it is needed.
    scratch: Option<Box<WorkSpace>>,
    /// What is kept in the place of rows that are not in memory: some of them, or all where it sleeps.
    cold: Option<Box<Cold>>,
    /// The turn in which it was asked last.
    pub(crate) used: u64,
    /// The turn until which its rows stay, because somebody waited for them and has not asked again yet.
    pub(crate) owed_until: u64,
}

/// Buffers that live as long as the workload, so that an execution allocates nothing that stays.
#[derive(Debug, Clone, Default)]
struct WorkSpace {
    embedding: Embedding,
    packed: Vec<Packed>,
    index: Scratch,
}

/// What a search found.
pub(crate) struct Found {
    pub(crate) distance: f64,
    pub(crate) nearest: Option<u32>,
}

impl Workload {
    /// A kind of act that is seen for the first time in a workload.
    pub(crate) fn new(name: Arc<str>, kind: Kind, shared: &Shared, time: Timestamp, day: Day) -> Self {
        let prior = shared.method.prior;
        let record =
            WorkloadRecord { first_seen: time, last_seen: time, first_day: day, ..WorkloadRecord::default() };
        Self {
            threshold: shared.settings.threshold_of(&name),
            name,
            kind,
            record,
            rows: Rows::default(),
            index: Index::default(),
            known: HashMap::new(),
            seen: Seen::default(),
            own: OwnDays::default(),
            today: Today::new(day),
            behind: None,
            calibration: OwnDays::default().calibration(prior, day, day),
            warnings: Vec::new(),
            unsaved: UnsavedRows::default(),
            told: 0,
            shrunk: false,
            scratch: None,
            cold: None,
            used: 0,
            owed_until: 0,
        }
    }

    /// Scores an execution, and learns from it what the policy allows.
    pub(crate) fn observe(&mut self, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        self.used = shared.turn();
        if !self.is_awake() {
            return self.observe_asleep(sighting, shared);
        }
        self.owed_until = 0;
        self.roll(sighting.day, sighting.time, shared);
        let mut scratch = self.scratch.take().unwrap_or_default();
        shared.embedder.embed(sighting.execution, &mut scratch.embedding);
        let verdict = match self.one_of_many(sighting.execution, shared, &mut scratch.embedding) {
            Some(any) => self.judge(&Sighting { execution: &any, ..*sighting }, shared, &mut scratch),
            None => self.judge(sighting, shared, &mut scratch),
        };
        self.scratch = Some(scratch);
        verdict
    }

    /// What stands for an act that is done to one among many objects, and its embedding in the place of the act's own.
    /// What was denied stays itself.
    pub(crate) fn one_of_many(
        &self,
        act: &Execution,
        shared: &Shared,
        embedding: &mut Embedding,
    ) -> Option<Execution> {
        if !act.kind.is_act() || !self.rows.crowds.is_one_of_many(&embedding.features) {
            return None;
        }
        let row = self.rows.find(embedding.key).and_then(|number| self.rows.get(number));
        if row.is_some_and(|row| row.state == RowState::Denied) {
            return None;
        }
        let any = anything_there(act);
        shared.embedder.embed(&any, embedding);
        Some(any)
    }

    fn judge(&mut self, sighting: &Sighting<'_>, shared: &Shared, scratch: &mut WorkSpace) -> Verdict {
        let Sighting { execution, context, time, day, teach, .. } = *sighting;
        let key = scratch.embedding.key;
        if teach != Teach::Seed {
            // What comes after a quiet while is no part of the warm-up any more.
            self.end_learning_if_enough(time, shared);
        }
        let without_row = self.without_row(key, &context);
        if let (Answer::Needed, needed) = without_row {
            if let Some(cold) = &mut self.cold {
                cold.ask_for([needed]);
            }
            return self.unscored(Standing::Waking);
        }
        let learning = self.record.learned_at.is_none();
        let row = self.rows.find(key);
        let active = row.and_then(|number| self.rows.get(number)).filter(|row| row.state == RowState::Active);
        let (is_known, is_repeat) =
            (active.is_some(), active.is_some_and(|row| context.is_within(&row.seen)));
        if self.teaches(teach) {
            self.count_execution(time, day);
        }
        if let Some(number) = row.filter(|_| is_repeat) {
            return self.repeat(number, sighting, shared);
        }
        if let (Answer::Repeat, key) = without_row {
            return self.repeat_without_row(key, sighting, shared);
        }
        features::pack_all(&scratch.embedding.features, &mut scratch.packed);
        let query = Query::new(&scratch.packed, &context, &scratch.embedding.vector);
        if learning {
            if teach != Teach::Nothing {
                let far =
                    self.search(&query, shared, &mut scratch.index).distance >= shared.settings.learn_below;
                self.record.recent.note(far, time);
                self.learn_in_warm_up(sighting, shared, scratch);
            }
            return self.learning_verdict(key, sighting, shared);
        }
        let found = self.search(&query, shared, &mut scratch.index);
        // An execution that is known but for its surroundings is held under a key of its own.
        let key = if is_known { key_in_surroundings(key, context.into()) } else { key };
        let group = Group::of(execution);
        let (runs, state) = match self.rows.find(key).and_then(|number| self.rows.get(number)) {
            Some(row) => (row.runs_on(self.today.day), Some(row.state)),
            None => (self.today.run_without_row(key), None),
        };
        let denied = state == Some(RowState::Denied);
        let (packed, weight) = (&scratch.packed, query.weight());
        let resembling = self.today.resemblance(key, packed, weight);
        if teach != Teach::Seed && found.distance >= f64::from(OWN_FROM) {
            self.today.note_news(key, packed, weight);
        }
        // Neither what resembles it nor how often it runs makes normal what a person denied: it scores as what nothing
        // is like, which no `auto` threshold is above.
        let (distance, runs, resembling) =
            if denied { (1.0, 0.0, 0.0) } else { (found.distance, f64::from(runs), resembling) };
        let score = self.calibration.score(distance, runs + resembling);
        let threshold = self.threshold(Some(group));
        let novel = score >= threshold;
        let first = match teach {
            Teach::Policy | Teach::Nothing => {
                self.today.spend(group, self.calibration.score(distance, resembling));
                novel && self.today.first(group)
            }
            Teach::Seed => false,
        };
        let explanation = explain(
            &*shared.embedder,
            execution,
            &context,
            found.nearest.and_then(|number| self.rows.get(number)),
            &|feature| self.knows(feature),
            state,
        );
        let standing = match teach {
            Teach::Policy => self.learn(key, found.distance, sighting, shared, scratch),
            Teach::Seed | Teach::Nothing => Standing::Unlearned,
        };
        let seen =
            self.rows.find(key).and_then(|number| self.rows.get(number)).map_or(1, |row| row.total().max(1));
        Verdict {
            workload: Arc::clone(&self.name),
            standing,
            score: Some(score),
            distance: Some(Score::floor(found.distance)),
            smoothed: None,
            threshold,
            level: level(score, &shared.settings),
            novel,
            first,
            seen,
            explanation: Some(explanation),
        }
    }

    /// An execution that is known in this very context.
    fn repeat(&mut self, number: u32, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        let Sighting { context, time, day, teach, .. } = *sighting;
        let teaches = self.teaches(teach);
        let row = self.rows.get_mut(number).expect("the caller found it");
        if teaches {
            let new_day = row.days.last != day;
            row.run(time, day);
            let new_context = row.seen.insert(&context);
            self.seen.insert(&context);
            self.mark(number, if new_day || new_context { Unsaved::Row } else { Unsaved::Counts });
        }
        let seen = self.rows.get(number).map_or(0, Row::total);
        self.repeated(seen, sighting, shared)
    }

    /// Whether anything is to be learned from this.
    fn teaches(&self, teach: Teach) -> bool {
        teach == Teach::Policy || (teach == Teach::Seed && self.record.learned_at.is_none())
    }

    /// What is said about a repeat.
    fn repeated(&mut self, seen: u64, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        let Sighting { time, teach, .. } = *sighting;
        if self.record.learned_at.is_none() {
            if teach != Teach::Nothing {
                self.record.recent.note(false, time);
            }
            self.end_learning_if_enough(time, shared);
            return Verdict { seen, ..self.unscored(Standing::Learning(self.progress(time, shared))) };
        }
        Verdict {
            standing: Standing::Known,
            score: Some(Score::ZERO),
            distance: Some(Score::ZERO),
            level: level(Score::ZERO, &shared.settings),
            novel: self.threshold(None) == Score::ZERO,
            seen,
            ..self.unscored(Standing::Known)
        }
    }

    fn learning_verdict(&mut self, key: u128, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        self.end_learning_if_enough(sighting.time, shared);
        let seen = self.rows.find(key).and_then(|number| self.rows.get(number)).map_or(0, Row::total);
        Verdict { seen, ..self.unscored(Standing::Learning(self.progress(sighting.time, shared))) }
    }

    fn unscored(&self, standing: Standing) -> Verdict {
        Verdict {
            workload: Arc::clone(&self.name),
            standing,
            score: None,
            distance: None,
            smoothed: None,
            threshold: self.threshold(None),
            level: Level::Learning,
            novel: false,
            first: false,
            seen: 0,
            explanation: None,
        }
    }

    pub(crate) fn search(&self, query: &Query<'_>, shared: &Shared, scratch: &mut Scratch) -> Found {
        let (candidates, compared) =
            self.index.nearest(query.vector, distance::CANDIDATES, shared.method.exact_search, scratch);
        let elsewhere = self.cold.as_ref().map_or(0, |cold| cold.count(RowState::Active));
        shared.counters.compared(compared, self.index.len() + elsewhere);
        let rows =
            candidates.filter_map(|(similarity, number)| Some((similarity, number, self.rows.get(number)?)));
        let (distance, nearest) =
            shared.method.measure.nearest(query, rows, &self.seen, &|feature| self.knows(feature));
        Found { distance, nearest }
    }

    /// After a restart, what was held today has alerted today.
    fn resume_today(&mut self, key: u128, alerted_from: Score) {
        let Some(row) = self.rows.find(key).and_then(|number| self.rows.get(number)) else { return };
        if row.days.last == self.today.day {
            let group = Group::of(&row.execution);
            let score = self.calibration.score(f64::from(row.distance), 0.0);
            self.today.spend(group, score);
            if score >= alerted_from {
                self.today.first(group);
            }
        }
    }

    /// After a restart, what the warm-up held is of the never-learn list: nothing else was held then.
    fn resume_warning(&mut self, key: u128, shared: &Shared) {
        let warm_up_ended = self.record.learned_at.unwrap_or(Timestamp::MAX);
        let name = self.rows.find(key).and_then(|number| self.rows.get(number)).and_then(|row| {
            let never = row.first_seen <= warm_up_ended && never_learn(&row.execution, &shared.settings);
            never.then(|| row.execution.name.clone())
        });
        if let Some(name) = name {
            self.warn(&name);
        }
    }

    /// Ends the warm-up where there is evidence enough at `time`.
    pub(crate) fn end_learning_if_enough(&mut self, time: Timestamp, shared: &Shared) {
        if self.record.learned_at.is_none()
            && self.record.executions > 0
            && learning::is_enough(&shared.settings, self.kind, &self.record, time)
        {
            self.finish_learning(time);
        }
    }

    /// Ends the warm-up whatever was seen.
    pub(crate) fn finish_learning(&mut self, time: Timestamp) {
        self.record.learned_at.get_or_insert(time);
        self.unsaved.record = true;
        self.unsaved.revision.bump(true);
    }

    pub(crate) fn progress(&self, now: Timestamp, shared: &Shared) -> Progress {
        learning::progress(&shared.settings, self.kind, &self.record, now)
    }

    pub(crate) fn threshold(&self, group: Option<Group>) -> Score {
        match self.threshold {
            Threshold::Fixed(threshold) => threshold,
            Threshold::Auto => self.today.threshold(&self.calibration, group),
        }
    }

    /// What it takes in memory, in bytes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let known = self.known.capacity() * (size_of::<(Packed, u32)>() + 1) * 8 / 7;
        let scratch = if self.scratch.is_some() { 2 * size_of::<WorkSpace>() } else { 0 };
        let rows = self.rows.bytes() + self.index.bytes() + known + scratch + self.today.bytes();
        // Its lock and its place in the map of workloads, beside itself.
        size_of::<Self>() + 256 + rows + self.cold.as_ref().map_or(0, |cold| cold.bytes())
    }

    /// The last day that was seen.
    pub(crate) fn last_day(&self) -> Day {
        self.today.day
    }

    /// The workload as status and summaries show it.
    pub(crate) fn status(&self, shared: &Shared) -> WorkloadStatus {
        let WorkloadRecord { executions, first_seen, last_seen, learned_at, .. } = self.record;
        WorkloadStatus {
            workload: Arc::clone(&self.name),
            kind: self.kind,
            learning: learned_at.is_none().then(|| self.progress(last_seen, shared)),
            learned_at,
            executions,
            rows: self.count(RowState::Active),
            in_memory: self.rows.count(RowState::Active),
            elsewhere: self.known_elsewhere(),
            held: self.count(RowState::Held),
            denied: self.count(RowState::Denied),
            threshold: self.threshold(None),
            warnings: self.warnings.clone(),
            window: self.record.window,
            first_seen,
            last_seen,
        }
    }
}

/// What a score means.
pub(crate) fn level(score: Score, settings: &Settings) -> Level {
    if score >= settings.critical {
        Level::Critical
    } else if score >= settings.warn {
        Level::Warn
    } else {
        Level::Normal
    }
}
