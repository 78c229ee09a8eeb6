//! What sharing asks of the baselines on this machine.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Access, Elsewhere, Peering, Revision};
use anomaly_exchange::Portion;
use anomaly_vectorizer::Embedder;

/// The baselines of this machine. None of this is called on the event path, nor holds it up for longer than
/// microseconds at a time.
pub trait Local: Send + Sync {
    /// Whether this process writes the database, and so is the one to publish; `None` while it is being loaded.
    fn access(&self) -> Option<Access>;

    /// Which features there are.
    fn embedder(&self) -> Arc<dyn Embedder>;

    /// The workloads that are known here, by their own rows or by others'.
    fn workloads(&self) -> Vec<(Arc<str>, Revision)>;

    /// What was seen here of a workload; vectors and features may be left out. `None` where nothing was.
    fn own(&self, workload: &str) -> Option<Portion>;

    /// Names the workloads that other machines know, all of them: one that begins here waits, for a moment, until it
    /// was told what they know.
    fn known_elsewhere(&self, workloads: HashSet<Arc<str>>);

    /// Waits for workloads that wait; none when the time is over.
    fn wanted(&self, timeout: Duration) -> Vec<Arc<str>>;

    /// Tells what others know of a workload, instead of what was told before.
    fn take_elsewhere(&self, workload: &str, elsewhere: Elsewhere);

    /// Says something once, one printable line.
    fn notice(&self, text: &str);
}

impl Local for Peering {
    fn access(&self) -> Option<Access> {
        self.access()
    }

    fn embedder(&self) -> Arc<dyn Embedder> {
        self.embedder()
    }

    fn workloads(&self) -> Vec<(Arc<str>, Revision)> {
        self.workloads()
    }

    fn own(&self, workload: &str) -> Option<Portion> {
        let (record, rows) = self.own(workload)?;
        Some(Portion { workload: workload.to_owned(), record, rows })
    }

    fn known_elsewhere(&self, workloads: HashSet<Arc<str>>) {
        self.known_elsewhere(workloads);
    }

    fn wanted(&self, timeout: Duration) -> Vec<Arc<str>> {
        self.wanted(timeout)
    }

    fn take_elsewhere(&self, workload: &str, elsewhere: Elsewhere) {
        self.take_elsewhere(workload, elsewhere);
    }

    fn notice(&self, text: &str) {
        self.notice(text);
    }
}
