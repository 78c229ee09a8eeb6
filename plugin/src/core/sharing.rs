//! Sharing with other machines, as long as there is a live capture.

use std::sync::Arc;

use anomaly_fleet::{Fleet, Options};

use super::{Core, engine, wall_clock};
use crate::say;

impl Core {
    /// Begins to share, where that is configured and no other capture has done so already.
    pub(super) fn begin_sharing(&self) {
        let sharing = &self.config.sharing;
        let Some(address) = &sharing.shared else { return };
        let mut fleet = self.fleet.lock();
        if fleet.is_some() {
            return;
        }
        let options = Options {
            org: self.config.org.clone(),
            machine: sharing.machine.clone(),
            interval: sharing.interval,
            agree: usize::from(sharing.agree),
            retention_days: self.config.settings.retention_days,
            ..Options::new(address.clone(), engine::canonical(&self.config.path))
        };
        match Fleet::start(options, Arc::new(self.engine().peering())) {
            Ok(begun) => {
                say::info(&format!("baselines are shared through {address} as {}", begun.status().machine));
                *fleet = Some(begun);
            }
            Err(error) => say::error(&format!("{error}; nothing is shared until then, and learning goes on")),
        }
    }

    /// Ends it, without waiting for the store.
    pub(super) fn end_sharing(&self) {
        drop(self.fleet.lock().take());
    }

    /// Copies into atomics how it goes.
    pub(super) fn sharing_gauges(&self) {
        let fleet = self.fleet.lock();
        let Some(fleet) = &*fleet else { return };
        let (status, metrics) = (fleet.status(), &self.metrics);
        metrics.shared_machines.set(fleet.machines() as u64);
        metrics.shared_sent.set(status.counters.sent);
        metrics.shared_received.set(status.counters.received);
        metrics.shared_failed.set(status.counters.failed);
        metrics.shared_corrupt.set(status.counters.corrupt);
        metrics.shared_conflicts.set(status.counters.conflicts);
        if let Some(merged) = status.merged {
            let age = wall_clock().saturating_sub(merged) / 1_000_000;
            metrics.shared_age.set(u64::try_from(age).unwrap_or(0));
        }
    }
}
