//! The exits of `clone`, `clone3`, `fork` and `vfork`.

use falco_plugin::event::events::RawEvent;

use super::{number64, parameters};

/// A new task as it sees itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fork {
    /// The new thread.
    pub(crate) tid: i64,
    /// Whose score it starts with: its process's main thread, or the parent.
    pub(crate) like: i64,
    /// Whether it is a process and not one more thread of one.
    pub(crate) is_process: bool,
}

impl Fork {
    /// Reads an event of this kind; `None` for the parent's own side and for what failed.
    pub(crate) fn read(event: &RawEvent<'_>) -> Option<Self> {
        let [result, _, _, tid, pid, ppid] = parameters(event);
        if number64(result) != Some(0) {
            return None;
        }
        let (tid, pid) = (number64(tid).unwrap_or(event.metadata.tid), number64(pid)?);
        let is_process = tid == pid;
        let like = if is_process { number64(ppid)? } else { pid };
        Some(Self { tid, like, is_process })
    }
}

#[cfg(test)]
mod tests {
    use falco_plugin::event::events::EventMetadata;

    use super::*;

    fn read(numbers: [i64; 6]) -> Option<Fork> {
        let mut payload = Vec::new();
        for _ in numbers {
            payload.extend_from_slice(&8u16.to_ne_bytes());
        }
        for number in numbers {
            payload.extend_from_slice(&number.to_ne_bytes());
        }
        let metadata = EventMetadata { ts: 1, tid: 99 };
        Fork::read(&RawEvent { metadata, len: 0, event_type: 223, nparams: 6, payload: &payload })
    }

    #[test]
    fn a_process_starts_like_its_parent_and_a_thread_like_its_process() {
        assert_eq!(read([0, 0, 0, 12, 12, 7]), Some(Fork { tid: 12, like: 7, is_process: true }));
        assert_eq!(read([0, 0, 0, 13, 12, 7]), Some(Fork { tid: 13, like: 12, is_process: false }));
    }

    #[test]
    fn the_parents_side_and_failures_are_nothing() {
        assert_eq!(read([12, 0, 0, 7, 7, 1]), None);
        assert_eq!(read([-11, 0, 0, 7, 7, 1]), None);
    }
}
