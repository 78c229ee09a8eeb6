//! Reading everything at start.
//!
//! LanceDB finds a damaged data file only when it reads it, so all of it is read before the store is relied upon. What
//! goes wrong with one workload's table is said in a notice and never keeps the others from being loaded; only a table
//! of a newer release does, because then the database is not ours to write.

use std::{fs, io, sync::atomic::Ordering::Relaxed, thread, time::Duration};

use anomaly_baseline::{StoreError, StoredRow, WorkloadRecord};

use crate::{
    cause, manifests, marker, names,
    open_table::OpenTable,
    record,
    recover::Attempt,
    store::{Fault, LanceStore},
    table::Content,
};

/// How often a reader tries the newest version: the writer may have pruned what it was reading.
const READER_ATTEMPTS: usize = 4;

impl LanceStore {
    pub(crate) fn load_all(
        &mut self,
        each: &mut dyn FnMut(String, WorkloadRecord, Vec<StoredRow>),
    ) -> Result<Vec<String>, StoreError> {
        let unusable = |store: &Self, fault: Fault| StoreError::Unusable {
            path: store.directory.root.clone(),
            cause: fault.sentence(),
            remedy: "make it readable, or choose another directory".into(),
        };
        self.tables.clear();
        self.reconnect().map_err(|fault| unusable(self, fault))?;
        let names = self.table_names().map_err(|error| unusable(self, error.into()))?;
        for name in names {
            if let Some(Content { identity, record, rows, .. }) = self.load_table(&name)? {
                let record = record.unwrap_or_else(|| {
                    self.notice(
                        &identity.workload,
                        "its record was damaged; it learns again from the rows it has",
                    );
                    record::from_rows(&rows)
                });
                each(identity.workload, record, rows);
            }
        }
        self.counters.last_tables.store(self.tables.len() as u64, Relaxed);
        Ok(std::mem::take(&mut self.notices))
    }

    /// The rows of one workload, read anew; `None` where it has no table any more.
    pub(crate) fn load_one(&mut self, workload: &str) -> Result<Option<Vec<StoredRow>>, StoreError> {
        let name = names::table_name(&self.org, workload);
        // What is known of its housekeeping stays known where nothing is wrong.
        if let Attempt::Whole(content) = self.attempt(&name, None)
            && content.identity == self.identity(workload)
        {
            return Ok(Some(content.rows));
        }
        if let Some(content) = self.load_table(&name)? {
            return Ok(Some(content.rows));
        }
        if manifests::list(&self.folder(&name)).is_ok_and(|versions| versions.is_empty()) {
            return Ok(None);
        }
        Err(StoreError::Failed {
            operation: "loading",
            workload: cause::one_line(workload),
            cause: self.notices.pop().unwrap_or_else(|| "its table cannot be read now".into()),
        })
    }

    /// The names of this org's tables, sorted.
    fn table_names(&self) -> io::Result<Vec<String>> {
        let mut tables = Vec::new();
        for entry in fs::read_dir(self.directory.tables())? {
            let name = entry?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".lance"));
            let name = name.filter(|name| names::is_table_name(name));
            // The org of a name that was cut is in the table.
            let ours = |name: &&str| names::parse_table_name(name).is_none_or(|(org, _)| org == self.org);
            tables.extend(name.filter(ours).map(str::to_owned));
        }
        tables.sort_unstable();
        Ok(tables)
    }

    /// One table, or `None` where it is not ours or nothing of it can be read now.
    fn load_table(&mut self, name: &str) -> Result<Option<Content>, StoreError> {
        let folder = self.folder(name);
        if self.directory.is_writer() {
            let removed = manifests::remove_leftovers(&folder).unwrap_or(0);
            self.counters.leftovers_removed.fetch_add(removed, Relaxed);
        }
        let label = names::parse_table_name(name).map_or_else(|| name.to_owned(), |(_, workload)| workload);
        let versions = match manifests::list(&folder) {
            Ok(versions) => versions,
            Err(error) => {
                self.notice(&label, &format!("its table cannot be read now: {}", cause::sentence(&error)));
                return Ok(None);
            }
        };
        if versions.is_empty() {
            return Ok(None); // Its first commit never happened.
        }
        let content = match self.attempt_newest(name) {
            Attempt::Whole(content) => content,
            Attempt::Unavailable(cause) => {
                self.notice(&label, &format!("its table cannot be read now: {cause}"));
                return Ok(None);
            }
            Attempt::Damaged(cause) => {
                let recovered = self.recover(name, &label, &versions, &cause).unwrap_or_else(|fault| {
                    self.notice(
                        &label,
                        &format!("its table is damaged ({cause}) and stays so: {}", fault.sentence()),
                    );
                    None
                });
                let Some(content) = recovered else { return Ok(None) };
                content
            }
        };
        if content.identity.org != self.org {
            return Ok(None);
        }
        let identity = &content.identity;
        marker::check(&self.directory.root, identity.schema_version, &identity.space, &self.space())?;
        let versions = manifests::list(&folder).unwrap_or_default();
        let mut table = OpenTable::new(&identity.workload, &versions);
        if content.holds_deleted {
            // Which of them were deleted and which replaced, nobody remembers.
            table.must_purge();
        }
        self.tables.insert(name.to_owned(), table);
        if *identity == self.identity(&identity.workload) {
            return Ok(Some(content));
        }
        let (old, workload) = (identity.space.version, identity.workload.clone());
        match self.convert_table(name, content) {
            Ok(content) => {
                let new = self.space().version;
                self.notice(
                    &workload,
                    &format!("its rows of feature version {old} were computed anew for {new}"),
                );
                Ok(Some(content))
            }
            Err(fault) => {
                self.notice(
                    &workload,
                    &format!("its rows of feature version {old} wait: {}", fault.sentence()),
                );
                Ok(None)
            }
        }
    }

    fn attempt_newest(&self, name: &str) -> Attempt {
        let attempts = if self.directory.is_writer() { 1 } else { READER_ATTEMPTS };
        for _ in 1..attempts {
            if let whole @ Attempt::Whole(_) = self.attempt(name, None) {
                return whole;
            }
            thread::sleep(Duration::from_millis(100));
        }
        self.attempt(name, None)
    }

    pub(crate) fn notice(&mut self, workload: &str, said: &str) {
        self.notices.push(format!("workload {}: {said}", cause::one_line(workload)));
    }
}
