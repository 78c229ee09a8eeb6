//! Decisions that come through the API: written down as the commands do it, and taken up by the engine of this process.

use std::path::PathBuf;
use std::time::Duration;

use anomaly_baseline::Feedback;
use anomaly_daemon::Decisions;
use parking_lot::Mutex;

use crate::feedback;
use crate::place::Place;

/// How long the engine is waited for. It looks every five seconds, and the API answers within ten.
const PATIENCE: Duration = Duration::from_millis(7500);

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
    fn give(&self, decisions: Vec<Feedback>) -> Result<Vec<Option<String>>, String> {
        let mut store = {
            let place = self.place.lock();
            feedback::write_down(&place, decisions.clone()).map_err(|failure| failure.to_string())?
        };
        feedback::wait_for(&mut store, &decisions, PATIENCE).map_err(|failure| failure.to_string())
    }

    fn all(&self) -> Result<Vec<Feedback>, String> {
        let place = self.place.lock();
        feedback::all(&place).map_err(|failure| failure.to_string())
    }

    fn name_of(&self, uid: u32) -> String {
        feedback::name_of(uid)
    }
}
