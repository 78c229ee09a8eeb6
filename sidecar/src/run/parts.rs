//! What stands around the baselines and is started anew for every configuration: sinks, and whoever answers questions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anomaly_api::Server;
use anomaly_baseline::{Engine, RowView};
use anomaly_config::Config;
use anomaly_daemon::Parts as AnswerParts;
use anomaly_daemon::{About, Answers, Meaning};
use anomaly_sinks::Sinks;
use parking_lot::Mutex;

use crate::failure::Failure;
use crate::search::Mind;

use super::core::Core;
use super::decisions::FeedbackTable;
use super::ending::Ending;
use super::lasting::Lasting;
use super::plan::Plan;
use super::{numbers, plan};

/// How long the API's last answers are waited for.
const ANSWERING: Duration = Duration::from_millis(300);

/// How long the database is waited for before everything is closed for a new configuration.
const SAVING: Duration = Duration::from_secs(5);

/// How long a disk that does not answer is waited for between two looks at whether to wait on.
const WAITING: Duration = Duration::from_millis(100);

/// What a new configuration replaces.
pub(super) struct Running {
    core: Core,
    sinks: Arc<Sinks>,
    server: Server,
}

impl Running {
    /// Starts what stands around the baselines; where that fails, gives them back.
    pub(super) fn start(plan: &Plan, core: Core, lasting: &Arc<Lasting>) -> Result<Self, (Failure, Core)> {
        match around(plan, &core, lasting) {
            Ok((sinks, server)) => Ok(Self { core, sinks, server }),
            Err(failure) => Err((failure, core)),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.core.engine
    }

    pub(super) fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// What there is to say.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = self.core.engine.notices();
        notices.extend(self.sinks.notices());
        notices
    }

    /// Saves what is known.
    pub(super) fn save(&self) -> Result<(), Failure> {
        Ok(self.core.engine.flush(SAVING)?)
    }

    /// Ends everything around the baselines: what could not be sent waits on the disk. `wait` is asked whether to wait on
    /// for a disk that does not answer, because nothing else can use the spools meanwhile.
    pub(super) fn stop(self, ending: Ending, lasting: &Lasting, wait: &dyn Fn() -> bool) -> Core {
        let Self { core, sinks, server } = self;
        server.stop(ANSWERING);
        let mut closed = sinks.close(ending.of_sinks());
        if !closed.ended && wait() {
            while !sinks.wait_ended(WAITING) && wait() {}
            closed = sinks.close(Duration::ZERO);
        }
        closed.notices.into_iter().for_each(|notice| lasting.say(notice));
        lasting.earlier.lock().add_sinks(closed.sinks);
        core
    }
}

/// The sinks, and whoever answers questions.
fn around(plan: &Plan, core: &Core, lasting: &Arc<Lasting>) -> Result<(Arc<Sinks>, Server), Failure> {
    let Plan { config, sinks, api } = plan;
    let data = plan::data(config)?;
    let settings = config.settings();
    let host = plan::host(config);
    let sinks = sinks.start(&plan::spool(config)?).map_err(|error| Failure::new(error.to_string()))?;
    let sinks = Arc::new(sinks);
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        host,
        org: config.agent.org.clone(),
        path: data.clone(),
        critical: settings.critical,
        memory_budget: settings.memory_budget,
        started: lasting.started(),
        earlier: lasting.earlier.lock().engine,
    };
    let answers = Answers::new(
        about,
        AnswerParts {
            engine: Arc::clone(&core.engine),
            history: Arc::clone(&lasting.history),
            timeline: Arc::clone(&lasting.timeline),
            senses: Arc::clone(&lasting.senses),
            notices: Arc::clone(&lasting.notices),
            decisions: Box::new(FeedbackTable::new(data.clone(), config.agent.org.clone())),
            meaning: meaning(config, &data, lasting),
            sinks: numbers::sinks(&sinks, lasting),
            sharing: numbers::sharing(core.fleet.as_ref()),
            metrics: numbers::metrics(&sinks, lasting, Arc::clone(&core.store), core.fleet.as_ref()),
            unwritten: Arc::clone(&lasting.unwritten),
        },
    );
    let server = Server::start(api.clone(), Arc::new(answers));
    let server = server.map_err(|error| Failure::new(error.to_string()))?;
    let places = server.socket().map(|path| path.display().to_string());
    for place in places.into_iter().chain(server.tcp().map(|address| format!("http://{address}"))) {
        lasting.say(format!("answering on {place}"));
    }
    Ok((sinks, server))
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
