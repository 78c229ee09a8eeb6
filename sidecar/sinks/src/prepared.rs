//! Sinks that could be started: whatever can be wrong with them is found out while those before still run, and those
//! before can be started again whatever has become of the files that they were made from.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::build::Recipe;
use crate::config::SinkConfig;
use crate::error::SinkError;
use crate::notices::Notices;
use crate::sinks::Sinks;
use crate::worker::Closing;

/// The sinks of one configuration with the credentials and certificates that they had when they were prepared.
#[derive(Debug)]
pub struct Prepared {
    names: HashSet<String>,
    recipes: Vec<Recipe>,
}

impl Prepared {
    /// Reads credentials and certificates and makes the HTTP clients. `host` is what HTTP batches call this machine.
    ///
    /// # Errors
    /// Where a configuration cannot work, or a credential, a certificate or a proxy cannot be used.
    pub fn new(configs: &[SinkConfig], host: &str) -> Result<Self, SinkError> {
        let names = distinct(configs)?;
        let recipes = configs.iter().map(|config| Recipe::new(config, host)).collect::<Result<_, _>>()?;
        Ok(Self { names, recipes })
    }

    /// Opens the spools and starts the thread. Nothing is sent before the first [`send`](Sinks::send) but what an
    /// earlier process has left in the spools, and no sink has to be there yet. `spool` is the folder of the spools,
    /// which is made where it is missing. May be called again once what was started is closed.
    ///
    /// # Errors
    /// Where a spool cannot be used, or no thread can be started.
    pub fn start(&self, spool: &Path) -> Result<Sinks, SinkError> {
        let notices = Arc::new(Notices::default());
        let closing = Closing::default();
        tell_of_orphans(spool, &self.names, &notices);
        let built = self.recipes.iter().map(|recipe| recipe.build(spool, &notices, &closing));
        let (sinks, starts) = built.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        Sinks::serving(sinks, starts, notices, closing)
    }
}

/// The names of sinks that can work beside one another.
fn distinct(configs: &[SinkConfig]) -> Result<HashSet<String>, SinkError> {
    let mut names = HashSet::new();
    for config in configs {
        let name = config.name();
        config.check().map_err(|source| SinkError::Config { name: name.to_owned(), source })?;
        if !names.insert(name.to_owned()) {
            return Err(SinkError::SameName(name.to_owned()));
        }
    }
    Ok(names)
}

/// Says where events wait for sinks that are not configured any more.
fn tell_of_orphans(spool: &Path, names: &HashSet<String>, notices: &Notices) {
    for entry in std::fs::read_dir(spool).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let configured = name.to_str().is_some_and(|name| names.contains(name));
        let segment = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|kind| kind == "jsonl");
        let waits = || std::fs::read_dir(entry.path()).into_iter().flatten().flatten().any(segment);
        if !configured && waits() {
            notices.say(&format!(
                "{} holds events for a sink that is not configured any more: give a sink that name, or delete it",
                entry.path().display()
            ));
        }
    }
}
