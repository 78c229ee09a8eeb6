//! Asks a baseline about alerts that do not say how novel they are.
//!
//! What Falco printed is less than what the plugin sees: an argument with a blank in it comes apart, a grandparent may be
//! missing. So these scores are a second best, and the report says how many there are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use anomaly_baseline::{Engine, Inspection};
use anomaly_tune::{About, Alert, Judged, Source};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Context, Execution};

use super::acts::acts;
use crate::convert::falco;
use crate::failure::Failure;
use crate::place::Which;
use crate::secrets::Secrets;

/// Answers that are kept: alerts repeat themselves.
const KEPT: usize = 100_000;

/// A database that is asked and not changed.
pub(super) struct Baseline {
    engine: Engine,
    workloads: HashSet<Arc<str>>,
    scrubber: Scrubber,
    known: HashMap<u64, Judged>,
    hasher: RandomState,
}

impl Baseline {
    /// Loads a database.
    pub(super) fn open(which: &Which, secrets: &Secrets) -> Result<Self, Failure> {
        let database = which.database()?;
        let scrubber = secrets.beside(database.config.scrubber());
        let engine = database.open()?.engine;
        let workloads = engine.status().into_iter().map(|status| status.workload).collect();
        Ok(Self { engine, workloads, scrubber, known: HashMap::new(), hasher: RandomState::new() })
    }

    /// What the gate would have made of an alert of this workload.
    pub(super) fn judge(&mut self, alert: &Alert, workload: &str) -> Judged {
        let told = match alert.about {
            About::Execution => falco::found(&alert.fields)
                .map(|found| found.recorded(None, &self.scrubber).observation.execution)
                .into_iter()
                .collect(),
            About::Act => acts(&alert.fields, &self.scrubber),
            About::Unsaid => Vec::new(),
        };
        // The best known of what it may have been.
        let judged = told.iter().map(|execution| self.ask(workload, execution));
        judged.min_by_key(|judged| rank(*judged)).unwrap_or(Judged::Unsaid)
    }

    fn ask(&mut self, workload: &str, execution: &Execution) -> Judged {
        let hash = self.hasher.hash_one((workload, execution));
        if let Some(known) = self.known.get(&hash) {
            return *known;
        }
        let inspection = self.engine.inspect(workload, execution, &Context::default());
        let judged = match inspection {
            // Nothing of this kind was seen of it yet.
            None if self.workloads.contains(workload) => Judged::Learning,
            None => Judged::UnknownWorkload,
            Some(Inspection { score: None, .. }) => Judged::Learning,
            Some(Inspection { score: Some(score), .. }) => Judged::Score(score, Source::Baseline),
        };
        if self.known.len() == KEPT {
            self.known.clear();
        }
        self.known.insert(hash, judged);
        judged
    }
}

/// The lower, the better known.
fn rank(judged: Judged) -> (u8, u16) {
    match judged {
        Judged::Score(score, _) => (0, score.ten_thousandths()),
        Judged::Learning => (1, 0),
        Judged::UnknownWorkload => (2, 0),
        Judged::Unsaid => (3, 0),
    }
}
