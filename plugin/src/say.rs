//! Messages into Falco's log, from any thread, without touching a plugin instance that Falco has already destroyed.
//!
//! The SDK's logger keeps the `owner` of the instance that was made last and hands it to Falco with every message;
//! Falco then asks that instance for its name. A reload makes two instances for a dry run and destroys them while
//! older ones live on, and whoever logs after that reads freed memory: our threads, the crates below us, the SDK itself
//! when a table cannot be read. So the `log` macros are switched off for good, and every message passes here, where it
//! is known whether the instance behind the logger still lives. While it does not, messages go to standard error,
//! which is where Falco's own log goes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anomaly_baseline::text::printable;
use log::{Level, LevelFilter, Record};
use parking_lot::RwLock;

/// The longest message, in bytes: causes come from outside and have any length.
const MAX_MESSAGE: usize = 2_000;

/// The instance behind the SDK's logger, while it lives.
static SPEAKER: RwLock<Option<u64>> = RwLock::new(None);

/// Numbers instances.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An instance's right to be the one behind the logger. Dropped with the instance, before Falco frees its owner.
#[derive(Debug)]
pub(crate) struct Speaker(u64);

impl Speaker {
    /// To be called first when an instance is made: the SDK's logger has its owner already, and if making it fails
    /// nobody will tell when that owner goes.
    pub(crate) fn hush() {
        *SPEAKER.write() = None;
        log::set_max_level(LevelFilter::Off);
    }

    /// To be called last when an instance is made.
    pub(crate) fn new() -> Self {
        let number = NEXT.fetch_add(1, Relaxed);
        *SPEAKER.write() = Some(number);
        Self(number)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let mut speaker = SPEAKER.write();
        if *speaker == Some(self.0) {
            *speaker = None;
        }
    }
}

/// For the operator's information.
pub(crate) fn info(text: &str) {
    say(Level::Info, text);
}

/// Something is missing or was recovered from.
pub(crate) fn warn(text: &str) {
    say(Level::Warn, text);
}

/// Something is lost, or the operator is needed.
pub(crate) fn error(text: &str) {
    say(Level::Error, text);
}

fn say(level: Level, text: &str) {
    // Messages name paths, workloads and what other programs answered: all of that may hold control characters.
    let text = printable(text, MAX_MESSAGE);
    // Held until the message is out, so that the instance cannot go meanwhile.
    let speaker = SPEAKER.read();
    if speaker.is_some() {
        // Not through a macro: those are off.
        log::logger()
            .log(&Record::builder().level(level).target("anomaly").args(format_args!("{text}")).build());
    } else {
        to_standard_error(level, &text);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the one channel that is left while no instance of ours can reach the log"
)]
fn to_standard_error(level: Level, text: &str) {
    eprintln!("anomaly: [{level}] {text}");
}
