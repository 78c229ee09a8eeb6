//! Every execution gets its verdict while Falco's own event of it is parsed, before any rule looks at that event.

use std::borrow::Cow;
use std::ffi::CStr;
use std::time::Instant;

use anomaly_capture::{FeedKind, Observation};
use anomaly_vectorizer::Surroundings;
use anomaly_vectorizer::canonical::Raw;
use falco_plugin::anyhow::Error;
use falco_plugin::async_event::AsyncEvent;
use falco_plugin::event::events::{Event, RawEvent};
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::tables::{TableReader, TableWriter};

use crate::core::{Core, Place, Told};
use crate::event::exec::Exec;
use crate::event::fork::Fork;
use crate::event::{Heard, kind};
use crate::plugin::AnomalyPlugin;
use crate::say;
use crate::seed;
use crate::tables::{Parent, Thread, Threads};

/// The events that the container plugin injects begin with this.
const CONTAINER_EVENTS: &[u8] = b"container";

impl ParsePlugin for AnomalyPlugin {
    type Event<'a> = Heard<'a>;

    fn parse_event(&mut self, event: &EventInput<Heard<'_>>, input: &ParseInput) -> Result<(), Error> {
        // Never an error: it would be logged, once per event.
        self.guarded("parse", |plugin| {
            if let Ok(Heard(event)) = event.event() {
                plugin.parse(&event, input);
            }
        });
        Ok(())
    }
}

impl AnomalyPlugin {
    fn parse(&mut self, event: &RawEvent<'_>, input: &ParseInput) {
        // A replay's first events come before its capture begins.
        let Some(core) = self.capture.clone() else { return };
        let (Ok(reader), Ok(writer)) = (input.reader.validate(), input.writer.validate()) else { return };
        if !self.seeds.is_empty() {
            let time = microseconds(event.metadata.ts);
            let tables = (self.threads.as_ref(), self.containers.as_ref());
            seed::teach(&core, std::mem::take(&mut self.seeds), time, tables, &reader, &writer);
        }
        match event.event_type {
            kind::EXECVE | kind::EXECVEAT => {
                let started = Instant::now();
                if let Some(exec) = Exec::read(event) {
                    self.execution(&core, &exec, &reader, &writer);
                    core.metrics.parse.record(started.elapsed());
                }
            }
            kind::CLONE | kind::FORK | kind::VFORK | kind::CLONE3 => {
                if let Some(fork) = Fork::read(event) {
                    self.fork(&core, fork, microseconds(event.metadata.ts), &reader, &writer);
                }
            }
            kind::ASYNC => self.injected(&core, event, &reader),
            _ => {}
        }
    }

    fn execution(
        &mut self,
        core: &Core,
        exec: &Exec<'_>,
        reader: &impl TableReader,
        writer: &impl TableWriter,
    ) {
        let Self { threads, containers, area, bit, .. } = self;
        let threads = threads.as_ref();
        let thread = threads.and_then(|threads| threads.get(reader, exec.tid));
        let container = threads.zip(thread.as_ref()).and_then(|(threads, thread)| {
            // Copied, because the next question to the host may change what this one pointed to.
            threads.container(reader, thread).map(CStr::to_owned)
        });
        let cgroup = widest(exec.cgroup_paths());
        let time = microseconds(exec.time);
        let told = Told { pid: u32::try_from(exec.pid).unwrap_or(0), name: exec.name, time, instance: *bit };
        let place = Place { container: container.as_deref(), cgroup: &cgroup };
        let handle = core.heard(
            told,
            place,
            |id| containers.as_ref().and_then(|containers| containers.get(reader, id)),
            || from_event(core, exec, threads, thread.as_ref(), reader, area, &cgroup, time),
        );
        match threads.zip(thread.as_ref()) {
            Some((threads, thread)) if threads.set_verdict(writer, thread, handle) => {}
            _ => core.metrics.missing_threads.add(1),
        }
        if self.injector.is_none() {
            core.give_up_pending(time);
        }
    }

    fn fork(&self, core: &Core, fork: Fork, time: i64, reader: &impl TableReader, writer: &impl TableWriter) {
        let Some(threads) = &self.threads else { return };
        let Some(like) = threads.get(reader, fork.like) else {
            core.metrics.missing_threads.add(1);
            return;
        };
        let Some(handle) = threads.verdict(reader, &like) else { return };
        match threads.get(reader, fork.tid) {
            Some(thread) if threads.set_verdict(writer, &thread, Some(handle)) => {
                if fork.is_process {
                    core.forked(fork.tid, handle, time);
                }
            }
            _ => core.metrics.missing_threads.add(1),
        }
    }

    /// Another plugin's event. The container plugin's bring images.
    fn injected(&mut self, core: &Core, event: &RawEvent<'_>, reader: &impl TableReader) {
        let Ok(event) = event.load::<AsyncEvent<'_, &[u8]>>() else { return };
        let event: Event<AsyncEvent<'_, &[u8]>> = event;
        if !event.params.name.to_bytes().starts_with(CONTAINER_EVENTS) {
            return;
        }
        match &self.containers {
            Some(containers) => core.retry_pending(|id| containers.get(reader, id)),
            None if !self.told_order => {
                self.told_order = true;
                say::warn(
                    "the container plugin was loaded after this one, so its images cannot be used and workloads are \
                     named from cgroups; load it first: name this one's file in config.d so that it comes last, such \
                     as zz-anomaly.yaml",
                );
            }
            None => {}
        }
    }
}

/// What Falco's event and thread table tell of an execution.
#[expect(
    clippy::too_many_arguments,
    reason = "everything that the event path has at hand, borrowed and nothing twice"
)]
fn from_event(
    core: &Core,
    exec: &Exec<'_>,
    threads: Option<&Threads>,
    thread: Option<&Thread>,
    reader: &impl TableReader,
    area: &mut Vec<u8>,
    cgroup: &str,
    time: i64,
) -> Observation {
    let Parent { name, parent } =
        threads.map(|threads| threads.parent(reader, exec.ppid)).unwrap_or_default();
    exec.arguments(area);
    let raw = Raw {
        name: exec.name,
        parent: &name,
        grandparent: &parent,
        uid: exec.uid.unwrap_or(0),
        arguments: area,
        executable: exec.executable,
        filename: b"",
        interp: b"",
    };
    Observation {
        execution: raw.execution(&core.scrubber),
        surroundings: Surroundings {
            tty: exec.terminal.map(|terminal| terminal != 0),
            loginuid: exec.login_uid,
            exe_flags: exec.executable_flags(),
            sockets: threads.zip(thread).and_then(|(threads, thread)| threads.sockets(reader, thread)),
        },
        workload: String::new(),
        time,
        identity: exec.identity(),
        ppid: u32::try_from(exec.ppid).unwrap_or(0),
        exe: String::from_utf8_lossy(exec.executable).into_owned(),
        argument_bytes: u32::try_from(area.len()).unwrap_or(u32::MAX),
        cgroup: cgroup.to_owned(),
        feed: FeedKind::Falco,
    }
}

/// Falco's time, which is in nanoseconds.
pub(crate) fn microseconds(time: u64) -> i64 {
    i64::try_from(time / 1_000).unwrap_or(i64::MAX)
}

/// The cgroup that says most among those of a process: with the unified hierarchy they are all the same; with the old
/// one those of controllers that nobody uses end at the root or at a slice.
pub(crate) fn widest<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Cow<'a, str> {
    let mut widest: &[u8] = b"";
    for path in paths {
        if path.len() > widest.len() {
            widest = path;
        }
    }
    String::from_utf8_lossy(widest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_that_says_most_is_taken() {
        let paths = [&b"/"[..], b"/system.slice/a.service", b"/system.slice", b"/system.slice/b.service"];
        assert_eq!(widest(paths.into_iter()), "/system.slice/a.service");
        assert_eq!(widest([].into_iter()), "");
    }
}
