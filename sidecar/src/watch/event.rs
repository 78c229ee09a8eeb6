//! What the sources deliver: one execution with its day and what may be learned from it.

use anomaly_baseline::{Day, Sighting, Teach};
use anomaly_capture::Observation;
use anomaly_capture::recording::Recorded;
use anomaly_vectorizer::Context;

/// One execution, ready to be scored.
#[derive(Debug)]
pub(crate) struct Event {
    /// The execution, and what a recording says about it beside.
    pub(crate) recorded: Recorded,
    /// The day of the baseline's calendar.
    pub(super) day: Day,
    pub(crate) teach: Teach,
}

impl Event {
    pub(crate) fn observation(&self) -> &Observation {
        &self.recorded.observation
    }

    /// What the engine is asked.
    pub(crate) fn sighting(&self) -> Sighting<'_> {
        let observation = self.observation();
        Sighting {
            workload: &observation.workload,
            execution: &observation.execution,
            context: Context::of(&observation.surroundings),
            time: observation.time,
            day: self.day,
            teach: self.teach,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
        }
    }
}
