//! What the store knows of a table between two operations.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use lancedb::Table;

use crate::{
    durable::DurableTree,
    manifests::{self, Manifest},
    upkeep::Upkeep,
};

/// How long a table whose housekeeping failed is left alone.
const PAUSE: Duration = Duration::from_secs(60);

/// A table: its handle while it is open, and what its housekeeping needs whether it is or not.
#[derive(Debug)]
pub(crate) struct OpenTable {
    pub(crate) workload: String,
    handle: Option<Handle>,
    /// When it was used last, in uses of the store.
    pub(crate) used: u64,
    commits: u32,
    deleted: bool,
    /// The last round of housekeeping, or when the table was first seen.
    since: Instant,
    /// No housekeeping before: the last one failed.
    paused_until: Option<Instant>,
    versions: usize,
    oldest: SystemTime,
}

#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) table: Table,
    pub(crate) tree: DurableTree,
}

impl OpenTable {
    /// A table with these versions, the newest first.
    pub(crate) fn new(workload: &str, manifests: &[Manifest]) -> Self {
        let mut table = Self {
            workload: workload.to_owned(),
            handle: None,
            used: 0,
            commits: 0,
            deleted: false,
            since: Instant::now(),
            paused_until: None,
            versions: 0,
            oldest: SystemTime::now(),
        };
        table.set_versions(manifests);
        table
    }

    pub(crate) fn set_versions(&mut self, manifests: &[Manifest]) {
        self.versions = manifests.len();
        self.oldest = manifests.last().map_or_else(SystemTime::now, |manifest| manifest.written);
    }

    /// Keeps a handle. Nothing of the table is known to be on the disk then.
    pub(crate) fn open(&mut self, table: Table, folder: PathBuf) -> &mut Handle {
        self.handle.insert(Handle { table, tree: DurableTree::new(folder) })
    }

    pub(crate) fn handle(&mut self) -> Option<&mut Handle> {
        self.handle.as_mut()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    pub(crate) fn close(&mut self) {
        self.handle = None;
    }

    /// A commit happened; `deleted` where it deleted rows for good.
    pub(crate) fn committed(&mut self, deleted: bool) {
        self.commits += 1;
        self.versions += 1;
        self.deleted |= deleted;
    }

    /// Its files hold rows that may have been deleted for good.
    pub(crate) fn must_purge(&mut self) {
        self.deleted = true;
    }

    /// A round of housekeeping is over. After a failed one the table is as due as before, and left alone for a while.
    pub(crate) fn kept_up(&mut self, compacted: bool, failed: bool) {
        self.since = Instant::now();
        self.paused_until = failed.then(|| self.since + PAUSE);
        if compacted && !failed {
            self.commits = 0;
            self.deleted = false;
        }
    }

    /// The state that the schedule decides by; `None` while housekeeping is paused.
    pub(crate) fn upkeep(&self) -> Option<Upkeep> {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        Some(Upkeep {
            commits: self.commits,
            deleted: self.deleted,
            since: self.since.elapsed(),
            versions: self.versions,
            oldest: manifests::age(self.oldest),
        })
    }
}
