//! The event that this plugin injects where Falco has no driver: one execution with everything that is known about it.
//!
//! It carries its fields itself, in one JSON object, because nothing else in such a Falco knows of processes, and
//! because a recorded one has to answer on another machine.

use std::ffi::CStr;

use anomaly_baseline::text::printable;
use anomaly_capture::Observation;
use falco_plugin::async_event::AsyncEvent;
use falco_plugin::event::events::{Event, EventMetadata, RawEvent};
use serde::{Deserialize, Serialize};

use crate::core::Judged;

/// The event's name, as rules have it: `evt.type = anomaly_exec`.
pub(crate) const NAME: &CStr = c"anomaly_exec";

/// The same for the list of events.
pub(crate) const NAME_STR: &str = "anomaly_exec";

/// The longest command line that is shown.
const MAX_COMMAND_LINE: usize = 1_000;

/// The longest name that is shown.
const MAX_NAME: usize = 128;

/// The longest event that is read back, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// One execution: its process, all printable, and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExecutionEvent {
    pub(crate) name: String,
    pub(crate) parent: String,
    pub(crate) cmdline: String,
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    #[serde(flatten)]
    pub(crate) judged: Judged,
}

impl ExecutionEvent {
    /// Describes an execution that was judged.
    pub(crate) fn new(observation: &Observation, judged: Judged) -> Self {
        let execution = &observation.execution;
        Self {
            name: printable(&execution.name, MAX_NAME),
            parent: printable(&execution.parent, MAX_NAME),
            cmdline: printable(&execution.arguments.joined(), MAX_COMMAND_LINE),
            pid: observation.identity.tgid,
            uid: execution.uid,
            judged,
        }
    }

    /// The event's payload.
    pub(crate) fn payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always become JSON")
    }

    /// Reads an event back, which may come from a recording of anybody's; `None` where it is not one of these.
    pub(crate) fn read(event: &RawEvent<'_>) -> Option<Self> {
        let event: Event<AsyncEvent<'_, &[u8]>> = event.load().ok()?;
        let AsyncEvent { name, data, .. } = event.params;
        if name == NAME { serde_json::from_slice(data).ok() } else { None }
    }
}

/// The event around a payload.
pub(crate) fn around(payload: &[u8], tid: i64, time: u64) -> Event<AsyncEvent<'_, &[u8]>> {
    Event {
        metadata: EventMetadata { ts: time, tid },
        // Falco fills in the plugin's id.
        params: AsyncEvent { plugin_id: 0, name: NAME, data: payload },
    }
}
