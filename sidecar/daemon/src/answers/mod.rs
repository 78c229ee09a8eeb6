//! The daemon's answers: the API's questions put to the engine, the history and everything that counts.

mod compared;
mod decisions;
mod findings;
mod health;
mod held;
mod metrics;
mod searching;
mod workloads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anomaly_api::model::{
    Decided, Decision, ExecutionDetail, Finding, Findings, FindingsQuery, GivenDecision, Health, Held,
    HeldQuery, Metric, SearchAnswer, SearchRequest, SinkHealth, Timeline as Lanes, TimelineQuery, Workload,
};
use anomaly_api::{Caller, Service, ServiceError};
use anomaly_baseline::{CounterValues, Engine, Feedback, Pattern, RowView, Score, Timestamp};

use crate::{History, Notices, Senses, Timeline};

/// How long the loop may be silent before it counts as stuck. It tells a few times a second, but what is known of a
/// workload may have to be read back first.
const STUCK: Duration = Duration::from_secs(15);

/// Decisions, as whoever opens the database writes them down.
pub trait Decisions: Send + Sync {
    /// Writes decisions down and waits a moment for them to be taken up, so that whoever listens until `until` hears of
    /// it; per decision what came of it, `None` while it is only written down.
    ///
    /// # Errors
    /// One sentence, where they could not be written down. Once they are, there is no error.
    fn give(&self, decisions: Vec<Feedback>, until: Instant) -> Result<Vec<Option<String>>, String>;

    /// Every decision that is remembered, the oldest first.
    ///
    /// # Errors
    /// One sentence, where the database does not answer.
    fn all(&self) -> Result<Vec<Feedback>, String>;

    /// The name of a user of this machine.
    fn name_of(&self, uid: u32) -> String;
}

/// A sentence model, as whoever loads it offers it.
pub trait Meaning: Send + Sync {
    /// How near in meaning each row is to a question, -1 to 1; `None` for a row that the model has not read yet.
    ///
    /// # Errors
    /// One sentence, where the model or its memory fails.
    fn nearness(&self, question: &str, rows: &[RowView]) -> Result<Vec<Option<f32>>, String>;
}

/// What does not change while the daemon runs.
#[derive(Debug, Clone)]
pub struct About {
    /// This program's version.
    pub version: &'static str,
    /// The machine's name.
    pub host: String,
    /// The organisation.
    pub org: String,
    /// The database's directory.
    pub path: PathBuf,
    /// From which score what is novel is critical.
    pub critical: Score,
    /// Bytes that all baselines may take in memory.
    pub memory_budget: usize,
    /// When the daemon was started, microseconds since the Unix epoch.
    pub started: Timestamp,
    /// What engines counted since then that are closed by now.
    pub earlier: CounterValues,
}

/// Numbers that others count: asked for each time.
pub struct Parts {
    /// What scores and learns.
    pub engine: Arc<Engine>,
    /// What was novel.
    pub history: Arc<History>,
    /// What ran when.
    pub timeline: Arc<Timeline>,
    /// Where the loop stands.
    pub senses: Arc<Senses>,
    /// What was said.
    pub notices: Arc<Notices>,
    /// Where decisions are written down.
    pub decisions: Box<dyn Decisions>,
    /// The sentence model, or why there is none: one sentence.
    pub meaning: Result<Box<dyn Meaning>, String>,
    /// How the sinks are.
    pub sinks: Box<dyn Fn() -> Vec<SinkHealth> + Send + Sync>,
    /// How sharing goes, where it does.
    pub sharing: Box<dyn Fn() -> Option<anomaly_api::model::Sharing> + Send + Sync>,
    /// More numbers: those of the sinks, the store, the fleet, the API itself.
    pub metrics: Box<dyn Fn() -> Vec<Metric> + Send + Sync>,
    /// Executions that the journal of findings could not write.
    pub unwritten: Arc<std::sync::atomic::AtomicU64>,
}

/// The daemon as the API sees it.
pub struct Answers {
    about: About,
    parts: Parts,
}

impl Answers {
    /// Over these parts.
    pub fn new(about: About, parts: Parts) -> Self {
        Self { about, parts }
    }

    /// What was counted since the start of the daemon.
    fn counters(&self) -> CounterValues {
        let mut all = self.about.earlier;
        all += self.parts.engine.counters();
        all
    }

    fn engine(&self) -> Result<&Engine, ServiceError> {
        let engine = &*self.parts.engine;
        match engine.wait_loaded(Duration::ZERO) {
            Ok(_) => Ok(engine),
            Err(error) => Err(ServiceError::Unavailable(error.to_string())),
        }
    }
}

impl Service for Answers {
    fn findings(&self, query: &FindingsQuery) -> Result<Findings, ServiceError> {
        self.find(query)
    }

    fn finding(&self, id: &str) -> Result<Finding, ServiceError> {
        self.one(id)
    }

    fn execution(&self, id: &str) -> Result<ExecutionDetail, ServiceError> {
        self.detail(id)
    }

    fn workloads(&self) -> Result<Vec<Workload>, ServiceError> {
        Ok(workloads::all(self.engine()?))
    }

    fn timeline(&self, query: &TimelineQuery) -> Result<Lanes, ServiceError> {
        workloads::timeline(&self.parts.timeline, &self.parts.engine, self.about.critical, query, now())
    }

    fn held(&self, query: &HeldQuery) -> Result<Held, ServiceError> {
        held::held(self.engine()?, query)
    }

    fn decide(&self, decision: &Decision, by: Caller, until: Instant) -> Result<Decided, ServiceError> {
        decisions::decide(self.engine()?, &*self.parts.decisions, decision, by, now(), until)
    }

    fn decisions(&self) -> Result<Vec<GivenDecision>, ServiceError> {
        decisions::given(&*self.parts.decisions)
    }

    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, ServiceError> {
        if request.org_id.as_ref().is_some_and(|org| *org != self.about.org) {
            return Err(ServiceError::NotFound(format!(
                "this daemon has the baselines of the organisation {} alone; leave orgId out",
                anomaly_baseline::text::printable(&self.about.org, 100)
            )));
        }
        let meaning = self.parts.meaning.as_deref().map_err(String::as_str);
        searching::search(self.engine()?, meaning, request)
    }

    fn health(&self) -> Health {
        health::health(self)
    }

    fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Err(error) = self.parts.engine.wait_loaded(Duration::ZERO) {
            reasons.push(error.to_string());
        }
        let silent = self.parts.senses.age(Instant::now());
        if silent > STUCK {
            reasons
                .push(format!("no execution has been taken for {} s: the loop is stuck", silent.as_secs()));
        }
        reasons
    }

    fn metrics(&self) -> Vec<Metric> {
        metrics::metrics(self)
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn seconds(time: Timestamp) -> f64 {
    time as f64 / 1e6
}

/// Microseconds since the Unix epoch, of a stranger's number.
fn micros(seconds: f64) -> Result<Timestamp, ServiceError> {
    // Year 0 to 9999.
    if !(-62_167_219_200.0..253_402_300_800.0).contains(&seconds) {
        return Err(ServiceError::Invalid("a time is in seconds since 1970, such as 1760000000".into()));
    }
    Ok((seconds * 1e6).round() as Timestamp)
}

/// Now.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_micros()).unwrap_or(Timestamp::MAX)
}

/// A pattern of workloads.
fn pattern(text: Option<&String>) -> Result<Option<Pattern>, ServiceError> {
    text.map(|text| text.parse().map_err(|error| ServiceError::Invalid(format!("workload: {error}"))))
        .transpose()
}
