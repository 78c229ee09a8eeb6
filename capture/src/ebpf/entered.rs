//! From a record of `sys_enter_execve`, which knows the arguments and little else, to an observation.
//!
//! What /proc says is taken whole where it shows this very execution: it can tell a script from a program, which the
//! record cannot. Where the process runs something else by now, only what an exec leaves alone is taken; where it has
//! ended, everything but name, arguments and file stays unknown.

use anomaly_ebpf::Record;
use anomaly_vectorizer::{Execution, Surroundings, canonical::Raw};

use super::observe::Observer;
use crate::{FeedKind, Identity, Observation, proc::Stat};

impl Observer {
    /// The observation of a record; `time` in microseconds since the Unix epoch.
    pub(super) fn entered(&mut self, record: &Record<'_>, time: i64) -> Observation {
        let Self { proc, scrubber, cgroups, processes, buffer, .. } = self;
        let seen = proc.process(record.tgid).ok().and_then(|process| {
            let lineage = |stat: &Stat| proc.ancestors(stat, buffer);
            processes.observe(&process, FeedKind::EbpfEnter, lineage).ok()
        });
        let raw = Raw {
            name: record.name,
            // A process that was forked for the exec still had its parent's name.
            parent: record.caller.unwrap_or_default(),
            grandparent: b"",
            uid: record.uid,
            arguments: record.arguments,
            // Equal paths: these are the arguments as they were passed, there is nothing to undo.
            executable: record.filename,
            filename: record.filename,
            interp: record.filename,
        };
        let told = Observation {
            execution: raw.execution(scrubber),
            surroundings: Surroundings::default(),
            workload: String::new(),
            time,
            identity: Identity { tgid: record.tgid, ..Identity::default() },
            ppid: 0,
            exe: String::from_utf8_lossy(record.filename).into_owned(),
            argument_bytes: record.argument_bytes,
            cgroup: String::new(),
            feed: FeedKind::EbpfEnter,
        };
        match seen {
            None => Observation { cgroup: cgroups.path(&record.cgroups, record.tgid, None), ..told },
            Some(seen) if is_the_same(record, &told.execution, &seen.execution) => {
                Observation { time, ..seen }
            }
            Some(seen) => {
                let Surroundings { tty, loginuid, .. } = seen.surroundings;
                let Execution { parent, grandparent, .. } = seen.execution;
                Observation {
                    execution: Execution { parent, grandparent, ..told.execution },
                    surroundings: Surroundings { tty, loginuid, ..Surroundings::default() },
                    identity: seen.identity,
                    ppid: seen.ppid,
                    cgroup: seen.cgroup,
                    ..told
                }
            }
        }
    }
}

/// Whether /proc shows the execution that the record tells of. `args[0]` may differ: a script's is its path there.
fn is_the_same(record: &Record<'_>, told: &Execution, seen: &Execution) -> bool {
    // Arguments of which only a part was read cannot tell.
    told.name == seen.name
        && (record.unreadable
            || record.truncated
            || told.arguments.iter().skip(1).eq(seen.arguments.iter().skip(1)))
}
