//! Which database a command works on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anomaly_baseline::{Access, Store};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::Hashed;
use clap::Args;

use crate::failure::Failure;
use crate::paths::default_data_directory;

/// Which baselines.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The baseline's database [default: /var/lib/falco-anomaly as root, else in the user's data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Whose baselines: organisations that share a database do not share what is normal
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) org: String,
}

impl Place {
    /// The database's directory.
    pub(crate) fn directory(&self) -> Result<PathBuf, Failure> {
        self.data.clone().map_or_else(default_data_directory, Ok)
    }

    /// What a store is opened with.
    pub(crate) fn options(&self) -> Result<StoreOptions, Failure> {
        Ok(options(&self.directory()?, &self.org))
    }

    /// The store, opened to be looked at, beside its writer or without one.
    pub(crate) fn read(&self) -> Result<LanceStore, Failure> {
        Ok(LanceStore::open_to_read(self.options()?)?)
    }

    /// The store, opened to be changed. One that is not there is made where `make` says so.
    pub(crate) fn write(&self, make: bool) -> Result<LanceStore, Failure> {
        if !make {
            drop(self.read()?);
        }
        let mut store = LanceStore::open(self.options()?)?;
        if store.access() == Access::Reader {
            return Err(Failure::new(format!(
                "{} is written by another process or may not be written; end the daemon, `anomalyctl watch` and Falco \
                 first, or run as the user who owns it",
                store.path().display()
            )));
        }
        Ok(store)
    }
}

/// What the store at a path is opened with.
pub(crate) fn options(path: &Path, org: &str) -> StoreOptions {
    StoreOptions { org: org.to_owned(), ..StoreOptions::new(path, Arc::new(Hashed::default())) }
}
