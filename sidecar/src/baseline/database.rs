//! Opening a database for a command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anomaly_baseline::{Access, Store};
use anomaly_exchange::Portion;
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::Hashed;
use clap::Args;

use crate::failure::{Failure, say};
use crate::paths::default_data_directory;

/// Which baselines.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The baseline's database [default: /var/lib/falco-anomaly as root, else in the user's data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Whose baselines: organisations that share a database do not share what is normal
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) org: String,
}

impl Place {
    /// The database to look at, beside its writer or without one.
    pub(crate) fn read(&self) -> Result<LanceStore, Failure> {
        read(&self.path()?, &self.org)
    }

    /// The database to change. One that is not there is made where `make` says so.
    pub(crate) fn write(&self, make: bool) -> Result<LanceStore, Failure> {
        let path = self.path()?;
        if !make {
            drop(read(&path, &self.org)?);
        }
        let mut store = LanceStore::open(options(&path, &self.org))?;
        if store.access() == Access::Reader {
            return Err(Failure::new(format!(
                "{} is written by another process or may not be written; end `anomalyctl watch` and Falco first, or run \
                 as the user who owns it",
                path.display()
            )));
        }
        Ok(store)
    }

    fn path(&self) -> Result<PathBuf, Failure> {
        self.data.clone().map_or_else(default_data_directory, Ok)
    }
}

/// A database to look at.
pub(crate) fn read(path: &Path, org: &str) -> Result<LanceStore, Failure> {
    Ok(LanceStore::open_to_read(options(path, org))?)
}

/// Hands over every workload, and says what the store has to say.
pub(crate) fn each(
    store: &mut LanceStore,
    mut each: impl FnMut(Portion) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    let notices = store.load(&mut |workload, record, rows| {
        if outcome.is_ok() {
            outcome = each(Portion { workload, record, rows });
        }
    })?;
    notices.iter().for_each(|notice| say(notice));
    outcome
}

fn options(path: &Path, org: &str) -> StoreOptions {
    StoreOptions { org: org.to_owned(), ..StoreOptions::new(path, Arc::new(Hashed::default())) }
}
