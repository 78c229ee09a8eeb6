//! A database as these commands see it: beside its writer or without one, never in its way.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anomaly_baseline::{Engine, Feedback, Settings, Store, Timestamp};
use anomaly_config::Config;
use anomaly_fleet::{Status as Shared, recall};
use anomaly_lance::LanceStore;
use anomaly_vectorizer::{Embedder, Hashed, Space};

use crate::failure::{Failure, say};
use crate::place::Database;
use crate::watch::baseline::before;

/// How long loading may take.
const LOADING: Duration = Duration::from_secs(120);

/// A database, opened to be looked at.
pub(crate) struct View {
    /// What it holds, with every decision that is written down applied.
    pub(crate) engine: Engine,
    pub(super) directory: PathBuf,
    /// Who writes it; the id where that is known.
    pub(super) writer: Option<Option<u32>>,
    pub(super) last_saved: Option<SystemTime>,
    pub(super) space: Space,
    /// Every decision that is remembered, the oldest first.
    pub(super) decisions: Vec<Feedback>,
    /// How sharing goes, where a process shares; what other machines know is in the engine then.
    pub(super) shared: Option<Shared>,
}

impl Database {
    /// Loads everything.
    pub(crate) fn open(&self) -> Result<View, Failure> {
        let mut store = self.place.read()?;
        let (directory, writer, last_saved) = (store.path().to_owned(), store.writer(), store.last_saved());
        let decisions = store.feedback(None)?.map(|log| log.entries).unwrap_or_default();
        let engine = engine(store, &self.config)?;
        for notice in engine.wait_loaded(LOADING)?.notices {
            say(&notice);
        }
        let shared = recall(&directory, &self.place.org, &engine.peering(), now());
        Ok(View {
            engine,
            directory,
            writer,
            last_saved,
            space: Hashed::default().space(),
            decisions,
            shared,
        })
    }
}

/// An engine before a store, which goes by the daemon's configuration.
pub(super) fn engine(store: LanceStore, config: &Config) -> Result<Engine, Failure> {
    // Everything is looked at, once.
    before(store, Settings { memory_budget: usize::MAX, ..config.settings() })
}

/// Now, as executions' times have it.
pub(super) fn now() -> Timestamp {
    micros(SystemTime::now())
}

/// A moment in microseconds since the Unix epoch.
pub(crate) fn micros(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_micros()).unwrap_or(Timestamp::MAX)
}
