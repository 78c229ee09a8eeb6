//! What a process has once: the log, and its engines by database. What no capture uses is given back when another
//! database is opened, and messages go through the instance that was made last; so each of these tests runs alone.

#[path = "../support/mod.rs"]
mod support;

mod feeds;
mod instances;
mod logging;
mod missing;
mod reload;

use parking_lot::{Mutex, MutexGuard};

/// Held while a test runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}
