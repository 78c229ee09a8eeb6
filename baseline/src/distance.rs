//! How far an execution is from what a workload normally runs.
//!
//! The vectors propose [`CANDIDATES`] rows; here they are compared exactly, on the features themselves, so that the
//! accidents of hashing into 128 dimensions do not decide. With W(S) the sum of the squared weights of a set S:
//!
//! ```text
//! cos(q, n) = W(q and n) / sqrt(W(q) W(n))      d = 0.7 (1 - max cos) + 0.3 u
//! ```
//!
//! `u` is the share of W(q) in features that no active row has. Context enters the comparison with each row as features
//! of its own, where both sides know it. Among the many features of a long command line one that stands around it weighs
//! little, however much it says; so there are distances that no execution is below that is for the first time in memory
//! alone, on a connection, or added to its container ([`least`]).

use anomaly_vectorizer::{Context, FeatureClass, Seen, Vector};

use crate::features::{self, Lookup, Packed};
use crate::rows::Row;

/// How many neighbours the vectors propose.
pub(crate) const CANDIDATES: usize = 64;

/// How the cosine and the share of unknown features are weighed.
const COSINE: f64 = 0.7;
const UNKNOWN: f64 = 0.3;

/// The distance that an execution has at least whose gravest news in its surroundings has this weight. All of them are
/// above what is learned at once.
fn least(gravest: f32) -> f64 {
    match gravest {
        2.0.. => 0.6,
        1.2.. => 0.5,
        _ => 0.0,
    }
}

/// The distance that an act has at least where no learned one has this of it: the program itself, what it does in this
/// place, this object. An act says so little that what its parts share with others would drown that, and each of these
/// is what an act is judged by. All are above what is learned at once.
fn least_without(feature: Packed) -> f64 {
    match features::class(feature) {
        Some(FeatureClass::Program | FeatureClass::Place) => 0.5,
        Some(FeatureClass::Object) => 0.47,
        _ => 0.0,
    }
}

/// An execution as it is compared.
pub(crate) struct Query<'a> {
    features: &'a [Packed],
    lookup: Lookup<'a>,
    weight: f32,
    context: &'a Context,
    pub(crate) vector: &'a Vector,
}

impl<'a> Query<'a> {
    /// A query for packed features, sorted.
    pub(crate) fn new(features: &'a [Packed], context: &'a Context, vector: &'a Vector) -> Self {
        Self { features, lookup: Lookup::new(features), weight: features::total(features), context, vector }
    }

    /// W of the features.
    pub(crate) fn weight(&self) -> f32 {
        self.weight
    }

    /// The cosine with a row, context included.
    pub(crate) fn cosine(&self, row: &Row) -> f32 {
        let (same, other) = self.context.compare(&row.seen);
        let shared = self.lookup.shared(&row.features) + same;
        let product = (self.weight + same + other) * (row.weight + same + other);
        if product > 0.0 { shared / product.sqrt() } else { 0.0 }
    }
}

/// A way to measure the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// Exact on features, as the module says.
    #[default]
    Features,
    /// The article's: `min(1, 2 (1 - cos))` of the vectors alone.
    Vectors,
}

impl Measure {
    /// The distance to the nearest of `rows`, and its number. 1 where there is none. With each row comes the cosine of
    /// the vectors.
    pub(crate) fn nearest<'r>(
        self,
        query: &Query<'_>,
        rows: impl Iterator<Item = (f32, u32, &'r Row)>,
        seen: &Seen,
        is_known: &dyn Fn(Packed) -> bool,
    ) -> (f64, Option<u32>) {
        let best = rows
            .map(|(similarity, number, row)| match self {
                Self::Features => (query.cosine(row), number, row),
                Self::Vectors => (similarity, number, row),
            })
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((cosine, number, row)) = best else { return (1.0, None) };
        let apart = (1.0 - f64::from(cosine)).clamp(0.0, 1.0);
        let distance = match self {
            Self::Features => {
                let distance = COSINE * apart + UNKNOWN * query.unknown_share(seen, is_known);
                distance
                    .max(least(query.context.gravest_news(&row.seen)))
                    .max(query.least_of_unknown(is_known))
            }
            Self::Vectors => (2.0 * apart).min(1.0),
        };
        (distance, Some(number))
    }
}

impl Query<'_> {
    /// The distance that follows from what no learned act has.
    fn least_of_unknown(&self, is_known: &dyn Fn(Packed) -> bool) -> f64 {
        let leasts = self.features.iter().map(|&feature| (feature, least_without(feature)));
        let unknown = leasts.filter(|&(feature, least)| least > 0.0 && !is_known(feature));
        unknown.map(|(_, least)| least).fold(0.0, f64::max)
    }

    /// u: the share of the weight in what the workload has never learned.
    pub(crate) fn unknown_share(&self, seen: &Seen, is_known: &dyn Fn(Packed) -> bool) -> f64 {
        let unknown: f32 =
            self.features.iter().filter(|&&feature| !is_known(feature)).copied().map(features::square).sum();
        let (same, other) = self.context.compare(seen);
        let total = self.weight + same + other;
        if total > 0.0 { f64::from((unknown + other) / total) } else { 0.0 }
    }
}
