//! The two threads that share.
//!
//! One talks to the store, which may take its time or never answer; the other hands to the engine what the local copy
//! has, and so never waits for a network: a workload that begins here is told at once what others know of it.

mod merging;
mod rounds;

pub(crate) use rounds::now;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::cache::{Cache, Index};
use crate::counters::{CounterValues, Counters};
use crate::error::FleetError;
use crate::identity::Identity;
use crate::local::Local;
use crate::names;
use crate::place::{Address, Place};
use crate::publish::{COUNTS_INTERVAL, Publisher};
use crate::status::{INDEX, Status};

/// How a machine shares.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where.
    pub address: Address,
    /// The database's directory: the local copy is kept in it.
    pub data: PathBuf,
    /// Whose baselines.
    pub org: String,
    /// The name of this machine; one is made where there is none.
    pub machine: Option<String>,
    /// How often to publish and to look, give or take a tenth.
    pub interval: Duration,
    /// How often counts alone are published.
    pub counts_interval: Duration,
    /// On how many other machines something has to be learned to be normal here; at least 1.
    pub agree: usize,
    /// As the engine forgets its own.
    pub retention_days: u16,
}

impl Options {
    /// The usual.
    pub fn new(address: Address, data: PathBuf) -> Self {
        Self {
            address,
            data,
            org: "default".into(),
            machine: None,
            interval: Duration::from_secs(60),
            counts_interval: COUNTS_INTERVAL,
            agree: 1,
            retention_days: 7,
        }
    }
}

/// What both threads know.
struct Common {
    options: Options,
    local: Arc<dyn Local>,
    cache: Cache,
    counters: Arc<Counters>,
    index: Mutex<Index>,
    /// Workloads of which others know something that the engine was not told.
    changed: Mutex<HashSet<String>>,
    /// Whether something of the local copy is to be fetched again.
    damaged: AtomicBool,
    status: Mutex<Status>,
    stopping: AtomicBool,
    stopped: Notify,
}

impl Common {
    /// Puts to use what was taken, on the disk first.
    fn keep(&self, index: &Index, changed: &mut HashSet<String>) -> Result<(), FleetError> {
        if *self.index.lock() != *index {
            self.cache.write(INDEX, index)?;
            self.index.lock().clone_from(index);
        }
        self.changed.lock().extend(changed.drain());
        Ok(())
    }
}

/// Sharing, while it lives. Ends with it, without waiting for the store.
pub struct Fleet {
    common: Arc<Common>,
    threads: Vec<JoinHandle<()>>,
}

impl Fleet {
    /// Begins to share. What the local copy has is used at once; the store is asked on a thread of its own, and one that
    /// is out of reach is tried again for ever.
    ///
    /// # Errors
    /// Where the local copy cannot be made, a name is none, or no thread can be started.
    pub fn start(options: Options, local: Arc<dyn Local>) -> Result<Self, FleetError> {
        Self::begin(options, local, None)
    }

    /// The same in a store that is there already.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_in(options: Options, local: Arc<dyn Local>, place: Place) -> Result<Self, FleetError> {
        Self::begin(options, local, Some(place))
    }

    fn begin(options: Options, local: Arc<dyn Local>, place: Option<Place>) -> Result<Self, FleetError> {
        let cache = Cache::make(&options.data, &names::org(&options.org))?;
        let name = options.machine.as_deref().map(names::machine).transpose()?;
        let identity = Identity::load(&cache, name.as_deref())?;
        let counters = Arc::new(Counters::default());
        let named = options.machine.is_some();
        let publisher =
            Publisher::new(identity, named, cache.clone(), Arc::clone(&counters), options.counts_interval)?;
        let index: Index = cache.read(INDEX).unwrap_or_default();
        let status = Status {
            place: place.as_ref().map_or_else(|| options.address.to_string(), |place| place.name.clone()),
            machine: publisher.identity.machine.clone(),
            interval: options.interval.as_secs(),
            agree: u16::try_from(options.agree).unwrap_or(u16::MAX),
            retention_days: options.retention_days,
            ..Status::default()
        };
        let common = Arc::new(Common {
            options,
            local,
            cache,
            counters,
            index: Mutex::new(index),
            changed: Mutex::default(),
            // A power cut may have taken what was written last.
            damaged: AtomicBool::new(true),
            status: Mutex::new(status),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
        });
        let mut fleet = Self { common: Arc::clone(&common), threads: Vec::new() };
        fleet.spawn("anomaly-fleet", {
            let common = Arc::clone(&common);
            move || rounds::run(&common, publisher, place)
        })?;
        fleet.spawn("anomaly-merge", move || merging::run(&common))?;
        Ok(fleet)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), FleetError> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run).map_err(FleetError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// The counters at this moment.
    pub fn counters(&self) -> CounterValues {
        self.common.counters.values()
    }

    /// How many other machines are known.
    pub fn machines(&self) -> usize {
        self.common.index.lock().machines.len()
    }

    /// How it goes at this moment; the other machines are not listed.
    pub fn status(&self) -> Status {
        Status { counters: self.counters(), ..self.common.status.lock().clone() }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.common.stopping.store(true, Relaxed);
        self.common.stopped.notify_one();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Whether `due` is over.
fn is_over(due: Instant) -> bool {
    Instant::now() >= due
}
