//! What a workload takes on: everything while it warms up, afterwards what the policy allows.

use anomaly_vectorizer::{Context, Execution, Seen, Vector};

use super::cold::Cold;
use super::{Shared, WorkSpace, Workload};
use crate::calibration::OWN_FROM;
use crate::features;
use crate::history::{Group, OwnDays, WINDOW, days_to_promote};
use crate::row::{DaySet, RowState};
use crate::rows::{Row, Unsaved};
use crate::settings::Settings;
use crate::verdict::{Sighting, Standing};

/// Programs of the never-learn list that are named in the status.
const MAX_WARNINGS: usize = 8;

impl Workload {
    /// While it learns, a workload learns everything but what is on the never-learn list.
    ///
    /// Rows of the warm-up have distance 0, so that the order in which executions came changes nothing.
    pub(super) fn learn_in_warm_up(&mut self, sighting: &Sighting<'_>, shared: &Shared, scratch: &WorkSpace) {
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
    pub(super) fn warn(&mut self, name: &str) {
        if self.warnings.len() < MAX_WARNINGS && !self.warnings.iter().any(|warning| warning == name) {
            self.warnings.push(name.to_owned());
        }
    }

    /// Learns a scored execution: near ones at once, far ones after they recurred on enough days.
    pub(super) fn learn(
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
                self.unsaved.delete(held);
                if let Some(row) = self.rows.get_mut(original) {
                    row.seen.extend(seen);
                    self.seen.extend(seen);
                }
                self.mark(original, Unsaved::Row);
            }
            return;
        }
        row.distance = row.distance.max(distance);
        self.settle(number, Some(RowState::Active), shared);
        self.mark(number, Unsaved::Row);
        self.calibrate(shared);
    }

    pub(super) fn calibrate(&mut self, shared: &Shared) {
        self.calibration = self.own.calibration(shared.method.prior, self.record.first_day, self.today.day);
    }

    /// Computes anew what active rows add up to, after some were taken out by hand.
    pub(crate) fn add_up(&mut self, shared: &Shared) {
        self.seen = Seen::default();
        self.own = OwnDays::default();
        if let Some(mut cold) = self.cold.take() {
            self.add_up_cold(&mut cold);
            self.cold = Some(cold);
        }
        for number in 0..self.rows.end() {
            let Some(row) = self.rows.get(number).filter(|row| row.state == RowState::Active) else {
                continue;
            };
            self.seen.extend(row.seen);
            if row.own_state().is_some() {
                self.own.note(row.first_day, row.distance, Group::of(&row.execution), self.today.day);
            }
        }
        self.calibrate(shared);
    }

    /// Adds up what active rows that are not in memory do.
    pub(super) fn add_up_cold(&mut self, cold: &mut Cold) {
        self.seen.extend(cold.seen_by_active());
        cold.roll(self.today.day.saturating_sub(WINDOW));
        for (day, group) in cold.news() {
            self.own.note(day, OWN_FROM, group, self.today.day);
        }
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
            RowState::Active => self.count(RowState::Active) < settings.max_rows,
            _ => self.count(RowState::Held) + self.count(RowState::Denied) < settings.max_held,
        };
        let room = room && self.rows.crowds.has_room(&scratch.packed, state);
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
            foreign: None,
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
    pub(super) fn activate(&mut self, number: u32, shared: &Shared) {
        let Some(row) = self.rows.get(number) else { return };
        let embedding = &mut self.scratch.get_or_insert_default().embedding;
        shared.embedder.embed(&row.execution, embedding);
        let vector: Vector = embedding.vector;
        self.index.insert(number, &vector);
        self.activate_features(number);
    }

    pub(super) fn activate_features(&mut self, number: u32) {
        let Some(row) = self.rows.get(number) else { return };
        for &feature in &row.features {
            *self.known.entry(feature).or_default() += 1;
        }
        self.seen.extend(row.seen);
        // News elsewhere says nothing about how much of it there is here.
        if row.own_state().is_some() {
            self.own.note(row.first_day, row.distance, Group::of(&row.execution), self.today.day);
        }
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
}

/// Whether a program is on the never-learn list, by its name or by that of its file.
pub(super) fn never_learn(execution: &Execution, settings: &Settings) -> bool {
    if execution.kind.is_act() {
        return settings.never_learn.contains(&execution.name);
    }
    let file = execution.arguments.iter().next().map_or("", |path| path.rsplit('/').next().unwrap_or(path));
    settings.never_learn.iter().any(|never| *never == execution.name || *never == file)
}
