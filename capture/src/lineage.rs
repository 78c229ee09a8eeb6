//! Who started whom: an exact table of processes, fed by the kernel's messages.
//!
//! A parent has often gone, or has executed something else, by the time /proc is asked about it. The messages come in
//! the order of what happened, so a table that follows them knows the parent's name at the moment of the exec.

use std::collections::HashMap;

use crate::{
    CaptureError,
    proc::{Comm, ProcFs, Stat},
};

/// How many processes are remembered: `pid_max` of an ordinary machine. Those beyond are asked of /proc each time.
const CAPACITY: usize = 32_768;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// `None` where the process executed something that nobody could read.
    name: Option<Comm>,
    parent: u32,
    /// Clock ticks from boot; `None` until /proc was read.
    start: Option<u64>,
}

/// The table. An entry leaves when its process ends.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    entries: HashMap<u32, Entry>,
    buffer: Vec<u8>,
}

impl Lineage {
    /// Forgets everything and learns the processes that run now.
    pub(crate) fn resynchronise(&mut self, proc: &ProcFs) -> Result<(), CaptureError> {
        self.entries.clear();
        for pid in proc.pids()?.take(CAPACITY) {
            if let Some(stat) = proc.stat(pid, &mut self.buffer) {
                self.read(pid, &stat);
            }
        }
        Ok(())
    }

    /// `child` begins with its parent's name.
    pub(crate) fn forked(&mut self, parent: u32, child: u32) {
        let name = self.entries.get(&parent).and_then(|entry| entry.name);
        self.insert(child, Entry { name, parent, start: None });
    }

    /// What /proc says of a process that has just executed something.
    pub(crate) fn executed(&mut self, pid: u32, stat: &Stat) {
        let parent = self.parent(pid, stat);
        self.insert(pid, Entry { name: Some(stat.name), parent, start: Some(stat.start) });
    }

    /// A process executed something that could not be read.
    pub(crate) fn executed_unseen(&mut self, pid: u32) {
        if let Some(entry) = self.entries.get_mut(&pid) {
            entry.name = None;
        }
    }

    pub(crate) fn renamed(&mut self, pid: u32, name: Comm) {
        if let Some(entry) = self.entries.get_mut(&pid) {
            entry.name = Some(name);
        }
    }

    pub(crate) fn ended(&mut self, pid: u32) {
        self.entries.remove(&pid);
    }

    /// The parent's process id, its name and its parent's name, for a process with this `stat`. Empty names where they
    /// cannot be told.
    pub(crate) fn of(&mut self, proc: &ProcFs, pid: u32, stat: &Stat) -> (u32, Comm, Comm) {
        let ppid = self.parent(pid, stat);
        let Some(parent) = self.ancestor(proc, ppid, stat.start) else {
            return (ppid, Comm::default(), Comm::default());
        };
        let born = parent.start.unwrap_or(stat.start);
        let grandparent = self.ancestor(proc, parent.parent, born).and_then(|entry| entry.name);
        (ppid, parent.name.unwrap_or_default(), grandparent.unwrap_or_default())
    }

    /// The fork's parent as long as it has not ended in the order of messages; afterwards the process that adopted
    /// the child, as the kernel itself would say at the exec.
    fn parent(&self, pid: u32, stat: &Stat) -> u32 {
        let forked_by = self.entries.get(&pid).map(|entry| entry.parent);
        forked_by.filter(|parent| self.entries.contains_key(parent)).unwrap_or(stat.parent)
    }

    /// The entry of an ancestor of something born at `born`: a process that started later only inherited the id.
    fn ancestor(&mut self, proc: &ProcFs, pid: u32, born: u64) -> Option<Entry> {
        if pid == 0 {
            return None;
        }
        let known = self.entries.get(&pid).copied().filter(|entry| entry.name.is_some());
        let entry = match known {
            Some(entry) => entry,
            None => {
                let stat = proc.stat(pid, &mut self.buffer)?;
                let entry = Entry { name: Some(stat.name), parent: stat.parent, start: Some(stat.start) };
                // Only a process that runs will send the message that removes it.
                if !stat.ending() {
                    self.insert(pid, entry);
                }
                entry
            }
        };
        entry.start.is_none_or(|start| start <= born).then_some(entry)
    }

    fn read(&mut self, pid: u32, stat: &Stat) {
        self.insert(pid, Entry { name: Some(stat.name), parent: stat.parent, start: Some(stat.start) });
    }

    fn insert(&mut self, pid: u32, entry: Entry) {
        if self.entries.len() < CAPACITY || self.entries.contains_key(&pid) {
            self.entries.insert(pid, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::HostRoot;

    /// A /proc with these processes: id, name, parent, start.
    fn proc(processes: &[(u32, &str, u32, u64)]) -> (tempfile::TempDir, ProcFs) {
        let root = tempfile::tempdir().expect("a directory");
        for &(pid, name, parent, start) in processes {
            let directory = root.path().join("proc").join(pid.to_string());
            fs::create_dir_all(&directory).expect("created");
            fs::write(directory.join("stat"), line(pid, name, parent, start)).expect("written");
        }
        let proc = ProcFs::open(&HostRoot::new(root.path())).expect("looks like /proc");
        (root, proc)
    }

    fn line(pid: u32, name: &str, parent: u32, start: u64) -> String {
        let zeros = "0 ".repeat(30);
        format!("{pid} ({name}) S {parent} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {start} {zeros}")
    }

    fn stat(parent: u32, start: u64) -> Stat {
        Stat::parse(line(9, "new", parent, start).as_bytes()).expect("a stat line")
    }

    fn names(lineage: &mut Lineage, proc: &ProcFs, pid: u32, stat: &Stat) -> (u32, String, String) {
        let (ppid, parent, grandparent) = lineage.of(proc, pid, stat);
        let text = |name: Comm| String::from_utf8_lossy(name.as_bytes()).into_owned();
        (ppid, text(parent), text(grandparent))
    }

    #[test]
    fn a_parent_that_ended_unread_is_still_known_by_its_fork() {
        let (_root, proc) = proc(&[(1, "init", 0, 1), (50, "nginx", 1, 5)]);
        let mut lineage = Lineage::default();
        lineage.resynchronise(&proc).expect("readable");
        lineage.forked(50, 60);
        lineage.forked(60, 9);
        // By now 60 is gone from /proc, and stat says that init adopted 9.
        assert_eq!(names(&mut lineage, &proc, 9, &stat(1, 99)), (60, "nginx".into(), "nginx".into()));
        lineage.renamed(60, Comm::new(b"worker"));
        assert_eq!(names(&mut lineage, &proc, 9, &stat(1, 99)), (60, "worker".into(), "nginx".into()));
        lineage.ended(60);
        assert_eq!(names(&mut lineage, &proc, 9, &stat(1, 99)), (1, "init".into(), "".into()));
    }

    #[test]
    fn a_reused_id_is_no_ancestor() {
        let (_root, proc) = proc(&[(1, "init", 0, 1), (50, "late", 1, 500)]);
        let mut lineage = Lineage::default();
        assert_eq!(names(&mut lineage, &proc, 9, &stat(50, 99)), (50, "".into(), "".into()));
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_not_the_fork_s_name() {
        let (_root, proc) = proc(&[(1, "init", 0, 1)]);
        let mut lineage = Lineage::default();
        lineage.resynchronise(&proc).expect("readable");
        lineage.forked(1, 60);
        lineage.executed_unseen(60);
        lineage.forked(60, 9);
        assert_eq!(names(&mut lineage, &proc, 9, &stat(60, 99)).1, "");
    }

    #[test]
    fn the_table_is_bounded_and_empties_as_processes_end() {
        let mut lineage = Lineage::default();
        for pid in 0..2 * CAPACITY as u32 {
            lineage.forked(1, pid);
        }
        assert_eq!(lineage.entries.len(), CAPACITY);
        for pid in 0..2 * CAPACITY as u32 {
            lineage.ended(pid);
        }
        assert!(lineage.entries.is_empty());
    }
}
