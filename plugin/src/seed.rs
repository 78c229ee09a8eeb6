//! What runs already when capture begins is normal now, however long ago it was started: a workload that is still
//! learning learns from it.
//!
//! *Now* is the capture's own time. Of a replay it is not known before its first event, so that its seeds wait for one.

use std::ffi::CString;

use anomaly_capture::{FeedKind, Identity, Observation};
use anomaly_vectorizer::Surroundings;
use anomaly_vectorizer::canonical::Raw;
use falco_plugin::tables::{TableReader, TableWriter};

use crate::core::Core;
use crate::parse::widest;
use crate::say;
use crate::tables::{Containers, Parent, Running, Threads};

/// A process that ran when capture began, and its container's id by the thread table.
pub(crate) type Seed = (Observation, Option<CString>);

/// The processes that run: those of the thread table, and of /proc where a live Falco's table is empty. Their time is
/// still to be set where `time` is not known.
pub(crate) fn running(
    core: &Core,
    threads: Option<&Threads>,
    reader: &impl TableReader,
    live: bool,
    time: i64,
) -> Vec<Seed> {
    let running = threads.map(|threads| threads.running(reader)).unwrap_or_default();
    if running.is_empty() && live {
        return match anomaly_capture::running(&core.root, &core.scrubber) {
            Ok(running) => running.map(|observation| (observation, None)).collect(),
            Err(error) => {
                say::warn(&format!("the processes that run already teach nothing: {error}"));
                Vec::new()
            }
        };
    }
    let says_containers = threads.is_some_and(Threads::has_containers);
    let programs = running.iter().filter(|(process, _)| !process.is_kernel_thread());
    programs
        .map(|(process, parent)| {
            let container = CString::new(&*process.container).unwrap_or_default();
            (observation(core, process, parent, time), says_containers.then_some(container))
        })
        .collect()
}

/// Teaches them, and lets those that are known carry that they are.
pub(crate) fn teach(
    core: &Core,
    seeds: Vec<Seed>,
    time: i64,
    (threads, containers): (Option<&Threads>, Option<&Containers>),
    reader: &impl TableReader,
    writer: &impl TableWriter,
) {
    for (observation, container) in seeds {
        let pid = i64::from(observation.identity.tgid);
        let handle = core.seed(Observation { time, ..observation }, container.as_deref(), |id| {
            containers.and_then(|containers| containers.get(reader, id))
        });
        // What it carried before a reload tells more.
        if let (Some(handle), Some(threads)) = (handle, threads)
            && let Some(thread) = threads.get(reader, pid)
            && threads.verdict(reader, &thread).is_none()
        {
            threads.set_verdict(writer, &thread, Some(handle));
        }
    }
}

fn observation(core: &Core, process: &Running, parent: &Parent, time: i64) -> Observation {
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
        time,
        identity: Identity { tgid: u32::try_from(process.pid).unwrap_or(0), ..Identity::default() },
        ppid: u32::try_from(process.ppid).unwrap_or(0),
        exe: String::from_utf8_lossy(&process.executable).into_owned(),
        argument_bytes: u32::try_from(process.arguments.len()).unwrap_or(u32::MAX),
        cgroup: widest(process.cgroups.iter().map(Vec::as_slice)).into_owned(),
        feed: FeedKind::Seed,
    }
}
