//! One line of an exported baseline.

use std::{borrow::Cow, collections::BTreeMap};

use anomaly_baseline::{Day, DaySet, RowState, Timestamp, WorkloadRecord};
use anomaly_vectorizer::Kind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The version of the lines. Raised by every change that an older release would misread; keys that it does not know
/// are ignored.
pub(crate) const FORMAT: u32 = 1;

/// A line is an object with one key that says what it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line<'a> {
    Baseline(Header<'a>),
    Workload(Workload<'a>),
    Row(Row<'a>),
    End(End),
}

/// The first line. The feature space is for people: nothing that hangs on it is in the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header<'a> {
    pub(crate) format: u32,
    #[serde(default)]
    pub(crate) scheme: Cow<'a, str>,
    #[serde(default)]
    pub(crate) feature_version: u32,
}

/// The last line: without it the file was cut off.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) workloads: u64,
    pub(crate) rows: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Workload<'a> {
    pub(crate) workload: Cow<'a, str>,
    #[serde(flatten)]
    pub(crate) executions: Period,
    /// The same of each other kind of act.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) acts: BTreeMap<Kind, Period>,
}

/// How often and when a kind of act was seen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Period {
    pub(crate) executions: u64,
    pub(crate) first_seen: Moment,
    pub(crate) last_seen: Moment,
    pub(crate) first_day: Day,
    #[serde(default)]
    pub(crate) learned_at: Option<Moment>,
    pub(crate) days: Vec<Day>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row<'a> {
    pub(crate) workload: Cow<'a, str>,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) state: State,
    pub(crate) name: Cow<'a, str>,
    pub(crate) parent: Cow<'a, str>,
    pub(crate) grandparent: Cow<'a, str>,
    pub(crate) uid: u32,
    pub(crate) args: Vec<Cow<'a, str>>,
    /// What it was seen with, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) context: Vec<Cow<'a, str>>,
    /// Whether it is kept for that alone, the execution itself being known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) for_context: bool,
    pub(crate) count: u64,
    pub(crate) first_seen: Moment,
    pub(crate) last_seen: Moment,
    pub(crate) first_day: Day,
    pub(crate) days: Vec<Day>,
    pub(crate) distance: f32,
}

/// A time in RFC 3339, to the microsecond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(jiff::Timestamp);

// By hand: asking jiff for it would have LanceDB, which stands on jiff, compiled anew.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("a time is like 2026-11-21T13:00:00Z"))
    }
}

impl Moment {
    /// Times that no calendar has become the nearest that it has.
    pub(crate) fn of(time: Timestamp) -> Self {
        let nearest = if time < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_microsecond(time).unwrap_or(nearest))
    }

    pub(crate) fn time(self) -> Timestamp {
        self.0.as_microsecond()
    }
}

/// A row's state as a word.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    #[serde(rename = "learned", alias = "active")]
    Active,
    Held,
    Denied,
    Forgotten,
}

impl From<RowState> for State {
    fn from(state: RowState) -> Self {
        match state {
            RowState::Active => Self::Active,
            RowState::Held => Self::Held,
            RowState::Denied => Self::Denied,
            RowState::Forgotten => Self::Forgotten,
        }
    }
}

impl From<State> for RowState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Held => Self::Held,
            State::Denied => Self::Denied,
            State::Forgotten => Self::Forgotten,
        }
    }
}

impl<'a> Workload<'a> {
    pub(crate) fn of(workload: &'a str, record: &WorkloadRecord) -> Self {
        let acts = record.acts.iter().map(|(kind, record)| (*kind, Period::of(record))).collect();
        Self { workload: workload.into(), executions: Period::of(record), acts }
    }

    pub(crate) fn record(&self) -> Result<WorkloadRecord, &'static str> {
        let acts = self.acts.iter().map(|(kind, period)| Ok((*kind, period.record()?)));
        let acts = acts.collect::<Result<_, &'static str>>()?;
        Ok(WorkloadRecord { acts, ..self.executions.record()? })
    }
}

impl Period {
    fn of(record: &WorkloadRecord) -> Self {
        // How far its warm-up is and which decisions it follows are this database's own.
        let WorkloadRecord {
            executions,
            first_seen,
            last_seen,
            first_day,
            learned_at,
            days,
            recent: _,
            window: _,
            applied: _,
            acts: _,
        } = record;
        Self {
            executions: *executions,
            first_seen: Moment::of(*first_seen),
            last_seen: Moment::of(*last_seen),
            first_day: *first_day,
            learned_at: learned_at.map(Moment::of),
            days: days.iter().collect(),
        }
    }

    fn record(&self) -> Result<WorkloadRecord, &'static str> {
        let Self { executions, first_seen, last_seen, first_day, learned_at, days } = self;
        Ok(WorkloadRecord {
            executions: *executions,
            first_seen: first_seen.time(),
            last_seen: last_seen.time(),
            first_day: *first_day,
            learned_at: learned_at.map(Moment::time),
            days: day_set(days)?,
            ..WorkloadRecord::default()
        })
    }
}

/// The set of days of a list.
pub(crate) fn day_set(days: &[Day]) -> Result<DaySet, &'static str> {
    if days.len() > 64 {
        return Err("there are more than 64 days");
    }
    let mut set = DaySet::default();
    for day in days {
        set.insert(*day);
    }
    if usize::try_from(set.len()) == Ok(days.len()) {
        Ok(set)
    } else {
        Err("days must differ and lie within 64 of each other")
    }
}
