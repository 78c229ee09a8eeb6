//! The process's engines by database directory.
//!
//! A reload makes new instances while the old ones go: the engine stays, with its baselines warm, and its database is
//! opened once. It outlives the last capture too, for a reload closes the old one before it opens the next.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Engine, Method};
use anomaly_vectorizer::Hashed;
use parking_lot::Mutex;

use super::{Core, Kept, engine};
use crate::config::Config;
use crate::say;

/// How long saving may keep a capture from ending.
const FLUSH: Duration = Duration::from_secs(10);

struct Shared {
    path: PathBuf,
    core: Arc<Core>,
    /// Captures that use it now.
    captures: usize,
}

static CORES: Mutex<Vec<Shared>> = Mutex::new(Vec::new());

/// The engine of the configured database, for one capture: [`release`] has to follow.
pub(crate) fn acquire(config: &Config) -> Arc<Core> {
    let path = engine::canonical(&config.path);
    let mut cores = CORES.lock();
    let mut kept = Kept::default();
    // What no capture uses and this one does not ask for was configured differently: it gives back its database.
    cores.retain(|shared| {
        let keep = shared.captures > 0 || (shared.path == path && shared.core.config == *config);
        if !keep {
            if shared.path == path {
                kept = shared.core.kept();
            }
            close(&shared.core);
        }
        keep
    });
    if let Some(shared) = cores.iter_mut().find(|shared| shared.path == path) {
        if shared.core.config != *config {
            say::warn(&format!(
                "another capture of this process uses {} with other settings; those stay in force",
                path.display()
            ));
        }
        shared.captures += 1;
        return Arc::clone(&shared.core);
    }
    let engine = engine::open(config, &path);
    let core = Arc::new(Core::new(config.clone(), engine, kept));
    cores.push(Shared { path, core: Arc::clone(&core), captures: 1 });
    core
}

/// Ends a capture's use of an engine. With the last capture the feed ends and everything is saved.
pub(crate) fn release(core: &Arc<Core>) {
    let mut cores = CORES.lock();
    let Some(shared) = cores.iter_mut().find(|shared| Arc::ptr_eq(&shared.core, core)) else { return };
    shared.captures = shared.captures.saturating_sub(1);
    if shared.captures == 0 {
        core.end_feed();
        core.end_sharing();
        core.give_up_pending(i64::MAX);
        core.give_up_sleeping();
        save(core);
        core.housekeeping();
    }
}

fn save(core: &Core) {
    if let Err(error) = core.engine().flush(FLUSH) {
        say::error(&format!("{error}; what was learned last may be learned again"));
    }
}

/// Saves everything and gives the database back.
fn close(core: &Core) {
    let nothing =
        Engine::in_memory(core.config.settings.clone(), Arc::new(Hashed::default()), Method::default());
    let engine = std::mem::replace(&mut *core.engine.write(), Arc::new(nothing));
    // Nobody has it: its captures have ended.
    if let Some(engine) = Arc::into_inner(engine)
        && let Err(error) = engine.close(FLUSH)
    {
        say::error(&format!("{error}; what was learned last may be learned again"));
    }
}
