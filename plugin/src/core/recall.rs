//! What running processes carried before a reload of Falco's configuration.

use std::collections::{HashMap, VecDeque};

use super::carriers::Mark;
use super::{Core, Handle, wall_clock};
use crate::say;
use crate::tables::Main;

impl Core {
    /// Notes that a process was forked at `time`, in microseconds since the Unix epoch, and carries its parent's
    /// verdict. Only what has a reason is noted: forks are many, and the rest is found again through the parent.
    pub(crate) fn forked(&self, pid: i64, handle: Handle, time: i64) {
        if self.is_live()
            && handle.is_explained()
            && let Ok(pid) = u32::try_from(pid)
        {
            self.carriers.lock().put(pid, handle, Mark::Forked { time });
        }
    }

    /// The verdicts of those of the running processes that are known again, and of what these forked and what has
    /// executed nothing since, by process id.
    pub(crate) fn recall(&self, running: impl FnOnce() -> Vec<Main>) -> Vec<(i64, Handle)> {
        // A copy, because /proc is read below, and whoever judges an execution meanwhile wants the lock.
        let carriers = self.carriers.lock().clone();
        if carriers.is_empty() {
            return Vec::new();
        }
        let running = running();
        let mut alive = match anomaly_capture::alive(&self.root) {
            Ok(alive) => alive,
            Err(error) => {
                say::warn(&format!("what runs already has no score any more: {error}"));
                return Vec::new();
            }
        };
        let executables: HashMap<i64, &[u8]> =
            running.iter().map(|process| (process.pid, &*process.executable)).collect();
        let executable = |pid: u32| executables.get(&i64::from(pid)).copied().unwrap_or_default();
        let known = carriers.recall(&mut alive, executable, wall_clock());
        self.carriers.lock().forget_all_but(&known, &carriers);
        let mut found: HashMap<i64, Handle> =
            known.into_iter().map(|(pid, handle)| (i64::from(pid), handle)).collect();
        let mut children: HashMap<i64, Vec<i64>> = HashMap::new();
        for process in &running {
            children.entry(process.ppid).or_default().push(process.pid);
        }
        let mut parents: VecDeque<(i64, Handle)> =
            found.iter().map(|(&pid, &handle)| (pid, handle)).collect();
        while let Some((parent, handle)) = parents.pop_front() {
            for &child in children.get(&parent).into_iter().flatten() {
                let now =
                    u32::try_from(child).ok().filter(|_| !found.contains_key(&child)).and_then(&mut alive);
                if now.is_some_and(|now| !now.executed) {
                    found.insert(child, handle);
                    parents.push_back((child, handle));
                }
            }
        }
        found.into_iter().collect()
    }
}
