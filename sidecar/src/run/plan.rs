//! From the configuration to what is opened.

use std::fs;
use std::path::PathBuf;

use anomaly_api::{Limits, Options, Tcp, Token};
use anomaly_config::Config;
use anomaly_lance::LanceStore;
use anomaly_sinks::Prepared;

use crate::failure::{Failure, say};
use crate::paths;
use crate::place;
use crate::sharing::Sharing;
use crate::watch::live;

use super::arguments::Arguments;

/// Says what the configuration gives away, and that nothing is sent.
pub(super) fn tell(config: &Config, arguments: &Arguments) {
    for sentence in config.given_away() {
        say(&sentence);
    }
    match (&arguments.config, arguments.file()) {
        (Some(_), _) => {}
        (None, Some(file)) => say(&format!("the configuration is {}", file.display())),
        (None, None) => {
            say(
                "no configuration: every default counts; `anomalyctl config init` prints a file with all of them",
            );
        }
    }
    if config.backend.sinks.is_empty() {
        say("no sinks: nothing is sent; what is novel is remembered here and can be asked for");
    }
}

/// The database's directory.
pub(super) fn data(config: &Config) -> Result<PathBuf, Failure> {
    config.storage.path.clone().map_or_else(paths::default_data_directory, Ok)
}

/// The database.
pub(super) fn store(config: &Config) -> Result<LanceStore, Failure> {
    Ok(LanceStore::open(place::options(&data(config)?, &config.agent.org))?)
}

/// A configuration with what the files and variables held that it names: it can be followed again when they are gone.
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) sinks: Prepared,
    pub(super) api: Options,
}

impl Plan {
    /// Reads what the configuration names. Opens nothing.
    pub(super) fn of(config: Config) -> Result<Self, Failure> {
        let sinks = Prepared::new(&config.backend.sinks, &host(&config));
        let sinks = sinks.map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { api: api(&config)?, sinks, config })
    }
}

/// Whether the second is about another database than the first.
pub(super) fn moves(before: &Config, after: &Config) -> bool {
    before.storage.path != after.storage.path || before.agent.org != after.agent.org
}

/// Where findings are written.
pub(super) fn findings(config: &Config) -> Result<PathBuf, Failure> {
    Ok(data(config)?.join("findings"))
}

/// Where waits what sinks cannot take yet.
pub(super) fn spool(config: &Config) -> Result<PathBuf, Failure> {
    config.backend.spool.clone().map_or_else(|| Ok(data(config)?.join("spool")), Ok)
}

/// This machine's name.
pub(super) fn host(config: &Config) -> String {
    config.agent.host().unwrap_or_else(live::host)
}

/// What is shared.
pub(super) fn sharing(config: &Config) -> Sharing {
    let storage = &config.storage;
    Sharing {
        shared: storage.shared.clone(),
        shared_machine: storage.shared_machine.clone(),
        shared_interval: storage.shared_interval,
        shared_agree: storage.shared_agree,
    }
}

/// Where and how the API listens.
pub(crate) fn api(config: &Config) -> Result<Options, Failure> {
    let api = &config.api;
    let socket = paths::socket(config)?;
    let tcp = match api.listen {
        None => None,
        Some(address) => Some(Tcp { address, token: token(config)? }),
    };
    let limits = Limits {
        body: usize::try_from(api.max_body).unwrap_or(usize::MAX),
        answer_within: api.timeout,
        waiting: api.max_waiting,
        ..Limits::default()
    };
    Ok(Options { socket: Some(socket), tcp, limits, ..Options::default() })
}

/// The token, from where the configuration says that it is.
fn token(config: &Config) -> Result<Token, Failure> {
    let api = &config.api;
    let (text, place) = match (&api.token_env, &api.token_file) {
        (Some(name), _) => {
            let text = std::env::var(name).map_err(|_| {
                Failure::new(format!("the environment has no {name}; api.token_env names it"))
            })?;
            (text, name.clone())
        }
        (None, Some(path)) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::new(format!(
                    "{}: cannot read the token: {error}; api.token_file names it",
                    path.display()
                ))
            })?;
            (text, path.display().to_string())
        }
        (None, None) => return Err(Failure::new("api.listen wants api.token_env or api.token_file")),
    };
    Token::new(&text).map_err(|error| Failure::new(format!("{place}: {error}")))
}
