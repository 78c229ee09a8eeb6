//! From a sink's configuration to its worker.

use std::path::Path;
use std::sync::Arc;

use crate::clickhouse::ClickHouseService;
use crate::config::SinkConfig;
use crate::error::SinkError;
use crate::falcosidekick::FalcosidekickService;
use crate::file::{FileConfig, FileService};
use crate::http::HttpService;
use crate::notices::Notices;
use crate::queue::{Bounds, Queue};
use crate::secret::{Secret, SecretError};
use crate::service::{Plan, Service};
use crate::sink::Sink;
use crate::sinks::Start;
use crate::spool::{OpenError, Spool};
use crate::status::Counters;
use crate::stdout::StdoutService;
use crate::worker::{Closing, Worker};

/// Credentials of a sink.
pub(crate) struct Secrets {
    user: Option<Secret>,
    /// A password, or what a header carries.
    key: Option<Secret>,
}

impl Secrets {
    /// From where the configuration says that they are.
    pub(crate) fn load(config: &SinkConfig) -> Result<Self, SinkError> {
        let (user, key) = match config {
            SinkConfig::Clickhouse(clickhouse) => (
                Secret::load(clickhouse.user_env.as_deref(), clickhouse.user_file.as_deref()),
                Secret::load(clickhouse.password_env.as_deref(), clickhouse.password_file.as_deref()),
            ),
            SinkConfig::Http(http) => {
                (Ok(None), Secret::load(http.auth_variable(), http.auth_file.as_deref()))
            }
            SinkConfig::Falcosidekick(_) | SinkConfig::File(_) | SinkConfig::Stdout(_) => {
                (Ok(None), Ok(None))
            }
        };
        let named = |outcome: Result<Option<Secret>, SecretError>| {
            outcome.map_err(|source| SinkError::Secret { name: config.name().to_owned(), source })
        };
        Ok(Self { user: named(user)?, key: named(key)? })
    }
}

/// Everything that a sink needs but its spool and its threads: enough to start it at any time, and again.
#[derive(Debug)]
pub(crate) struct Recipe {
    config: SinkConfig,
    fresh: Fresh,
}

/// A service that has done nothing yet, as far as there can be one without a thread.
#[derive(Debug)]
enum Fresh {
    Falcosidekick(FalcosidekickService, Plan),
    Clickhouse(ClickHouseService, Plan),
    Http(HttpService, Plan),
    File(FileConfig),
    Stdout,
}

impl Recipe {
    /// Reads credentials and certificates, and makes the HTTP client, which connects to nobody yet.
    pub(crate) fn new(config: &SinkConfig, host: &str) -> Result<Self, SinkError> {
        let client = |problem| SinkError::Client { name: config.name().to_owned(), problem };
        let Secrets { user, key } = Secrets::load(config)?;
        let fresh = match config {
            SinkConfig::Falcosidekick(sidekick) => Fresh::Falcosidekick(
                FalcosidekickService::new(sidekick).map_err(client)?,
                FalcosidekickService::plan(sidekick),
            ),
            SinkConfig::Clickhouse(clickhouse) => Fresh::Clickhouse(
                ClickHouseService::new(clickhouse, user.as_ref(), key.as_ref()).map_err(client)?,
                ClickHouseService::plan(clickhouse),
            ),
            SinkConfig::Http(http) => Fresh::Http(
                HttpService::new(http, key.as_ref(), host).map_err(client)?,
                HttpService::plan(http),
            ),
            SinkConfig::File(file) => Fresh::File(file.clone()),
            SinkConfig::Stdout(_) => Fresh::Stdout,
        };
        Ok(Self { config: config.clone(), fresh })
    }

    /// Opens the spool; gives what is shared with the sink's worker, and how to start that.
    pub(crate) fn build(
        &self,
        spools: &Path,
        notices: &Arc<Notices>,
        closing: &Closing,
    ) -> Result<(Arc<Sink>, Start), SinkError> {
        let parts = Parts { config: &self.config, spools, notices, closing };
        match &self.fresh {
            Fresh::Falcosidekick(service, plan) => parts.join(service.clone(), *plan),
            Fresh::Clickhouse(service, plan) => parts.join(service.clone(), *plan),
            Fresh::Http(service, plan) => parts.join(service.clone(), *plan),
            Fresh::File(file) => {
                let service = FileService::new(file).map_err(SinkError::Thread)?;
                parts.join(service, FileService::plan(file))
            }
            Fresh::Stdout => {
                let service = StdoutService::new(std::io::stdout()).map_err(SinkError::Thread)?;
                parts.join(service, StdoutService::plan())
            }
        }
    }
}

/// What a sink is made of besides its service.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a SinkConfig,
    pub(crate) spools: &'a Path,
    pub(crate) notices: &'a Arc<Notices>,
    pub(crate) closing: &'a Closing,
}

impl Parts<'_> {
    pub(crate) fn join<S>(&self, service: S, mut plan: Plan) -> Result<(Arc<Sink>, Start), SinkError>
    where
        S: Service + Send + 'static,
    {
        let queue = self.config.queue();
        let spool = self.spool(queue.spool_bytes)?;
        // Half a queue starts the spool, so a batch is no more than that; and a batch always fits into the spool.
        plan.events = plan.events.min(queue.events as usize / 2).max(1);
        plan.bytes = plan.bytes.min(queue.bytes as usize / 2);
        if spool.is_some() {
            plan.bytes = plan.bytes.min(queue.spool_bytes as usize / 8);
        }
        let bounds = Bounds {
            events: queue.events as usize,
            bytes: queue.bytes as usize,
            batch_events: plan.events,
            batch_bytes: plan.bytes,
        };
        let sink = Arc::new(Sink {
            name: self.config.name().to_owned(),
            kind: self.config.kind(),
            events: self.config.events(),
            queue: Queue::new(bounds),
            counters: Counters::default(),
        });
        let (notices, closing) = (Arc::clone(self.notices), Arc::clone(self.closing));
        let worker = Worker::new(service, plan, Arc::clone(&sink), spool, notices, closing);
        Ok((sink, Box::new(move || Box::pin(worker.run()))))
    }

    fn spool(&self, bytes: u64) -> Result<Option<Spool>, SinkError> {
        if bytes == 0 {
            return Ok(None);
        }
        let path = self.spools.join(self.config.name());
        let name = self.config.name().to_owned();
        match Spool::open(&path, bytes) {
            Ok(spool) => Ok(Some(spool)),
            Err(OpenError::Locked) => Err(SinkError::SpoolLocked { name, path }),
            Err(OpenError::Io(source)) => Err(SinkError::Spool { name, path, source }),
        }
    }
}
