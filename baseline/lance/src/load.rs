//! Reading everything at start.
//!
//! LanceDB finds a damaged data file only when it reads it, so all of it is read before the store is relied upon. A table
//! of any size passes through little memory: its rows are handed over as they are read, and taken back where it turns out
//! to be damaged. What
//! goes wrong with one workload's table is said in a notice and never keeps the others from being loaded; only a table
//! of a newer release does, because then the database is not ours to write.

use std::{collections::HashSet, fs, io, sync::atomic::Ordering::Relaxed, thread, time::Duration};

use anomaly_baseline::{Part, StoreError, StoredRow, WorkloadRecord};
use anomaly_vectorizer::Kind;

use crate::{
    cause,
    manifests::{self, Manifest},
    marker, names,
    open_table::OpenTable,
    record::{self, FromRows},
    recover::Attempt,
    schema::Identity,
    store::{Fault, LanceStore},
    table::{self, Content, ReadError, Rest},
};

/// How often a reader tries the newest version: the writer may have pruned what it was reading.
const READER_ATTEMPTS: usize = 4;

/// A table whose rows were handed over.
struct Streamed {
    identity: Identity,
    /// `None` where the row that holds it is gone.
    record: Option<WorkloadRecord>,
    /// What stands for it then.
    from_rows: FromRows,
    holds_deleted: bool,
}

impl LanceStore {
    pub(crate) fn stream_all(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        let unusable = |store: &Self, fault: Fault| StoreError::Unusable {
            path: store.directory.root.clone(),
            cause: fault.sentence(),
            remedy: "make it readable, or choose another directory".into(),
        };
        self.tables.clear();
        self.reconnect().map_err(|fault| unusable(self, fault))?;
        let names = self.table_names().map_err(|error| unusable(self, error.into()))?;
        for name in names {
            self.stream_table(&name, each)?;
        }
        self.counters.last_tables.store(self.tables.len() as u64, Relaxed);
        Ok(std::mem::take(&mut self.notices))
    }

    /// The rows of one workload, read anew; `false` where it has no table any more.
    pub(crate) fn stream_one(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
    ) -> Result<bool, StoreError> {
        let name = names::table_name(&self.org, workload);
        let mut each = |_: &str, part: Part| each(part);
        // What is known of its housekeeping stays known where nothing is wrong.
        if let Ok(Some(streamed)) = self.stream_newest(&name, &mut each)
            && streamed.identity.workload == workload
        {
            each(workload, Part::End(streamed.record.unwrap_or_else(|| streamed.from_rows.record())));
            return Ok(true);
        }
        if self.stream_table(&name, &mut each)? {
            return Ok(true);
        }
        if manifests::list(&self.folder(&name)).is_ok_and(|versions| versions.is_empty()) {
            return Ok(false);
        }
        Err(StoreError::Failed {
            operation: "loading",
            workload: cause::one_line(workload),
            cause: self.notices.pop().unwrap_or_else(|| "its table cannot be read now".into()),
        })
    }

    /// Rows of one workload by their keys.
    pub(crate) fn find_rows(
        &mut self,
        workload: &str,
        kind: Kind,
        keys: &[u128],
    ) -> Result<Vec<StoredRow>, Fault> {
        let name = names::table_name(&self.org, workload);
        if keys.is_empty() || manifests::list(&self.folder(&name))?.is_empty() {
            return Ok(Vec::new());
        }
        let keys: HashSet<_> = keys.iter().copied().collect();
        let found = self.executor.run(async {
            let dataset = table::newest(&self.connection, &name).await?;
            let identity = table::identity(&dataset)?;
            let ours = identity == self.identity(workload);
            let found = if ours { table::find(&dataset, kind, &keys).await? } else { Vec::new() };
            Ok::<_, ReadError>(ours.then_some(found))
        });
        found??.ok_or_else(|| Fault::Other("its table is another's or of another release".into()))
    }

    /// Hands over the newest version of a table that is ours and needs nothing done to it; `None` where it is not. The
    /// end is for the caller to tell. Where it is damaged, that is an error, and what was handed over does not count.
    fn stream_newest(&self, name: &str, each: &mut dyn FnMut(&str, Part)) -> Result<Option<Streamed>, Fault> {
        let streamed = self.executor.run(async {
            let dataset = table::newest(&self.connection, name).await?;
            let identity = table::identity(&dataset)?;
            if identity != self.identity(&identity.workload) {
                return Ok(None);
            }
            each(&identity.workload, Part::Begin);
            let mut from_rows = FromRows::default();
            let mut hand_over = |rows: Vec<StoredRow>| {
                rows.iter().for_each(|row| from_rows.add(row));
                each(&identity.workload, Part::Rows(rows));
            };
            let Rest { record, damaged, holds_deleted } = table::stream(&dataset, &mut hand_over).await?;
            if damaged > 0 {
                return Err(ReadError::Content(format!("{damaged} of its rows are not as they were saved")));
            }
            Ok(Some(Streamed { identity, record, from_rows, holds_deleted }))
        });
        Ok(streamed??)
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

    /// Whose workloads the database holds, sorted. What cannot be listed is left out.
    pub fn organisations(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.tables()).into_iter().flatten().flatten();
        let of = |name: &str| names::organisation(name.strip_suffix(".lance")?);
        let mut all: Vec<_> = entries.filter_map(|entry| of(entry.file_name().to_str()?)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// One table; `false` where it is not ours or nothing of it can be read now.
    fn stream_table(&mut self, name: &str, each: &mut dyn FnMut(&str, Part)) -> Result<bool, StoreError> {
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
                return Ok(false);
            }
        };
        if versions.is_empty() {
            return Ok(false); // Its first commit never happened.
        }
        let attempts = if self.directory.is_writer() { 1 } else { READER_ATTEMPTS };
        for attempt in 0..attempts {
            if attempt > 0 {
                thread::sleep(Duration::from_millis(100));
            }
            match self.stream_newest(name, each) {
                Ok(Some(Streamed { identity, record, from_rows, holds_deleted })) => {
                    self.note_table(name, &identity, holds_deleted);
                    let record = record.unwrap_or_else(|| self.without_record(&identity, from_rows.record()));
                    each(&identity.workload, Part::End(record));
                    return Ok(true);
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
        // Something is to be done to it first, and for that all of it is read.
        let Some(content) = self.load_table(name, &label, &versions)? else { return Ok(false) };
        let Content { identity, record, rows, .. } = content;
        let record = record.unwrap_or_else(|| self.without_record(&identity, record::from_rows(&rows)));
        each(&identity.workload, Part::Begin);
        each(&identity.workload, Part::Rows(rows));
        each(&identity.workload, Part::End(record));
        Ok(true)
    }

    /// What stands for the record of a workload that has none.
    fn without_record(&mut self, identity: &Identity, from_rows: WorkloadRecord) -> WorkloadRecord {
        self.notice(&identity.workload, "its record was damaged; it learns again from the rows it has");
        from_rows
    }

    /// Remembers a table that was read, for its housekeeping.
    fn note_table(&mut self, name: &str, identity: &Identity, holds_deleted: bool) {
        let versions = manifests::list(&self.folder(name)).unwrap_or_default();
        let mut table = OpenTable::new(&identity.workload, &versions);
        if holds_deleted {
            // Which of them were deleted and which replaced, nobody remembers.
            table.must_purge();
        }
        self.tables.insert(name.to_owned(), table);
    }

    /// A table that is damaged or of an older feature version, or `None` where it is not ours or nothing of it can be
    /// read now.
    fn load_table(
        &mut self,
        name: &str,
        label: &str,
        versions: &[Manifest],
    ) -> Result<Option<Content>, StoreError> {
        let content = match self.attempt(name, None) {
            Attempt::Whole(content) => content,
            Attempt::Unavailable(cause) => {
                self.notice(label, &format!("its table cannot be read now: {cause}"));
                return Ok(None);
            }
            Attempt::Damaged(cause) => {
                let recovered = self.recover(name, label, versions, &cause).unwrap_or_else(|fault| {
                    self.notice(
                        label,
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
        self.note_table(name, &content.identity, content.holds_deleted);
        if content.identity == self.identity(&content.identity.workload) {
            return Ok(Some(content));
        }
        let (old, workload) = (content.identity.space.version, content.identity.workload.clone());
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

    pub(crate) fn notice(&mut self, workload: &str, said: &str) {
        self.notices.push(format!("workload {}: {said}", cause::one_line(workload)));
    }
}
