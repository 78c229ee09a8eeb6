//! What is kept of rows that are with the store alone.
//!
//! Memory is bounded. A baseline that nobody asked for longest gives all of its rows back, and one that is larger than
//! its share the least recently seen of them. What stays is what answers a repeat: the exact key, what the row counts
//! for and was seen with, how often it ran, and the day on which it last did, which tells when it is forgotten. That is
//! 24 bytes a row. Whatever needs more than that needs the row, and waits until it was read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anomaly_vectorizer::{Context, Feature, Seen};

use crate::calibration::OWN_FROM;
use crate::features::Packed;
use crate::history::Group;
use crate::retention::{Fate, fate_of};
use crate::row::{Day, DaySet, RowState, StoredRow, Timestamp};
use crate::rows::Row;
use crate::sorted::Sorted;

/// Rows whose runs are noted one by one until the store has them. Of more, how often they ran is noted alone.
const MOST_TOUCHED: usize = 1 << 16;

/// Rows that are asked for at a time; who wants more asks again.
const MOST_ASKED: usize = 1_024;

/// Rows that are not in memory.
#[derive(Debug, Clone)]
pub(crate) struct Cold {
    rows: Sorted<u128, Kept>,
    /// The few different things that rows have in common.
    classes: Vec<Class>,
    /// What days are counted from.
    base: Day,
    by_state: [usize; 4],
    /// In how many of the active ones each feature is. Not kept while the baseline sleeps.
    known: Sorted<Packed, u16>,
    /// How many features there is room for.
    most_known: usize,
    /// How many of the active ones count among the news of a day, by alert group. Not kept while it sleeps either.
    news: HashMap<(Day, Group), u32>,
    /// Repeats that the store does not have yet.
    touched: HashMap<u128, Touch>,
    touched_since: Option<Instant>,
    /// Rows that somebody waits for.
    asked: Vec<u128>,
    /// Rows that came back for somebody, and the turn until which they stay.
    owed: Vec<(u128, u64)>,
    /// Whether the engine's thread was told that somebody waits.
    pub(super) announced: bool,
    /// Where all rows are here: the baseline sleeps.
    pub(super) asleep: Option<Asleep>,
}

/// What is kept of a row beside its key.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// How often it was seen, as far as four bytes tell.
    count: u32,
    /// The last day on which it was, from [`Cold::base`] on.
    day: u16,
    /// Its place among the classes.
    class: u16,
}

/// What rows have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    state: RowState,
    seen: Seen,
    /// Whether its days span a week, for which it is kept longer.
    long: bool,
}

/// What is kept beside of a baseline that sleeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asleep {
    /// Places where any object counts as one, sorted.
    pub(super) crowded: Box<[Packed]>,
    /// How often rows that are not learned ran on the last of their days.
    pub(super) runs: Vec<(u128, u32)>,
}

/// Repeats of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) runs: u32,
    pub(crate) last: Timestamp,
    pub(crate) days: DaySet,
    /// How often it was seen in all, as far as four bytes tell.
    pub(crate) count: u32,
}

impl Touch {
    /// Counts these runs in a row that has none of them.
    pub(crate) fn count_in(&self, row: &mut StoredRow) {
        row.days.extend(self.days);
        row.count = row.count.saturating_add(u64::from(self.runs));
        row.last_seen = row.last_seen.max(self.last);
    }
}

/// What can be said of an execution without its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has no row here.
    Unknown,
    /// It is learned, in these surroundings.
    Repeat,
    /// Nothing, before its row is in memory.
    Needed,
}

impl Cold {
    /// For a baseline whose last day was `today`, with room for so many features.
    pub(crate) fn new(today: Day, most_known: usize) -> Self {
        Self {
            rows: Sorted::default(),
            classes: Vec::new(),
            base: today.saturating_sub(1 << 15),
            by_state: [0; 4],
            known: Sorted::default(),
            most_known,
            news: HashMap::new(),
            touched: HashMap::new(),
            touched_since: None,
            asked: Vec::new(),
            owed: Vec::new(),
            announced: false,
            asleep: None,
        }
    }

    /// How many rows are in this state.
    pub(crate) fn count(&self, state: RowState) -> usize {
        self.by_state[state as usize]
    }

    pub(crate) fn has(&self, key: u128) -> bool {
        self.rows.contains(key)
    }

    /// What the row of this key counts for.
    pub(crate) fn state(&self, key: u128) -> Option<RowState> {
        Some(self.class(self.rows.get(key)?).state)
    }

    /// What the row of this key was seen with.
    pub(crate) fn seen(&self, key: u128) -> Option<Seen> {
        Some(self.class(self.rows.get(key)?).seen)
    }

    /// What all active rows were seen with.
    pub(crate) fn seen_by_active(&self) -> Seen {
        let mut all = Seen::default();
        let active = self.classes.iter().filter(|class| class.state == RowState::Active);
        active.for_each(|class| all.extend(class.seen));
        all
    }

    /// Keeps a row's key and what goes with it. `false` where rows have too little in common for that.
    pub(crate) fn add(&mut self, row: &Row) -> bool {
        let class = Class { state: row.state, seen: row.seen, long: is_long(row.days) };
        let count = u32::try_from(row.count).unwrap_or(u32::MAX);
        self.keep(row.key, class, row.days.last, count)
    }

    /// The same of what a row adds up to with the others while some of them are compared.
    pub(crate) fn add_up(&mut self, row: &Row) {
        if row.state != RowState::Active {
            return;
        }
        for &feature in &row.features {
            if let Some(rows) = self.known.get_mut(feature) {
                *rows = rows.saturating_add(1);
            } else if self.known.len() < self.most_known {
                self.known.insert(feature, 1);
            }
        }
        if row.distance >= OWN_FROM {
            *self.news.entry((row.first_day, Group::of(&row.execution))).or_default() += 1;
        }
    }

    /// Takes that back, for a row that comes back.
    pub(crate) fn take_off(&mut self, row: &Row) {
        if row.state != RowState::Active {
            return;
        }
        for &feature in &row.features {
            match self.known.get_mut(feature) {
                // Among so many rows that they were not counted it stays.
                None | Some(&mut u16::MAX) => {}
                Some(1) => drop(self.known.remove(feature)),
                Some(rows) => *rows -= 1,
            }
        }
        let of_day = (row.first_day, Group::of(&row.execution));
        if row.distance >= OWN_FROM
            && let Some(rows) = self.news.get_mut(&of_day)
        {
            *rows -= 1;
            if *rows == 0 {
                self.news.remove(&of_day);
            }
        }
    }

    /// Takes on the keys of another.
    pub(super) fn absorb(&mut self, other: &Self) {
        let mut last = None;
        loop {
            let before = last;
            for (key, kept) in other.rows.after(before) {
                self.keep(key, other.class(kept), other.day(kept), kept.count);
                last = Some(key);
            }
            if last == before {
                return;
            }
        }
    }

    /// Drops what is of use only while some of the rows are in memory.
    pub(super) fn fall_asleep(&mut self, asleep: Asleep) {
        (self.known, self.news) = (Sorted::default(), HashMap::new());
        (self.asked, self.announced) = (Vec::new(), false);
        self.rows.shrink();
        self.asleep = Some(asleep);
    }

    fn keep(&mut self, key: u128, class: Class, day: Day, count: u32) -> bool {
        let Some(place) = self.place_of(class) else { return false };
        let kept = Kept { count, day: self.days_to(day), class: place };
        if let Some(before) = self.rows.insert(key, kept) {
            let state = self.class(before).state;
            self.by_state[state as usize] -= 1;
        }
        self.by_state[class.state as usize] += 1;
        true
    }

    fn place_of(&mut self, class: Class) -> Option<u16> {
        let place = self.classes.iter().position(|other| *other == class).unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        });
        let place = u16::try_from(place).ok();
        if place.is_none() {
            self.classes.pop();
        }
        place
    }

    fn class(&self, kept: Kept) -> Class {
        self.classes[usize::from(kept.class)]
    }

    fn days_to(&self, day: Day) -> u16 {
        let days = (i64::from(day) - i64::from(self.base)).clamp(0, i64::from(u16::MAX));
        u16::try_from(days).expect("it was clamped")
    }

    fn day(&self, kept: Kept) -> Day {
        self.base.saturating_add(Day::from(kept.day))
    }

    /// Takes a row's key out: how often it was seen as far as four bytes tell, and what of that the store does not have.
    pub(crate) fn take(&mut self, key: u128) -> Option<(u32, Option<Touch>)> {
        let kept = self.rows.remove(key)?;
        let state = self.class(kept).state;
        self.by_state[state as usize] -= 1;
        Some((kept.count, self.touched.remove(&key)))
    }

    /// What can be said of an execution of this key in these surroundings. Where its row would take something on, it is
    /// needed for that.
    pub(crate) fn answer(&self, key: u128, context: &Context) -> Answer {
        let Some(kept) = self.rows.get(key) else { return Answer::Unknown };
        let Class { state, mut seen, .. } = self.class(kept);
        if state == RowState::Active && context.is_within(&seen) && !seen.insert(context) {
            Answer::Repeat
        } else {
            Answer::Needed
        }
    }

    /// How often the row of this key was seen.
    pub(crate) fn runs(&self, key: u128) -> u64 {
        self.rows.get(key).map_or(0, |kept| u64::from(kept.count))
    }

    /// Notes one more run. Whether it is on a later day than all before.
    pub(crate) fn touch(&mut self, key: u128, time: Timestamp, day: Day) -> bool {
        let Some(kept) = self.rows.get(key) else { return false };
        let count = kept.count.saturating_add(1);
        let later = self.ran(key, count, day);
        if self.touched.is_empty() {
            self.touched_since = Some(Instant::now());
        }
        if self.touched.len() < MOST_TOUCHED || self.touched.contains_key(&key) {
            let none = Touch { runs: 0, last: Timestamp::MIN, days: DaySet::default(), count };
            let touch = self.touched.entry(key).or_insert(none);
            touch.runs = touch.runs.saturating_add(1);
            touch.last = touch.last.max(time);
            touch.count = count;
            touch.days.insert(day);
        }
        later
    }

    /// A row was seen so often by now, last on this day. Whether that is later than all before.
    fn ran(&mut self, key: u128, count: u32, day: Day) -> bool {
        let Some(kept) = self.rows.get(key) else { return false };
        let (before, class) = (self.day(kept), self.class(kept));
        let later = day > before;
        if later && !class.long && day.saturating_sub(before) >= WEEK {
            self.keep(key, Class { long: true, ..class }, day, count);
        } else {
            let day = self.days_to(if later { day } else { before });
            if let Some(kept) = self.rows.get_mut(key) {
                (kept.count, kept.day) = (count, day);
            }
        }
        later
    }

    /// Rows whose runs the store does not have yet, and for how long.
    pub(crate) fn touched(&self) -> (usize, Duration) {
        (self.touched.len(), self.touched_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// Takes the runs of some rows, to be written.
    pub(crate) fn take_touched(&mut self, most: usize) -> Vec<(u128, Touch)> {
        let keys: Vec<_> = self.touched.keys().take(most).copied().collect();
        let taken = keys.into_iter().filter_map(|key| Some((key, self.touched.remove(&key)?))).collect();
        if self.touched.is_empty() {
            (self.touched, self.touched_since) = (HashMap::new(), None);
        }
        taken
    }

    /// Takes on runs that the store does not have, of a row here.
    pub(crate) fn give_touched(&mut self, key: u128, touch: Touch) {
        if let Some(kept) = self.rows.get(key) {
            self.ran(key, kept.count.max(touch.count), touch.days.last);
        }
        self.touched_since.get_or_insert_with(Instant::now);
        let none = Touch { runs: 0, ..touch };
        let before = self.touched.entry(key).or_insert(none);
        before.runs = before.runs.saturating_add(touch.runs);
        before.last = before.last.max(touch.last);
        before.days.extend(touch.days);
        before.count = before.count.max(touch.count);
    }

    /// Runs that the store does not have, by key.
    pub(super) fn into_touched(self) -> HashMap<u128, Touch> {
        self.touched
    }

    /// Asks for rows. Those that are not here are left out.
    pub(crate) fn ask_for(&mut self, keys: impl IntoIterator<Item = u128>) {
        for key in keys {
            if self.asked.len() < MOST_ASKED && self.rows.contains(key) && !self.asked.contains(&key) {
                self.asked.push(key);
            }
        }
    }

    /// Which rows were asked for.
    pub(crate) fn asked(&self) -> &[u128] {
        &self.asked
    }

    /// Keeps these rows in memory until a turn.
    pub(super) fn owe(&mut self, keys: &[u128], until: u64) {
        self.owed.extend(keys.iter().map(|key| (*key, until)));
    }

    /// Whether somebody waited for this row a moment ago.
    pub(super) fn is_owed(&self, key: u128) -> bool {
        self.owed.iter().any(|(owed, _)| *owed == key)
    }

    /// Forgets who waited until this turn.
    pub(super) fn end_owing(&mut self, turn: u64) {
        self.owed.retain(|(_, until)| *until > turn);
    }

    /// What was asked for was answered, or could not be.
    pub(crate) fn answered(&mut self) {
        self.asked.clear();
        self.announced = false;
    }

    /// Whether any active row has this feature.
    pub(crate) fn knows(&self, feature: Packed) -> bool {
        self.known.contains(feature)
    }

    /// What the rows count among the news of days: each day and group once.
    pub(crate) fn news(&self) -> impl Iterator<Item = (Day, Group)> + '_ {
        self.news.keys().copied()
    }

    /// Forgets news of days before this one.
    pub(crate) fn roll(&mut self, from: Day) {
        self.news.retain(|(day, _), _| *day >= from);
    }

    /// Looks at some rows after `key`, at least one, for those of which something becomes on the last day of the calendar.
    /// Returns where to go on.
    pub(crate) fn due(
        &self,
        after: Option<u128>,
        calendar: &DaySet,
        retention_days: u16,
        due: &mut Vec<u128>,
    ) -> Option<u128> {
        let mut last = None;
        for (key, kept) in self.rows.after(after) {
            last = Some(key);
            let Class { state, long, .. } = self.class(kept);
            let day = self.day(kept);
            // As many days as tell the two kinds apart that are forgotten after different times.
            let days = DaySet { last: day, bits: 1 | u64::from(long) << WEEK };
            let fate = fate_of(state, &days, calendar, retention_days);
            if !matches!(fate, Fate::Keep) || (day > calendar.last && !calendar.is_empty()) {
                due.push(key);
            }
        }
        last
    }

    /// Whether an active row may have been seen first on this day or later.
    pub(crate) fn may_have_learned_since(&self, from: Day) -> bool {
        let mut last = None;
        loop {
            let before = last;
            for (key, kept) in self.rows.after(before) {
                if self.day(kept) >= from && self.class(kept).state == RowState::Active {
                    return true;
                }
                last = Some(key);
            }
            if last == before {
                return false;
            }
        }
    }

    /// Whether an act is done to one among many objects, and was not denied.
    pub(super) fn is_one_of_many(&self, key: u128, act: &[Feature]) -> bool {
        let crowded = self.asleep.as_ref().map_or(&[][..], |asleep| &asleep.crowded);
        !crowded.is_empty()
            && crate::crowds::place_of_object(act).is_some_and(|place| crowded.binary_search(&place).is_ok())
            && self.state(key) != Some(RowState::Denied)
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let touched = self.touched.capacity() * (size_of::<(u128, Touch)>() + 1) * 8 / 7;
        let news = self.news.capacity() * (size_of::<((Day, Group), u32)>() + 1) * 8 / 7;
        let asleep = self.asleep.as_ref().map_or(0, |asleep| {
            asleep.crowded.len() * size_of::<Packed>() + asleep.runs.capacity() * size_of::<(u128, u32)>()
        });
        let asked =
            self.asked.capacity() * size_of::<u128>() + self.owed.capacity() * size_of::<(u128, u64)>();
        let classes = self.classes.capacity() * size_of::<Class>();
        size_of::<Self>() + self.rows.bytes() + self.known.bytes() + classes + touched + news + asked + asleep
    }
}

/// Days of a week: rows whose days span as many are kept longer.
const WEEK: Day = 7;

fn is_long(days: DaySet) -> bool {
    days.bits >> WEEK != 0
}

#[cfg(test)]
mod tests {
    use anomaly_vectorizer::{Execution, FeatureClass};
    use proptest::prelude::*;

    use super::*;
    use crate::rows::from_stored;

    fn row(key: u128, state: RowState, days: DaySet, features: &[u64]) -> Row {
        let features = features.iter().map(|hash| Feature { hash: hash << 5, class: FeatureClass::Word });
        from_stored(StoredRow {
            key,
            execution: Execution::default(),
            features: features.collect(),
            vector: Vec::new(),
            seen: Seen::default(),
            count: 3,
            first_seen: 0,
            last_seen: 0,
            first_day: days.last,
            days,
            distance: 0.4,
            state,
        })
    }

    fn days() -> impl Strategy<Value = DaySet> {
        (19_900..20_010i32, any::<u64>(), 0..64u32)
            .prop_map(|(last, bits, shift)| DaySet { last, bits: bits >> shift | 1 })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is kept of a row's days tells of each whether anything becomes of it.
        #[test]
        fn due_is_what_a_sweep_would_change(
            rows in prop::collection::vec((0..4usize, days()), 0..700),
            calendar in days(),
            retention in 1..40u16,
        ) {
            let mut cold = Cold::new(20_000, 0);
            let mut expected = Vec::new();
            for (key, (state, days)) in rows.into_iter().enumerate() {
                let row = row(key as u128, RowState::ALL[state], days, &[]);
                prop_assert!(cold.add(&row));
                let fate = fate_of(row.state, &row.days, &calendar, retention);
                if !matches!(fate, Fate::Keep) || row.days.last > calendar.last {
                    expected.push(row.key);
                }
            }
            let (mut due, mut last) = (Vec::new(), None);
            while let Some(next) = cold.due(last, &calendar, retention, &mut due) {
                last = Some(next);
            }
            prop_assert_eq!(due, expected);
        }

        /// Whatever comes and goes, exactly the features of what is there are known, and its news counted.
        #[test]
        fn features_are_those_of_the_rows_that_are_there(
            steps in prop::collection::vec((0..40u128, any::<bool>(), prop::collection::btree_set(0..30u64, 0..6)), 0..200),
        ) {
            let mut cold = Cold::new(20_000, usize::MAX);
            let mut there: HashMap<u128, Row> = HashMap::new();
            for (key, comes, features) in steps {
                if let Some(row) = there.remove(&key) {
                    prop_assert!(cold.take(key).is_some());
                    cold.take_off(&row);
                }
                if comes {
                    let features: Vec<_> = features.into_iter().collect();
                    let row = row(key, RowState::Active, DaySet::of(20_000), &features);
                    cold.add(&row);
                    cold.add_up(&row);
                    there.insert(key, row);
                }
            }
            for hash in 0..30u64 {
                let feature = crate::features::pack(Feature { hash: hash << 5, class: FeatureClass::Word });
                let known = there.values().any(|row| row.features.contains(&feature));
                prop_assert_eq!(cold.knows(feature), known);
            }
            prop_assert_eq!(cold.count(RowState::Active), there.len());
            prop_assert_eq!(cold.news().count(), usize::from(!there.is_empty()));
        }
    }

    #[test]
    fn runs_are_noted_until_they_are_taken() {
        let mut cold = Cold::new(20_000, 0);
        cold.add(&row(1, RowState::Active, DaySet::of(19_990), &[]));
        assert!(!cold.touch(1, 5, 19_990), "the day is none later");
        assert!(cold.touch(1, 7, 20_000));
        assert!(!cold.touch(2, 9, 20_000), "there is no such row");
        assert_eq!((cold.runs(1), cold.touched().0), (5, 1));
        let taken = cold.take_touched(10);
        let [(1, touch)] = taken[..] else { panic!("{taken:?}") };
        assert_eq!((touch.runs, touch.last, touch.days.len(), cold.touched().0), (2, 7, 2, 0));
        cold.touch(1, 8, 20_001);
        cold.give_touched(1, touch);
        assert_eq!(
            cold.take(1).map(|(count, touch)| (count, touch.map(|touch| touch.runs))),
            Some((6, Some(3)))
        );
        assert_eq!((cold.touched().0, cold.count(RowState::Active)), (0, 0));
    }
}
