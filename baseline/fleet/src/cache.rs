//! What others published, on the local disk.
//!
//! A copy, never the only one: whatever is missing or damaged is fetched again. It stands in a folder of its own inside
//! the database's directory, readable by nobody else, as command lines are in it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anomaly_baseline::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::FleetError;
use crate::head::Entry;
use crate::names::is_digest;

/// The largest file that is read back, in bytes, but for objects.
const MAX_FILE: u64 = 256 << 20;

/// What is known of one machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The last of its heads that was taken whole.
    pub(crate) sequence: u64,
    /// When that was written, by the machine's own clock.
    pub(crate) time: Timestamp,
    /// Whose baseline it is.
    pub(crate) identity: String,
    /// Its workloads as far as their objects are here, by name.
    pub(crate) workloads: BTreeMap<String, Entry>,
}

/// All machines but this one, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) machines: BTreeMap<String, Machine>,
}

impl Index {
    /// The workloads that some machine knows.
    pub(crate) fn workloads(&self) -> HashSet<&str> {
        self.machines.values().flat_map(|machine| machine.workloads.keys().map(String::as_str)).collect()
    }

    /// What the machines have of one workload.
    pub(crate) fn entries(&self, workload: &str) -> impl Iterator<Item = (&str, &Entry)> {
        self.machines
            .iter()
            .filter_map(move |(name, machine)| Some((name.as_str(), machine.workloads.get(workload)?)))
    }

    /// Takes out what is not there, so that it is fetched again.
    pub(crate) fn fetch_again(&mut self, is_there: impl Fn(&str) -> bool) {
        for machine in self.machines.values_mut() {
            let before = machine.workloads.len();
            machine.workloads.retain(|_, entry| is_there(&entry.object));
            if machine.workloads.len() < before {
                machine.sequence = 0;
            }
        }
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> usize {
        self.machines.values().map(|machine| machine.workloads.len()).sum()
    }

    /// Bytes of all objects.
    pub(crate) fn bytes(&self) -> u64 {
        self.machines.values().flat_map(|machine| machine.workloads.values()).map(|entry| entry.bytes).sum()
    }
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The folder of an organisation (a part of a key) inside a database's directory, made if it is not there.
    pub(crate) fn make(data: &Path, org: &str) -> Result<Self, FleetError> {
        let cache = Self::at(data, org);
        let objects = cache.folder.join("objects");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&objects)
            .map_err(|source| FleetError::file(&objects, source))?;
        Ok(cache)
    }

    /// The same, to be looked at.
    pub(crate) fn at(data: &Path, org: &str) -> Self {
        Self { folder: data.join("fleet").join(org) }
    }

    /// A file of the folder, from JSON; `None` where there is none or it makes no sense.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let mut bytes = Vec::new();
        fs::File::open(self.folder.join(name)).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Replaces a file of the folder.
    pub(crate) fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), FleetError> {
        let path = self.folder.join(name);
        let bytes = serde_json::to_vec(value).map_err(|error| FleetError::file(&path, error.into()))?;
        replace(&path, &bytes).map_err(|source| FleetError::file(&path, source))
    }

    fn object(&self, digest: &str) -> PathBuf {
        debug_assert!(is_digest(digest), "it was checked where it came in");
        self.folder.join("objects").join(format!("{digest}.jsonl.gz"))
    }

    pub(crate) fn has(&self, digest: &str) -> bool {
        self.object(digest).is_file()
    }

    pub(crate) fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), FleetError> {
        let path = self.object(digest);
        replace(&path, bytes).map_err(|source| FleetError::file(&path, source))
    }

    pub(crate) fn get(&self, digest: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(self.object(digest))?.take(most + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// An object that is not what its name says goes.
    pub(crate) fn discard(&self, digest: &str) {
        // It is fetched again whether or not it could be deleted.
        let _ = fs::remove_file(self.object(digest));
    }

    /// Deletes objects that the index does not name.
    pub(crate) fn sweep(&self, index: &Index) {
        let entries = index.machines.values().flat_map(|machine| machine.workloads.values());
        let named: HashSet<&str> = entries.map(|entry| entry.object.as_str()).collect();
        let Ok(files) = fs::read_dir(self.folder.join("objects")) else { return };
        for file in files.flatten() {
            let name = file.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".jsonl.gz"));
            if !digest.is_some_and(|digest| named.contains(digest)) {
                // What cannot be deleted now is tried again after the next round.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// Writes a file that is there whole or as it was before, for whoever reads it meanwhile.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn files_come_back_and_are_nobody_elses() {
        let data = tempfile::tempdir().expect("a folder");
        let cache = Cache::make(data.path(), "default").expect("it can be made");
        let digest = "ab".repeat(32);
        assert!(!cache.has(&digest));
        cache.put(&digest, b"rows").expect("it can be written");
        assert_eq!(cache.get(&digest, 100).expect("it is there"), b"rows");
        let mut index = Index::default();
        let entry = Entry { workload: "web".into(), object: digest.clone(), bytes: 4, rows: 1 };
        index.machines.entry("a".into()).or_default().workloads.insert("web".into(), entry);
        cache.write("index.json", &index).expect("it can be written");
        assert_eq!(cache.read("index.json"), Some(index.clone()));
        assert_eq!(index.entries("web").count(), 1);
        cache.sweep(&index);
        assert!(cache.has(&digest));
        cache.sweep(&Index::default());
        assert!(!cache.has(&digest));
        let mode = |path: PathBuf| fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!(mode(data.path().join("fleet/default/index.json")), 0o600);
        assert_eq!(mode(data.path().join("fleet/default/objects")), 0o700);
        fs::write(data.path().join("fleet/default/index.json"), "{").expect("it can be written");
        assert_eq!(cache.read::<Index>("index.json"), None);
    }
}
