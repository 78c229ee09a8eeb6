//! Reading everything at start, and getting back what can be read of what is damaged.
//!
//! LanceDB opens the newest version of a table or nothing, and finds a damaged data file only when it reads it. So
//! everything is read here, and where that fails, from the newest version to older ones, until one is whole. What a
//! newer version that is not whole still has and the whole one has not is kept. Nothing is deleted: a manifest or a
//! table that would not do is moved to `quarantine`. A reader moves nothing and only reads.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Duration,
};

use anomaly_baseline::{StoreError, StoredRow, WorkloadRecord};

use crate::{
    cause::{self, Kind},
    manifests::{self, Manifest},
    marker, names,
    open_table::OpenTable,
    record,
    runtime::RunError,
    store::{Fault, LanceStore},
    table::{self, Content},
};

/// How many versions are tried before a table is given up.
const VERSIONS_TRIED: usize = 16;

/// How often a reader tries the newest version: the writer may have pruned what it was reading.
const READER_ATTEMPTS: usize = 4;

/// What came of reading one version.
enum Attempt {
    Whole(Content),
    /// The circumstances were against it; the files may be in order.
    Unavailable(String),
    Damaged(String),
}

/// The rows of the newest version first, then what older ones add.
struct Salvage {
    content: Content,
    places: HashSet<(String, u128)>,
    /// Parts that could not be read.
    lost: usize,
}

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

    fn attempt(&self, name: &str, version: Option<u64>) -> Attempt {
        let result = self.executor.run(async {
            match version {
                Some(version) => table::read(&table::version(&self.folder(name), version).await?).await,
                None => table::read(table::newest(&self.connection, name).await?.as_ref()).await,
            }
        });
        match result {
            Ok(Ok(content)) if content.damaged > 0 => {
                Attempt::Damaged(format!("{} of its rows are not as they were saved", content.damaged))
            }
            Ok(Ok(content)) => Attempt::Whole(content),
            Ok(Err(error)) if matches!(cause::kind(&error), Kind::Circumstance | Kind::Full) => {
                Attempt::Unavailable(cause::sentence(&error))
            }
            Ok(Err(error)) => Attempt::Damaged(cause::sentence(&error)),
            Err(error @ RunError::Forked) => Attempt::Unavailable(error.to_string()),
            Err(error @ RunError::Panicked(_)) => Attempt::Damaged(error.to_string()),
        }
    }

    /// The most that the versions of a damaged table have between them. `None` where that is nothing.
    ///
    /// A whole older version is as good as the newest where the newest has nothing that it has not: a commit that was
    /// cut off by a power failure. Otherwise what can be read of the newest counts first, and what else a whole older
    /// one has is added: rows that were deleted in between come back, which is better than losing what was replaced.
    fn recover(
        &mut self,
        name: &str,
        label: &str,
        versions: &[Manifest],
        cause: &str,
    ) -> Result<Option<Content>, Fault> {
        let mut salvage: Option<Salvage> = None;
        for (index, manifest) in versions.iter().enumerate().take(VERSIONS_TRIED) {
            match self.attempt(name, Some(manifest.version)) {
                Attempt::Whole(content)
                    if salvage.as_ref().is_none_or(|salvage| !salvage.adds_to(&content)) =>
                {
                    self.fall_back(name, label, &versions[..index], manifest, cause)?;
                    return Ok(Some(content));
                }
                Attempt::Whole(content) => {
                    salvage.get_or_insert_with(|| Salvage::of(&content)).add(content);
                    break;
                }
                Attempt::Unavailable(cause) => return Err(Fault::Other(cause)),
                Attempt::Damaged(_) if salvage.is_none() => salvage = self.read_parts(name, manifest.version),
                Attempt::Damaged(_) => {}
            }
        }
        let Some(Salvage { content, lost, .. }) = salvage.filter(|salvage| !salvage.content.rows.is_empty())
        else {
            self.set_table_aside(name, label, cause, "nothing of it could be read, it learns anew")?;
            return Ok(None);
        };
        marker::check(
            &self.directory.root,
            content.identity.schema_version,
            &content.identity.space,
            &self.space(),
        )?;
        let (rows, damaged) = (content.rows.len(), content.damaged);
        self.counters.damaged_rows.fetch_add(damaged, Relaxed);
        let said =
            format!("{rows} rows of it could be read; {damaged} rows and {lost} parts of it could not");
        self.set_table_aside(name, label, cause, &said)?;
        if self.directory.is_writer() {
            let record = content.record.clone().unwrap_or_else(|| record::from_rows(&content.rows));
            self.replace_table(name, &content.identity, &record, &content.rows, false)?;
        }
        Ok(Some(content))
    }

    /// What can be read of one version part by part; `None` where it does not open.
    fn read_parts(&self, name: &str, version: u64) -> Option<Salvage> {
        let opened = self.executor.run(table::version(&self.folder(name), version));
        let dataset = opened.ok()?.ok()?;
        let mut content = Content::of(table::identity(&dataset).ok()?);
        let mut lost = 0;
        for fragment in dataset.get_fragments() {
            let read = self.executor.run(table::read_fragment(&fragment, &mut content));
            lost += usize::from(!matches!(read, Ok(Ok(()))));
        }
        let mut salvage = Salvage { lost, ..Salvage::of(&content) };
        salvage.add(content);
        Some(salvage)
    }

    /// Makes an older version the newest by moving the damaged ones aside.
    fn fall_back(
        &mut self,
        name: &str,
        label: &str,
        damaged: &[Manifest],
        good: &Manifest,
        cause: &str,
    ) -> Result<(), Fault> {
        let age = manifests::age(good.written).as_secs();
        let said =
            format!("the newest of its table is damaged ({cause}); what was there {age} s ago is used");
        if !self.directory.is_writer() {
            self.notice(label, &said);
            return Ok(());
        }
        let quarantine = self.directory.quarantine(name)?;
        manifests::set_aside(&self.folder(name), damaged, good, &quarantine)?;
        self.counters.quarantined.fetch_add(damaged.len() as u64, Relaxed);
        self.notice(label, &format!("{said}, and the damaged files are in {}", quarantine.display()));
        self.reconnect()
    }

    /// Moves a whole table aside.
    fn set_table_aside(&mut self, name: &str, label: &str, cause: &str, said: &str) -> Result<(), Fault> {
        if !self.directory.is_writer() {
            self.notice(label, &format!("its table is damaged ({cause}): {said}"));
            return Ok(());
        }
        let quarantine = self.directory.quarantine(name)?;
        fs::rename(self.folder(name), quarantine.join(format!("{name}.lance")))?;
        self.counters.quarantined.fetch_add(1, Relaxed);
        let kept = quarantine.display();
        self.notice(label, &format!("its table is damaged ({cause}) and was moved to {kept}: {said}"));
        self.reconnect()
    }

    /// Moves old versions aside that would stop every pruning. Returns how many.
    pub(crate) fn set_unreadable_versions_aside(&mut self, name: &str) -> Result<usize, Fault> {
        let mut unreadable = Vec::new();
        let versions = manifests::list(&self.folder(name))?;
        for manifest in &versions {
            let opened = self.executor.run(table::version(&self.folder(name), manifest.version));
            if matches!(&opened, Ok(Err(error)) if cause::kind(error) == Kind::Other) || opened.is_err() {
                unreadable.push(manifest.clone());
            }
        }
        let Some(newest) = versions.first().filter(|newest| !unreadable.contains(newest)) else {
            return Ok(0); // Then it is a matter for the next start.
        };
        if !unreadable.is_empty() {
            let quarantine = self.directory.quarantine(name)?;
            manifests::set_aside(&self.folder(name), &unreadable, newest, &quarantine)?;
            self.counters.quarantined.fetch_add(unreadable.len() as u64, Relaxed);
            self.reconnect()?;
        }
        Ok(unreadable.len())
    }

    fn notice(&mut self, workload: &str, said: &str) {
        self.notices.push(format!("workload {}: {said}", cause::one_line(workload)));
    }
}

impl Salvage {
    fn of(content: &Content) -> Self {
        Self { content: Content::of(content.identity.clone()), places: HashSet::new(), lost: 0 }
    }

    /// Adds what is not here yet.
    fn add(&mut self, content: Content) {
        let Content { identity, record, rows, damaged, .. } = content;
        if self.content.identity != identity {
            return; // From before the table was converted.
        }
        self.content.damaged += damaged;
        self.content.record = self.content.record.take().or(record);
        for row in rows {
            if self.places.insert((row.kind.clone(), row.key)) {
                self.content.rows.push(row);
            }
        }
    }

    /// Whether there is anything here that a whole older version has not.
    fn adds_to(&self, whole: &Content) -> bool {
        let known: HashMap<_, _> = whole.rows.iter().map(|row| ((row.kind.as_str(), row.key), row)).collect();
        self.content.rows.iter().any(|row| known.get(&(row.kind.as_str(), row.key)) != Some(&row))
    }
}
