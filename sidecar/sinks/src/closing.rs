//! The end of the sinks: whether their thread is gone, and what that left behind.
//!
//! A disk that hangs holds the thread, whatever time it was given, and with it the locks of the spools. So whoever closes
//! is told whether the thread has ended, and may wait for it longer: nobody else can open those spools before.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::status::SinkStatus;

/// How the sinks were left by [`Sinks::close`](crate::Sinks::close).
#[derive(Debug)]
pub struct Closed {
    /// Whether their thread is gone, and the locks of the spools with it. Where it is not, a disk did not answer in time:
    /// see [`Sinks::wait_ended`](crate::Sinks::wait_ended).
    pub ended: bool,
    /// How every sink was left, in the order of the configuration. Nothing is `queued` any more: what is still in memory
    /// counts as lost (`dropped.closed`), as it is if the process ends now.
    pub sinks: Vec<SinkStatus>,
    /// What there is to say that [`Sinks::notices`](crate::Sinks::notices) has not told, what was lost at the end included. A
    /// further call says all of it again, as it is then.
    pub notices: Vec<String>,
}

/// Tells everybody who waits for it that a thread has ended.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    /// Whether the thread ends within this time.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let mut ended = self.ended.lock();
        self.changed.wait_while_for(&mut ended, |ended| !*ended, patience);
        *ended
    }
}

/// Held by the thread: when it is dropped the thread has ended, in whatever way.
#[derive(Debug)]
pub(crate) struct Alive(pub(crate) Arc<Latch>);

impl Drop for Alive {
    fn drop(&mut self) {
        *self.0.ended.lock() = true;
        self.0.changed.notify_all();
    }
}
