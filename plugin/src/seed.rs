//! What runs already when capture begins is normal now, however long ago it was started: a workload that is still
//! learning learns from it.

use std::ffi::CString;

use anomaly_capture::{FeedKind, Identity, Observation};
use anomaly_vectorizer::Surroundings;
use anomaly_vectorizer::canonical::Raw;
use falco_plugin::tables::TableReader;

use crate::core::{Core, wall_clock};
use crate::parse::widest;
use crate::say;
use crate::tables::{Containers, Parent, Running, Threads};

/// Teaches every process of the thread table; of /proc, where a live Falco's table is empty.
pub(crate) fn teach(
    core: &Core,
    threads: Option<&Threads>,
    containers: Option<&Containers>,
    reader: &impl TableReader,
    live: bool,
) {
    let running = threads.map(|threads| threads.running(reader)).unwrap_or_default();
    if running.is_empty() && live {
        match anomaly_capture::running(&core.root, &core.scrubber) {
            Ok(running) => running.for_each(|observation| core.seed(observation, None, |_| None)),
            Err(error) => say::warn(&format!("the processes that run already teach nothing: {error}")),
        }
        return;
    }
    let now = wall_clock();
    for (process, parent) in running.iter().filter(|(process, _)| !process.is_kernel_thread()) {
        let container = CString::new(&*process.container).unwrap_or_default();
        let container = threads.is_some_and(Threads::has_containers).then_some(&*container);
        core.seed(observation(core, process, parent, now), container, |id| {
            containers.and_then(|containers| containers.get(reader, id))
        });
    }
}

fn observation(core: &Core, process: &Running, parent: &Parent, now: i64) -> Observation {
    let raw = Raw {
        name: &process.name,
        parent: &parent.name,
        grandparent: &parent.parent,
        uid: process.uid,
        arguments: &process.arguments,
        executable: &process.executable,
        filename: b"",
        interp: b"",
    };
    Observation {
        execution: raw.execution(&core.scrubber),
        surroundings: Surroundings {
            tty: process.terminal.map(|terminal| terminal != 0),
            loginuid: process.login_uid,
            exe_flags: None,
            sockets: None,
        },
        workload: String::new(),
        time: now,
        identity: Identity { tgid: u32::try_from(process.pid).unwrap_or(0), ..Identity::default() },
        ppid: u32::try_from(process.ppid).unwrap_or(0),
        exe: String::from_utf8_lossy(&process.executable).into_owned(),
        argument_bytes: u32::try_from(process.arguments.len()).unwrap_or(u32::MAX),
        cgroup: widest(process.cgroups.iter().map(Vec::as_slice)).into_owned(),
        feed: FeedKind::Seed,
    }
}
