//! No panic leaves the plugin: one that reached Falco would abort it.
//!
//! Every callback runs in here. After a panic scoring is off until Falco is restarted, because nothing is known about
//! the state that the panic left behind; fields are absent from then on, a metric says so, and Falco lives.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use anomaly_baseline::text::printable;

use crate::say;

/// Whether anything panicked.
#[derive(Debug, Default)]
pub(crate) struct Health {
    off: AtomicBool,
    panics: AtomicU64,
}

impl Health {
    /// Whether scoring is off.
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Relaxed)
    }

    /// Panics so far.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    /// Runs `body` and gives what it returns, or `None` where it panicked.
    pub(crate) fn guard<T>(&self, place: &'static str, body: impl FnOnce() -> T) -> Option<T> {
        // Whatever `body` left half done is never looked at again: scoring is off.
        catch_unwind(AssertUnwindSafe(body)).map_err(|panic| self.panicked(place, &*panic)).ok()
    }

    /// Turns scoring off because of a panic in `place`.
    pub(crate) fn panicked(&self, place: &'static str, panic: &(dyn Any + Send)) {
        self.panics.fetch_add(1, Relaxed);
        if !self.off.swap(true, Relaxed) {
            let cause = panic
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
                .unwrap_or("no message");
            say::error(&format!(
                "scoring is off because of a fault in {place}: {}; restart Falco to turn it on again, and report this",
                // Short enough for the remedy to be read.
                printable(cause, 300)
            ));
        }
    }
}

/// Where a test can make a callback panic; nothing at all in what ships.
#[inline]
pub(crate) fn fault_point(_place: &'static str) {
    #[cfg(test)]
    tests::fail_at(_place);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::path::{Path, PathBuf};

    use parking_lot::Mutex;

    use super::*;

    thread_local! {
        /// The place that panics on this thread.
        static FAULT: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Makes `place` panic on this thread, once.
    pub(crate) fn arm(place: &'static str) {
        FAULT.set(Some(place));
    }

    /// Whether the armed fault is still waiting.
    pub(crate) fn is_armed() -> bool {
        FAULT.get().is_some()
    }

    /// The database whose feed's thread panics.
    static THREAD_FAULT: Mutex<Option<PathBuf>> = Mutex::new(None);

    /// Makes the feed's thread of the engine on this database panic, once.
    pub(crate) fn arm_any_thread(database: &Path) {
        *THREAD_FAULT.lock() = Some(database.to_owned());
    }

    /// Whether the feed's thread of this engine is to panic now.
    pub(crate) fn take_thread_fault(database: &Path) -> bool {
        THREAD_FAULT.lock().take_if(|armed| armed == database).is_some()
    }

    pub(super) fn fail_at(place: &'static str) {
        if FAULT.get() == Some(place) {
            FAULT.set(None);
            panic!("a test asked for it");
        }
    }

    #[test]
    fn a_panic_turns_scoring_off_and_is_counted() {
        let health = Health::default();
        assert_eq!(health.guard("a test", || 7), Some(7));
        assert!(!health.is_off());
        assert_eq!(health.guard("a test", || -> i32 { panic!("on purpose") }), None);
        assert_eq!(health.guard("a test", || -> i32 { panic!("{}", "owned") }), None);
        assert!(health.is_off());
        assert_eq!(health.panics(), 2);
    }
}
