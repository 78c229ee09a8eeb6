//! What the tables take on the disk, and housekeeping on demand.

use std::{fs, io, path::Path};

use anomaly_baseline::StoreError;

use crate::{
    manifests, names,
    store::{Fault, LanceStore},
    upkeep::Due,
};

/// A table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Files {
    /// Bytes of all of them, old versions' included.
    pub bytes: u64,
    /// How many.
    pub files: u64,
    /// Versions that could be opened.
    pub versions: u64,
}

impl LanceStore {
    /// What a workload's table takes on the disk; nothing where there is none.
    ///
    /// # Errors
    /// Where its folder cannot be listed.
    pub fn files(&self, workload: &str) -> io::Result<Files> {
        let folder = self.folder(&names::table_name(&self.org, workload));
        let mut files = Files { versions: manifests::list(&folder)?.len() as u64, ..Files::default() };
        match add(&folder, &mut files) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Files::default()),
            result => result.map(|()| files),
        }
    }

    /// Compacts a workload's table now, so that deleted rows leave the disk, syncs it, and prunes the versions that its
    /// schedule lets go.
    ///
    /// # Errors
    /// [`StoreError::Failed`], also where another process writes.
    pub fn compact(&mut self, workload: &str) -> Result<(), StoreError> {
        self.write("compacting", workload, |store, name| {
            if manifests::list(&store.folder(name))?.is_empty() {
                return Err(Fault::Other("there is no such table".into()));
            }
            store.keep_up(name, workload, Due::Compact { purge: true })
        })
    }
}

fn add(folder: &Path, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // A writer that is at work removes what it compacted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            add(&entry.path(), files)?;
        } else {
            files.bytes += metadata.len();
            files.files += 1;
        }
    }
    Ok(())
}
