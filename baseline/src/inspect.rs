//! Looking at rows, and at how a score comes about. Off the event path: it allocates, and learns nothing.

use std::collections::HashSet;
use std::sync::Arc;

use anomaly_vectorizer::{Context, Embedding, Execution, Feature};

use crate::distance::Query;
use crate::explain::explain;
use crate::features;
use crate::history::Group;
use crate::index::Scratch;
use crate::row::{Day, DaySet, RowState, Timestamp, key_in_surroundings};
use crate::rows::Row;
use crate::score::{Level, Score};
use crate::verdict::{Explanation, Progress};
use crate::workload::{Shared, Workload, level};

/// How many neighbours are shown beside an execution.
const SHOWN: usize = 3;

/// A row as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct RowView {
    /// Whose it is.
    pub workload: Arc<str>,
    /// Its key, unique in the workload.
    pub key: u128,
    /// What it counts for.
    pub state: RowState,
    /// What ran.
    pub execution: Execution,
    /// The surroundings it was seen with, in words.
    pub surroundings: Vec<&'static str>,
    /// How often.
    pub count: u64,
    /// On which days.
    pub days: DaySet,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
    /// The day on which it was first seen.
    pub first_day: Day,
}

/// An execution beside what its workload knows, and every number of its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Whose baseline was asked.
    pub workload: Arc<str>,
    /// What was asked about.
    pub execution: Execution,
    /// How far the workload's learning is; `None` once it has learned enough.
    pub learning: Option<Progress>,
    /// The row of this very execution, where there is one.
    pub row: Option<RowView>,
    /// What it would score now; `None` while the workload learns.
    pub score: Option<Score>,
    /// What that means.
    pub level: Level,
    /// The threshold for it now.
    pub threshold: Score,
    /// How far the nearest is, 0 to 1.
    pub distance: f64,
    /// The cosine with the nearest, features and surroundings compared exactly.
    pub cosine: f64,
    /// The share of its weight in what no learned execution has.
    pub unknown: f64,
    /// Alert groups a day that this workload brings at this distance or farther.
    pub rate: f64,
    /// What lowers the score besides: earlier runs today, and how much today's other news resembles it.
    pub repeats: f64,
    /// Why, in words.
    pub explanation: Explanation,
    /// Its features.
    pub features: Vec<InspectedFeature>,
    /// The nearest learned executions, the nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A feature of an execution that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectedFeature {
    /// In words.
    pub text: String,
    /// What it weighs in the comparison: the square of its class's weight.
    pub weight: f32,
    /// Whether any learned execution of the workload has it.
    pub known: bool,
    /// Which of the neighbours have it, in their order.
    pub shared: Vec<bool>,
}

/// A learned execution near one that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The row.
    pub row: RowView,
    /// The cosine of the two.
    pub cosine: f64,
    /// What it has and the other has not, in words.
    pub missing: Vec<String>,
}

impl Workload {
    /// The keys of the rows that are in memory.
    pub(crate) fn keys(&self) -> HashSet<u128> {
        (0..self.rows.end()).filter_map(|number| self.rows.get(number)).map(|row| row.key).collect()
    }

    /// A row as people see it.
    fn view(&self, row: &Row) -> RowView {
        RowView {
            workload: Arc::clone(&self.name),
            key: row.key,
            state: row.state,
            execution: row.execution.clone(),
            surroundings: row.seen.words().collect(),
            count: row.total(),
            days: row.days,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            first_day: row.first_day,
        }
    }

    /// How many active rows were first seen on `from` or later.
    pub(crate) fn learned_since(&self, from: Day) -> usize {
        let rows = (0..self.rows.end()).filter_map(|number| self.rows.get(number));
        rows.filter(|row| row.own_state() == Some(RowState::Active) && row.first_day >= from).count()
    }

    /// The row with this key and the surroundings that it was seen in.
    pub(crate) fn inspect_row(&self, key: u128, shared: &Shared) -> Option<Inspection> {
        let row = self.rows.find(key).and_then(|number| self.rows.get(number))?;
        Some(self.look(&row.execution, &row.seen.into(), Some(row), shared))
    }

    /// An execution beside its neighbours.
    pub(crate) fn inspect(&self, execution: &Execution, context: &Context, shared: &Shared) -> Inspection {
        self.look(execution, context, None, shared)
    }

    /// The same, of an execution whose row is known.
    fn look(
        &self,
        execution: &Execution,
        context: &Context,
        row: Option<&Row>,
        shared: &Shared,
    ) -> Inspection {
        let mut embedding = Embedding::default();
        shared.embedder.embed(execution, &mut embedding);
        let any = if row.is_none() { self.one_of_many(execution, shared, &mut embedding) } else { None };
        let execution = any.as_ref().unwrap_or(execution);
        let mut packed = Vec::new();
        features::pack_all(&embedding.features, &mut packed);
        let query = Query::new(&packed, context, &embedding.vector);

        let at = |key| self.rows.find(key).and_then(|number| self.rows.get(number));
        let exact = at(embedding.key);
        let known = exact.filter(|row| row.state == RowState::Active);
        let repeat = known.is_some_and(|row| context.is_within(&row.seen));
        let row = row.or_else(|| match known {
            Some(row) if repeat => Some(row),
            Some(_) => at(key_in_surroundings(embedding.key, (*context).into())),
            None => exact,
        });
        let denied = row.is_some_and(|row| row.state == RowState::Denied);

        let found = self.search(&query, shared, &mut Scratch::default());
        let nearest = found.nearest.and_then(|number| self.rows.get(number));
        let is_known = |feature| self.knows(feature);
        let distance = if repeat { 0.0 } else { found.distance };
        let key = row.map_or(embedding.key, |row| row.key);
        let resembling = self.today.resemblance(key, &packed, query.weight());
        let runs = row.map_or(0, |row| row.runs_on(self.today.day));
        let repeats = if denied || repeat { 0.0 } else { f64::from(runs) + resembling };
        let score = self.calibration.score(if denied { 1.0 } else { distance }, repeats);
        let learning = self.record.learned_at.is_none();
        let neighbours = self.neighbours(&query, shared);
        let described = shared.embedder.describe(execution);
        let pack = |hash, class| features::pack(Feature { hash, class });
        let features = described.iter().map(|feature| {
            let packed = pack(feature.hash, feature.class);
            InspectedFeature {
                text: feature.text.clone(),
                weight: features::square(packed),
                known: is_known(packed),
                shared: neighbours
                    .iter()
                    .map(|(_, row)| row.features.binary_search(&packed).is_ok())
                    .collect(),
            }
        });
        Inspection {
            workload: Arc::clone(&self.name),
            execution: execution.clone(),
            learning: learning.then(|| self.progress(self.record.last_seen, shared)),
            row: row.map(|row| self.view(row)),
            score: (!learning).then_some(score),
            level: if learning { Level::Learning } else { level(score, &shared.settings) },
            threshold: self.threshold(Some(Group::of(execution))),
            distance,
            cosine: nearest.map_or(0.0, |row| f64::from(query.cosine(row))),
            unknown: if repeat { 0.0 } else { query.unknown_share(&self.seen, &is_known) },
            rate: self.calibration.rate(distance),
            repeats,
            explanation: explain(
                &*shared.embedder,
                execution,
                context,
                nearest,
                &is_known,
                row.map(|row| row.state),
            ),
            features: features.collect(),
            neighbours: neighbours
                .iter()
                .map(|&(cosine, row)| Neighbour {
                    row: self.view(row),
                    cosine,
                    missing: shared
                        .embedder
                        .describe(&row.execution)
                        .into_iter()
                        .filter(|feature| packed.binary_search(&pack(feature.hash, feature.class)).is_err())
                        .map(|feature| feature.text)
                        .collect(),
                })
                .collect(),
        }
    }

    /// The learned rows with the highest cosines, exactly compared.
    fn neighbours(&self, query: &Query<'_>, shared: &Shared) -> Vec<(f64, &Row)> {
        let mut scratch = Scratch::default();
        let exact = shared.method.exact_search;
        let (candidates, _) =
            self.index.nearest(query.vector, crate::distance::CANDIDATES, exact, &mut scratch);
        let mut rows: Vec<_> = candidates
            .filter_map(|(_, number)| self.rows.get(number).map(|row| (f64::from(query.cosine(row)), row)))
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.key.cmp(&b.1.key)));
        rows.truncate(SHOWN);
        rows
    }
}
