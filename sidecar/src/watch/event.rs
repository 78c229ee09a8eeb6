//! What the sources deliver: one execution with its day and what may be learned from it.

use anomaly_baseline::{Day, Teach};
use anomaly_capture::Observation;
use anomaly_capture::recording::Recorded;

/// One execution, ready to be scored.
#[derive(Debug)]
pub(crate) struct Event {
    /// The execution, and what a recording says about it beside.
    pub(crate) recorded: Recorded,
    /// The day of the baseline's calendar.
    pub(super) day: Day,
    pub(super) teach: Teach,
}

impl Event {
    pub(super) fn observation(&self) -> &Observation {
        &self.recorded.observation
    }
}
