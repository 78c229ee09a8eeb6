//! What each workload normally runs, and how far an execution is from it.
//!
//! The event path is memory alone: per workload an exact map answers repeats and an index of distinct vectors answers
//! novelty. A [`Store`] behind it makes the rows durable; one thread of ours owns it, and nothing here waits for it.
//!
//! The way of an execution: [`Engine::observe`] finds the workload, which embeds it, asks its exact map, else its index
//! and the exact comparison, turns the distance into a score by its own calibration, learns what the policy allows, and
//! says why.

mod budget;
mod calibration;
mod counters;
mod crowds;
mod decide;
mod distance;
mod elsewhere;
mod engine;
mod explain;
mod features;
mod feedback;
mod glimpse;
mod history;
mod index;
mod inspect;
pub mod json;
mod learning;
mod lineage;
mod pattern;
mod people;
mod retention;
mod row;
mod rows;
mod score;
mod settings;
mod sorted;
mod store;
pub mod text;
mod verdict;
mod workload;
mod writer;

pub use budget::Memory;
pub use calibration::{Calibration, History, Prior};
pub use counters::CounterValues;
pub use distance::Measure;
pub use elsewhere::{Elsewhere, Peering, Revision};
pub use engine::{Engine, Loaded, Method};
pub use feedback::{Action, Feedback, FeedbackLog, ParseActionError, Settled};
pub use glimpse::Glimpse;
pub use inspect::{InspectedFeature, Inspection, Neighbour, RowView};
pub use pattern::{ParsePatternError, Pattern};
pub use retention::{Fate, fate};
pub use row::{
    Day, DaySet, Recent, RowState, StoredRow, Timestamp, WorkloadRecord, key_in_surroundings,
    key_without_surroundings, utc_day,
};
pub use score::{Level, ParseScoreError, Score};
pub use settings::{Settings, Threshold};
pub use store::{Access, Part, Store, StoreError};
pub use verdict::{Explanation, Progress, Sighting, Standing, Teach, Verdict, WorkloadStatus};
