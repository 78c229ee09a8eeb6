//! `anomalyctl watch`: executions in, novel ones out, until somebody ends it.
//!
//! One loop on the main thread takes executions from a [`Source`], which reads on a thread of its own behind a bounded
//! queue, and hands them to the [`Session`]. A terminal that is stopped therefore stops the loop, fills the queue and is
//! counted there; it never stops the kernel's feed.

pub(crate) mod baseline;
pub(crate) mod clock;
pub(crate) mod event;
pub(crate) mod json;
mod lines;
pub(crate) mod live;
mod output;
pub(crate) mod progress;
mod recorder;
mod repeats;
pub(crate) mod replay;
mod resolve;
pub(crate) mod session;
pub(crate) mod source;
mod summary;

use std::time::{Duration, Instant};

use anomaly_capture::{HostRoot, Options};

use crate::cli::Watch;
use crate::failure::{Failure, say};
use crate::sharing;
use crate::signals::Stop;

use live::Live;
use recorder::Recorder;
use replay::Replay;
use session::{Interrupted, Session};
use source::{Next, Source};

/// How often signals, notices and the progress line are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) fn run(arguments: &Watch) -> Result<(), Failure> {
    let stop = Stop::install().map_err(|error| Failure::new(format!("cannot take over signals: {error}")))?;
    let deadline = arguments.end_after.and_then(|time| Instant::now().checked_add(time));

    // What can fail for a slip in the command line comes before what takes time or leaves traces.
    let replay = match arguments.replay.as_slice() {
        [] => None,
        paths => Some(Replay::open(paths, arguments.workload.as_ref(), arguments.scrubber())?),
    };
    let data = baseline::directory(arguments)?;
    let recorder =
        arguments.record.as_ref().map(|path| Recorder::create(path, arguments.force)).transpose()?;
    let engine = baseline::open(arguments.settings(), &arguments.org, data.as_deref())?;
    let mut source = match replay {
        Some(replay) => Source::Replay(Box::new(replay)),
        None => Source::Live(Box::new(live(arguments)?)),
    };
    for notice in source.notices() {
        say(&notice);
    }
    baseline::wait(&engine, data.as_deref())?;
    let fleet = arguments.sharing.start(&engine, data.as_deref(), &arguments.org, &arguments.settings())?;
    baseline::tell_warm_up(&engine, arguments);

    let mut session = Session::new(arguments, engine, recorder);
    let outcome = watch(&mut session, &mut source, &stop, deadline);
    let (interrupted, failure) = match outcome {
        Ok(failure) => (None, failure),
        Err(interrupted) => (Some(interrupted), None),
    };
    sharing::end(fleet);
    session.finish(&mut source, interrupted)?;
    failure.map_or(Ok(()), Err)
}

/// This machine's executions, as the flags have them.
fn live(arguments: &Watch) -> Result<Live, Failure> {
    let options =
        Options { root: HostRoot::from_env(), scrubber: arguments.scrubber(), ..Options::default() };
    Live::open(arguments.feed, &options, arguments.workload.clone().unwrap_or_default())
}

/// The loop. Returns what ended the source, where that was a failure.
fn watch(
    session: &mut Session,
    source: &mut Source,
    stop: &Stop,
    deadline: Option<Instant>,
) -> Result<Option<Failure>, Interrupted> {
    let mut tick_due = Instant::now();
    let mut stopping = false;
    loop {
        let mut next = source.next(Duration::ZERO);
        if matches!(next, Next::Nothing) {
            session.flush()?;
            next = source.next(TICK);
        }
        match next {
            Next::Event(event) => session.execution(&event)?,
            Next::Nothing => {}
            Next::End => return Ok(None),
            Next::Failed(failure) => return Ok(Some(failure)),
        }
        let now = Instant::now();
        if !stopping && (stop.asked() || deadline.is_some_and(|deadline| now >= deadline)) {
            if !source.stop() {
                return Ok(None);
            }
            stopping = true;
        }
        if now >= tick_due {
            tick_due = now + TICK;
            session.tick(now, source)?;
        }
    }
}
