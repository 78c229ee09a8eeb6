//! The baselines: slow to start, because they are loaded anew, and therefore kept where a new configuration leaves them be.

use std::path::PathBuf;
use std::sync::Arc;

use anomaly_baseline::Engine;
use anomaly_config::Config;
use anomaly_fleet::Fleet;
use anomaly_lance::Counters as StoreCounters;

use crate::failure::Failure;
use crate::watch::baseline;

use super::ending::Ending;
use super::lasting::Lasting;
use super::plan;

/// Baselines that are being loaded.
pub(super) struct Loading {
    core: Core,
    data: PathBuf,
}

impl Loading {
    /// Opens the database and begins.
    pub(super) fn begin(config: &Config) -> Result<Self, Failure> {
        let store = plan::store(config)?;
        let counters = store.counters();
        let engine = Arc::new(baseline::before(store, config.settings())?);
        Ok(Self { core: Core { engine, store: counters, fleet: None }, data: plan::data(config)? })
    }

    /// Whether it goes on.
    pub(super) fn goes_on(&self) -> bool {
        self.core.engine.is_loading()
    }

    /// What was loaded, or why it was not.
    pub(super) fn end(self, config: &Config) -> Result<Core, Failure> {
        let Self { mut core, data } = self;
        baseline::wait(&core.engine, Some(&data))?;
        let sharing = plan::sharing(config);
        let fleet = sharing.start(&core.engine, Some(&data), &config.agent.org, &config.settings())?;
        core.fleet = fleet.map(Arc::new);
        Ok(core)
    }
}

/// The baselines with what keeps and shares them.
pub(super) struct Core {
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<StoreCounters>,
    pub(super) fleet: Option<Arc<Fleet>>,
}

impl Core {
    /// Whether the second configuration wants others than the first.
    pub(super) fn changes(before: &Config, after: &Config) -> bool {
        before.scoring != after.scoring || before.storage != after.storage
    }

    /// Saves what is known and ends. What is lost by that is counted with what was counted before.
    pub(super) fn close(self, ending: Ending, lasting: &Lasting) -> Result<(), Failure> {
        let Self { engine, store: _, fleet } = self;
        drop(fleet);
        let closed = engine.close(ending.of_store());
        engine.notices().into_iter().for_each(|notice| lasting.say(notice));
        lasting.earlier.lock().engine += engine.counters();
        Ok(closed?)
    }
}
