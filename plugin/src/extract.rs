//! The fields that rules ask for.
//!
//! A verdict belongs to a process. Its number stands in the thread table, so every event of the process, of its threads
//! and of what it forked answers with it. An injected event carries its own. Where there is nothing to say a field is
//! absent; it is never an error, because errors are logged.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Instant;

use anomaly_baseline::Score;
use anomaly_baseline::text::printable;
use falco_plugin::anyhow::Error;
use falco_plugin::event::events::RawEvent;
use falco_plugin::extract::{ExtractFieldInfo, ExtractPlugin, ExtractRequest, field};
use falco_plugin::tables::LazyTableReader;

use crate::acts::JudgedAct;
use crate::core::{Handle, Judged, MAX_WORKLOAD};
use crate::event::exec::Exec;
use crate::event::execution;
use crate::event::{Asked, kind};
use crate::plugin::AnomalyPlugin;

/// One field of this many is timed.
const TIMED: u64 = 64;

/// What answers for an event.
#[derive(Debug, Clone, Default)]
pub enum Found {
    /// Nobody was asked yet.
    #[default]
    Unasked,
    /// There is nothing to say.
    Nothing,
    /// The verdict that the event's thread carries.
    Carried(Carried),
    /// The event itself.
    Injected(Injected),
}

/// The number of a verdict.
#[derive(Debug, Clone, Copy)]
pub struct Carried(Handle);

/// An injected event, read.
#[derive(Debug, Clone)]
pub struct Injected(Arc<Judged>);

/// The injected event that was asked last, so that asking ten fields of it reads it once.
#[derive(Debug, Default)]
pub(crate) struct LastEvent {
    payload: Vec<u8>,
    time: u64,
    read: Option<Arc<Judged>>,
}

type Request<'c, 'e, 'r, 't> = ExtractRequest<'c, 'e, 'r, 't, AnomalyPlugin>;

impl ExtractPlugin for AnomalyPlugin {
    type Event<'a> = Asked<'a>;
    type ExtractContext = Found;

    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[
        field("anomaly.score", &Self::score)
            .with_display("Anomaly Score")
            .with_description(
                "How unlike this execution is to what its workload normally runs: 0.0000 is learned, near 1 is like \
                 nothing known. Always four decimals, so it compares with >= and <, as in anomaly.score >= 0.85. On \
                 later events of a process, of its threads and of what it forked it is that of the process. Absent \
                 while the workload is learning.",
            )
            .add_output(),
        field("anomaly.score_permille", &Self::score_permille)
            .with_display("Anomaly Score in Thousandths")
            .with_description("The score as a number from 0 to 1000."),
        field("anomaly.distance", &Self::distance)
            .with_display("Distance")
            .with_description("How far the nearest known execution is, before calibration: 0.0000 to 1.0000."),
        field("anomaly.event_score", &Self::event_score)
            .with_display("Anomaly Score of the Event")
            .with_description(
                "How unlike this very act is to what its workload's programs did before: on an execution it is \
                 anomaly.score, on an open, connect, ptrace and any other event the novelty of what this program does \
                 to this object. Computed when a rule asks. Absent while the workload is learning acts of this kind, so \
                 that a gate (and not anomaly.event_score < 0.85) lets the rule fire.",
            ),
        field("anomaly.event_reason", &Self::event_reason)
            .with_display("Reason of the Event's Score")
            .with_description("What is new about this act, in words, at most 200 bytes."),
        field("anomaly.event_nearest", &Self::event_nearest)
            .with_display("Nearest Known Act")
            .with_description("The nearest act that was learned, secrets removed, at most 200 bytes."),
        field("anomaly.smoothed", &Self::smoothed).with_display("Smoothed Score").with_description(
            "The score, or 0.7 times the smoothed score of the parent process where that is more: what an anomalous \
             process starts stays suspicious for a while. Compare it with 0.60.",
        ),
        field("anomaly.threshold", &Self::threshold).with_display("Threshold").with_description(
            "From which score an execution of this workload is novel, at this moment: \
             anomaly.score >= val(anomaly.threshold).",
        ),
        field("anomaly.level", &Self::level)
            .with_display("Level")
            .with_description("What the score means: learning, normal, warn or critical."),
        field("anomaly.novel", &Self::novel)
            .with_display("Novel")
            .with_description("Whether the score is at or above the threshold."),
        field("anomaly.first", &Self::first).with_display("First Today").with_description(
            "Whether it is novel and the first of its alert group (workload, parent, name and user) today.",
        ),
        field("anomaly.workload", &Self::workload).with_display("Workload").with_description(
            "Whose baseline was asked: the container's image, else the systemd unit, else host.",
        ),
        field("anomaly.seen", &Self::seen)
            .with_display("Times Seen")
            .with_description("How often this very execution was seen in its workload, this time included."),
        field("anomaly.reason", &Self::reason)
            .with_display("Reason")
            .with_description("Which features of the execution are new, in words, at most 200 bytes."),
        field("anomaly.nearest", &Self::nearest)
            .with_display("Nearest Known")
            .with_description("The nearest known command line, secrets removed, at most 200 bytes."),
        field("anomaly.proc_name", &Self::proc_name)
            .with_display("Process Name")
            .with_description("The name of the program whose score this is."),
        field("anomaly.proc_parent", &Self::proc_parent)
            .with_display("Parent Name")
            .with_description("The name of its parent when it was executed."),
        field("anomaly.proc_cmdline", &Self::proc_cmdline)
            .with_display("Command Line")
            .with_description("Its command line, secrets removed, at most 200 bytes."),
        field("anomaly.proc_pid", &Self::proc_pid)
            .with_display("Process Id")
            .with_description("Its process id on the host."),
        field("anomaly.proc_uid", &Self::proc_uid)
            .with_display("User Id")
            .with_description("Its effective user id on the host."),
    ];
}

/// A field's function: what it tells of a verdict.
macro_rules! fields {
    ($($name:ident: $type:ty = $ask:ident($tell:expr),)*) => {
        impl AnomalyPlugin {
            $(fn $name(&mut self, request: Request<'_, '_, '_, '_>) -> Result<Option<$type>, Error> {
                Ok(self.timed(request, |plugin, found| plugin.$ask(found, $tell)))
            })*
        }
    };
}

fields! {
    score: CString = of_score(decimal),
    score_permille: u64 = of_score(|score| Some(u64::from(score.permille()))),
    distance: CString = of_verdict(|judged| judged.distance.and_then(decimal)),
    smoothed: CString = of_verdict(|judged| judged.smoothed.and_then(decimal)),
    threshold: CString = of_verdict(|judged| decimal(judged.threshold)),
    level: CString = of_verdict(|judged| text(judged.level.as_str())),
    novel: bool = of_verdict(|judged| judged.score.map(|_| judged.novel)),
    first: bool = of_verdict(|judged| judged.score.map(|_| judged.first)),
    workload: CString = of_verdict(|judged| text(&printable(&judged.workload, MAX_WORKLOAD))),
    seen: u64 = of_verdict(|judged| Some(judged.seen)),
    reason: CString = of_verdict(|judged| judged.reason.as_deref().and_then(text)),
    nearest: CString = of_verdict(|judged| judged.nearest.as_deref().and_then(text)),
    proc_name: CString = of_verdict(|judged| text(&judged.name)),
    proc_parent: CString = of_verdict(|judged| text(&judged.parent)),
    proc_cmdline: CString = of_verdict(|judged| text(&judged.cmdline)),
    proc_pid: u64 = of_verdict(|judged| Some(u64::from(judged.pid))),
    proc_uid: u64 = of_verdict(|judged| Some(u64::from(judged.uid))),
}

/// A field's function: what it tells of an act, and of the verdict where the act is an execution.
macro_rules! event_fields {
    ($($name:ident = $of_act:expr, $of_verdict:ident($tell:expr),)*) => {
        impl AnomalyPlugin {
            $(fn $name(&mut self, request: Request<'_, '_, '_, '_>) -> Result<Option<CString>, Error> {
                Ok(self.timed_act(request, |plugin, found| plugin.$of_verdict(found, $tell), $of_act))
            })*
        }
    };
}

event_fields! {
    event_score = |act| act.score.and_then(decimal), of_score(decimal),
    event_reason = |act| act.reason.as_deref().and_then(text),
        of_verdict(|judged| judged.reason.as_deref().and_then(text)),
    event_nearest = |act| act.nearest.as_deref().and_then(text),
        of_verdict(|judged| judged.nearest.as_deref().and_then(text)),
}

impl AnomalyPlugin {
    /// The same for a field of the event itself. A failed exec has none: it is no execution.
    fn timed_act<T>(
        &mut self,
        request: Request<'_, '_, '_, '_>,
        of_verdict: impl FnOnce(&Self, &Found) -> Option<T>,
        of_act: impl FnOnce(&JudgedAct) -> Option<T>,
    ) -> Option<T> {
        let Ok(Asked(event)) = request.event.event() else { return None };
        match event.event_type {
            kind::ASYNC => self.timed(request, of_verdict),
            kind::EXECVE | kind::EXECVEAT if Exec::read(&event).is_some() => self.timed(request, of_verdict),
            _ => self.guarded("extract", |plugin| {
                let started = Instant::now();
                let number = request.event.event_number();
                let answer = plugin.act(number, &event, request.table_reader).as_deref().and_then(of_act);
                if let Some(core) = plugin.capture.as_ref() {
                    core.metrics.acts.record(started.elapsed());
                }
                answer
            }),
        }
    }

    /// Answers one field, and times one of many.
    fn timed<T>(
        &mut self,
        request: Request<'_, '_, '_, '_>,
        answer: impl FnOnce(&Self, &Found) -> Option<T>,
    ) -> Option<T> {
        self.guarded("extract", |plugin| {
            plugin.extracted += 1;
            let started = plugin.extracted.is_multiple_of(TIMED).then(Instant::now);
            let ExtractRequest { context, event, table_reader, .. } = request;
            if matches!(context, Found::Unasked) {
                let Ok(Asked(event)) = event.event() else { return None };
                *context = plugin.find(&event, table_reader);
            }
            let answer = answer(plugin, context);
            if let Some((started, core)) = started.zip(plugin.capture.as_ref()) {
                core.metrics.extract.record(started.elapsed());
            }
            answer
        })
    }

    /// What answers for this event.
    fn find(&mut self, event: &RawEvent<'_>, reader: &LazyTableReader<'_>) -> Found {
        if event.event_type == kind::ASYNC
            && let Some(read) = self.last_event.read(event)
        {
            return Found::Injected(Injected(read));
        }
        match self.carried(event.metadata.tid, reader) {
            // It was not there when this event was parsed. An event of its own is injected once it is, and no rule shall
            // find one execution twice.
            Some(handle)
                if handle.came_late() && matches!(event.event_type, kind::EXECVE | kind::EXECVEAT) =>
            {
                Found::Nothing
            }
            Some(handle) => Found::Carried(Carried(handle)),
            None => Found::Nothing,
        }
    }

    /// The verdict that a thread carries, or else its process.
    pub(crate) fn carried(&self, tid: i64, reader: &LazyTableReader<'_>) -> Option<Handle> {
        let (threads, core) = (self.threads.as_ref()?, self.capture.as_ref()?);
        let thread = threads.get(reader, tid)?;
        if let Some(handle) = threads.verdict(reader, &thread) {
            return Some(handle);
        }
        let pid = threads.pid(reader, &thread)?;
        if pid != tid
            && let Some(main) = threads.get(reader, pid)
            && let Some(handle) = threads.verdict(reader, &main)
        {
            return Some(handle);
        }
        core.unheard(pid)
    }

    fn of_score<T>(&self, found: &Found, tell: impl FnOnce(Score) -> Option<T>) -> Option<T> {
        let score = match found {
            // Its own number tells the score, unless that came later.
            Found::Carried(Carried(handle)) => handle.score().or_else(|| self.verdict(*handle)?.score),
            Found::Injected(Injected(judged)) => judged.score,
            Found::Nothing | Found::Unasked => None,
        };
        tell(score?)
    }

    fn of_verdict<T>(&self, found: &Found, tell: impl FnOnce(&Judged) -> Option<T>) -> Option<T> {
        match found {
            Found::Carried(Carried(handle)) => tell(&*self.verdict(*handle)?),
            Found::Injected(Injected(judged)) => tell(judged),
            Found::Nothing | Found::Unasked => None,
        }
    }

    fn verdict(&self, handle: Handle) -> Option<Arc<Judged>> {
        self.capture.as_ref()?.verdicts.get(handle)
    }
}

impl LastEvent {
    fn read(&mut self, event: &RawEvent<'_>) -> Option<Arc<Judged>> {
        // Other plugins' events are of any size, and none of ours.
        if event.payload.len() > execution::MAX_BYTES {
            return None;
        }
        if self.time != event.metadata.ts || self.payload != event.payload {
            self.time = event.metadata.ts;
            self.payload.clear();
            self.payload.extend_from_slice(event.payload);
            self.read = execution::read(event).map(Arc::new);
        }
        self.read.clone()
    }
}

/// A score as `d.dddd`, without the detours of formatting: rules ask for it on every event.
fn decimal(score: Score) -> Option<CString> {
    let digit = |divisor: u16| b'0' + (score.ten_thousandths() / divisor % 10) as u8;
    CString::new([digit(10_000), b'.', digit(1_000), digit(100), digit(10), digit(1)]).ok()
}

/// Text that C can hold.
fn text(text: &str) -> Option<CString> {
    CString::new(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_four_decimals_always_and_the_same_as_everywhere() {
        for value in 0..=10_000 {
            let score = Score::from_ten_thousandths(value);
            assert_eq!(decimal(score).expect("digits").to_str(), Ok(&*score.to_string()));
        }
    }

    #[test]
    fn every_field_says_what_it_is() {
        for field in AnomalyPlugin::EXTRACT_FIELDS {
            assert!(field.description.ends_with('.') && field.display_name.is_some(), "{}", field.name);
            assert_eq!(field.add_output, field.name == "anomaly.score");
        }
    }

    /// A field that is a strict prefix of another's hides that one; these belong to the official plugin.
    #[test]
    fn no_field_hides_another_ones() {
        let names: Vec<&str> = AnomalyPlugin::EXTRACT_FIELDS.iter().map(|field| field.name).collect();
        for name in &names {
            assert!(!names.iter().any(|other| other.starts_with(&format!("{name}."))), "{name}");
            for taken in ["anomaly.count", "anomaly.falco", "anomaly.profile"] {
                assert!(!name.starts_with(taken) && !taken.starts_with(name), "{name}");
            }
        }
    }
}
