//! The way of an execution from a feed or an event to a verdict, exactly once.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anomaly_baseline::{Sighting, Standing, Teach, Verdict, utc_day};
use anomaly_capture::Observation;
use anomaly_vectorizer::{Context, Execution};

use super::Core;
use super::carriers::Mark;
use super::join::{Found, Told};
use super::judged::{Judged, explained};
use super::pending::Held;
use super::places::{Files, Missing, Place, Placed, Places};
use super::sleeping::Waiting;
use super::verdicts::Handle;
use crate::acts::JudgedAct;
use crate::event::execution;
use crate::tables::Container;

/// How long a record waits for Falco's event.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same while no event of Falco's has told of any execution.
const PATIENCE_UNHEARD: Duration = Duration::from_millis(50);

/// How long a recording waits for a baseline to be read back into memory.
const WAKING: Duration = Duration::from_secs(5);

/// How long an execution waits for its container's image, in microseconds.
const IMAGE_PATIENCE: i64 = anomaly_capture::workload::PATIENCE.as_micros() as i64;

/// How long the container plugin alone is given before the runtimes' files are read, in microseconds.
const TABLE_PATIENCE: i64 = 1_000_000;

impl Core {
    /// An execution that Falco's event tells of. Our record is taken where there is one; else `from_event` has to say
    /// what the event itself tells.
    pub(crate) fn heard(
        &self,
        told: Told<'_>,
        place: Place<'_>,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
        from_event: impl FnOnce() -> Observation,
    ) -> Option<Handle> {
        let now = Instant::now();
        self.hears.store(true, Relaxed);
        self.metrics.falco_executions.add(1);
        self.pull(now);
        let mut joiner = self.joiner.lock();
        match joiner.find(told, now) {
            Found::Judged(handle) => {
                self.metrics.joined.add(1);
                Some(handle)
            }
            Found::Record(observation, ticket) => {
                self.metrics.joined.add(1);
                let cgroup = observation.cgroup.clone();
                let place = if cgroup.is_empty() { place } else { Place { cgroup: &cgroup, ..place } };
                let handle = self.judge(observation, place, Teach::Policy, look_up);
                joiner.settle(ticket, handle);
                Some(handle)
            }
            Found::Nothing if self.judges_events.load(Relaxed) => {
                self.metrics.judged_from_event.add(1);
                let observation = from_event();
                self.counters.delivered(&observation);
                let handle = self.judge(Box::new(observation), place, Teach::Policy, look_up);
                self.metrics.lost_unjoined.add(joiner.judged_event(told, handle, now));
                Some(handle)
            }
            Found::Nothing => None,
        }
    }

    /// A process that ran before capture began. It carries a verdict where its baseline knows it, or says why it has none;
    /// otherwise nobody knows what it was like when it began.
    pub(crate) fn seed(
        &self,
        observation: Observation,
        container: Option<&CStr>,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Option<Handle> {
        self.counters.delivered(&observation);
        let cgroup = observation.cgroup.clone();
        let place = Place { container, cgroup: &cgroup };
        let placed = self.places.lock().find(place, look_up);
        let Placed::Known(workload) = placed else {
            self.judge_placed(Box::new(observation), placed, Teach::Seed);
            return None;
        };
        let verdict = self.ask(&workload, &observation, Teach::Seed);
        match verdict.standing {
            Standing::Known | Standing::Learning(_) => {
                Some(self.verdicts.insert(self.judged(&observation, verdict, Teach::Seed)))
            }
            Standing::Waking => {
                // It may still be there to be learned.
                self.judge_later(Box::new(observation), workload, Teach::Seed);
                None
            }
            _ => None,
        }
    }

    /// An execution that a feed's thread delivered, for which no event of Falco's is waited.
    pub(super) fn delivered(&self, observation: Observation, now: Instant) {
        let cgroup = observation.cgroup.clone();
        let place = Place { container: None, cgroup: &cgroup };
        if self.injectors.lock().iter().all(|injector| injector.driver) {
            // There is a driver: its event may come, before or after.
            let mut joiner = self.joiner.lock();
            self.metrics.lost_unjoined.add(joiner.record(observation, now));
            drop(joiner);
            self.judge_overdue(now, Duration::ZERO);
        } else {
            self.judge(Box::new(observation), place, Teach::Policy, |_| None);
        }
    }

    /// Judges the records that no event of Falco's came for.
    pub(super) fn judge_unheard(&self, now: Instant) {
        let patience = if self.hears.load(Relaxed) { PATIENCE } else { PATIENCE_UNHEARD };
        self.judge_overdue(now, patience);
    }

    fn judge_overdue(&self, now: Instant, patience: Duration) {
        loop {
            // One at a time: whoever parses an event may want the joiner in between.
            let mut joiner = self.joiner.lock();
            let Some((observation, ticket)) = joiner.overdue(now, patience) else { return };
            self.metrics.judged_without_event.add(1);
            let cgroup = observation.cgroup.clone();
            let place = Place { container: None, cgroup: &cgroup };
            let handle = self.judge(observation, place, Teach::Policy, |_| None);
            joiner.settle(ticket, handle);
        }
    }

    /// The verdict of a process of whose execution Falco's events did not tell.
    pub(crate) fn unheard(&self, pid: i64) -> Option<Handle> {
        if self.hears.load(Relaxed) && self.judges_events.load(Relaxed) {
            return None;
        }
        self.carriers.lock().get(u32::try_from(pid).ok()?)
    }

    /// Judges an execution, at once or when it is known whose normal it is.
    fn judge(
        &self,
        observation: Box<Observation>,
        place: Place<'_>,
        teach: Teach,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Handle {
        let (pid, mark) = (observation.identity.tgid, Mark::executed(&observation));
        let handle = self.judge_or_hold(observation, place, teach, look_up);
        // Another machine's processes, and what nobody saw executing, carry nothing.
        if teach != Teach::Seed && self.is_live() {
            self.carriers.lock().put(pid, handle, mark);
        }
        handle
    }

    fn judge_or_hold(
        &self,
        observation: Box<Observation>,
        place: Place<'_>,
        teach: Teach,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Handle {
        let placed = self.places.lock().find(place, look_up);
        self.judge_placed(observation, placed, teach)
    }

    fn judge_placed(&self, observation: Box<Observation>, placed: Placed, teach: Teach) -> Handle {
        match placed {
            Placed::Known(workload) => self.judge_in(workload, observation, teach),
            // A replay's containers are not this machine's: no file here tells of them.
            Placed::Unknown(missing) if missing.container.is_none() && !self.is_live() => {
                let workload = Places::unknown_container();
                self.metrics.unknown_containers.add(1);
                self.judge_in(workload, observation, teach)
            }
            Placed::Unknown(missing) => {
                let handle = self.verdicts.reserve();
                let crowded = self.pending.lock().push(Held { observation, teach, missing, handle });
                if let Some(held) = crowded {
                    self.settle(held, &Places::unknown_container());
                }
                handle
            }
        }
    }

    fn judge_in(&self, workload: Arc<str>, observation: Box<Observation>, teach: Teach) -> Handle {
        let verdict = self.ask(&workload, &observation, teach);
        if verdict.standing == Standing::Waking {
            return self.judge_later(observation, workload, teach);
        }
        self.verdicts.insert(self.judged(&observation, verdict, teach))
    }

    /// Judges when the workload's baseline is in memory.
    fn judge_later(&self, observation: Box<Observation>, workload: Arc<str>, teach: Teach) -> Handle {
        let handle = self.verdicts.reserve();
        self.put_off(Waiting { observation, teach, workload, handle, since: Instant::now() });
        handle
    }

    /// Has the engine score an execution and learn from it.
    pub(super) fn ask(&self, workload: &str, observation: &Observation, teach: Teach) -> Verdict {
        let sighting = Sighting {
            workload,
            execution: &observation.execution,
            context: Context::of(&observation.surroundings),
            time: observation.time,
            day: utc_day(observation.time),
            teach,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
        };
        self.observe(&sighting)
    }

    fn observe(&self, sighting: &Sighting<'_>) -> Verdict {
        if self.is_live() {
            self.engine().observe(sighting)
        } else {
            // A recording can wait, and nobody comes by who would judge it later.
            self.engine().observe_patiently(sighting, WAKING)
        }
    }

    /// What is told of an execution, and injected where Falco has no event of it.
    fn judged(&self, observation: &Observation, verdict: Verdict, teach: Teach) -> Arc<Judged> {
        let judged = Judged::new(observation, verdict);
        if teach != Teach::Seed {
            self.inject(observation, &judged, |has_driver| !has_driver);
        }
        Arc::new(judged)
    }

    /// Whose normal what runs there is compared with; `None` where that is not known yet.
    pub(crate) fn workload_of(
        &self,
        place: Place<'_>,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Option<Arc<str>> {
        match self.places.lock().find(place, look_up) {
            Placed::Known(workload) => Some(workload),
            Placed::Unknown(_) => None,
        }
    }

    /// Judges another act than an execution, and learns from it what the policy allows.
    pub(crate) fn judge_act(&self, workload: &str, act: &Execution, time: i64, pid: i64) -> JudgedAct {
        let verdict = self.observe(&Sighting {
            workload,
            execution: act,
            context: Context::default(),
            time,
            day: utc_day(time),
            teach: Teach::Policy,
            pid: u32::try_from(pid).unwrap_or(0),
            ppid: 0,
        });
        let (reason, nearest) = explained(verdict.explanation);
        JudgedAct { score: verdict.score, reason, nearest }
    }

    /// Injects the event of an execution where `wanted` says so, asked whether Falco has a driver there.
    fn inject(&self, observation: &Observation, judged: &Judged, wanted: impl Fn(bool) -> bool) {
        let injectors = self.injectors.lock();
        if !injectors.iter().any(|injector| wanted(injector.driver)) {
            return;
        }
        let payload = execution::payload(judged);
        let time = u64::try_from(observation.time).unwrap_or(0).saturating_mul(1_000);
        for injector in injectors.iter().filter(|injector| wanted(injector.driver)) {
            match injector.handler.emit(execution::around(
                &payload,
                i64::from(observation.identity.tgid),
                time,
            )) {
                Ok(()) => self.metrics.injected.add(1),
                Err(_) => self.metrics.lost_injected.add(1),
            }
        }
    }

    /// Looks again for the workloads of executions that wait, in the container plugin's table.
    pub(crate) fn retry_pending(&self, mut look_up: impl FnMut(&CStr) -> Option<Container>) {
        if self.pending.lock().is_empty() {
            return;
        }
        let missing = self.pending.lock().missing();
        for (missing, _) in missing {
            let workload = self.places.lock().retry(&missing, &mut look_up);
            if let Some(workload) = workload {
                self.settle_all(&missing, &workload);
            }
        }
    }

    /// The same in the files of the containers' runtimes, and gives up on those that have waited for too long. `time`
    /// in microseconds, of the clock that the executions' times come from.
    pub(super) fn find_pending(&self, files: &mut Files, now: Instant, time: i64) {
        if self.pending.lock().is_empty() {
            // Whoever parses events may have settled the last of them.
            self.metrics.waiting_for_image.set(0);
            return;
        }
        let missing = self.pending.lock().missing();
        for (missing, since) in missing {
            let waited = time.saturating_sub(since);
            // The container plugin's own answer first, for where its table is there.
            if missing.container.is_some() && waited < TABLE_PATIENCE {
                continue;
            }
            if let Some(workload) = files.find(&missing.cgroup, now, waited >= IMAGE_PATIENCE) {
                self.places.lock().learn(&missing, &workload);
                self.settle_all(&missing, &workload);
            }
        }
        self.metrics.waiting_for_image.set(self.pending.lock().len() as u64);
    }

    /// Gives up on the workloads of executions long before `time`: in a replay only the recording tells of containers,
    /// and at the end of a capture nobody does.
    pub(crate) fn give_up_pending(&self, time: i64) {
        if self.pending.lock().is_empty() {
            return;
        }
        let missing = self.pending.lock().missing();
        for (missing, _) in
            missing.into_iter().filter(|(_, since)| time.saturating_sub(*since) >= IMAGE_PATIENCE)
        {
            self.settle_all(&missing, &Places::unknown_container());
        }
    }

    fn settle_all(&self, missing: &Missing, workload: &Arc<str>) {
        let held = self.pending.lock().take(missing);
        for held in held {
            self.settle(held, workload);
        }
    }

    fn settle(&self, held: Held, workload: &Arc<str>) {
        if *workload == Places::unknown_container() {
            self.metrics.unknown_containers.add(1);
        }
        let Held { observation, teach, handle, .. } = held;
        let verdict = self.ask(workload, &observation, teach);
        if verdict.standing == Standing::Waking {
            let workload = Arc::clone(workload);
            return self.put_off(Waiting { observation, teach, workload, handle, since: Instant::now() });
        }
        self.settle_late(&observation, teach, handle, verdict);
    }

    /// Gives an execution the verdict that was expected.
    pub(super) fn settle_late(
        &self,
        observation: &Observation,
        teach: Teach,
        handle: Handle,
        verdict: Verdict,
    ) {
        let judged = self.judged(observation, verdict, teach);
        self.verdicts.settle(handle, Arc::clone(&judged));
        // The driver's own event of it is over, and rules have seen no score on it.
        if teach != Teach::Seed && judged.score.is_some() {
            self.inject(observation, &judged, |has_driver| has_driver);
        }
    }
}
