//! An instance of the plugin, and what every capability does around its work.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use falco_plugin::anyhow::Error;
use falco_plugin::async_event::AsyncHandler;
use falco_plugin::base::{Json, Metric, Plugin};
use falco_plugin::tables::TablesInput;

use crate::acts::{LastAct, Telling};
use crate::config::Config;
use crate::core::{Core, release};
use crate::extract::LastEvent;
use crate::guard::{Health, fault_point};
use crate::metrics;
use crate::say::Speaker;
use crate::seed::Seed;
use crate::tables::{Containers, Threads};

/// One instance. Falco makes several in one process.
pub struct AnomalyPlugin {
    pub(crate) config: Config,
    pub(crate) threads: Option<Threads>,
    pub(crate) containers: Option<Containers>,
    /// Where events are injected; set before a live capture begins, and only then.
    pub(crate) injector: Option<AsyncHandler>,
    /// The engine, while there is a capture.
    pub(crate) capture: Option<Arc<Core>>,
    /// One bit that no other living instance is likely to have.
    pub(crate) bit: u64,
    /// The argument area of the execution at hand.
    pub(crate) area: Vec<u8>,
    /// The injected event that was asked last.
    pub(crate) last_event: LastEvent,
    /// The act that was asked about last.
    pub(crate) last_act: LastAct,
    pub(crate) told: Telling,
    /// What ran when a replay began, until its first event tells the time.
    pub(crate) seeds: Vec<Seed>,
    /// Fields extracted so far: one of many is timed.
    pub(crate) extracted: u64,
    /// Whether the order of loading was complained about.
    pub(crate) told_order: bool,
    /// What may be read while another thread runs any of the callbacks.
    shared: Arc<Shared>,
    _speaker: Speaker,
}

#[derive(Default)]
struct Shared {
    health: Health,
    /// The engine of the first capture, which in practice is that of all.
    core: OnceLock<Arc<Core>>,
}

/// Numbers instances.
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Plugin for AnomalyPlugin {
    const NAME: &'static CStr = c"anomaly";
    const PLUGIN_VERSION: &'static CStr = VERSION;
    const DESCRIPTION: &'static CStr =
        c"Scores program executions by how unlike they are to what the same workload normally runs";
    const CONTACT: &'static CStr = c"the falco-anomaly maintainers";
    type ConfigType = Json<Config>;

    fn new(tables: Option<&TablesInput>, Json(config): Self::ConfigType) -> Result<Self, Error> {
        Speaker::hush();
        let shared = Shared::default();
        // An instance that panicked while it was made is one that answers nothing. Refusing it would end Falco.
        let found = shared.health.guard("new", || {
            fault_point("new");
            (tables.and_then(Threads::find), tables.and_then(Containers::find))
        });
        let (threads, containers) = found.unwrap_or_default();
        Ok(Self {
            config,
            threads,
            containers,
            injector: None,
            capture: None,
            bit: 1 << (NEXT.fetch_add(1, Relaxed) % 64),
            area: Vec::new(),
            last_event: LastEvent::default(),
            last_act: LastAct::default(),
            told: Telling::default(),
            seeds: Vec::new(),
            extracted: 0,
            told_order: false,
            shared: Arc::new(shared),
            _speaker: Speaker::new(),
        })
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        // Another thread may be in any other callback now: nothing but what is shared may be looked at.
        let shared = Arc::clone(&self.shared);
        let Some(core) = shared.core.get() else { return Vec::new() };
        let collect = || {
            fault_point("metrics");
            let panics = shared.health.panics() + core.health.panics();
            metrics::all(&core.metrics, &core.counters, &core.engine().counters(), panics)
        };
        core.health.guard("metrics", collect).unwrap_or_default()
    }
}

/// The crate's version, with the NUL that C wants.
const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version has no NUL"),
};

impl AnomalyPlugin {
    /// Runs a callback's work. Where scoring is off, or goes off in here, it gives `T`'s default.
    pub(crate) fn guarded<T: Default>(
        &mut self,
        place: &'static str,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if self.health().is_off() || self.shared.health.is_off() {
            T::default()
        } else {
            self.always(place, work)
        }
    }

    /// The same for work that has to be done though scoring is off: the end of what was begun.
    pub(crate) fn always<T: Default>(&mut self, place: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let done = catch_unwind(AssertUnwindSafe(|| {
            fault_point(place);
            work(self)
        }));
        match done {
            Ok(result) => result,
            Err(panic) => {
                self.health().panicked(place, &*panic);
                T::default()
            }
        }
    }

    fn health(&self) -> &Health {
        self.capture.as_ref().map_or(&self.shared.health, |core| &core.health)
    }

    /// Begins to use an engine.
    pub(crate) fn use_core(&mut self, core: Arc<Core>) {
        self.shared.core.get_or_init(|| Arc::clone(&core));
        self.capture = Some(core);
    }

    /// Ends what a capture began.
    pub(crate) fn end_capture(&mut self) {
        if let Some(core) = self.capture.take() {
            core.stop_injecting(self.bit);
            release(&core);
        }
    }
}

impl Drop for AnomalyPlugin {
    fn drop(&mut self) {
        // A host may destroy an instance without ending its capture.
        self.always("destroy", Self::end_capture);
    }
}
