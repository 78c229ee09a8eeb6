//! How many different things a program does in one place, so that it can do any number of them.
//!
//! A server reads a thousand pages of a site and a mail program writes a file for each letter. Row by row that would
//! fill memory, table and the list of what is held. Where a program has done one thing to enough objects of one place,
//! any object there counts as one: the row says `/srv/www/*`. What that hides is a further object in that very place, by
//! that very program, in that very manner. And of one program only so many rows are kept at all; what goes beyond is
//! scored and not learned, so that the rules that it concerns fire.

use std::collections::HashMap;

use anomaly_vectorizer::{Feature, FeatureClass};

use crate::features::{self, Packed};
use crate::row::{DaySet, RowState};
use crate::rows::Row;

/// From how many objects on a place is a crowd.
const CROWD: u32 = 32;

/// On how many days new objects must have come for those that are held to count among them: otherwise somebody who
/// touches thirty at once would have the others for nothing.
const DAYS: u32 = 3;

/// Rows that are kept of one program and kind of act.
const OF_PROGRAM: u32 = 1_024;

/// Those of them that may be held.
const HELD_OF_PROGRAM: u32 = 64;

/// What is known of one place or one program.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    active: u32,
    held: u32,
    /// When what is held came first.
    days: DaySet,
}

impl Count {
    fn is_crowd(&self) -> bool {
        self.active >= CROWD || (self.active + self.held >= CROWD && self.days.len() >= DAYS)
    }
}

/// The places and programs of one kind of act. Empty for executions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowds {
    places: HashMap<Packed, Count>,
    programs: HashMap<Packed, Count>,
}

impl Crowds {
    pub(crate) fn add(&mut self, row: &Row) {
        self.count(row, |count| match row.state {
            RowState::Active => count.active += 1,
            RowState::Held => {
                count.held += 1;
                count.days.insert(row.first_day);
            }
            RowState::Denied | RowState::Forgotten => {}
        });
    }

    pub(crate) fn remove(&mut self, row: &Row) {
        self.count(row, |count| match row.state {
            RowState::Active => count.active = count.active.saturating_sub(1),
            RowState::Held => count.held = count.held.saturating_sub(1),
            RowState::Denied | RowState::Forgotten => {}
        });
    }

    fn count(&mut self, row: &Row, change: impl Fn(&mut Count)) {
        if !row.execution.kind.is_act() || matches!(row.state, RowState::Denied | RowState::Forgotten) {
            return;
        }
        let note = |counts: &mut HashMap<Packed, Count>, feature: Option<Packed>| {
            let Some(feature) = feature else { return };
            let count = counts.entry(feature).or_default();
            change(count);
            if count.active == 0 && count.held == 0 {
                counts.remove(&feature);
            }
        };
        note(&mut self.programs, of_class(&row.features, FeatureClass::Program));
        if of_class(&row.features, FeatureClass::Object).is_some() {
            note(&mut self.places, of_class(&row.features, FeatureClass::Place));
        }
    }

    /// Whether an act with these features is done to one among many objects.
    pub(crate) fn is_one_of_many(&self, act: &[Feature]) -> bool {
        place_of_object(act).and_then(|place| self.places.get(&place)).is_some_and(Count::is_crowd)
    }

    /// The places where there are that many, sorted.
    pub(crate) fn crowded(&self) -> Box<[Packed]> {
        let crowds = self.places.iter().filter(|(_, count)| count.is_crowd());
        let mut places: Vec<_> = crowds.map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.into()
    }

    /// What all of this takes in memory, in bytes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self.places.capacity() + self.programs.capacity();
        entries * (size_of::<(Packed, Count)>() + 1) * 8 / 7
    }

    /// Whether there is room for one more row of the program that did this.
    pub(crate) fn has_room(&self, act: &[Packed], state: RowState) -> bool {
        let count = of_class(act, FeatureClass::Program).and_then(|program| self.programs.get(&program));
        count.is_none_or(|count| match state {
            RowState::Held => count.held < HELD_OF_PROGRAM,
            _ => count.active < OF_PROGRAM,
        })
    }
}

/// Where an act's object is, if it has one.
pub(crate) fn place_of_object(act: &[Feature]) -> Option<Packed> {
    let of_class = |class| act.iter().find(|feature| feature.class == class);
    of_class(FeatureClass::Object)?;
    of_class(FeatureClass::Place).copied().map(features::pack)
}

fn of_class(features: &[Packed], class: FeatureClass) -> Option<Packed> {
    features.iter().copied().find(|&feature| features::is_of(feature, class))
}
