//! What the store counts. Shared, so that metrics read it while the store is busy.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one store since it was opened. Each only grows, but for those that say *last*.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        impl Counters {
            /// Every counter with its name, in a fixed order, for metrics and the status command.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name.load(Relaxed)),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Batches that are on the disk.
    saves,
    /// Rows in those batches.
    rows_saved,
    /// Rows deleted, on the disk too.
    rows_deleted,
    /// Batches and deletions that failed; the caller still has them.
    failed_saves,
    /// Commits tried again after a conflict with another writer.
    commit_retries,
    /// Files and folders synced.
    synced,
    /// Microseconds from the commit of the last batch until it was on the disk.
    last_sync_micros,
    /// The longest such time.
    longest_sync_micros,
    /// Tables compacted.
    compactions,
    /// Compactions and prunings that failed; tried again later.
    failed_compactions,
    /// Old versions pruned.
    versions_pruned,
    /// Files that pruning could not delete; the next pruning finds them again.
    failed_deletes,
    /// Tables that were re-featurised for a newer feature version.
    tables_converted,
    /// Manifests and tables that were moved to `quarantine`.
    quarantined,
    /// Rows whose checksum did not match, left out when loading.
    damaged_rows,
    /// Files that a killed predecessor left half-written, removed.
    leftovers_removed,
    /// Tables of the database.
    last_tables,
}

impl Counters {
    pub(crate) fn sync_took(&self, micros: u64) {
        self.last_sync_micros.store(micros, Relaxed);
        self.longest_sync_micros.fetch_max(micros, Relaxed);
    }
}
