//! What is kept of a distinct execution, in the store's terms.

use std::collections::BTreeMap;

use anomaly_vectorizer::{Execution, Feature, Kind, Seen};

/// Microseconds since the Unix epoch, UTC.
pub type Timestamp = i64;

/// A day: days since the Unix epoch (UTC), or the `day` of a recording.
pub type Day = i32;

/// The UTC day of a moment.
pub fn utc_day(time: Timestamp) -> Day {
    Day::try_from(time.div_euclid(86_400_000_000)).unwrap_or(if time < 0 { Day::MIN } else { Day::MAX })
}

/// What a row counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RowState {
    /// Learned: normal for this workload.
    Active = 0,
    /// Seen, but too far from what is normal to be learned by happening once.
    Held = 1,
    /// A person said that it never becomes normal.
    Denied = 2,
    /// Not seen for longer than the retention; kept for its days, so that monthly jobs are recognised.
    Forgotten = 3,
}

impl RowState {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [Self::Active, Self::Held, Self::Denied, Self::Forgotten];

    /// The state with this discriminant, as stored.
    pub fn from_u8(discriminant: u8) -> Option<Self> {
        Self::ALL.get(usize::from(discriminant)).copied()
    }

    /// The one of two states that stands where two rows become one: a person's *never* before what was learned, what
    /// was learned before what still waits, and what is forgotten last.
    pub fn stricter(self, other: Self) -> Self {
        let rank = |state| match state {
            Self::Denied => 3,
            Self::Active => 2,
            Self::Held => 1,
            Self::Forgotten => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// The state as a word, as people and files have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "learned",
            Self::Held => "held",
            Self::Denied => "denied",
            Self::Forgotten => "forgotten",
        }
    }
}

/// The distinct days on which a row was seen, over the last 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DaySet {
    /// The last day.
    pub last: Day,
    /// Bit `n` is set where the row was seen `n` days before `last`; bit 0 always.
    pub bits: u64,
}

impl DaySet {
    /// The set of one day.
    pub fn of(day: Day) -> Self {
        Self { last: day, bits: 1 }
    }

    /// Adds a day. A day more than 63 before the last leaves no trace; a later one shifts older ones out.
    /// Returns whether the day is new.
    pub fn insert(&mut self, day: Day) -> bool {
        if self.bits == 0 {
            *self = Self::of(day);
            return true;
        }
        let ahead = i64::from(day) - i64::from(self.last);
        if ahead > 0 {
            self.bits = u32::try_from(ahead).ok().and_then(|by| self.bits.checked_shl(by)).unwrap_or(0) | 1;
            self.last = day;
            return true;
        }
        let bit = u32::try_from(-ahead).ok().and_then(|by| 1u64.checked_shl(by)).unwrap_or(0);
        let new = self.bits & bit == 0 && bit != 0;
        self.bits |= bit;
        new
    }

    /// Adds every day of another set.
    pub fn extend(&mut self, other: Self) {
        for ago in (0..64).rev().filter(|ago| other.bits & (1 << ago) != 0) {
            self.insert(other.last.saturating_sub(ago));
        }
    }

    /// How many of its days are later than this one.
    pub fn since(&self, day: Day) -> u32 {
        let later = u32::try_from(i64::from(self.last) - i64::from(day)).unwrap_or(0);
        let mask = 1u64.checked_shl(later).map_or(u64::MAX, |bit| bit - 1);
        (self.bits & mask).count_ones()
    }

    /// Those of its days that are no later than this one.
    pub fn until(&self, day: Day) -> Self {
        let mut until = Self::default();
        for each in self.iter().filter(|each| *each <= day) {
            until.insert(each);
        }
        until
    }

    /// The days, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Day> {
        let Self { last, bits } = *self;
        (0..64).rev().filter(move |ago| bits & (1 << ago) != 0).map(move |ago| last.saturating_sub(ago))
    }

    /// How many distinct days.
    pub fn len(&self) -> u32 {
        self.bits.count_ones()
    }

    /// Whether no day was ever added.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }
}

/// An odd number whose bits are spread out: 2^128 divided by the golden ratio.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// How far the key is turned for each dimension of the surroundings.
const TURN: u32 = 29;

/// The key under which a known execution is held for its surroundings alone, of the key of its features and of what
/// surrounded it.
pub fn key_in_surroundings(key: u128, seen: Seen) -> u128 {
    seen.bits()
        .into_iter()
        .fold(key, |key, bits| key.rotate_left(TURN) ^ u128::from(bits).wrapping_mul(SPREAD))
}

/// What [`key_in_surroundings`] was given: the key of the features.
pub fn key_without_surroundings(key: u128, seen: Seen) -> u128 {
    let bits = seen.bits().into_iter().rev();
    bits.fold(key, |key, bits| (key ^ u128::from(bits).wrapping_mul(SPREAD)).rotate_right(TURN))
}

/// One distinct execution of a workload, as a store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The exact key of the feature set, unique per workload and kind.
    pub key: u128,
    /// The canonical, scrubbed execution: a newer feature version is computed from it. Its kind is part of what the row
    /// is found by.
    pub execution: Execution,
    /// The features, sorted by hash.
    pub features: Vec<Feature>,
    /// The L2-normalised vector.
    pub vector: Vec<f32>,
    /// The contexts it was seen with.
    pub seen: Seen,
    /// How often it was seen.
    pub count: u64,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
    /// The day (of the baseline's calendar) on which it was first seen.
    pub first_day: Day,
    /// The days on which it was seen.
    pub days: DaySet,
    /// The distance when it was inserted, 0 to 1.
    pub distance: f32,
    /// What it counts for.
    pub state: RowState,
}

/// What is kept of a workload beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkloadRecord {
    /// Executions seen, repeats included.
    pub executions: u64,
    /// First execution.
    pub first_seen: Timestamp,
    /// Last execution.
    pub last_seen: Timestamp,
    /// The first day of the baseline's calendar.
    pub first_day: Day,
    /// When it had learned enough; `None` while it learns.
    pub learned_at: Option<Timestamp>,
    /// The days with at least one execution.
    pub days: DaySet,
    /// What the last executions of the warm-up were like.
    pub recent: Recent,
    /// From when until when everything is learned, where a person opened such a window.
    pub window: Option<(Timestamp, Timestamp)>,
    /// People's decisions that the rows beside this record follow already, by id, with what came of each. Kept until
    /// the decisions' own log has it: a decision is applied once, whenever the process ends.
    pub applied: Vec<(u128, String)>,
    /// The same of each kind of act that a rule has asked about; these have no acts of their own.
    pub acts: BTreeMap<Kind, WorkloadRecord>,
}

impl WorkloadRecord {
    /// What is kept of a kind of act, executions included.
    pub fn of(&self, kind: Kind) -> Option<&Self> {
        if kind.is_act() { self.acts.get(&kind) } else { Some(self) }
    }
}

/// Which of the last executions of a warm-up were far from everything before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recent {
    /// A bit for each of the last 50, the latest lowest: whether it was far.
    pub far: u64,
    /// How many executions that is, at most 50.
    pub seen: u32,
    /// When the last far one was.
    pub last_far: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings_are_put_upon_a_key_and_taken_off() {
        let seen = Seen::from_bits([1, 2, 0, u32::MAX]);
        let key = key_in_surroundings(7 << 100, seen);
        assert_ne!(key, 7 << 100);
        assert_eq!(key_without_surroundings(key, seen), 7 << 100);
        assert_ne!(key_without_surroundings(key, Seen::from_bits([1, 2, 0, 1])), 7 << 100);
    }

    #[test]
    fn days_are_counted_from_one_and_cut_at_one() {
        let days = DaySet { last: 100, bits: 1 << 63 | 0b1011 };
        for (day, later) in
            [(100, 0), (101, 0), (Day::MAX, 0), (99, 1), (98, 2), (96, 3), (37, 3), (36, 4), (Day::MIN, 4)]
        {
            assert_eq!(days.since(day), later, "{day}");
        }
        assert_eq!(days.until(99).iter().collect::<Vec<_>>(), [37, 97, 99]);
        assert!(days.until(36).is_empty() && DaySet::default().since(5) == 0);
        assert_eq!(days.until(Day::MAX), days);
    }

    #[test]
    fn days_are_told_and_put_together() {
        let mut days = DaySet::of(10);
        days.extend(DaySet { last: 8, bits: 0b101 });
        assert_eq!(days.iter().collect::<Vec<_>>(), [6, 8, 10]);
        let mut early = DaySet::of(-300);
        early.extend(days);
        assert_eq!(early, days, "what is too old leaves no trace");
    }
}
