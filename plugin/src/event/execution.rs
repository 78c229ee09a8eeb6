//! The event that this plugin injects where Falco has no driver: one execution with everything that is known about it.
//!
//! It carries its fields itself, in one JSON object, because nothing else in such a Falco knows of processes, and
//! because a recorded one has to answer on another machine.

use std::ffi::CStr;

use falco_plugin::async_event::AsyncEvent;
use falco_plugin::event::events::{Event, EventMetadata, RawEvent};

use crate::core::Judged;

/// The event's name, as rules have it: `evt.type = anomaly_exec`.
pub(crate) const NAME: &CStr = c"anomaly_exec";

/// The same for the list of events.
pub(crate) const NAME_STR: &str = "anomaly_exec";

/// The longest event that is read back, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// The payload of an execution's event.
pub(crate) fn payload(judged: &Judged) -> Vec<u8> {
    serde_json::to_vec(judged).expect("texts and numbers always become JSON")
}

/// Reads an event back, which may come from a recording of anybody's; `None` where it is not one of these.
pub(crate) fn read(event: &RawEvent<'_>) -> Option<Judged> {
    let event: Event<AsyncEvent<'_, &[u8]>> = event.load().ok()?;
    let AsyncEvent { name, data, .. } = event.params;
    if name == NAME { serde_json::from_slice(data).map(Judged::cleaned).ok() } else { None }
}

/// The event around a payload; `time` in nanoseconds since the Unix epoch.
pub(crate) fn around(payload: &[u8], tid: i64, time: u64) -> Event<AsyncEvent<'_, &[u8]>> {
    Event {
        metadata: EventMetadata { ts: time, tid },
        // Falco fills in the plugin's id.
        params: AsyncEvent { plugin_id: 0, name: NAME, data: payload },
    }
}
