//! What systemd is told. Without it, nothing.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sd_notify::NotifyState;

/// The way to systemd.
#[derive(Debug)]
pub(super) struct Systemd {
    /// How often it wants to hear that the loop goes round, and when that is due next.
    watchdog: Option<(Duration, Mutex<Instant>)>,
}

impl Systemd {
    /// As the environment says.
    pub(super) fn from_environment() -> Self {
        // Twice as often as it is looked for.
        let watchdog = sd_notify::watchdog_enabled().map(|every| (every / 2, Mutex::new(Instant::now())));
        Self { watchdog }
    }

    /// Executions are taken and scored.
    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is read again.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// What is being done takes this much longer, from now on.
    pub(super) fn needs(&self, time: Duration) {
        tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))]);
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// The loop goes round.
    pub(super) fn alive(&self, now: Instant) {
        if let Some((every, due)) = &self.watchdog {
            let mut due = due.lock();
            if now >= *due {
                *due = now + *every;
                tell(&[NotifyState::Watchdog]);
            }
        }
    }
}

/// Nobody listens where there is no systemd, and nobody is told when it does not listen.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
