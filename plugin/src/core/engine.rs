//! Opens an engine, and starts without what cannot be had.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Access, Engine, Loaded, Method, Part, Store, StoreError, StoredRow, WorkloadRecord};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::Hashed;

use crate::config::Config;
use crate::say;

/// How long a capture waits for its baselines. Nothing is captured meanwhile.
const LOADING: Duration = Duration::from_secs(20);

/// The directory by the one name that all configurations of it have. It is made if it is not there.
pub(super) fn canonical(path: &Path) -> PathBuf {
    // What cannot be made or read is told by whoever opens it.
    drop(fs::DirBuilder::new().recursive(true).mode(0o700).create(path));
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// An engine on the configured database. Where that cannot be used, an engine that keeps nothing.
pub(super) fn open(config: &Config, path: &Path) -> Engine {
    let embedder = Arc::new(Hashed::default());
    let options = StoreOptions { org: config.org.clone(), ..StoreOptions::new(path, embedder.clone()) };
    let opened = LanceStore::open(options).map(|store| Box::new(store) as Box<dyn Store>);
    let opened = opened.or_else(Newer::instead).and_then(|store| {
        let settings = config.settings.clone();
        Engine::with_store(settings, embedder.clone(), Method::default(), store).map_err(|error| {
            StoreError::Unusable {
                path: path.to_owned(),
                cause: format!("no thread can be started: {error}"),
                remedy: "raise the limit on tasks".to_owned(),
            }
        })
    });
    let without = |error: &StoreError| {
        say::error(&format!(
            "{error}; executions are scored and learned, but nothing is kept beyond this process"
        ));
        Engine::in_memory(config.settings.clone(), embedder.clone(), Method::default())
    };
    let engine = match opened {
        Ok(engine) => engine,
        Err(error) => return without(&error),
    };
    match engine.wait_loaded(LOADING) {
        Ok(loaded) => tell(&loaded, path),
        // The engine gives no scores and writes nothing.
        Err(error @ StoreError::Newer { .. }) => {
            say::error(&format!("{error}; nothing is scored until then"))
        }
        Err(error @ StoreError::Unusable { .. }) => return without(&error),
        // It may be slow, or have failed; while it is not loaded there are no scores.
        Err(error @ StoreError::Failed { .. }) => {
            say::error(&format!("{error}; nothing is scored until it works"))
        }
    }
    engine
}

/// In place of a database that a newer release made. An engine that learned anew beside it would score by other
/// measures than those that were learned; with a store that does not load it gives no scores.
struct Newer(Option<StoreError>);

impl Newer {
    /// Such a store, where this is the error; else the error.
    fn instead(error: StoreError) -> Result<Box<dyn Store>, StoreError> {
        if matches!(error, StoreError::Newer { .. }) { Ok(Box::new(Self(Some(error)))) } else { Err(error) }
    }
}

impl Store for Newer {
    fn access(&mut self) -> Access {
        Access::Reader
    }

    fn stream(&mut self, _: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        self.0.take().map_or_else(|| Ok(Vec::new()), Err)
    }

    fn stream_rows(
        &mut self,
        _: &str,
        _: &mut dyn FnMut(Part),
        _: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn save(&mut self, _: &str, _: &WorkloadRecord, _: &[StoredRow]) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete(&mut self, _: &str, _: &[(anomaly_vectorizer::Kind, u128)]) -> Result<(), StoreError> {
        Ok(())
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn tell(loaded: &Loaded, path: &Path) {
    let Loaded { access, workloads, rows, notices } = loaded;
    let learning = match access {
        Access::Writer => "",
        Access::Reader => "; another process learns into it, this one only scores",
    };
    say::info(&format!("{rows} rows of {workloads} workloads in {}{learning}", path.display()));
    notices.iter().for_each(|notice| say::warn(notice));
}
