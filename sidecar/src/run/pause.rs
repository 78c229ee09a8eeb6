//! Waiting for what may take long, without being taken for dead.

use std::time::{Duration, Instant};

use crate::signals::Stop;

use super::TICK;
use super::notify::Systemd;

/// By how much each look extends the time that systemd gives a start.
const EXTENSION: Duration = Duration::from_secs(30);

/// Whoever waits: tells systemd that it lives, and hears when it is asked to end.
#[derive(Clone, Copy)]
pub(super) struct Pause<'a> {
    pub(super) stop: &'a Stop,
    pub(super) systemd: &'a Systemd,
}

impl Pause<'_> {
    /// Waits while something goes on; whether it is over, and nobody asked for the end of everything before.
    pub(super) fn while_goes_on(self, goes_on: &dyn Fn() -> bool) -> bool {
        while goes_on() {
            if !self.may_wait() {
                return false;
            }
            std::thread::sleep(TICK);
        }
        true
    }

    /// Whether there is more time; to be asked a few times a second.
    pub(super) fn may_wait(self) -> bool {
        self.systemd.alive(Instant::now());
        self.systemd.needs(EXTENSION);
        !self.stop.asked()
    }
}
