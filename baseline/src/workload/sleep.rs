//! A baseline whose rows are with the store alone.
//!
//! Memory is bounded for all workloads together, so those that nobody asked for longest give their rows back. What stays
//! is what answers a repeat: the exact keys of what was learned, by what they were seen with, and how often each ran.
//! Everything else is not answered before the rows are in memory again, because a score from a part of them would be
//! wrong. Repeats are noted, and counted in the rows when these return.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use anomaly_vectorizer::act::anything_there;
use anomaly_vectorizer::{Context, Feature, Seen};

use super::{Shared, WorkSpace, Workload};
use crate::elsewhere::Revision;
use crate::features::Packed;
use crate::index::Index;
use crate::row::{Day, DaySet, RowState, Timestamp};
use crate::rows::{Rows, Unsaved};
use crate::verdict::{Sighting, Standing, Teach, Verdict};

thread_local! {
    /// Shared by all that sleep: a work space of its own would be the greater part of each.
    static SCRATCH: RefCell<WorkSpace> = RefCell::default();
}

/// What is kept of rows that are not in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asleep {
    /// Active rows, by what they were seen with: few different values.
    learned: Vec<Keys>,
    /// Keys of denied acts, sorted: these are none of many.
    denied: Box<[u128]>,
    /// Places where any object counts as one, sorted.
    crowded: Box<[Packed]>,
    by_state: [usize; 4],
    /// How often rows that are not learned ran on the last of their days.
    runs: Vec<(u128, u32)>,
    /// Repeats that the rows do not have yet.
    touched: HashMap<u128, Touch>,
    touched_since: Option<Instant>,
    /// Whether somebody waits for the rows.
    asked: bool,
}

/// Rows that were seen with the same.
#[derive(Debug, Clone, Default)]
struct Keys {
    seen: Seen,
    /// Sorted.
    keys: Box<[u128]>,
    /// How often each was seen.
    counts: Box<[u32]>,
}

/// Repeats of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Touch {
    pub(crate) runs: u32,
    pub(crate) last: Timestamp,
    pub(crate) days: DaySet,
}

/// Keys on their way to [`Asleep`], in the order of the rows.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    learned: HashMap<Seen, Vec<(u128, u32)>>,
    asleep: Asleep,
    denied: Vec<u128>,
}

/// Rows that were given back, to be dropped where nobody waits.
pub(crate) struct GivenBack {
    _rows: Rows,
    _index: Index,
    _known: HashMap<Packed, u32>,
}

impl Gathered {
    /// Sorts the keys: for a large workload milliseconds, so its lock is not held.
    pub(crate) fn sorted(self) -> Asleep {
        let Self { learned, mut asleep, mut denied } = self;
        asleep.learned = learned
            .into_iter()
            .map(|(seen, mut keys)| {
                keys.sort_unstable();
                let (keys, counts): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
                Keys { seen, keys: keys.into(), counts: counts.into() }
            })
            .collect();
        denied.sort_unstable();
        asleep.denied = denied.into();
        asleep.runs.shrink_to_fit();
        asleep
    }
}

impl Asleep {
    /// How many rows are in this state.
    pub(crate) fn count(&self, state: RowState) -> usize {
        self.by_state[state as usize]
    }

    /// Rows whose runs are not counted yet, and for how long.
    pub(crate) fn touched(&self) -> (usize, Duration) {
        (self.touched.len(), self.touched_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn is_one_of_many(&self, key: u128, act: &[Feature]) -> bool {
        !self.crowded.is_empty()
            && crate::crowds::place_of_object(act)
                .is_some_and(|place| self.crowded.binary_search(&place).is_ok())
            && self.denied.binary_search(&key).is_err()
    }

    /// The place of a row that was seen with this before. Where it would take something on, it is none.
    fn find(&self, key: u128, context: &Context) -> Option<(usize, usize)> {
        let within = |keys: &Keys| context.is_within(&keys.seen) && !keys.seen.clone().insert(context);
        self.learned.iter().enumerate().find_map(|(group, keys)| {
            let position = keys.keys.binary_search(&key).ok()?;
            within(keys).then_some((group, position))
        })
    }

    /// Notes one more run, and tells how often it ran.
    fn touch(&mut self, (group, position): (usize, usize), time: Timestamp, day: Day) -> u64 {
        let keys = &mut self.learned[group];
        if self.touched.is_empty() {
            self.touched_since = Some(Instant::now());
        }
        let touch = self
            .touched
            .entry(keys.keys[position])
            .or_insert(Touch { last: Timestamp::MIN, ..Touch::default() });
        touch.runs = touch.runs.saturating_add(1);
        touch.last = touch.last.max(time);
        touch.days.insert(day);
        let count = &mut keys.counts[position];
        *count = count.saturating_add(1);
        u64::from(*count)
    }

    fn bytes(&self) -> usize {
        let keys = |keys: &Keys| size_of::<Keys>() + keys.keys.len() * (size_of::<u128>() + size_of::<u32>());
        let touched = self.touched.capacity() * (size_of::<(u128, Touch)>() + 1);
        size_of::<Self>()
            + self.learned.iter().map(keys).sum::<usize>()
            + self.denied.len() * size_of::<u128>()
            + self.crowded.len() * size_of::<Packed>()
            + self.runs.capacity() * size_of::<(u128, u32)>()
            + touched * 8 / 7
    }
}

impl Workload {
    /// What is kept where its rows are not in memory.
    pub(crate) fn asleep(&self) -> Option<&Asleep> {
        self.asleep.as_deref()
    }

    /// Whether its rows are in memory.
    pub(crate) fn is_awake(&self) -> bool {
        self.asleep.is_none()
    }

    /// How many rows are in this state, in memory or not.
    pub(crate) fn count(&self, state: RowState) -> usize {
        self.asleep.as_ref().map_or_else(|| self.rows.count(state), |asleep| asleep.count(state))
    }

    /// What it takes in memory, in bytes, estimated.
    pub(crate) fn bytes(&self) -> usize {
        let known = self.known.capacity() * (size_of::<(Packed, u32)>() + 1) * 8 / 7;
        let scratch = if self.scratch.is_some() { 2 * size_of::<WorkSpace>() } else { 0 };
        let rows = self.rows.bytes() + self.index.bytes() + known + scratch + self.today.bytes();
        // Its lock and its place in the map of workloads, beside itself.
        size_of::<Self>() + 256 + rows + self.asleep.as_ref().map_or(0, |asleep| asleep.bytes())
    }

    /// Gathers keys from the rows `start` and up, at most `most` of them. Returns where to go on.
    pub(crate) fn gather(&self, start: u32, most: u32, gathered: &mut Gathered) -> Option<u32> {
        let end = self.rows.end().min(start.saturating_add(most));
        for row in (start..end).filter_map(|number| self.rows.get(number)) {
            gathered.asleep.by_state[row.state as usize] += 1;
            let runs = row.runs_on(self.today.day);
            match row.state {
                RowState::Active => {
                    let count = u32::try_from(row.count).unwrap_or(u32::MAX);
                    gathered.learned.entry(row.seen).or_default().push((row.key, count));
                }
                RowState::Denied => gathered.denied.push(row.key),
                RowState::Held | RowState::Forgotten => {}
            }
            if row.state != RowState::Active && runs > 0 {
                gathered.asleep.runs.push((row.key, runs));
            }
        }
        (end < self.rows.end()).then_some(end)
    }

    /// How far its rows are, where they may be given back: all of them are with the store, and no other machine's are
    /// among them.
    pub(crate) fn may_sleep(&self) -> Option<Revision> {
        let may = self.is_awake() && self.waiting(true) == 0 && self.told == 0;
        may.then_some(self.unsaved.revision)
    }

    /// Gives the rows back, where they are still as they were when they were gathered.
    pub(crate) fn fall_asleep(&mut self, mut asleep: Asleep, since: Revision) -> Option<GivenBack> {
        if self.may_sleep() != Some(since) {
            return None;
        }
        asleep.crowded = self.rows.crowds.crowded();
        self.scratch = None;
        self.asleep = Some(Box::new(asleep));
        Some(GivenBack {
            _rows: std::mem::take(&mut self.rows),
            _index: std::mem::take(&mut self.index),
            _known: std::mem::take(&mut self.known),
        })
    }

    /// Asks for the rows. Whether nobody has before.
    pub(crate) fn ask(&mut self) -> bool {
        self.asleep.as_mut().is_some_and(|asleep| !std::mem::replace(&mut asleep.asked, true))
    }

    /// Takes back that somebody has asked: it could not be answered.
    pub(crate) fn ask_again(&mut self) {
        if let Some(asleep) = &mut self.asleep {
            asleep.asked = false;
        }
    }

    /// Takes the rows of `awakened`, and counts what ran meanwhile. Whether somebody waited for them.
    pub(crate) fn wake(&mut self, awakened: Self, shared: &Shared) -> bool {
        let Some(asleep) = self.asleep.take() else { return false };
        (self.rows, self.index, self.known) = (awakened.rows, awakened.index, awakened.known);
        for (key, runs) in asleep.runs {
            if let Some(row) = self.rows.find(key).and_then(|number| self.rows.get_mut(number)) {
                row.runs_today = runs;
            }
        }
        if self.rows.count(RowState::Active) != asleep.by_state[RowState::Active as usize] {
            // The store had to fall back to less, or has more.
            self.add_up(shared);
        }
        for (key, touch) in asleep.touched {
            let Some(number) = self.rows.find(key) else { continue };
            let Some(row) = self.rows.get_mut(number) else { continue };
            let days = row.days;
            row.ran(&touch);
            let unsaved = if row.days == days { Unsaved::Counts } else { Unsaved::Row };
            self.mark(number, unsaved);
        }
        asleep.asked
    }

    /// Judges what it can without its rows.
    pub(super) fn observe_asleep(&mut self, sighting: &Sighting<'_>, shared: &Shared) -> Verdict {
        let Sighting { execution, context, time, day, teach, .. } = *sighting;
        let found = SCRATCH.with_borrow_mut(|scratch| {
            let asleep = self.asleep.as_ref()?;
            let embedding = &mut scratch.embedding;
            shared.embedder.embed(execution, embedding);
            if execution.kind.is_act() && asleep.is_one_of_many(embedding.key, &embedding.features) {
                shared.embedder.embed(&anything_there(execution), embedding);
            }
            asleep.find(embedding.key, &context)
        });
        let Some(place) = found else { return self.unscored(Standing::Waking) };
        self.roll(day, time, shared);
        if teach != Teach::Seed {
            self.end_learning_if_enough(time, shared);
        }
        let teaches = self.teaches(teach);
        if teaches {
            self.count_execution(time, day);
        }
        let asleep = self.asleep.as_mut().expect("a row was found in it");
        let seen = if teaches {
            asleep.touch(place, time, day)
        } else {
            u64::from(asleep.learned[place.0].counts[place.1])
        };
        self.repeated(seen, sighting, shared)
    }
}
