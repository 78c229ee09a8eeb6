//! The latest things that were said, for whoever asks later.

use std::collections::VecDeque;

use anomaly_api::model::Notice;
use parking_lot::Mutex;

/// How many are kept.
const KEPT: usize = 100;

/// The latest notices. One line each, printable.
#[derive(Debug, Default)]
pub struct Notices(Mutex<VecDeque<Notice>>);

impl Notices {
    /// Remembers one that was said at `time`, seconds since the Unix epoch.
    pub fn add(&self, time: f64, text: String) {
        let mut notices = self.0.lock();
        if notices.len() == KEPT {
            notices.pop_front();
        }
        notices.push_back(Notice { time, text });
    }

    /// All that are remembered, the latest last.
    pub fn all(&self) -> Vec<Notice> {
        self.0.lock().iter().cloned().collect()
    }
}
