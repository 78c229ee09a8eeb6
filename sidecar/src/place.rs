//! Which database a command works on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anomaly_baseline::{Access, Store};
use anomaly_config::Config;
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::Hashed;
use clap::Args;

use crate::config;
use crate::failure::{Failure, say};
use crate::paths::{self, default_data_directory};
use crate::words::list;

/// Organisations that are named in one message.
const NAMED: usize = 8;

/// What a person says about the database: the daemon's own is found by the daemon's configuration.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Which {
    /// The daemon's configuration, for the database, the organisation and all that is decided there [default:
    /// /etc/falco-anomaly/anomaly.yaml where it can be read, unless --data names another database than that one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The baseline's database [default: storage.path of the configuration, else /var/lib/falco-anomaly as root, else in
    /// the user's data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Whose baselines: organisations that share a database do not share what is normal [default: agent.org of the
    /// configuration, else default]
    #[arg(long, value_name = "NAME", value_parser = crate::cli::name)]
    pub(crate) org: Option<String>,
}

/// A database that was found.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) place: Place,
    /// What the daemon that writes it goes by, but for the flags; every default where there is none.
    pub(crate) config: Config,
    /// The file that it was read from.
    pub(crate) file: Option<PathBuf>,
}

impl Which {
    /// Finds it. Flags win over the configuration.
    pub(crate) fn database(&self) -> Result<Database, Failure> {
        let (config, file) = self.config()?;
        let data = self.data.clone().map_or_else(|| paths::data(&config), Ok)?;
        let org = self.org.clone().unwrap_or_else(|| config.agent.org.clone());
        Ok(Database { place: Place { data: Some(data), org }, config, file })
    }

    /// The configuration that is named, else the machine's, which tells nothing of another database than its own.
    fn config(&self) -> Result<(Config, Option<PathBuf>), Failure> {
        let file = config::file(self.config.as_deref());
        let config = config::load(file.as_deref())?;
        match &self.data {
            Some(data) if self.config.is_none() && !is_same(data, &paths::data(&config)?) => {
                Ok((Config::default(), None))
            }
            _ => Ok((config, file)),
        }
    }
}

/// Whether two paths are one directory.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

/// Which baselines.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The database; the default one where nobody says.
    pub(crate) data: Option<PathBuf>,
    /// Whose.
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

    /// The store, opened to be looked at, beside its writer or without one. Where it holds nothing of this organisation
    /// and something of others, that is said: who sees nothing may have forgotten to name theirs.
    pub(crate) fn read(&self) -> Result<LanceStore, Failure> {
        let path = self.directory()?;
        let store = LanceStore::open_to_read(self.options()?).map_err(|error| unreadable(&path, error))?;
        tell_of_others(&store, &self.org);
        Ok(store)
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

/// Names the organisations that a database holds, where it holds nothing of the one that was asked for.
pub(crate) fn tell_of_others(store: &LanceStore, org: &str) {
    let orgs = store.organisations();
    if orgs.is_empty() || orgs.iter().any(|known| known == org) {
        return;
    }
    say(&format!(
        "{} holds nothing of the organisation {org}, but of {}: name one with --org, or with --config the configuration of \
         the daemon that writes it",
        store.path().display(),
        list(&orgs, NAMED)
    ));
}

/// Why a database cannot be read, and for a user who did not say which one where the machine's is.
fn unreadable(path: &Path, error: anomaly_baseline::StoreError) -> Failure {
    if !is_elsewhere(path, Path::new(paths::SYSTEM), rustix::process::geteuid().is_root()) {
        return error.into();
    }
    Failure::new(format!(
        "{error}; the daemon of this machine keeps its own in {}: run this as root for that one",
        paths::SYSTEM
    ))
}

/// Whether there is a database of the machine that this user was not looking at.
fn is_elsewhere(path: &Path, machines: &Path, is_root: bool) -> bool {
    !is_root && path != machines && machines.is_dir()
}

/// What the store at a path is opened with.
pub(crate) fn options(path: &Path, org: &str) -> StoreOptions {
    StoreOptions { org: org.to_owned(), ..StoreOptions::new(path, Arc::new(Hashed::default())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_looks_at_home_hears_of_the_machines_database() {
        let folder = tempfile::tempdir().expect("a folder");
        let (machines, home) = (folder.path(), Path::new("/home/somebody/.local/share/falco-anomaly"));
        assert!(is_elsewhere(home, machines, false));
        assert!(!is_elsewhere(machines, machines, false), "that one cannot be read");
        assert!(!is_elsewhere(home, machines, true));
        assert!(!is_elsewhere(home, &machines.join("nowhere"), false), "there is none");
    }

    #[test]
    fn one_directory_has_many_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data");
        assert!(is_same(&path.join(""), &path), "though it is not there");
        fs::create_dir(&path).expect("the folder is ours");
        assert!(is_same(&folder.path().join("data/../data"), &path));
        assert!(!is_same(folder.path(), &path));
    }
}
