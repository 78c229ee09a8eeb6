//! One workload: its rows, its learning, and the way of an execution through them.

use std::collections::HashMap;
use std::sync::Arc;

use anomaly_vectorizer::{Context, Embedder, Embedding, Execution, Seen, Vector};

use crate::calibration::{Calibration, OWN_FROM};
use crate::counters::Counters;
use crate::distance::{self, Query};
use crate::engine::Method;
use crate::explain::explain;
use crate::features::{self, Packed};
use crate::history::{Group, OwnDays, Today, days_to_promote};
use crate::index::{Index, Scratch};
use crate::learning;
use crate::retention::{Fate, fate_of};
use crate::row::{Day, DaySet, RowState, StoredRow, Timestamp, WorkloadRecord, key_in_surroundings};
use crate::rows::{Row, Rows, Unsaved, from_stored, to_stored};
use crate::score::{Level, Score};
use crate::settings::{Settings, Threshold};
use crate::verdict::{Progress, Sighting, Standing, Teach, Verdict, WorkloadStatus};

/// Programs of the never-learn list that are named in the status.
const MAX_WARNINGS: usize = 8;

/// What every workload of an engine shares.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) method: Method,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) counters: Counters,
}

/// One workload's baseline.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) name: Arc<str>,
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
    pub(crate) calibration: Calibration,
    warnings: Vec<String>,
    pub(crate) unsaved: UnsavedRows,
    scratch: WorkSpace,
}

/// Rows that the store does not have yet, by number, and keys that it still has.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnsavedRows {
    rows: Vec<u32>,
    counts: Vec<u32>,
    pub(crate) deleted: Vec<u128>,
    record: bool,
    /// The record alone is reason enough to write at once.
    pub(crate) urgent: bool,
    /// Decisions that are noted in the record as soon as every row that follows them goes with it.
    pub(crate) applied: Vec<(u128, String)>,
}

/// What the store has to write for one workload.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) record: WorkloadRecord,
    pub(crate) rows: Vec<StoredRow>,
    pub(crate) deleted: Vec<u128>,
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
    /// A workload that is seen for the first time.
    pub(crate) fn new(name: Arc<str>, shared: &Shared, time: Timestamp, day: Day) -> Self {
        let prior = shared.method.prior;
        let record =
            WorkloadRecord { first_seen: time, last_seen: time, first_day: day, ..WorkloadRecord::default() };
        Self {
            threshold: shared.settings.threshold_of(&name),
            name,
            record,
            rows: Rows::default(),
            index: Index::default(),
            known: HashMap::new(),
            seen: Seen::default(),
            own: OwnDays::default(),
            today: Today::new(day),
            calibration: OwnDays::default().calibration(prior, day, day),
            warnings: Vec::new(),
            unsaved: UnsavedRows::default(),
            scratch: WorkSpace::default(),
        }
    }

    /// A workload as the store kept it. Its last day is today until a later one is seen.
    pub(crate) fn load(
        name: Arc<str>,
        record: WorkloadRecord,
        rows: Vec<StoredRow>,
        shared: &Shared,
    ) -> Self {
        let day = record.days.last.max(record.first_day);
        let mut workload = Self::new(name, shared, record.first_seen, record.first_day);
        workload.record = record;
        workload.today = Today::new(day);
        for row in rows.into_iter().filter_map(from_stored) {
            let (state, key) = (row.state, row.key);
            let number = workload.rows.insert(row);
            if state == RowState::Active {
                workload.activate(number, shared);
            } else if state == RowState::Held {
                workload.resume_today(key, shared.settings.warn);
                workload.resume_warning(key, shared);
            }
        }
        workload.calibration = workload.own.calibration(shared.method.prior, workload.record.first_day, day);
        workload
    }

    /// Scores an execution, and learns from it what the policy allows.
    pub(crate) fn observe(&mut self, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        self.roll(sighting.day, shared);
        let mut scratch = std::mem::take(&mut self.scratch);
        shared.embedder.embed(sighting.execution, &mut scratch.embedding);
        let verdict = self.judge(sighting, shared, &mut scratch);
        self.scratch = scratch;
        verdict
    }

    fn judge(&mut self, sighting: &Sighting<'_>, shared: &Shared, scratch: &mut WorkSpace) -> Verdict {
        let Sighting { execution, context, time, day, teach, .. } = *sighting;
        let key = scratch.embedding.key;
        if teach != Teach::Seed {
            // What comes after a quiet while is no part of the warm-up any more.
            self.end_learning_if_enough(time, shared);
        }
        let learning = self.record.learned_at.is_none();
        let row = self.rows.find(key);
        let active = row.and_then(|number| self.rows.get(number)).filter(|row| row.state == RowState::Active);
        let (is_known, is_repeat) =
            (active.is_some(), active.is_some_and(|row| context.is_within(&row.seen)));
        if teach == Teach::Policy || (teach == Teach::Seed && learning) {
            self.count_execution(time, day);
        }
        if let Some(number) = row.filter(|_| is_repeat) {
            return self.repeat(number, sighting, shared);
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
        let (runs, denied) = match self.rows.find(key).and_then(|number| self.rows.get(number)) {
            Some(row) => (row.runs_on(self.today.day), row.state == RowState::Denied),
            None => (self.today.run_without_row(key), false),
        };
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
            &|feature| self.known.contains_key(&feature),
            denied,
        );
        let standing = match teach {
            Teach::Policy => self.learn(key, found.distance, sighting, shared, scratch),
            Teach::Seed | Teach::Nothing => Standing::Unlearned,
        };
        let seen =
            self.rows.find(key).and_then(|number| self.rows.get(number)).map_or(1, |row| row.count.max(1));
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
        let learning = self.record.learned_at.is_none();
        let row = self.rows.get_mut(number).expect("the caller found it");
        if teach == Teach::Policy || (teach == Teach::Seed && learning) {
            let new_day = row.days.last != day;
            row.run(time, day);
            let new_context = row.seen.insert(&context);
            self.seen.insert(&context);
            self.mark(number, if new_day || new_context { Unsaved::Row } else { Unsaved::Counts });
        }
        let seen = self.rows.get(number).map_or(0, |row| row.count);
        if learning {
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
        let seen = self.rows.find(key).and_then(|number| self.rows.get(number)).map_or(0, |row| row.count);
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
        shared.counters.compared(compared, self.index.len());
        let rows =
            candidates.filter_map(|(similarity, number)| Some((similarity, number, self.rows.get(number)?)));
        let (distance, nearest) = shared
            .method
            .measure
            .nearest(query, rows, &self.seen, &|feature| self.known.contains_key(&feature));
        Found { distance, nearest }
    }

    /// While it learns, a workload learns everything but what is on the never-learn list.
    ///
    /// Rows of the warm-up have distance 0, so that the order in which executions came changes nothing.
    fn learn_in_warm_up(&mut self, sighting: &Sighting<'_>, shared: &Shared, scratch: &WorkSpace) {
        let never = never_learn(sighting.execution, &shared.settings);
        if never {
            self.warn(&sighting.execution.name);
        }
        let key = scratch.embedding.key;
        match self.rows.find(key).and_then(|number| Some((number, self.rows.get(number)?.state))) {
            Some((number, RowState::Active | RowState::Held | RowState::Denied)) => {
                let row = self.rows.get_mut(number).expect("it was found");
                row.run(sighting.time, sighting.day);
                if row.state == RowState::Active {
                    row.seen.insert(&sighting.context);
                    self.seen.insert(&sighting.context);
                }
                self.mark(number, Unsaved::Row);
            }
            Some((_, RowState::Forgotten)) | None => {
                let state = if never { RowState::Held } else { RowState::Active };
                let distance = if never { 1.0 } else { 0.0 };
                self.add(key, state, distance, sighting, shared, scratch);
            }
        }
    }

    /// Remembers that the warm-up saw something of the never-learn list.
    fn warn(&mut self, name: &str) {
        if self.warnings.len() < MAX_WARNINGS && !self.warnings.iter().any(|warning| warning == name) {
            self.warnings.push(name.to_owned());
        }
    }

    /// Learns a scored execution: near ones at once, far ones after they recurred on enough days.
    fn learn(
        &mut self,
        key: u128,
        distance: f64,
        sighting: &Sighting<'_>,
        shared: &Shared,
        scratch: &WorkSpace,
    ) -> Standing {
        let Sighting { execution, context, time, day, .. } = *sighting;
        let settings = &shared.settings;
        let exact = scratch.embedding.key;
        let never = never_learn(execution, settings);
        // A person announced news: it is learned as in the warm-up, and is no sign of how much of it there is.
        let open = self.record.window.is_some_and(|(from, until)| (from..=until).contains(&time));
        let near = (distance < settings.learn_below || open) && !never;
        let distance = if open { 0.0 } else { distance };
        let state = self.rows.find(key).and_then(|number| self.rows.get(number)).map(|row| row.state);
        if key != exact && near && state != Some(RowState::Denied) {
            // Known but for its surroundings, and those are not far: the row takes them on.
            let number = self.rows.find(exact).expect("the caller found it");
            self.rows.get_mut(number).expect("it was found").run(time, day);
            self.take_on(number, &context);
            return Standing::Learned;
        }
        let Some(number) = self.rows.find(key) else {
            let state = if near { RowState::Active } else { RowState::Held };
            return match self.add(key, state, distance as f32, sighting, shared, scratch) {
                Some(RowState::Active) => Standing::Learned,
                Some(_) => Standing::Held,
                None => Standing::Unlearned,
            };
        };
        let row = self.rows.get_mut(number).expect("it was found");
        row.run(time, day);
        row.seen.insert(&context);
        let recurred = days_to_promote(row.distance).is_some_and(|days| row.days.len() >= days);
        match row.state {
            RowState::Denied => {
                self.mark(number, Unsaved::Row);
                Standing::Denied
            }
            RowState::Held | RowState::Forgotten if (near || recurred) && !never => {
                self.promote(number, exact, distance as f32, shared);
                Standing::Learned
            }
            _ => {
                self.rows.set_state(number, RowState::Held);
                self.mark(number, Unsaved::Row);
                Standing::Held
            }
        }
    }

    /// Makes a held, denied or forgotten row active.
    pub(crate) fn promote(&mut self, number: u32, exact: u128, distance: f32, shared: &Shared) {
        let Some(row) = self.rows.get_mut(number) else { return };
        if row.key != exact {
            // It was held for its surroundings alone: the row of the execution itself takes them on.
            let (held, seen) = (row.key, row.seen);
            if let Some(original) = self.rows.find(exact) {
                self.rows.remove(number);
                self.unsaved.deleted.push(held);
                if let Some(row) = self.rows.get_mut(original) {
                    row.seen.extend(seen);
                    self.seen.extend(seen);
                }
                self.mark(original, Unsaved::Row);
            }
            return;
        }
        row.distance = row.distance.max(distance);
        self.rows.set_state(number, RowState::Active);
        self.activate(number, shared);
        self.mark(number, Unsaved::Row);
        self.calibrate(shared);
    }

    fn calibrate(&mut self, shared: &Shared) {
        self.calibration = self.own.calibration(shared.method.prior, self.record.first_day, self.today.day);
    }

    /// Computes anew what active rows add up to, after some were taken out by hand.
    pub(crate) fn add_up(&mut self, shared: &Shared) {
        self.seen = Seen::default();
        self.own = OwnDays::default();
        for number in 0..self.rows.end() {
            let Some(row) = self.rows.get(number).filter(|row| row.state == RowState::Active) else {
                continue;
            };
            self.seen.extend(row.seen);
            self.own.note(row.first_day, row.distance, Group::of(&row.execution), self.today.day);
        }
        self.calibrate(shared);
    }

    /// An active row is seen in a context it was never seen in.
    fn take_on(&mut self, number: u32, context: &Context) {
        if let Some(row) = self.rows.get_mut(number) {
            row.seen.insert(context);
        }
        self.seen.insert(context);
        self.mark(number, Unsaved::Row);
    }

    /// Adds a row in this state. `None` where there is no room, which is counted.
    fn add(
        &mut self,
        key: u128,
        state: RowState,
        distance: f32,
        sighting: &Sighting<'_>,
        shared: &Shared,
        scratch: &WorkSpace,
    ) -> Option<RowState> {
        let Sighting { execution, context, time, day, .. } = *sighting;
        let settings = &shared.settings;
        let room = match state {
            RowState::Active => self.rows.count(RowState::Active) < settings.max_rows,
            _ => self.rows.count(RowState::Held) + self.rows.count(RowState::Denied) < settings.max_held,
        };
        if !room {
            shared.counters.no_room();
            return None;
        }
        let mut row = Row {
            key,
            execution: execution.clone(),
            features: scratch.packed.as_slice().into(),
            weight: features::total(&scratch.packed),
            seen: context.into(),
            count: 0,
            first_seen: time,
            last_seen: time,
            first_day: day,
            days: DaySet::default(),
            distance,
            state,
            unsaved: Unsaved::Nothing,
            runs_today: 0,
        };
        row.run(time, day);
        let number = self.rows.insert(row);
        if state == RowState::Active {
            self.index.insert(number, &scratch.embedding.vector);
            self.activate_features(number);
        }
        self.mark(number, Unsaved::Row);
        Some(state)
    }

    /// Puts an active row, whose vector is not at hand, into the index.
    fn activate(&mut self, number: u32, shared: &Shared) {
        let Some(row) = self.rows.get(number) else { return };
        shared.embedder.embed(&row.execution, &mut self.scratch.embedding);
        let vector: Vector = self.scratch.embedding.vector;
        self.index.insert(number, &vector);
        self.activate_features(number);
    }

    fn activate_features(&mut self, number: u32) {
        let Some(row) = self.rows.get(number) else { return };
        for &feature in &row.features {
            *self.known.entry(feature).or_default() += 1;
        }
        self.seen.extend(row.seen);
        self.own.note(row.first_day, row.distance, Group::of(&row.execution), self.today.day);
    }

    /// Takes a row out of the neighbours.
    pub(crate) fn deactivate(&mut self, number: u32) {
        self.index.remove(number);
        let Some(row) = self.rows.get(number) else { return };
        for feature in &row.features {
            if let Some(count) = self.known.get_mut(feature) {
                *count -= 1;
                if *count == 0 {
                    self.known.remove(feature);
                }
            }
        }
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

    fn count_execution(&mut self, time: Timestamp, day: Day) {
        let WorkloadRecord { executions, last_seen, days, .. } = &mut self.record;
        *executions = executions.saturating_add(1);
        *last_seen = (*last_seen).max(time);
        days.insert(day);
        self.unsaved.record = true;
    }

    /// Ends the warm-up where there is evidence enough at `time`.
    pub(crate) fn end_learning_if_enough(&mut self, time: Timestamp, shared: &Shared) {
        if self.record.learned_at.is_none()
            && self.record.executions > 0
            && learning::is_enough(&shared.settings, &self.record, time)
        {
            self.finish_learning(time);
        }
    }

    /// Ends the warm-up whatever was seen.
    pub(crate) fn finish_learning(&mut self, time: Timestamp) {
        self.record.learned_at.get_or_insert(time);
        self.unsaved.record = true;
    }

    pub(crate) fn progress(&self, now: Timestamp, shared: &Shared) -> Progress {
        learning::progress(&shared.settings, &self.record, now)
    }

    pub(crate) fn threshold(&self, group: Option<Group>) -> Score {
        match self.threshold {
            Threshold::Fixed(threshold) => threshold,
            Threshold::Auto => self.today.threshold(&self.calibration, group),
        }
    }

    /// Begins a new day. A clock that jumps back begins none.
    fn roll(&mut self, day: Day, shared: &Shared) {
        if day > self.today.day {
            self.today = Today::new(day);
            self.own.roll(day);
            self.calibrate(shared);
        }
    }

    /// Forgets rows among the numbers from `start`, at most `most` of them. Returns where to go on, or `None` at the
    /// end. In small steps, because whoever scores an execution waits meanwhile.
    pub(crate) fn sweep(&mut self, start: u32, most: u32, shared: &Shared) -> Option<u32> {
        let Settings { retention_days, .. } = shared.settings;
        let today = self.today.day;
        let end = self.rows.end().min(start.saturating_add(most));
        for number in start..end {
            let Some(row) = self.rows.get(number) else { continue };
            match fate_of(row.state, &row.days, today, retention_days) {
                Fate::Keep => {}
                Fate::Forget => {
                    self.deactivate(number);
                    self.rows.set_state(number, RowState::Forgotten);
                    self.mark(number, Unsaved::Row);
                }
                Fate::Delete => {
                    self.unsaved.deleted.extend(self.rows.remove(number).map(|row| row.key));
                }
            }
        }
        (end < self.rows.end()).then_some(end)
    }

    pub(crate) fn mark(&mut self, number: u32, unsaved: Unsaved) {
        let Some(row) = self.rows.get_mut(number) else { return };
        if unsaved > row.unsaved {
            row.unsaved = unsaved;
            match unsaved {
                Unsaved::Row => self.unsaved.rows.push(number),
                Unsaved::Counts => self.unsaved.counts.push(number),
                Unsaved::Nothing => {}
            }
        }
    }

    /// Takes at most `most` rows that the store does not have yet; counts only where `with_counts`. `None` when there
    /// is nothing to write.
    pub(crate) fn take_unsaved(
        &mut self,
        most: usize,
        with_counts: bool,
        embedder: &dyn Embedder,
    ) -> Option<Batch> {
        let UnsavedRows { rows, counts, deleted, record, urgent, applied } = &mut self.unsaved;
        let mut numbers = rows.split_off(rows.len().saturating_sub(most));
        if with_counts {
            numbers.append(&mut counts.split_off(counts.len().saturating_sub(most - numbers.len())));
        }
        let mut gone = deleted.split_off(deleted.len().saturating_sub(most));
        let record_alone = (with_counts && *record) || *urgent;
        if numbers.is_empty() && gone.is_empty() && !record_alone {
            return None;
        }
        // What is there again is replaced and not deleted.
        gone.retain(|key| self.rows.find(*key).is_none());
        if rows.is_empty() && deleted.is_empty() {
            // Every row that follows these decisions is in this batch or was in one before.
            self.record.applied.append(applied);
            *urgent = false;
        }
        *record = false;
        let mut batch = Batch { record: self.record.clone(), rows: Vec::new(), deleted: gone };
        for number in numbers {
            let Some(row) = self.rows.get_mut(number) else { continue };
            // A number may be listed for its counts and for itself: once is enough.
            if std::mem::replace(&mut row.unsaved, Unsaved::Nothing) != Unsaved::Nothing {
                batch.rows.push(to_stored(row, embedder, &mut self.scratch.embedding));
            }
        }
        Some(batch)
    }

    /// Gives back what could not be written.
    pub(crate) fn put_back(&mut self, batch: &Batch) {
        for row in &batch.rows {
            if let Some(number) = self.rows.find(row.key) {
                self.mark(number, Unsaved::Row);
            }
        }
        self.unsaved.deleted.extend(&batch.deleted);
        self.unsaved.record = true;
        if !self.record.applied.is_empty() {
            self.unsaved.applied.append(&mut self.record.applied);
            self.unsaved.urgent = true;
        }
    }

    /// How many rows the store does not have yet.
    pub(crate) fn unsaved_len(&self) -> usize {
        self.unsaved.rows.len() + self.unsaved.counts.len() + self.unsaved.deleted.len()
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
            learning: learned_at.is_none().then(|| self.progress(last_seen, shared)),
            executions,
            rows: self.rows.count(RowState::Active),
            held: self.rows.count(RowState::Held),
            denied: self.rows.count(RowState::Denied),
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

/// Whether a program is on the never-learn list, by its name or by that of its file.
fn never_learn(execution: &Execution, settings: &Settings) -> bool {
    let file = execution.arguments.iter().next().map_or("", |path| path.rsplit('/').next().unwrap_or(path));
    settings.never_learn.iter().any(|never| *never == execution.name || *never == file)
}
