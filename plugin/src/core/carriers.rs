//! Which verdict each process carries, kept beside Falco's thread table.
//!
//! A reload makes a new table, in which no process carries anything, and ends the old one before it can be read once
//! more. And where Falco's events do not tell of executions there is no other place to find a verdict by.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use anomaly_capture::{Alive, Observation};

use super::verdicts::Handle;

/// Processes that are remembered: at most some 2 MiB.
const CAPACITY: usize = 16_384;

/// How far, in microseconds, times of Falco's events and of /proc may be apart.
const NEAR: u64 = 2_000_000;

/// What of a process is compared to know it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It executed something.
    Executed {
        name: u64,
        executable: u64,
        /// In nanoseconds since boot; 0 where the feed does not know.
        start_boottime: u64,
        /// In microseconds since the Unix epoch.
        time: i64,
    },
    /// It was forked, at this time in microseconds since the Unix epoch, and carries its parent's verdict.
    Forked { time: i64 },
}

/// The verdict of a process.
#[derive(Debug, Clone, Copy)]
struct Carrier {
    handle: Handle,
    mark: Mark,
    number: u64,
}

/// Processes and their verdicts, those heard of last, and those with a reason for longest.
#[derive(Debug, Clone)]
pub(super) struct Carriers {
    by_pid: HashMap<u32, Carrier>,
    capacity: usize,
    next: u64,
}

impl Default for Carriers {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl Carriers {
    fn new(capacity: usize) -> Self {
        Self { by_pid: HashMap::new(), capacity, next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_pid.is_empty()
    }

    /// Notes what a process carries from now on.
    pub(super) fn put(&mut self, pid: u32, handle: Handle, mark: Mark) {
        if self.by_pid.len() >= self.capacity && !self.by_pid.contains_key(&pid) {
            self.make_room();
        }
        self.by_pid.insert(pid, Carrier { handle, mark, number: self.next });
        self.next += 1;
    }

    /// Forgets the older half of those without a reason, and where that is not a quarter of all, the older half of all.
    fn make_room(&mut self) {
        let kept = (self.capacity / 2) as u64;
        let old = self.next.saturating_sub(kept);
        self.by_pid.retain(|_, carrier| carrier.handle.is_explained() || carrier.number >= old);
        if self.by_pid.len() > self.capacity / 4 * 3 {
            let mut numbers: Vec<u64> = self.by_pid.values().map(|carrier| carrier.number).collect();
            let middle = numbers.len() / 2;
            let (_, &mut middle, _) = numbers.select_nth_unstable(middle);
            self.by_pid.retain(|_, carrier| carrier.number >= middle);
        }
    }

    /// What the process with this id carries, whichever process that is by now.
    pub(super) fn get(&self, pid: u32) -> Option<Handle> {
        self.by_pid.get(&pid).map(|carrier| carrier.handle)
    }

    /// What the processes carry that are known again. `executable` gives a process's path as the thread table has it, and
    /// `now` is the time in microseconds since the Unix epoch.
    pub(super) fn recall<'a>(
        &self,
        mut alive: impl FnMut(u32) -> Option<Alive>,
        executable: impl Fn(u32) -> &'a [u8],
        now: i64,
    ) -> Vec<(u32, Handle)> {
        let known = |&pid: &u32| Some((pid, self.recognise(pid, &alive(pid)?, executable(pid), now)?));
        self.by_pid.keys().filter_map(known).collect()
    }

    /// Forgets the processes that were noted when `earlier` was copied and are not among those known again.
    pub(super) fn forget_all_but(&mut self, known: &[(u32, Handle)], earlier: &Self) {
        let known: HashSet<u32> = known.iter().map(|(pid, _)| *pid).collect();
        self.by_pid.retain(|pid, carrier| carrier.number >= earlier.next || known.contains(pid));
    }

    /// What this process carries, if it is the one that was noted and has executed nothing since.
    fn recognise(&self, pid: u32, alive: &Alive, executable: &[u8], now: i64) -> Option<Handle> {
        let Carrier { handle, mark, .. } = self.by_pid.get(&pid)?;
        let started = now.saturating_sub_unsigned(alive.age());
        let same = match *mark {
            Mark::Executed { name, executable: path, start_boottime, time } => {
                let same_process = if start_boottime == 0 {
                    started.saturating_sub(time) <= NEAR.cast_signed()
                } else {
                    alive.started_at(start_boottime)
                };
                // A process may have given itself another name.
                let same_program = name == hash(&alive.name) || path == hash(executable);
                alive.executed && same_process && same_program
            }
            Mark::Forked { time } => !alive.executed && started.abs_diff(time) <= NEAR,
        };
        same.then_some(*handle)
    }
}

impl Mark {
    /// Of an execution.
    pub(super) fn executed(observation: &Observation) -> Self {
        Self::Executed {
            name: hash(observation.execution.name.as_bytes()),
            executable: hash(observation.exe.as_bytes()),
            start_boottime: observation.identity.start_boottime,
            time: observation.time,
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    String::from_utf8_lossy(bytes).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000;

    fn plain(number: u64) -> Handle {
        Handle::from_column(number << 15).expect("not 0")
    }

    fn explained(number: u64) -> Handle {
        Handle::from_column(number << 15 | 1 << 14).expect("not 0")
    }

    fn executed(name: &str, path: &str, start_boottime: u64, time: i64) -> Mark {
        let (name, executable) = (hash(name.as_bytes()), hash(path.as_bytes()));
        Mark::Executed { name, executable, start_boottime, time }
    }

    /// The process that runs this test, with its age in place of a name.
    fn this() -> (Alive, i64) {
        let mut alive = anomaly_capture::alive(&anomaly_capture::HostRoot::default()).expect("a /proc");
        let this = alive(std::process::id()).expect("it runs");
        let age = i64::try_from(this.age()).expect("less than an age");
        (this, NOW - age)
    }

    #[test]
    fn a_process_is_known_again_by_start_and_program() {
        let (this, started) = this();
        let name = String::from_utf8(this.name.clone()).expect("a name");
        let ours = |mark: Mark, executable: &str| {
            let mut carriers = Carriers::default();
            carriers.put(7, explained(1), mark);
            assert_eq!(carriers.recognise(8, &this, executable.as_bytes(), NOW), None, "another one");
            carriers.recognise(7, &this, executable.as_bytes(), NOW).is_some()
        };
        let start = this.start_boottime;
        assert!(ours(executed(&name, "/bin/x", start + 1, started), "/bin/y"));
        assert!(ours(executed("renamed itself", "/bin/x", start + 1, started), "/bin/x"));
        assert!(!ours(executed("other", "/bin/x", start + 1, started), "/bin/y"), "it executed something");
        assert!(!ours(executed(&name, "/bin/x", start + 1_000_000_000, started), "/bin/x"), "the id again");
        // Falco's events have no start; a process cannot execute before it starts.
        assert!(ours(executed(&name, "/bin/x", 0, started + 3_600_000_000), "/bin/x"));
        assert!(!ours(executed(&name, "/bin/x", 0, started - 3_600_000_000), "/bin/x"));
        assert!(!ours(Mark::Forked { time: started }, ""), "it executed something");
    }

    #[test]
    fn what_was_forked_is_known_by_its_time_and_by_having_executed_nothing() {
        let (this, started) = this();
        let forked = Alive { executed: false, ..this };
        let mut carriers = Carriers::default();
        carriers.put(7, explained(1), Mark::Forked { time: started });
        carriers.put(8, explained(1), Mark::Forked { time: started - 3_600_000_000 });
        assert!(carriers.recognise(7, &forked, b"", NOW).is_some());
        assert!(carriers.recognise(8, &forked, b"", NOW).is_none(), "the id again");
    }

    #[test]
    fn there_is_an_end_to_what_is_kept_and_what_has_a_reason_stays_longest() {
        let mut carriers = Carriers::new(100);
        carriers.put(1, explained(1), Mark::Forked { time: 0 });
        for pid in 2..10_000 {
            carriers.put(pid, plain(u64::from(pid)), Mark::Forked { time: 0 });
            assert!(carriers.by_pid.len() <= 100);
        }
        assert!(carriers.get(1).is_some() && carriers.get(9_999).is_some());
        assert_eq!(carriers.get(2), None);
        for pid in 10_000..20_000 {
            carriers.put(pid, explained(u64::from(pid)), Mark::Forked { time: 0 });
            assert!(carriers.by_pid.len() <= 100);
        }
        assert!(carriers.get(19_999).is_some());
        assert_eq!(carriers.get(1), None);
    }
}
