//! The novelty of an event other than an execution, computed when a rule asks for it.
//!
//! Rules ask after their cheaper conditions have matched, so of a hundred thousand events a second a handful comes here,
//! and the others cost nothing: they are not even parsed. What was computed is remembered for the event, because every
//! further rule asks again, and an act shall teach once.

use std::net::SocketAddr;
use std::sync::Arc;

use anomaly_baseline::Score;
use anomaly_vectorizer::act::{endpoint, resolve};
use anomaly_vectorizer::{Act, Execution};
use falco_plugin::event::events::RawEvent;
use falco_plugin::tables::{LazyTableReader, TableReader};

use crate::core::{Core, Place};
use crate::event::act::{Done, Manner, To};
use crate::parse::microseconds;
use crate::plugin::AnomalyPlugin;
use crate::tables::{Actor, Standing, Threads};

/// What fields tell of an act: its score, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JudgedAct {
    /// `None` while its kind is being learned.
    pub(crate) score: Option<Score>,
    /// At most 200 bytes, as is `nearest`.
    pub(crate) reason: Option<Box<str>>,
    pub(crate) nearest: Option<Box<str>>,
}

/// The event that was asked about last, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct LastAct {
    of: Option<(usize, u64, i64, u16)>,
    judged: Option<Arc<JudgedAct>>,
}

impl AnomalyPlugin {
    /// The judgement on the act that an event tells of; `None` where it tells of none, or nobody knows who did it.
    pub(crate) fn act(
        &mut self,
        number: usize,
        event: &RawEvent<'_>,
        reader: &LazyTableReader<'_>,
    ) -> Option<Arc<JudgedAct>> {
        let of = (number, event.metadata.ts, event.metadata.tid, event.event_type);
        if self.last_act.of != Some(of) {
            // Before it is judged: whatever goes wrong in there is not tried again for the same event.
            self.last_act = LastAct { of: Some(of), judged: None };
            self.last_act.judged = self.judge_act(event, reader).map(Arc::new);
        }
        self.last_act.judged.clone()
    }

    fn judge_act(&mut self, event: &RawEvent<'_>, reader: &LazyTableReader<'_>) -> Option<JudgedAct> {
        let (threads, core) = (self.threads.as_ref()?, self.capture.clone()?);
        let done = Done::read(event)?;
        let tid = event.metadata.tid;
        // The execution of the process was placed before; its workload is that of all that it does. Asked first, because
        // while an entry of the table is held a host may refuse to give it again.
        let carried = self.carried(tid, reader).and_then(|handle| core.verdicts.get(handle));
        let Some(actor) = threads.actor(reader, tid) else {
            core.metrics.missing_threads.add(1);
            return None;
        };
        let act = self.told.execution(&core, threads, reader, &actor, &done);
        let time = microseconds(event.metadata.ts);
        if let Some(judged) = carried {
            return Some(core.judge_act(&judged.workload, &act, time, actor.pid));
        }
        let (container, cgroup) = threads.place(reader, &actor);
        let place = Place { container: container.as_deref(), cgroup: &cgroup };
        let containers = self.containers.as_ref();
        let workload =
            core.workload_of(place, |id| containers.and_then(|containers| containers.get(reader, id)))?;
        Some(core.judge_act(&workload, &act, time, actor.pid))
    }
}

/// Puts acts into words. Its buffers live as long as the instance.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    path: Vec<u8>,
}

impl Telling {
    fn execution(
        &mut self,
        core: &Core,
        threads: &Threads,
        reader: &impl TableReader,
        actor: &Actor,
        done: &Done<'_>,
    ) -> Execution {
        let mut manner = done.manner;
        let standing = |fd: i64| threads.descriptor(reader, actor, fd);
        let text;
        let object: &[u8] = match done.object {
            To::Nothing => b"",
            To::Path { from, path } => {
                let directory = match from {
                    _ if path.starts_with(b"/") => Vec::new(),
                    Some(fd) => standing(fd).map(|standing| standing.path).unwrap_or_default(),
                    None => threads.directory(reader, actor),
                };
                resolve(&directory, path, &mut self.path);
                &self.path
            }
            To::Descriptor(fd) => {
                self.path = standing(fd).map(|standing| standing.path).unwrap_or_default();
                &self.path
            }
            To::Sort(fd) => {
                text = standing(fd).map(|standing| sort(&standing)).unwrap_or_default();
                text.as_bytes()
            }
            To::Endpoint(address, fd) => {
                push_protocol(&mut manner, standing(fd).as_ref());
                text = endpoint(address.ip(), address.port());
                text.as_bytes()
            }
            To::FarEnd(fd) => {
                let standing = standing(fd);
                push_protocol(&mut manner, standing.as_ref());
                let end = standing.and_then(|standing| standing.far_end);
                text = end.map(|end: SocketAddr| endpoint(end.ip(), end.port())).unwrap_or_default();
                text.as_bytes()
            }
            To::Process(pid) => {
                let itself = pid == actor.pid;
                self.path = if itself { actor.name.clone() } else { threads.name_of(reader, pid) };
                &self.path
            }
            To::User(uid) => {
                text = uid.to_string();
                text.as_bytes()
            }
        };
        Act {
            kind: done.kind,
            name: &actor.name,
            parent: &actor.parent,
            uid: actor.uid,
            executable: &actor.executable,
            object,
            flags: manner.words(),
        }
        .execution(&core.scrubber)
    }
}

fn push_protocol(manner: &mut Manner<'_>, standing: Option<&Standing>) {
    manner.push(standing.map_or("", |standing| standing.protocol));
}

/// What a descriptor is, and of a connection how far its other end is away.
fn sort(standing: &Standing) -> String {
    match standing.far_end {
        Some(end) => {
            let class = anomaly_vectorizer::context::AddressClass::of(end.ip());
            format!("{} {}", class.as_str(), standing.sort)
        }
        None => standing.sort.to_owned(),
    }
}
