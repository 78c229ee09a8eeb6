//! Saving, deleting, compacting, pruning: everything that commits.
//!
//! Every way through here ends with the table's files on the disk, before the caller is told and before anything that
//! they replace is pruned.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use anomaly_baseline::{StoredRow, WorkloadRecord};
use anomaly_vectorizer::DIMENSIONS;
use arrow::record_batch::RecordBatch;
use lancedb::Table;

use crate::{
    cause::{self, Kind},
    convert,
    counters::Counters,
    manifests, marker,
    open_table::{Handle, OpenTable},
    record, rows,
    schema::{self, Identity},
    store::{Fault, LanceStore},
    table::{self, Content, KEYS_PER_DELETION, ReadError},
    upkeep::Due,
};

/// Rows that go into one commit: 4 MiB of vectors.
const ROWS_PER_COMMIT: usize = 8192;

/// The pauses before a commit is tried again after a conflict, on top of LanceDB's own attempts.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

impl LanceStore {
    pub(crate) fn save_rows(
        &mut self,
        name: &str,
        workload: &str,
        record: &WorkloadRecord,
        rows: &[StoredRow],
    ) -> Result<(), Fault> {
        // A merge with two rows of one key would keep both.
        let mut last = HashMap::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            last.insert((row.execution.kind, row.key), index);
        }
        let mut indices: Vec<_> = last.into_values().collect();
        indices.sort_unstable();
        let rows: Vec<_> = indices.into_iter().map(|index| &rows[index]).collect();

        let identity = self.identity(workload);
        // The record goes with the last rows: it counts them.
        let (rest, end) = rows.split_at(rows.len().saturating_sub(1) / ROWS_PER_COMMIT * ROWS_PER_COMMIT);
        for chunk in rest.chunks(ROWS_PER_COMMIT) {
            self.commit_rows(name, workload, encode(&identity, chunk.iter().copied(), None)?)?;
        }
        self.commit_rows(name, workload, encode(&identity, end.iter().copied(), Some(record))?)?;
        self.sync(name)
    }

    pub(crate) fn delete_rows(
        &mut self,
        name: &str,
        workload: &str,
        keys: &[(anomaly_vectorizer::Kind, u128)],
    ) -> Result<u64, Fault> {
        if keys.is_empty() || manifests::list(&self.folder(name))?.is_empty() {
            return Ok(0);
        }
        self.open_for_writing(name, workload)?;
        let mut deleted = 0;
        for chunk in keys.chunks(KEYS_PER_DELETION) {
            deleted += self.retrying(name, async |table| table::delete(table, chunk).await)?;
            self.table(name)?.committed(true);
        }
        self.sync(name)?;
        Ok(deleted)
    }

    /// Inserts or replaces, in a table that is made if there is none.
    fn commit_rows(&mut self, name: &str, workload: &str, batch: RecordBatch) -> Result<(), Fault> {
        let folder = self.folder(name);
        if !self.tables.get(name).is_some_and(OpenTable::is_open) && manifests::list(&folder)?.is_empty() {
            let table = self.executor.run(table::create(&self.connection, name, vec![batch], false))??;
            let entry = self.tables.entry(name.to_owned()).or_insert_with(|| OpenTable::new(workload, &[]));
            entry.open(table, folder);
            self.counters.last_tables.store(self.tables.len() as u64, Relaxed);
        } else {
            self.open_for_writing(name, workload)?;
            self.retrying(name, async |table| table::upsert(table, batch.clone()).await)?;
        }
        self.table(name)?.committed(false);
        Ok(())
    }

    /// Opens the table if it is not open; converts it first where its rows are of an older feature version.
    fn open_for_writing(&mut self, name: &str, workload: &str) -> Result<(), Fault> {
        if self.tables.get(name).is_some_and(OpenTable::is_open) {
            return Ok(());
        }
        let (table, identity) = self.executor.run(async {
            let table = table::open(&self.connection, name).await?;
            let identity = table::identity(table::dataset(&table).await?.as_ref())?;
            Ok::<_, ReadError>((table, identity))
        })??;
        if identity.workload != workload || identity.org != self.org {
            return Err(Fault::Other("its table is another workload's of the same name".into()));
        }
        marker::check(&self.directory.root, identity.schema_version, &identity.space, &self.space())?;
        let folder = self.folder(name);
        let manifests = manifests::list(&folder)?;
        let entry =
            self.tables.entry(name.to_owned()).or_insert_with(|| OpenTable::new(workload, &manifests));
        entry.open(table, folder);
        if identity != self.identity(workload) {
            let content = self
                .executor
                .run(async { table::read(table::newest(&self.connection, name).await?.as_ref()).await })??;
            self.convert_table(name, content)?;
        }
        Ok(())
    }

    /// Replaces a table of an older feature version by one of ours, in one commit: until then the old one is there,
    /// and afterwards for as long as old versions are kept.
    pub(crate) fn convert_table(&mut self, name: &str, content: Content) -> Result<Content, Fault> {
        let Content { identity, record, rows, damaged, .. } = content;
        let identity = self.identity(&identity.workload);
        let rows = convert::convert(rows, self.embedder.as_ref());
        let record = record.unwrap_or_else(|| record::from_rows(&rows));
        if self.directory.is_writer() {
            self.replace_table(name, &identity, &record, &rows, true)?;
            self.counters.tables_converted.fetch_add(1, Relaxed);
        }
        Ok(Content { identity, record: Some(record), rows, damaged, holds_deleted: false })
    }

    /// Makes a table of these rows in one commit, in the place of one that is there or of none.
    pub(crate) fn replace_table(
        &mut self,
        name: &str,
        identity: &Identity,
        record: &WorkloadRecord,
        rows: &[StoredRow],
        replace: bool,
    ) -> Result<(), Fault> {
        let mut batches = Vec::with_capacity(rows.len() / ROWS_PER_COMMIT + 2);
        for chunk in rows.chunks(ROWS_PER_COMMIT) {
            batches.push(encode(identity, chunk, None)?);
        }
        batches.push(encode(identity, [], Some(record))?);
        let table = self.executor.run(table::create(&self.connection, name, batches, replace))??;
        let folder = self.folder(name);
        let manifests = manifests::list(&folder)?;
        let entry = self
            .tables
            .entry(name.to_owned())
            .or_insert_with(|| OpenTable::new(&identity.workload, &manifests));
        entry.open(table, folder);
        entry.committed(false);
        self.sync(name)
    }

    /// Gets what was committed onto the disk.
    fn sync(&mut self, name: &str) -> Result<(), Fault> {
        let start = Instant::now();
        let Self { tables, on_sync, counters, .. } = self;
        let synced =
            tables.get_mut(name).and_then(OpenTable::handle).ok_or_else(closed)?.tree.sync(on_sync)?;
        counters.synced.fetch_add(synced, Relaxed);
        counters.sync_took(start.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
        Ok(())
    }

    /// The table that housekeeping is due for; of several the one with the most to do.
    pub(crate) fn most_due(&self) -> Option<(String, String, Due)> {
        let due = self.tables.iter().filter_map(|(name, table)| {
            let upkeep = table.upkeep()?;
            Some((upkeep.commits as usize + upkeep.versions, name, table, self.schedule.due(&upkeep)?))
        });
        let (_, name, table, due) = due.max_by_key(|(amount, ..)| *amount)?;
        Some((name.clone(), table.workload.clone(), due))
    }

    /// One round of housekeeping: compact, sync, prune.
    pub(crate) fn keep_up(&mut self, name: &str, workload: &str, due: Due) -> Result<(), Fault> {
        let result = self.compact_and_prune(name, workload, due);
        let failed = result.is_err();
        let manifests = manifests::list(&self.folder(name)).unwrap_or_default();
        let table = self.table(name)?;
        table.set_versions(&manifests);
        table.kept_up(matches!(due, Due::Compact { .. }), failed);
        result
    }

    fn compact_and_prune(&mut self, name: &str, workload: &str, due: Due) -> Result<(), Fault> {
        self.open_for_writing(name, workload)?;
        if let Due::Compact { purge } = due {
            self.retrying(name, async |table| table::compact(table, purge).await)?;
            self.counters.compactions.fetch_add(1, Relaxed);
        }
        // Before every pruning, also of what a predecessor wrote: pruning removes what the newest version replaces.
        self.sync(name)?;
        let manifests = manifests::list(&self.folder(name))?;
        let ages: Vec<_> = manifests.iter().map(|manifest| manifests::age(manifest.written)).collect();
        let versions: HashSet<_> = manifests
            .iter()
            .rev()
            .take(self.schedule.prunable(&ages))
            .map(|manifest| manifest.version)
            .collect();
        if versions.is_empty() {
            return Ok(());
        }
        let stats = match self.retrying(name, async |table| table::prune(table, versions.clone(), true).await)
        {
            Err(fault) if fault.kind() == Kind::Other && self.set_unreadable_versions_aside(name)? > 0 => {
                return Err(Fault::Other(format!(
                    "an old version could not be read and was moved aside ({fault})"
                )));
            }
            stats => stats?,
        };
        self.counters.versions_pruned.fetch_add(stats.old_versions, Relaxed);
        self.counters.failed_deletes.fetch_add(stats.failed_deletes, Relaxed);
        if stats.failed_deletes > 0 {
            return Err(Fault::Other(format!("{} old files could not be deleted", stats.failed_deletes)));
        }
        Ok(())
    }

    /// Runs an operation on an open table, again after a conflict with another writer.
    fn retrying<T>(
        &mut self,
        name: &str,
        mut operation: impl AsyncFnMut(&Table) -> lancedb::Result<T>,
    ) -> Result<T, Fault> {
        let Self { executor, tables, counters, .. } = self;
        let Handle { table, .. } = tables.get_mut(name).and_then(OpenTable::handle).ok_or_else(closed)?;
        let refresh = async || table.checkout_latest().await;
        Ok(executor.run(with_retries(counters, refresh, async || operation(table).await))??)
    }

    fn table(&mut self, name: &str) -> Result<&mut OpenTable, Fault> {
        self.tables.get_mut(name).ok_or_else(closed)
    }
}

/// Tries an operation again after a conflict, a little later each time and not for ever.
pub(crate) async fn with_retries<T>(
    counters: &Counters,
    refresh: impl AsyncFn() -> lancedb::Result<()>,
    mut operation: impl AsyncFnMut() -> lancedb::Result<T>,
) -> lancedb::Result<T> {
    for pause in PAUSES {
        match operation().await {
            Err(error) if cause::kind(&error) == Kind::Conflict => {
                counters.commit_retries.fetch_add(1, Relaxed);
                tokio::time::sleep(pause).await;
                refresh().await?;
            }
            result => return result,
        }
    }
    operation().await
}

/// A batch of rows, with the record as a row of its own.
fn encode<'a>(
    identity: &Identity,
    rows: impl IntoIterator<Item = &'a StoredRow>,
    record: Option<&WorkloadRecord>,
) -> Result<RecordBatch, Fault> {
    let text = record.map(record::to_json);
    let carrier = record_carrier();
    let record = text.as_deref().map(|text| (&carrier, Some(text)));
    let lines = rows.into_iter().map(|row| (row, None)).chain(record);
    Ok(rows::encode(schema::schema(identity.metadata()), lines)?)
}

/// The row that the record travels in.
fn record_carrier() -> StoredRow {
    StoredRow {
        key: 0,
        execution: Default::default(),
        features: Vec::new(),
        vector: vec![0.0; DIMENSIONS],
        seen: Default::default(),
        count: 0,
        first_seen: 0,
        last_seen: 0,
        first_day: 0,
        days: Default::default(),
        distance: 0.0,
        state: anomaly_baseline::RowState::Active,
    }
}

fn closed() -> Fault {
    Fault::Other("its table is not open".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Executor;

    fn conflict() -> lancedb::Error {
        lance::Error::retryable_commit_conflict_source(7, "somebody was faster".into()).into()
    }

    fn attempts(succeeds_after: usize) -> (lancedb::Result<usize>, usize, u64) {
        let counters = Counters::default();
        let mut attempts = 0;
        let mut refreshed = std::cell::Cell::new(0);
        let result = Executor::new().unwrap().run(with_retries(
            &counters,
            async || {
                refreshed.set(refreshed.get() + 1);
                Ok(())
            },
            async || {
                attempts += 1;
                if attempts > succeeds_after { Ok(attempts) } else { Err(conflict()) }
            },
        ));
        (result.unwrap(), *refreshed.get_mut(), counters.commit_retries.into_inner())
    }

    #[test]
    fn a_conflict_is_tried_again_and_counted_and_not_for_ever() {
        assert!(matches!(attempts(0), (Ok(1), 0, 0)));
        assert!(matches!(attempts(2), (Ok(3), 2, 2)));
        let (result, refreshed, counted) = attempts(usize::MAX);
        assert_eq!(cause::kind(&result.unwrap_err()), Kind::Conflict);
        assert_eq!((refreshed, counted), (PAUSES.len(), PAUSES.len() as u64));
    }

    #[test]
    fn another_error_is_not_tried_again() {
        let counters = Counters::default();
        let mut attempts = 0;
        let refresh = async || Ok(());
        let result = Executor::new().unwrap().run(with_retries(&counters, refresh, async || {
            attempts += 1;
            Err::<(), _>(lancedb::Error::Runtime { message: "no".into() })
        }));
        assert!(result.unwrap().is_err());
        assert_eq!(attempts, 1);
    }
}
