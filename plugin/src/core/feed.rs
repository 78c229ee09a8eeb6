//! The feed of a capture, and the one thread that goes with it.
//!
//! Under Falco's driver the kernel program's records are drained while Falco's own events are parsed; the thread only
//! takes care of what no event comes for. Without a driver the thread is the one who drains, and every execution
//! becomes an event that it injects.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anomaly_capture::{CaptureError, Feed, FeedChoice, FeedKind, Observation, StepDown, ladder};
use falco_plugin::async_event::AsyncHandler;
use parking_lot::{Condvar, Mutex};

use super::Core;
use super::places::Files;
use crate::config::FeedSetting;
use crate::say;

/// How often the thread comes by where it does not wait for a feed.
const PACE: Duration = Duration::from_millis(50);

/// How long the thread waits for its feed at most.
const WAIT: Duration = Duration::from_millis(100);

/// How often it copies into atomics what takes locks to know.
const GAUGES: Duration = Duration::from_secs(2);

/// A feed that is drained while events are parsed, and a buffer for what it delivers.
pub(crate) struct Pulled {
    feed: Box<dyn Feed>,
    buffer: Vec<Observation>,
}

/// The thread, while there is a live capture.
#[derive(Debug, Default)]
pub(crate) struct Running(Option<Thread>);

#[derive(Debug)]
struct Thread {
    stop: Arc<(Mutex<bool>, Condvar)>,
    handle: JoinHandle<()>,
}

/// Where an instance injects events.
#[derive(Debug)]
pub(super) struct Injector {
    instance: u64,
    /// Whether Falco's own events tell of executions here.
    pub(super) driver: bool,
    pub(super) handler: AsyncHandler,
}

/// What a live capture found when it began.
pub(crate) struct Live<'a> {
    /// The instance.
    pub(crate) instance: u64,
    /// Whether Falco has a driver.
    pub(crate) driver: bool,
    /// Where events are injected.
    pub(crate) injector: Option<&'a AsyncHandler>,
}

impl Core {
    /// Begins a live capture: opens the feed and starts the thread, if no other capture has done so already.
    pub(crate) fn go_live(self: &Arc<Self>, live: &Live<'_>) {
        if let Some(handler) = live.injector {
            let Live { instance, driver, .. } = *live;
            self.injectors.lock().push(Injector { instance, driver, handler: handler.clone() });
        }
        self.live.store(true, Relaxed);
        self.begin_sharing();
        let mut running = self.feed.lock();
        if running.0.is_some() {
            return;
        }
        let own = if live.driver { self.open_beside_driver() } else { self.open_alone() };
        let core = Arc::clone(self);
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let of_thread = Arc::clone(&stop);
        match Builder::new().name("anomaly-feed".into()).spawn(move || run(&core, own, &of_thread)) {
            Ok(handle) => running.0 = Some(Thread { stop, handle }),
            Err(error) => {
                self.judges_events.store(true, Relaxed);
                say::error(&format!(
                    "no thread can be started ({error}); executions are judged from Falco's own events alone; raise \
                     the limit on tasks"
                ));
            }
        }
    }

    /// Ends an instance's injecting: when this returns, nothing is injected for it any more.
    pub(crate) fn stop_injecting(&self, instance: u64) {
        self.injectors.lock().retain(|other| other.instance != instance);
    }

    /// Ends the thread and closes the feed.
    pub(super) fn end_feed(&self) {
        let thread = self.feed.lock().0.take();
        if let Some(Thread { stop, handle }) = thread {
            *stop.0.lock() = true;
            stop.1.notify_all();
            // It catches its panics itself; one that got out has been told about by the runtime.
            drop(handle.join());
        }
        *self.pulled.lock() = None;
        self.judges_events.store(false, Relaxed);
        self.live.store(false, Relaxed);
    }

    /// Whether this machine is captured, and not a recording.
    pub(super) fn is_live(&self) -> bool {
        self.live.load(Relaxed)
    }

    /// Judges executions from Falco's events alone: a replay.
    pub(crate) fn replay(&self) {
        self.judges_events.store(true, Relaxed);
    }

    /// Opens the feed for a Falco that has a driver. Returns the feed that the thread drains, if it is one.
    fn open_beside_driver(&self) -> Option<Box<dyn Feed>> {
        let choice = match self.config.feed {
            FeedSetting::Falco => {
                self.judges_events.store(true, Relaxed);
                say::info("executions come from Falco's own events, as configured");
                return None;
            }
            FeedSetting::Auto => FeedChoice::Ebpf,
            FeedSetting::Own(choice) => choice,
        };
        let auto = self.config.feed == FeedSetting::Auto;
        match ladder::open(choice, &self.options(), &self.counters) {
            Ok((feed, _)) => {
                let kind = feed.kind();
                if matches!(kind, FeedKind::Ebpf | FeedKind::EbpfEnter) {
                    let way = if auto { "the best there is" } else { "as configured" };
                    say::info(&format!(
                        "executions come from the {kind} feed, {way}, which {}, and from Falco's own events where a \
                         record is missing",
                        kind.misses()
                    ));
                    self.judges_events.store(true, Relaxed);
                    *self.pulled.lock() = Some(Pulled { feed, buffer: Vec::new() });
                    return None;
                }
                say::warn(&format!(
                    "executions come from the {kind} feed, as configured, which {}; their scores come after their \
                     own events, only on later ones of the process",
                    kind.misses()
                ));
                Some(feed)
            }
            Err(error) if auto => {
                self.judges_events.store(true, Relaxed);
                say::warn(&format!(
                    "executions come from Falco's own events, because the ebpf feed does not work here ({})",
                    error.cause()
                ));
                None
            }
            Err(error) => {
                say::error(&format!("{error}; nothing is scored, because no other feed is allowed"));
                None
            }
        }
    }

    /// Opens the feed for a Falco without a driver.
    fn open_alone(&self) -> Option<Box<dyn Feed>> {
        let choice = match self.config.feed {
            FeedSetting::Falco => {
                say::error(
                    "Falco has no driver, and no other feed than its own events is allowed: nothing is scored; \
                     set feed to auto",
                );
                return None;
            }
            FeedSetting::Auto => FeedChoice::Auto,
            FeedSetting::Own(choice) => choice,
        };
        match ladder::open(choice, &self.options(), &self.counters) {
            Ok((feed, steps)) => {
                say::info(&format!("Falco has no driver: {}", chosen(feed.kind(), &steps)));
                Some(feed)
            }
            Err(error) => {
                say::error(&format!("Falco has no driver, and {error}; nothing is scored"));
                None
            }
        }
    }

    /// Takes over what the feed has, to be joined with Falco's events.
    pub(super) fn pull(&self, now: Instant) {
        let mut pulled = self.pulled.lock();
        let Some(Pulled { feed, buffer }) = &mut *pulled else { return };
        let outcome = feed.drain(&mut |observation| buffer.push(observation));
        let mut joiner = self.joiner.lock();
        let lost: u64 = buffer.drain(..).map(|record| joiner.record(record, now)).sum();
        drop(joiner);
        if lost > 0 {
            self.metrics.lost_unjoined.add(lost);
        }
        if let Err(error) = outcome {
            *pulled = None;
            drop(pulled);
            say::error(&format!("{error}; until then executions come from Falco's own events"));
        }
    }

    /// Copies into atomics what takes locks to know, and says what there is to say.
    pub(super) fn housekeeping(&self) {
        let engine = self.engine();
        let status = engine.status();
        let acts = engine.status_of_acts();
        let rows: usize =
            status.iter().chain(&acts).map(|workload| workload.rows + workload.held + workload.denied).sum();
        let metrics = &self.metrics;
        metrics.rows.set(rows as u64);
        metrics.workloads.set(status.len() as u64);
        metrics
            .learning_workloads
            .set(status.iter().filter(|workload| workload.learning.is_some()).count() as u64);
        metrics.unsaved_rows.set(engine.unsaved_rows() as u64);
        let memory = engine.memory();
        metrics.memory_byte_count.set(memory.bytes as u64);
        metrics.sleeping_baselines.set(memory.asleep as u64);
        self.sharing_gauges();
        engine.notices().iter().for_each(|notice| say::warn(notice));
    }
}

/// One line about what was chosen and why.
fn chosen(kind: FeedKind, steps: &[StepDown]) -> String {
    let failed: Vec<String> =
        steps.iter().map(|step| format!("{} does not work here ({})", step.failed, step.cause)).collect();
    let why = if failed.is_empty() { String::new() } else { format!(", because {}", failed.join(" and ")) };
    format!("executions come from the {kind} feed, which {}{why}", kind.misses())
}

/// The thread.
fn run(core: &Core, mut own: Option<Box<dyn Feed>>, stop: &(Mutex<bool>, Condvar)) {
    let mut files = Files::new(core.root.clone(), core.config.workload.clone());
    let mut gauges_due = Instant::now();
    core.health.guard("the feed's thread", || {
        if let Some(feed) = &mut own {
            // Beside draining it judges, which takes microseconds.
            feed.own_thread();
        }
        while !core.health.is_off() {
            if let Err(error) = turn(core, own.as_mut(), &mut files) {
                own = None;
                say::error(&error.to_string());
            }
            let now = Instant::now();
            if now >= gauges_due {
                gauges_due = now + GAUGES;
                core.housekeeping();
            }
            let mut stopping = stop.0.lock();
            if !*stopping && own.is_none() {
                stop.1.wait_for(&mut stopping, PACE);
            }
            if *stopping {
                break;
            }
        }
    });
    core.health.guard("the feed's thread", || core.housekeeping());
}

/// One turn of the thread.
fn turn(core: &Core, own: Option<&mut Box<dyn Feed>>, files: &mut Files) -> Result<(), CaptureError> {
    #[cfg(test)]
    assert!(!crate::guard::tests::take_thread_fault(&core.config.path), "a test asked for it");
    let now = Instant::now();
    match own {
        Some(feed) => {
            feed.wait(WAIT);
            let now = Instant::now();
            feed.drain(&mut |observation| core.delivered(observation, now))?;
        }
        None => {
            core.pull(now);
            core.judge_unheard(now);
        }
    }
    core.find_pending(files, now, wall_clock());
    core.judge_sleeping(now);
    Ok(())
}

/// Microseconds since the Unix epoch.
pub(crate) fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
