//! From the id of a cgroup to its path.
//!
//! In the unified hierarchy a cgroup's id is the inode number of its directory. The path comes from the process while
//! it lives, is checked against that number, and is kept: cgroups are few and their ids are never used again. Only a
//! process that is gone before anybody of its cgroup was looked at costs a search of the tree.
//!
//! Where controllers have hierarchies of their own the id says nothing about them, and /proc is asked every time.

use std::{collections::HashMap, fs, os::unix::fs::DirEntryExt, os::unix::fs::MetadataExt, path::PathBuf};

use rustix::fs::statfs;

use crate::{HostRoot, proc::ProcFs};

/// `CGROUP2_SUPER_MAGIC` (include/uapi/linux/magic.h).
const CGROUP2: u64 = 0x6367_7270;

/// How many paths are kept before all are forgotten: far more than a machine has at a time.
const CAPACITY: usize = 8192;

/// How many directories one search looks at.
const SEARCHED: usize = 16_384;

/// The longest `/proc/PID/cgroup` that is read.
const MAX_FILE: u64 = 16 * 1024;

/// Paths by id.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// The unified hierarchy, where it is the only one.
    unified: Option<PathBuf>,
    /// Empty where the cgroup is nowhere to be found.
    known: HashMap<u64, String>,
    buffer: Vec<u8>,
}

impl Cgroups {
    pub(super) fn new(root: &HostRoot) -> Self {
        let mount = root.join("sys/fs/cgroup");
        let unified = statfs(&mount).is_ok_and(|filesystem| filesystem.f_type as u64 == CGROUP2);
        Self { unified: unified.then_some(mount), known: HashMap::new(), buffer: Vec::new() }
    }

    /// The path of cgroup `id`, in which `tgid` is and its parent most likely, too. Empty where it cannot be told.
    pub(super) fn path(&mut self, proc: &ProcFs, id: u64, tgid: u32, ppid: Option<u32>) -> String {
        if let Some(path) = self.known.get(&id) {
            return path.clone();
        }
        let of_process = self.read(proc, tgid);
        let Some(mount) = self.unified.as_deref() else {
            return of_process.or_else(|| self.read(proc, ppid?)).unwrap_or_default();
        };
        let is_it = |path: &String| {
            let directory = mount.join(path.trim_start_matches('/'));
            fs::metadata(directory).is_ok_and(|metadata| metadata.ino() == id)
        };
        let path = of_process.filter(is_it).or_else(|| search(mount.to_owned(), id)).unwrap_or_default();
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        self.known.insert(id, path.clone());
        path
    }

    /// What /proc says of a process that lives.
    fn read(&mut self, proc: &ProcFs, pid: u32) -> Option<String> {
        proc.process(pid).ok()?.read("cgroup", MAX_FILE, &mut self.buffer).ok()?;
        let path = crate::workload::process_cgroup(&String::from_utf8_lossy(&self.buffer));
        (!path.is_empty()).then_some(path)
    }
}

/// Looks for the directory with this inode number, breadth first: units and containers are near the top.
fn search(mount: PathBuf, id: u64) -> Option<String> {
    let mut directories = vec![PathBuf::new()];
    let mut next = 0;
    if fs::metadata(&mount).is_ok_and(|metadata| metadata.ino() == id) {
        return Some("/".to_owned());
    }
    while let Some(directory) = directories.get(next).cloned() {
        next += 1;
        let entries = fs::read_dir(mount.join(&directory)).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let path = directory.join(entry.file_name());
            if entry.ino() == id {
                return Some(format!("/{}", path.display()));
            }
            if directories.len() < SEARCHED {
                directories.push(path);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_by_its_number_alone() {
        let root = tempfile::tempdir().expect("a directory");
        for path in ["a.slice/one.service", "b.slice", "a.slice/two.service/deep"] {
            fs::create_dir_all(root.path().join(path)).expect("created");
        }
        for path in ["", "b.slice", "a.slice/one.service", "a.slice/two.service/deep"] {
            let id = fs::metadata(root.path().join(path)).expect("it is there").ino();
            assert_eq!(search(root.path().to_owned(), id), Some(format!("/{path}")));
        }
        assert_eq!(search(root.path().to_owned(), u64::MAX), None);
    }
}
