//! An execution beside what its workload knows.

use serde::Serialize;
use utoipa::ToSchema;

/// How a score comes about, were the execution to run now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// The score now; `null` while the workload learns.
    pub score: Option<f64>,
    /// `learning`, `normal`, `warn`, `critical`.
    pub level: String,
    /// From which score it is novel now.
    pub threshold: f64,
    /// How far the nearest learned execution is.
    pub distance: f64,
    /// The cosine of the two.
    pub cosine: f64,
    /// The share of its weight in features that this workload never learned.
    pub unknown: f64,
    /// Alert groups a day that this workload brings at this distance or farther.
    pub rate: f64,
    /// What lowers the score besides: earlier runs today, and what else is new today and like it.
    pub repeats: f64,
    /// Why, in words.
    pub reason: String,
    /// The row of this very execution, where there is one: what a decision is about.
    pub row: Option<KnownRow>,
    /// Its features.
    pub features: Vec<ComparedFeature>,
    /// The nearest learned executions, the nearest first, at most three.
    pub neighbours: Vec<NearRow>,
}

/// A feature of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ComparedFeature {
    /// In words.
    pub text: String,
    /// What it weighs.
    pub weight: f32,
    /// Whether anything learned has it.
    pub known: bool,
    /// Which of the neighbours have it, in their order.
    pub shared: Vec<bool>,
}

/// A distinct execution that is known.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct KnownRow {
    /// `r` and 16 hexadecimal digits: what approve, deny and forget take.
    pub id: String,
    /// `learned`, `held` or `denied`.
    pub state: String,
    /// The name.
    pub name: String,
    /// The parent's.
    pub parent: String,
    /// The grandparent's.
    pub grandparent: String,
    /// The user id.
    pub uid: u32,
    /// The command line, not quoted; of another act its kind, object and manner.
    pub command: String,
    /// The surroundings it was seen with, in words.
    pub surroundings: Vec<String>,
    /// How often it was seen.
    pub seen: u64,
    /// On how many days.
    pub days: u32,
    /// The first time.
    pub first_seen: f64,
    /// The last time.
    pub last_seen: f64,
}

/// A learned execution near one that is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NearRow {
    /// The row.
    #[serde(flatten)]
    pub row: KnownRow,
    /// The cosine of the two.
    pub cosine: f64,
    /// What it has and the other has not, in words.
    pub missing: Vec<String>,
}
