//! What lasts as long as the process, whatever a new configuration replaces.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU64};
use std::time::{Instant, SystemTime};

use anomaly_baseline::Timestamp;
use anomaly_baseline::text::printable;
use anomaly_config::Config;
use anomaly_daemon::{Bounds, History, Journal, Notices, Senses, Timeline};
use parking_lot::Mutex;

use crate::failure::{Failure, say};
use crate::feedback::micros;

use super::earlier::Earlier;
use super::findings::today;
use super::plan;

/// The longest notice, in bytes.
const NOTICE: usize = 2048;

/// What lasts as long as the process.
pub(super) struct Lasting {
    pub(super) history: Arc<History>,
    pub(super) timeline: Arc<Timeline>,
    pub(super) senses: Arc<Senses>,
    pub(super) notices: Arc<Notices>,
    /// Findings that are not on the disk.
    pub(super) unwritten: Arc<AtomicU64>,
    /// Days that findings are remembered, as configured now.
    pub(super) retention_days: AtomicU16,
    /// What was counted by what is replaced by now.
    pub(super) earlier: Mutex<Earlier>,
    started: SystemTime,
}

impl Lasting {
    /// Reads what was novel before. Where that cannot be, it is said, and what is novel from now on is remembered until the
    /// daemon ends.
    pub(super) fn open(config: &Config) -> Result<(Self, Option<Journal>), Failure> {
        let history = Arc::new(History::new(Bounds::default()));
        let lasting = Self {
            history: Arc::clone(&history),
            timeline: Arc::default(),
            senses: Arc::new(Senses::new(Instant::now())),
            notices: Arc::default(),
            unwritten: Arc::default(),
            retention_days: config.storage.retention_days.into(),
            earlier: Mutex::default(),
            started: SystemTime::now(),
        };
        let journal = match Journal::open(&plan::findings(config)?, today(), &history) {
            Ok((journal, unread)) => {
                if unread.lines > 0 {
                    lasting.say(format!(
                        "{} lines of the findings could not be read, and are left out",
                        unread.lines
                    ));
                }
                if unread.later > 0 {
                    lasting.say(format!(
                        "{} days of the findings are still to come, and are left out: the clock was ahead when they were \
                         written, or is behind now",
                        unread.later
                    ));
                }
                Some(journal)
            }
            Err(error) => {
                lasting.say(error.to_string());
                None
            }
        };
        Ok((lasting, journal))
    }

    /// Keeps what is remembered as long as this configuration says.
    pub(super) fn retain(&self, config: &Config) {
        self.retention_days.store(config.storage.retention_days, Relaxed);
    }

    /// When the daemon was started.
    pub(super) fn started(&self) -> Timestamp {
        micros(self.started)
    }

    /// Says something to whoever reads the log, and to whoever asks later.
    pub(super) fn say(&self, notice: String) {
        say(&notice);
        let now = micros(SystemTime::now());
        self.notices.add(now as f64 / 1e6, printable(&notice, NOTICE));
    }
}
