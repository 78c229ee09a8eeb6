//! What the operator is told in the log: changes, each said once, never every event.

use std::collections::VecDeque;

use anomaly_baseline::text::printable;
use parking_lot::Mutex;

/// How many wait to be read; more push out the oldest.
const MAX_NOTICES: usize = 100;

/// The longest, in bytes.
const MAX_BYTES: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<VecDeque<String>>);

impl Notices {
    pub(crate) fn say(&self, text: &str) {
        let mut notices = self.0.lock();
        if notices.len() >= MAX_NOTICES {
            notices.pop_front();
        }
        notices.push_back(printable(text, MAX_BYTES));
    }

    /// What waits to be read, which goes on waiting.
    pub(crate) fn untold(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }

    pub(crate) fn take(&self) -> Vec<String> {
        self.0.lock().drain(..).collect()
    }
}
