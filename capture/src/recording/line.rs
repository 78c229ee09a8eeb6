//! One line's keys, and what they become.

use std::borrow::Cow;

use anomaly_vectorizer::{
    Act, Kind, MAX_NAME_BYTES, Surroundings,
    act::Keys,
    canonical::{Raw, area},
    context::{ExecutableFlag, InheritedSocket},
    scrub::Scrubber,
};
use serde::{Deserialize, Serialize};

use super::{Label, Recorded};
use crate::{FeedKind, Identity, Observation};

/// The longest workload, phase, session and split, in bytes: they are kept, some of them for days.
const MAX_LABEL: usize = 1024;

/// The longest path of an executable, in bytes: the kernel's own bound.
const MAX_PATH: usize = 4096;

/// The keys as they are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with the keys of a recording")]
pub(super) struct Line<'a> {
    workload: Option<String>,
    day: Option<i64>,
    phase: Option<String>,
    time: Option<f64>,
    pid: Option<u32>,
    ppid: Option<u32>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    grandparent: Option<Cow<'a, str>>,
    uid: Option<u32>,
    exe: Option<String>,
    args: Option<Vec<String>>,
    kind: Option<Kind>,
    object: Option<String>,
    flags: Option<Vec<String>>,
    label: Option<Label>,
    session: Option<String>,
    split: Option<String>,
    tty: Option<bool>,
    loginuid: Option<u32>,
    exe_flags: Option<Vec<ExecutableFlag>>,
    sockets: Option<Vec<InheritedSocket>>,
}

/// The keys as they are written.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    workload: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    time: f64,
    pid: u32,
    ppid: u32,
    name: &'a str,
    parent: &'a str,
    grandparent: &'a str,
    uid: u32,
    exe: &'a str,
    #[serde(flatten)]
    done: Keys<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'a str>,
    #[serde(flatten)]
    surroundings: &'a Surroundings,
}

impl Line<'_> {
    /// What the line says; `before` is the time of the line before. An error says what is wrong.
    pub(super) fn recorded(self, before: i64, scrubber: &Scrubber) -> Result<Recorded, &'static str> {
        let longest = [&self.workload, &self.phase, &self.session, &self.split].into_iter().flatten();
        if longest.map(String::len).max() > Some(MAX_LABEL) {
            return Err("workload, phase, session or split is longer than 1024 bytes");
        }
        let has_args = self.args.is_some();
        let args = self.args.unwrap_or_default();
        let mut exe = self.exe.unwrap_or_default();
        exe.truncate(exe.floor_char_boundary(MAX_PATH));
        let name = match &self.name {
            Some(name) => name,
            None => basename(if exe.is_empty() { args.first().map_or("", String::as_str) } else { &exe }),
        };
        if name.is_empty() && args.is_empty() {
            return Err("neither name nor args nor exe says what was executed");
        }
        let kind = self.kind.unwrap_or_default();
        let has_object = self.object.is_some() || self.flags.is_some();
        if if kind.is_act() { has_args } else { has_object } {
            return Err("an execution has args, any other kind of act has object and flags instead");
        }
        let arguments = area(&args);
        let raw = Raw {
            name: name.as_bytes(),
            parent: self.parent.as_deref().unwrap_or_default().as_bytes(),
            grandparent: self.grandparent.as_deref().unwrap_or_default().as_bytes(),
            uid: self.uid.unwrap_or(0),
            arguments: &arguments,
            // The same in both says that no script is run, or that the arguments are as they were passed.
            filename: b"-",
            interp: b"-",
            executable: exe.as_bytes(),
        };
        let bytes = args.iter().map(|argument| argument.len() + 1).sum::<usize>();
        let observation = Observation {
            execution: if kind.is_act() {
                let flags = self.flags.unwrap_or_default();
                let flags: Vec<_> = flags.iter().map(String::as_str).collect();
                let object = self.object.unwrap_or_default();
                let Raw { name, parent, uid, executable, .. } = raw;
                let act =
                    Act { kind, name, parent, uid, executable, object: object.as_bytes(), flags: &flags };
                act.execution(scrubber)
            } else {
                raw.execution(scrubber)
            },
            surroundings: Surroundings {
                tty: self.tty,
                loginuid: self.loginuid,
                exe_flags: self.exe_flags,
                sockets: self.sockets,
            },
            workload: self.workload.unwrap_or_default(),
            time: self.time.map_or(Ok(before), microseconds)?,
            identity: Identity { tgid: self.pid.unwrap_or(0), start_boottime: 0, exec_id: None },
            ppid: self.ppid.unwrap_or(0),
            exe,
            argument_bytes: bytes.try_into().unwrap_or(u32::MAX),
            cgroup: String::new(),
            feed: FeedKind::Replay,
        };
        let Self { day, phase, label, session, split, .. } = self;
        Ok(Recorded { observation, day, phase, label, session, split })
    }
}

impl<'a> From<&'a Recorded> for Written<'a> {
    fn from(recorded: &'a Recorded) -> Self {
        let Recorded { observation, day, phase, label, session, split } = recorded;
        Self {
            day: *day,
            phase: phase.as_deref(),
            label: *label,
            session: session.as_deref(),
            split: split.as_deref(),
            ..Self::from(observation)
        }
    }
}

impl<'a> From<&'a Observation> for Written<'a> {
    fn from(observation: &'a Observation) -> Self {
        let execution = &observation.execution;
        Self {
            workload: &observation.workload,
            day: None,
            phase: None,
            // Exact to the microsecond until the year 2106, when seconds need 33 bits.
            time: observation.time as f64 / 1e6,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
            name: &execution.name,
            parent: &execution.parent,
            grandparent: &execution.grandparent,
            uid: execution.uid,
            exe: &observation.exe,
            done: execution.into(),
            label: None,
            session: None,
            split: None,
            surroundings: &observation.surroundings,
        }
    }
}

fn basename(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

fn microseconds(seconds: f64) -> Result<i64, &'static str> {
    /// The year 2255: beyond, microseconds are no exact numbers.
    const LATEST: f64 = 9.0e9;
    if (0.0..=LATEST).contains(&seconds) {
        Ok((seconds * 1e6).round() as i64)
    } else {
        Err("time is out of range")
    }
}
