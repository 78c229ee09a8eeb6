//! Getting back what can be read of a damaged table.
//!
//! LanceDB opens the newest version of a table or nothing. Here older versions are tried until one is whole, and what
//! a newer version that is not whole still has and the whole one has not is kept too. Nothing is deleted: what would
//! not do is moved to `quarantine`, or linked there before the table is written anew. A reader moves nothing and only
//! reads.

use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::atomic::Ordering::Relaxed,
};

use crate::{
    cause::{self, Kind},
    manifests::{self, Manifest},
    marker, record,
    runtime::RunError,
    store::{Fault, LanceStore},
    table::{self, Content},
};

/// How many versions are tried before a table is given up.
const VERSIONS_TRIED: usize = 16;

/// What came of reading one version.
#[expect(clippy::large_enum_variant, reason = "made once per table and taken apart at once, never kept")]
pub(crate) enum Attempt {
    Whole(Content),
    /// The circumstances were against it; the files may be in order.
    Unavailable(String),
    Damaged(String),
}

/// The rows of the newest version that opens, then what an older one adds.
struct Salvage {
    content: Content,
    /// The place of that version among all, the newest first.
    index: usize,
    keys: HashSet<(anomaly_vectorizer::Kind, u128)>,
    /// Parts that could not be read.
    lost: usize,
}

impl LanceStore {
    /// Reads all of one version, or of the newest.
    pub(crate) fn attempt(&self, name: &str, version: Option<u64>) -> Attempt {
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
    pub(crate) fn recover(
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
                    if let Some(salvage) = &mut salvage {
                        salvage.add(content);
                    }
                    break;
                }
                Attempt::Unavailable(cause) => return Err(Fault::Other(cause)),
                Attempt::Damaged(_) if salvage.is_none() => {
                    salvage = self.read_parts(name, index, manifest.version)
                }
                Attempt::Damaged(_) => {}
            }
        }
        match salvage.filter(|salvage| !salvage.content.rows.is_empty()) {
            Some(salvage) => self.rebuild(name, label, versions, salvage, cause).map(Some),
            None => self.give_up(name, label, cause).map(|()| None),
        }
    }

    /// What can be read of one version part by part; `None` where it does not open.
    fn read_parts(&self, name: &str, index: usize, version: u64) -> Option<Salvage> {
        let opened = self.executor.run(table::version(&self.folder(name), version));
        let dataset = opened.ok()?.ok()?;
        let mut content = Content::of(table::identity(&dataset).ok()?);
        let mut lost = 0;
        for fragment in dataset.get_fragments() {
            let read = self.executor.run(table::read_fragment(&fragment, &mut content));
            lost += usize::from(!matches!(read, Ok(Ok(()))));
        }
        let mut salvage =
            Salvage { content: Content::of(content.identity.clone()), index, keys: HashSet::new(), lost };
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

    /// Writes the table anew with what was read of it, in one commit upon the version that most of it came from: until
    /// then the old one is there, and afterwards every file of it has a link in the quarantine.
    fn rebuild(
        &mut self,
        name: &str,
        label: &str,
        versions: &[Manifest],
        salvage: Salvage,
        cause: &str,
    ) -> Result<Content, Fault> {
        let Salvage { content, index, lost, .. } = salvage;
        let identity = &content.identity;
        marker::check(&self.directory.root, identity.schema_version, &identity.space, &self.space())?;
        let (rows, damaged) = (content.rows.len(), content.damaged);
        self.counters.damaged_rows.fetch_add(damaged, Relaxed);
        let said = format!(
            "its table is damaged ({cause}): {rows} rows of it could be read; {damaged} rows and {lost} parts of it \
             could not"
        );
        if !self.directory.is_writer() {
            self.notice(label, &said);
            return Ok(content);
        }
        let quarantine = self.directory.quarantine(name)?;
        manifests::link_all(&self.folder(name), &quarantine)?;
        for unreadable in &versions[..index] {
            fs::remove_file(&unreadable.path)?; // There is a link.
        }
        self.counters.quarantined.fetch_add(1, Relaxed);
        self.notice(label, &format!("{said}, and what was there is in {}", quarantine.display()));
        self.reconnect()?;
        let record = content.record.clone().unwrap_or_else(|| record::from_rows(&content.rows));
        self.replace_table(name, &content.identity, &record, &content.rows, true)?;
        Ok(content)
    }

    /// Moves a table of which nothing can be read out of the way.
    fn give_up(&mut self, name: &str, label: &str, cause: &str) -> Result<(), Fault> {
        let said = format!("nothing of its table can be read ({cause})");
        if !self.directory.is_writer() {
            self.notice(label, &said);
            return Ok(());
        }
        let quarantine = self.directory.quarantine(name)?;
        fs::rename(self.folder(name), quarantine.join(format!("{name}.lance")))?;
        self.counters.quarantined.fetch_add(1, Relaxed);
        self.notice(
            label,
            &format!("{said}: it was moved to {}, the workload learns anew", quarantine.display()),
        );
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
}

impl Salvage {
    /// Adds what is not here yet.
    fn add(&mut self, content: Content) {
        let Content { identity, record, rows, damaged, .. } = content;
        if self.content.identity != identity {
            return; // From before the table was converted.
        }
        self.content.damaged += damaged;
        self.content.record = self.content.record.take().or(record);
        for row in rows {
            if self.keys.insert((row.execution.kind, row.key)) {
                self.content.rows.push(row);
            }
        }
    }

    /// Whether there is anything here that a whole older version has not.
    fn adds_to(&self, whole: &Content) -> bool {
        let known: HashMap<_, _> =
            whole.rows.iter().map(|row| ((row.execution.kind, row.key), row)).collect();
        self.content.rows.iter().any(|row| known.get(&(row.execution.kind, row.key)) != Some(&row))
    }
}
