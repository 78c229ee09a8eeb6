//! Decisions that come through the API: written down as the commands do it, and taken up by the engine of this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anomaly_baseline::Feedback;
use anomaly_daemon::Decisions;
use parking_lot::Mutex;

use crate::feedback;
use crate::place::Place;

/// How long the engine is waited for at most. It looks every five seconds.
const PATIENCE: Duration = Duration::from_millis(7500);

/// What is left of the caller's patience when it hears that a decision is written down and not in force yet.
const MARGIN: Duration = Duration::from_millis(500);

/// The table of decisions of a database.
pub(super) struct FeedbackTable {
    /// One at a time: each opens the database for itself.
    place: Mutex<Place>,
}

impl FeedbackTable {
    pub(super) fn new(data: PathBuf, org: String) -> Self {
        Self { place: Mutex::new(Place { data: Some(data), org }) }
    }
}

impl Decisions for FeedbackTable {
    fn give(&self, decisions: Vec<Feedback>, until: Instant) -> Result<Vec<Option<String>>, String> {
        let mut store = {
            let Some(place) = self.place.try_lock_until(until.checked_sub(MARGIN).unwrap_or(until)) else {
                return Err(
                    "other decisions are being written down, and nothing is decided: try again in a moment"
                        .to_owned(),
                );
            };
            feedback::write_down(&place, decisions.clone()).map_err(|failure| failure.to_string())?
        };
        let left = until.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        // It is decided, whether or not the database tells what came of it.
        Ok(feedback::wait_for(&mut store, &decisions, left.min(PATIENCE))
            .unwrap_or_else(|_| vec![None; decisions.len()]))
    }

    fn all(&self) -> Result<Vec<Feedback>, String> {
        let place = self.place.lock();
        feedback::all(&place).map_err(|failure| failure.to_string())
    }

    fn name_of(&self, uid: u32) -> String {
        feedback::name_of(uid)
    }
}
