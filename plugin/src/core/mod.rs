//! What all of a process's plugin instances share: one engine per database, whatever number of inspectors, dry runs and
//! reloads there are.

mod carriers;
mod engine;
mod feed;
mod join;
mod judge;
mod judged;
mod pending;
mod places;
mod recall;
mod registry;
mod sharing;
mod sleeping;
mod verdicts;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anomaly_baseline::Engine;
use anomaly_capture::{Counters, HostRoot, Options};
use anomaly_fleet::Fleet;
use anomaly_vectorizer::scrub::Scrubber;
use parking_lot::{Mutex, RwLock};

use crate::config::Config;
use crate::guard::Health;
use crate::metrics::Metrics;

use carriers::Carriers;
use feed::{Injector, Pulled};
use join::Joiner;
use pending::Pending;
use places::Places;
use sleeping::Sleeping;
use verdicts::Verdicts;

pub(crate) use feed::{Live, wall_clock};
pub(crate) use join::Told;
pub(crate) use judged::{Judged, MAX_WORKLOAD};
pub(crate) use places::Place;
pub(crate) use registry::{acquire, release};
pub(crate) use verdicts::Handle;

/// One database's engine and everything that goes with it.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) root: HostRoot,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// Where feeds count.
    pub(crate) counters: Arc<Counters>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) scrubber: Scrubber,
    engine: RwLock<Arc<Engine>>,
    /// The feed that is drained while events are parsed.
    pulled: Mutex<Option<Pulled>>,
    joiner: Mutex<Joiner>,
    places: Mutex<Places>,
    pending: Mutex<Pending>,
    sleeping: Mutex<Sleeping>,
    /// Where events are injected.
    injectors: Mutex<Vec<Injector>>,
    /// The verdicts of processes, beside Falco's thread table.
    carriers: Arc<Mutex<Carriers>>,
    /// Whether Falco's events tell of executions at all. With a set of system calls of one's own they may not.
    hears: AtomicBool,
    /// Whether an execution is judged from Falco's event where no feed of ours told of it.
    judges_events: AtomicBool,
    /// Whether this machine is captured, and not a recording.
    live: AtomicBool,
    /// Whether the processes that ran already have taught.
    seeded: AtomicBool,
    feed: Mutex<feed::Running>,
    /// Sharing with other machines.
    fleet: Mutex<Option<Fleet>>,
}

/// What running processes carry. It outlives changed settings.
#[derive(Debug, Clone, Default)]
struct Kept {
    verdicts: Arc<Verdicts>,
    carriers: Arc<Mutex<Carriers>>,
}

impl Core {
    fn new(config: Config, engine: Engine, Kept { verdicts, carriers }: Kept) -> Self {
        let root = HostRoot::from_env();
        Self {
            places: Mutex::new(Places::new(root.clone(), config.workload.clone())),
            scrubber: config.scrubber(),
            config,
            root,
            metrics: Metrics::default(),
            health: Health::default(),
            counters: Arc::default(),
            verdicts,
            engine: RwLock::new(Arc::new(engine)),
            pulled: Mutex::default(),
            joiner: Mutex::default(),
            pending: Mutex::default(),
            sleeping: Mutex::default(),
            injectors: Mutex::default(),
            carriers,
            hears: AtomicBool::new(false),
            judges_events: AtomicBool::new(false),
            live: AtomicBool::new(false),
            seeded: AtomicBool::new(false),
            feed: Mutex::default(),
            fleet: Mutex::default(),
        }
    }

    /// What running processes carry, for who comes after this one.
    fn kept(&self) -> Kept {
        Kept { verdicts: Arc::clone(&self.verdicts), carriers: Arc::clone(&self.carriers) }
    }

    /// The engine.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine.read())
    }

    /// How feeds are opened.
    fn options(&self) -> Options {
        Options { root: self.root.clone(), scrubber: self.scrubber.clone(), ..Options::default() }
    }

    /// Whether the processes that run already are still to teach. Asking ends it: once per execution, and a reload
    /// finds the same ones.
    pub(crate) fn begin_seeding(&self) -> bool {
        !self.seeded.swap(true, Relaxed)
    }
}
