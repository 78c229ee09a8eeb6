//! What is kept of a distinct execution, in the store's terms.

use anomaly_vectorizer::{Execution, Feature, Seen};

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
    /// The state with this discriminant, as stored.
    pub fn from_u8(discriminant: u8) -> Option<Self> {
        [Self::Active, Self::Held, Self::Denied, Self::Forgotten].get(usize::from(discriminant)).copied()
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

    /// How many distinct days.
    pub fn len(&self) -> u32 {
        self.bits.count_ones()
    }

    /// Whether no day was ever added.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }
}

/// One distinct execution of a workload, as a store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// What kind of act: `exec`. Others come later, kept apart in the same table.
    pub kind: String,
    /// The exact key of the feature set, unique per workload and kind.
    pub key: u128,
    /// The canonical, scrubbed execution: a newer feature version is computed from it.
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
}
