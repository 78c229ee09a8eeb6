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

#[cfg(test)]
mod tests {
    use anomaly_baseline::{Level, Score};
    use falco_plugin::event::events::EventToBytes;

    use super::*;

    /// What somebody's recording may say of an execution.
    fn recorded(text: &str) -> Judged {
        Judged {
            name: text.into(),
            parent: text.into(),
            cmdline: text.into(),
            pid: 7,
            uid: 0,
            workload: text.into(),
            score: Some(Score::ONE),
            distance: None,
            smoothed: None,
            threshold: Score::ONE,
            level: Level::Critical,
            novel: true,
            first: true,
            seen: 1,
            reason: Some(text.into()),
            nearest: Some(text.into()),
        }
    }

    fn read_back(judged: &Judged) -> Option<Judged> {
        let payload = payload(judged);
        let mut bytes = Vec::new();
        around(&payload, 7, 1).write(&mut bytes).expect("into memory");
        read(&RawEvent::from(&bytes).expect("an event"))
    }

    #[test]
    fn what_was_written_is_read_back() {
        let judged = recorded("/usr/bin/nc -l 1");
        assert_eq!(read_back(&judged), Some(judged));
    }

    #[test]
    fn a_recording_fools_no_terminal_and_fills_no_alert() {
        let judged = read_back(&recorded(&"\u{1b}]0;x\u{7}\u{202e}".repeat(300))).expect("an execution");
        let Judged { name, parent, cmdline, workload, reason, nearest, .. } = judged;
        let all = [&*name, &*parent, &*cmdline, &*workload, &*reason.expect("one"), &*nearest.expect("one")];
        for text in all {
            assert!(
                text.len() <= 253 && !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{text:?}"
            );
        }
    }
}
