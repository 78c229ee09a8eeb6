//! What the daemon consists of: what lasts as long as the process, and what a new configuration replaces.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use anomaly_api::Server;
use anomaly_baseline::text::printable;
use anomaly_baseline::{Engine, RowView};
use anomaly_config::Config;
use anomaly_daemon::Parts as AnswerParts;
use anomaly_daemon::{About, Answers, Bounds, History, Journal, Meaning, Notices, Senses, Timeline};
use anomaly_fleet::Fleet;
use anomaly_lance::LanceStore;
use anomaly_sinks::Sinks;
use parking_lot::Mutex;

use crate::failure::{Failure, say};
use crate::feedback::micros;
use crate::search::Mind;
use crate::watch::baseline;

use super::decisions::FeedbackTable;
use super::ending::Ending;
use super::findings::today;
use super::{numbers, plan};

/// How long the API's last answers are waited for.
const ANSWERING: Duration = Duration::from_millis(300);

/// How long the database is waited for before everything is closed for a new configuration.
const SAVING: Duration = Duration::from_secs(5);

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
    started: SystemTime,
}

impl Lasting {
    /// Reads what was novel before. Where that cannot be, it is said, and what is novel from now on is remembered until the
    /// daemon ends.
    pub(super) fn open(config: &Config) -> Result<(Self, Option<Journal>), Failure> {
        let bounds = Bounds { days: config.storage.retention_days, ..Bounds::default() };
        let history = Arc::new(History::new(bounds));
        let lasting = Self {
            history: Arc::clone(&history),
            timeline: Arc::default(),
            senses: Arc::new(Senses::new(Instant::now())),
            notices: Arc::default(),
            unwritten: Arc::default(),
            started: SystemTime::now(),
        };
        let journal = match Journal::open(&plan::findings(config)?, bounds.days, today(), &history) {
            Ok((journal, bad)) => {
                if bad > 0 {
                    lasting.say(format!("{bad} lines of the findings could not be read, and are left out"));
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

    /// Says something to whoever reads the log, and to whoever asks later.
    pub(super) fn say(&self, notice: String) {
        say(&notice);
        let now = micros(SystemTime::now());
        self.notices.add(now as f64 / 1e6, printable(&notice, NOTICE));
    }
}

/// What a new configuration replaces.
pub(super) struct Running {
    engine: Arc<Engine>,
    sinks: Arc<Sinks>,
    fleet: Option<Arc<Fleet>>,
    server: Server,
}

impl Running {
    /// Starts everything; returns when the baselines are loaded.
    pub(super) fn start(config: &Config, store: LanceStore, lasting: &Arc<Lasting>) -> Result<Self, Failure> {
        let data = plan::data(config)?;
        let options = plan::api(config)?;
        let store_counters = store.counters();
        let settings = config.settings();
        let engine = Arc::new(baseline::before(store, settings.clone())?);
        baseline::wait(&engine, Some(&data))?;
        let fleet = plan::sharing(config).start(&engine, Some(&data), &config.agent.org, &settings)?;
        let fleet = fleet.map(Arc::new);
        let host = plan::host(config);
        let sinks = Sinks::start(&config.backend.sinks, &plan::spool(config)?, &host);
        let sinks = Arc::new(sinks.map_err(|error| Failure::new(error.to_string()))?);
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            host,
            org: config.agent.org.clone(),
            path: data.clone(),
            critical: settings.critical,
            memory_budget: settings.memory_budget,
            started: micros(lasting.started),
        };
        let answers = Answers::new(
            about,
            AnswerParts {
                engine: Arc::clone(&engine),
                history: Arc::clone(&lasting.history),
                timeline: Arc::clone(&lasting.timeline),
                senses: Arc::clone(&lasting.senses),
                notices: Arc::clone(&lasting.notices),
                decisions: Box::new(FeedbackTable::new(data.clone(), config.agent.org.clone())),
                meaning: meaning(config, &data, lasting),
                sinks: numbers::sinks(&sinks),
                sharing: numbers::sharing(fleet.as_ref()),
                metrics: numbers::metrics(&sinks, store_counters, fleet.as_ref()),
                unwritten: Arc::clone(&lasting.unwritten),
            },
        );
        let server = Server::start(options, Arc::new(answers));
        let server = server.map_err(|error| Failure::new(error.to_string()))?;
        let places = server.socket().map(|path| path.display().to_string());
        for place in places.into_iter().chain(server.tcp().map(|address| format!("http://{address}"))) {
            lasting.say(format!("answering on {place}"));
        }
        Ok(Self { engine, sinks, fleet, server })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// What there is to say.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = self.engine.notices();
        notices.extend(self.sinks.notices());
        notices
    }

    /// Saves what is known.
    pub(super) fn save(&self) -> Result<(), Failure> {
        Ok(self.engine.flush(SAVING)?)
    }

    /// Ends everything: what is known is saved, what could not be sent waits on the disk.
    pub(super) fn stop(self, ending: Ending) -> Result<(), Failure> {
        let Self { engine, sinks, fleet, server } = self;
        server.stop(ANSWERING);
        sinks.close(ending.of_sinks());
        drop(fleet);
        let closed = match Arc::try_unwrap(engine) {
            Ok(engine) => engine.close(ending.of_store()),
            // Somebody is still being answered: everything is written all the same.
            Err(engine) => engine.flush(ending.of_store()),
        };
        Ok(closed?)
    }
}

/// The sentence model that the configuration names. One that cannot be used costs the searches by meaning alone.
fn meaning(config: &Config, data: &Path, lasting: &Lasting) -> Result<Box<dyn Meaning>, String> {
    let Some(model) = &config.search.model else {
        return Err(
            "this daemon has no sentence model; write search.model in its configuration, or leave mode out \
                    to search by words"
                .to_owned(),
        );
    };
    match Mind::of(model, &config.search.digests, data, &config.agent.org) {
        Ok(mind) => Ok(Box::new(SharedMind(Mutex::new(mind)))),
        Err(failure) => {
            lasting.say(format!("search by words alone: {failure}"));
            Err(failure.to_string())
        }
    }
}

/// One question at a time.
struct SharedMind(Mutex<Mind>);

impl Meaning for SharedMind {
    fn nearness(&self, question: &str, rows: &[RowView]) -> Result<Vec<Option<f32>>, String> {
        self.0.lock().nearness(question, rows).map_err(|failure| failure.to_string())
    }
}
