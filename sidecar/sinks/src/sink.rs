//! What the caller's thread and the sinks' thread share about one sink.

use crate::config::Events;
use crate::queue::Queue;
use crate::status::{Counters, SinkStatus};

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) events: Events,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
}

impl Sink {
    pub(crate) fn status(&self) -> SinkStatus {
        self.counters.status(&self.name, self.kind, self.queue.len())
    }
}
