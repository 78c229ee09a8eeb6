//! The engine before its database, and what is said about both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Access, Engine, Method, Settings};
use anomaly_lance::LanceStore;
use anomaly_vectorizer::Hashed;

use crate::cli::Watch;
use crate::durations;
use crate::failure::{Failure, say};
use crate::words::{count, thousands};
use crate::{paths, place};

/// How long loading may take. A hundred thousand rows take a second or two.
const LOADING: Duration = Duration::from_secs(120);

/// The database's directory; `None` where nothing is to be stored.
///
/// A replay is an experiment: it may not touch the machine's own baseline unless it is told which one to touch.
pub(super) fn directory(arguments: &Watch) -> Result<Option<PathBuf>, Failure> {
    match &arguments.data {
        Some(directory) => Ok(Some(directory.clone())),
        None if !arguments.replay.is_empty() => Ok(None),
        None => paths::default_data_directory().map(Some),
    }
}

/// Opens the database and begins to load it.
pub(super) fn open(settings: Settings, org: &str, data: Option<&Path>) -> Result<Engine, Failure> {
    match data {
        None => Ok(Engine::in_memory(settings, Arc::new(Hashed::default()), Method::default())),
        Some(directory) => before(LanceStore::open(place::options(directory, org))?, settings),
    }
}

/// An engine before a store; loading begins at once.
pub(crate) fn before(store: LanceStore, settings: Settings) -> Result<Engine, Failure> {
    Engine::with_store(settings, Arc::new(Hashed::default()), Method::default(), Box::new(store))
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}; raise the limit on tasks")))
}

/// Waits until the baselines are loaded, and says what was found.
pub(crate) fn wait(engine: &Engine, data: Option<&Path>) -> Result<(), Failure> {
    let loaded = engine.wait_loaded(LOADING)?;
    for notice in &loaded.notices {
        say(notice);
    }
    let Some(directory) = data else {
        say("baseline in memory alone: give --data DIR to keep what this replay teaches");
        return Ok(());
    };
    let workloads = engine.status();
    let known: usize = workloads.iter().map(|status| status.rows).sum();
    let held: usize = workloads.iter().map(|status| status.held).sum();
    say(&format!(
        "baseline in {}: {} with {} known and {} held",
        directory.display(),
        count(workloads.len() as u64, "workload"),
        count(known as u64, "distinct execution"),
        thousands(held as u64),
    ));
    if loaded.access == Access::Reader {
        say("another process writes to this database: executions are scored here, and learned there");
    }
    Ok(())
}

/// Says when scores begin, and how to change that.
pub(super) fn tell_warm_up(engine: &Engine, arguments: &Watch) {
    let learning = engine.status().iter().filter(|status| status.learning.is_some()).count() as u64;
    let still = if learning > 0 {
        format!("; {} still learning", count(learning, "workload"))
    } else {
        String::new()
    };
    say(&format!(
        "a workload is scored after {} and {} (--learn-executions, --learn-for){still}",
        count(arguments.learn_executions, "execution"),
        durations::show(arguments.learn_for),
    ));
}
