//! Recordings through the engine: whose turn it is, on which day, and what may be learned from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use anomaly_baseline::{
    Day, Engine, Level, Method, Settings, Sighting, Teach, Threshold, Timestamp, Verdict, utc_day,
};
use anomaly_capture::recording::Recorded;
use anomaly_vectorizer::{Context, Embedder};

/// Sessions of attacks that are kept apart at a time. Lines of one session stand together in a recording; one that
/// returns after so many others begins anew.
const OPEN_SESSIONS: usize = 32;

/// The split of a recording that builds a baseline.
const BASE: &str = "base";

/// What a back-test does.
#[derive(Debug, Clone)]
pub struct Options {
    /// Learning and scoring, as live. The warm-up's end is not asked: a recorded baseline is complete by definition.
    pub settings: Settings,
    /// How distances are measured and what prior is used.
    pub method: Method,
    /// What the score is.
    pub scale: Scale,
    /// Whether benign events teach as they do live.
    pub online: bool,
    /// On how many days in a row each attack is repeated, on a private copy that learns as it would live; 0 or 1 for
    /// once, where nothing is ever learned from it.
    pub repeat_attack: u16,
}

/// What the score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// The calibrated one, as live.
    #[default]
    Calibrated,
    /// The distance itself, for comparison. A threshold of `auto` is then [`Settings::warn`], and `first` is that of the
    /// calibrated score.
    Distance,
}

/// One event and what was said about it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The event.
    pub recorded: &'a Recorded,
    /// The baseline's day on which it was scored.
    pub day: Day,
    /// Which repetition of an attack it is, from 1.
    pub occurrence: u16,
    /// What the engine said.
    pub verdict: &'a Verdict,
}

/// A back-test in progress: first [`learn`](Self::learn), then [`score`](Self::score).
pub struct Backtest {
    engine: Engine,
    options: Options,
    /// The last day read of each workload.
    days: BTreeMap<String, Day>,
    learned: BTreeSet<String>,
    unknown: BTreeSet<String>,
    sessions: VecDeque<Session>,
    /// Lines of the repeated session that is being read.
    skipped: u64,
}

/// An attack on a copy of the state at its place in the recording.
struct Session {
    workload: String,
    name: String,
    engine: Engine,
    day: Day,
    lines: Vec<Recorded>,
}

impl Backtest {
    /// A back-test that has learned nothing yet.
    pub fn new(options: Options, embedder: Arc<dyn Embedder>) -> Self {
        let settings = Settings { learn_executions: u64::MAX, ..options.settings.clone() };
        Self {
            engine: Engine::in_memory(settings, embedder, options.method),
            options,
            days: BTreeMap::new(),
            learned: BTreeSet::new(),
            unknown: BTreeSet::new(),
            sessions: VecDeque::new(),
            skipped: 0,
        }
    }

    /// Learns one line of a baseline: one whose split is absent or `base`, and never a labelled attack.
    pub fn learn(&mut self, recorded: &Recorded) {
        if !recorded.is_base() {
            self.skipped += 1;
            return;
        }
        let day = self.day_of(recorded);
        self.options.observe(&self.engine, recorded, day, Teach::Policy);
        let workload = &recorded.observation.workload;
        if !self.learned.contains(workload) {
            self.learned.insert(workload.clone());
        }
    }

    /// Ends the baseline: from now on everything is scored.
    pub fn finish_learning(&mut self, time: Timestamp) {
        self.engine.finish_learning(time);
    }

    /// Scores one event and hands on what came of it: nothing for lines of a baseline, one step for most, and for an
    /// attack that is repeated all its steps once its last line was read.
    pub fn score(&mut self, recorded: &Recorded, each: &mut dyn FnMut(&Step<'_>)) {
        if !is_event(recorded) {
            self.skipped += 1;
            return;
        }
        let workload = &recorded.observation.workload;
        if !self.learned.contains(workload) && !self.unknown.contains(workload) {
            self.unknown.insert(workload.clone());
        }
        if recorded.is_attack() {
            return self.attack(recorded, each);
        }
        let day = self.day_of(recorded);
        let teach = if self.options.online { Teach::Policy } else { Teach::Nothing };
        let verdict = self.options.observe(&self.engine, recorded, day, teach);
        each(&Step { recorded, day, occurrence: 1, verdict: &verdict });
    }

    /// Finishes what waits for its last line, and tells which workloads had no baseline.
    pub fn finish(mut self, each: &mut dyn FnMut(&Step<'_>)) -> Vec<String> {
        while let Some(session) = self.sessions.pop_front() {
            session.repeat(&self.options, each);
        }
        self.unknown.into_iter().collect()
    }

    /// Lines that were none of the part they were given for.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The baselines as they are now.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn attack(&mut self, recorded: &Recorded, each: &mut dyn FnMut(&Step<'_>)) {
        let day = self.day_of(recorded);
        let workload = &recorded.observation.workload;
        let name = recorded.session.as_deref().unwrap_or_default();
        let open =
            self.sessions.iter().position(|session| session.name == name && session.workload == *workload);
        let number = open.unwrap_or_else(|| {
            let engine = self.engine.copy_of(workload);
            let (workload, name) = (workload.clone(), name.to_owned());
            self.sessions.push_back(Session { workload, name, engine, day, lines: Vec::new() });
            self.sessions.len() - 1
        });
        let session = &mut self.sessions[number];
        if self.options.repeat_attack > 1 {
            session.lines.push(recorded.clone());
        } else {
            let verdict = self.options.observe(&session.engine, recorded, session.day, Teach::Nothing);
            each(&Step { recorded, day: session.day, occurrence: 1, verdict: &verdict });
        }
        if self.sessions.len() > OPEN_SESSIONS
            && let Some(session) = self.sessions.pop_front()
        {
            session.repeat(&self.options, each);
        }
    }

    /// The recording's own day, else the last one that a line of this workload had, else the UTC date.
    pub fn day_of(&mut self, recorded: &Recorded) -> Day {
        let Recorded { observation, day, .. } = recorded;
        let last = self.days.get(&observation.workload).copied();
        let Some(day) = *day else { return last.unwrap_or_else(|| utc_day(observation.time)) };
        let day = Day::try_from(day).unwrap_or(if day < 0 { Day::MIN } else { Day::MAX });
        if last != Some(day) {
            self.days.insert(observation.workload.clone(), day);
        }
        day
    }
}

impl Session {
    /// Plays the attack on one day after another; the copy learns as it would live.
    fn repeat(self, options: &Options, each: &mut dyn FnMut(&Step<'_>)) {
        for occurrence in 1..=options.repeat_attack {
            let day = self.day.saturating_add(Day::from(occurrence) - 1);
            for recorded in &self.lines {
                let verdict = options.observe(&self.engine, recorded, day, Teach::Policy);
                each(&Step { recorded, day, occurrence, verdict: &verdict });
            }
        }
    }
}

/// Whether a line is one that is scored: every one but those of a baseline.
pub fn is_event(recorded: &Recorded) -> bool {
    recorded.split.as_deref() != Some(BASE)
}

impl Options {
    fn observe(&self, engine: &Engine, recorded: &Recorded, day: Day, teach: Teach) -> Verdict {
        let observation = &recorded.observation;
        let mut verdict = engine.observe(&Sighting {
            workload: &observation.workload,
            execution: &observation.execution,
            context: Context::of(&observation.surroundings),
            time: observation.time,
            day,
            teach,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
        });
        if self.scale == Scale::Distance
            && let Some(distance) = verdict.distance
        {
            verdict.score = Some(distance);
            verdict.threshold = match self.settings.threshold {
                Threshold::Fixed(threshold) => threshold,
                Threshold::Auto => self.settings.warn,
            };
            verdict.novel = distance >= verdict.threshold;
            verdict.level = match distance {
                distance if distance >= self.settings.critical => Level::Critical,
                distance if distance >= self.settings.warn => Level::Warn,
                _ => Level::Normal,
            };
        }
        verdict
    }
}
