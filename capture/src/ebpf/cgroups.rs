//! From the ids of a process's cgroups to the path that matters.
//!
//! A cgroup's id is the inode number of its directory. Reading `/proc/PID/cgroup` costs more than everything else
//! that is done for an execution, and a short process is gone before; so it is read once for each combination of
//! cgroups and kept. Cgroups are few and their ids are never used again.
//!
//! What /proc says is kept only where its directories have the very ids that the kernel told at the exec, because
//! container runtimes move processes right after starting them. Where it says something else, or the process is gone,
//! the directories are searched for.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::{DirEntryExt, MetadataExt},
    path::{Path, PathBuf},
    time::Instant,
};

use anomaly_ebpf::Cgroups as Ids;
use rustix::fs::statfs;

use crate::{HostRoot, workload::process_cgroup};

/// File system types of the two kinds of hierarchies (include/uapi/linux/magic.h).
const CGROUP2: u64 = 0x6367_7270;
const CGROUP1: u64 = 0x0027_e0eb;

/// How many paths are kept before all are forgotten: far more than a machine has at a time.
const CAPACITY: usize = 8192;

/// How many times as long as a search took, none follows: whoever makes cgroups by the thousand costs a twentieth of
/// this thread.
const REST: u32 = 19;

/// How many directories one search looks at.
const SEARCHED: usize = 16_384;

/// The longest `/proc/PID/cgroup` that is read.
const MAX_FILE: u64 = 16 * 1024;

/// Paths by ids.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// The host's /proc.
    proc: PathBuf,
    hierarchies: Vec<Hierarchy>,
    /// Empty where the cgroup is nowhere to be found.
    known: HashMap<Ids, String>,
    /// When the next search may be.
    rested: Instant,
}

/// Which of the ids is a hierarchy's.
type IdOf = fn(&Ids) -> u64;

/// A hierarchy whose ids the kernel program tells.
#[derive(Debug)]
struct Hierarchy {
    /// Its controller in `/proc/PID/cgroup`: none for the unified one.
    controller: &'static str,
    mount: PathBuf,
    id: IdOf,
}

impl Cgroups {
    pub(super) fn new(root: &HostRoot) -> Self {
        let mounts: [(&str, &str, u64, IdOf); 4] = [
            ("", "sys/fs/cgroup", CGROUP2, |ids| ids.unified),
            ("", "sys/fs/cgroup/unified", CGROUP2, |ids| ids.unified),
            ("pids", "sys/fs/cgroup/pids", CGROUP1, |ids| ids.pids),
            ("memory", "sys/fs/cgroup/memory", CGROUP1, |ids| ids.memory),
        ];
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        for (controller, path, kind, id) in mounts {
            let mount = root.join(path);
            let known = hierarchies.iter().any(|hierarchy| hierarchy.controller == controller);
            if !known && statfs(&mount).is_ok_and(|filesystem| filesystem.f_type as u64 == kind) {
                hierarchies.push(Hierarchy { controller, mount, id });
            }
        }
        Self { proc: root.proc(), hierarchies, known: HashMap::new(), rested: Instant::now() }
    }

    /// Whether there are v1 controllers, so that one id does not tell all.
    pub(super) fn split(&self) -> bool {
        self.hierarchies.iter().any(|hierarchy| !hierarchy.controller.is_empty())
    }

    /// The path of the cgroup that `tgid` was in at its exec; its parent, where not init, most likely is in it, too.
    /// Empty where it cannot be told.
    pub(super) fn path(&mut self, ids: &Ids, tgid: u32, ppid: Option<u32>) -> String {
        let told =
            !self.hierarchies.is_empty() && self.hierarchies.iter().all(|hierarchy| (hierarchy.id)(ids) != 0);
        if !told {
            let parent = ppid.filter(|&parent| parent > 1);
            let file = self.read(tgid).or_else(|| self.read(parent?));
            return file.map(|file| process_cgroup(&file)).unwrap_or_default();
        }
        if let Some(path) = self.known.get(ids) {
            return path.clone();
        }
        let told = self.read(tgid).filter(|file| self.confirms(file, ids));
        let Some(file) = told.or_else(|| self.search(ids)) else { return String::new() };
        let path = process_cgroup(&file);
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        self.known.insert(*ids, path.clone());
        path
    }

    /// `/proc/PID/cgroup`.
    fn read(&self, pid: u32) -> Option<String> {
        let mut bytes = Vec::new();
        let file = File::open(self.proc.join(pid.to_string()).join("cgroup")).ok()?;
        file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the directories that /proc names have these ids.
    fn confirms(&self, file: &str, ids: &Ids) -> bool {
        self.hierarchies.iter().all(|Hierarchy { controller, mount, id }| {
            let directory = line(file, controller).map(|path| mount.join(path.trim_start_matches('/')));
            directory
                .and_then(|path| fs::metadata(path).ok())
                .is_some_and(|metadata| metadata.ino() == id(ids))
        })
    }

    /// What /proc would say of a process with these ids. `None` where it is too early for a search.
    fn search(&mut self, ids: &Ids) -> Option<String> {
        let begin = Instant::now();
        if begin < self.rested {
            return None;
        }
        let lines = self.hierarchies.iter().filter_map(|Hierarchy { controller, mount, id }| {
            search(mount, id(ids)).map(|path| format!("0:{controller}:{path}\n"))
        });
        let file = lines.collect();
        self.rested = Instant::now() + begin.elapsed() * REST;
        Some(file)
    }
}

/// The path in the line of `/proc/PID/cgroup` that is about this controller.
fn line<'a>(file: &'a str, controller: &str) -> Option<&'a str> {
    file.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// Looks for the directory with this inode number, breadth first: units and containers are near the top.
fn search(mount: &Path, id: u64) -> Option<String> {
    if fs::metadata(mount).is_ok_and(|metadata| metadata.ino() == id) {
        return Some("/".to_owned());
    }
    let mut directories = vec![PathBuf::new()];
    let mut next = 0;
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
    use std::time::Duration;

    use super::*;

    /// A host with these cgroups in both hierarchies, whose file systems are ordinary directories.
    fn host(cgroups: &[&str]) -> (tempfile::TempDir, Cgroups) {
        let root = tempfile::tempdir().expect("a directory");
        for hierarchy in ["unified", "pids"] {
            for cgroup in cgroups {
                fs::create_dir_all(root.path().join(hierarchy).join(cgroup)).expect("created");
            }
        }
        let of = |controller, name, id| Hierarchy { controller, mount: root.path().join(name), id };
        let hierarchies = vec![of("", "unified", |ids| ids.unified), of("pids", "pids", |ids| ids.pids)];
        let cgroups = Cgroups {
            proc: root.path().join("proc"),
            hierarchies,
            known: HashMap::new(),
            rested: Instant::now(),
        };
        (root, cgroups)
    }

    fn ids(root: &Path, unified: &str, pids: &str) -> Ids {
        let id = |path: PathBuf| fs::metadata(path).expect("it is there").ino();
        let (unified, pids) = (id(root.join("unified").join(unified)), id(root.join("pids").join(pids)));
        Ids { unified, pids, memory: 0, set: 7 }
    }

    fn process(root: &Path, pid: u32, text: &str) {
        let directory = root.join("proc").join(pid.to_string());
        fs::create_dir_all(&directory).expect("created");
        fs::write(directory.join("cgroup"), text).expect("written");
    }

    #[test]
    fn what_a_living_process_says_is_kept_for_those_that_end() {
        let (root, mut cgroups) = host(&["a.slice/one.service", "b.slice"]);
        let ids = ids(root.path(), "a.slice/one.service", "a.slice/one.service");
        process(
            root.path(),
            5,
            "3:cpu,pids:/a.slice/one.service\n1:name=systemd:/x\n0::/a.slice/one.service\n",
        );
        assert_eq!(cgroups.path(&ids, 5, None), "/a.slice/one.service");
        fs::remove_dir_all(root.path().join("proc")).expect("removed");
        fs::remove_dir_all(root.path().join("unified")).expect("removed");
        assert_eq!(cgroups.path(&ids, 6, None), "/a.slice/one.service", "without looking");
    }

    #[test]
    fn a_process_that_was_moved_says_nothing_about_where_it_was() {
        let (root, mut cgroups) = host(&["system.slice/containerd.service", "pod"]);
        let at_exec = ids(root.path(), "system.slice/containerd.service", "system.slice/containerd.service");
        process(root.path(), 5, "3:pids:/pod\n0::/pod\n");
        assert_eq!(cgroups.path(&at_exec, 5, None), "/system.slice/containerd.service");
    }

    #[test]
    fn a_directory_is_found_by_its_number_alone_and_one_that_is_gone_is_not() {
        let (root, mut cgroups) = host(&["a.slice/one.service", "b.slice", "a.slice/two.service/deep"]);
        for path in ["b.slice", "a.slice/one.service", "a.slice/two.service/deep"] {
            cgroups.rested = Instant::now();
            assert_eq!(cgroups.path(&ids(root.path(), path, path), 5, None), format!("/{path}"));
        }
        cgroups.rested = Instant::now();
        assert_eq!(cgroups.path(&ids(root.path(), "", ""), 5, None), "/");
        cgroups.rested = Instant::now();
        assert_eq!(cgroups.path(&Ids { unified: u64::MAX, pids: u64::MAX, memory: 0, set: 7 }, 5, None), "");
    }

    #[test]
    fn a_search_waits_for_its_turn() {
        let (root, mut cgroups) = host(&["a.slice"]);
        let ids = ids(root.path(), "a.slice", "a.slice");
        cgroups.rested = Instant::now() + Duration::from_secs(3600);
        assert_eq!(cgroups.path(&ids, 5, None), "");
        cgroups.rested = Instant::now();
        assert_eq!(cgroups.path(&ids, 5, None), "/a.slice", "what was not looked for is looked for later");
    }

    #[test]
    fn without_ids_a_process_or_its_parent_is_asked_each_time() {
        let (root, mut cgroups) = host(&[]);
        let ids = Ids { unified: 1, pids: 0, memory: 0, set: 0 };
        process(root.path(), 5, "0::/a.slice\n");
        process(root.path(), 1, "0::/init.scope\n");
        assert_eq!(cgroups.path(&ids, 5, None), "/a.slice");
        assert_eq!(cgroups.path(&ids, 6, Some(5)), "/a.slice");
        assert_eq!(cgroups.path(&ids, 6, Some(1)), "", "init starts every service in a cgroup of its own");
        process(root.path(), 5, "0::/b.slice\n");
        assert_eq!(cgroups.path(&ids, 5, None), "/b.slice");
    }

    #[test]
    fn this_process_s_own_line_is_found() {
        let file = fs::read_to_string("/proc/self/cgroup").expect("/proc is mounted");
        assert!(
            line(&file, "").or_else(|| line(&file, "pids")).is_some_and(|path| path.starts_with('/')),
            "{file}"
        );
    }
}
