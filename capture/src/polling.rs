//! Polling of /proc: the feed that works wherever there is a /proc, and misses most short executions.
//!
//! A program that begins and ends between two looks is never noticed, not even as lost. One `stat` per process tells
//! whether it executed something since the last look. Most programs execute something soon after their process began
//! or never, so those that have been quiet are looked at once in [`TURNS`] looks: with 120 processes a look every 50 ms
//! costs 1 % of a processor and not 3.

use std::{
    collections::HashMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    CaptureError, Counters, Feed, FeedKind, Loss, Observation, Options,
    proc::{Missed, Observer, ProcFs, Stat},
};

/// How many processes are compared between looks; on a machine with more, those beyond are not watched.
const CAPACITY: usize = 65_536;

/// How many looks a process that has been quiet for as many is passed over.
const TURNS: u64 = 20;

/// The feed.
#[derive(Debug)]
pub struct ProcFeed {
    proc: ProcFs,
    observer: Observer,
    known: HashMap<u32, Known>,
    /// Which look this is, so that a process that was not met in it can be forgotten.
    look: u64,
    every: Duration,
    next: Instant,
    buffer: Vec<u8>,
    counters: Arc<Counters>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    stat: Stat,
    /// The last look that met it.
    met: u64,
    /// The last look that found it new or executing something.
    changed: u64,
}

impl Known {
    /// Whether this look may pass it over.
    fn is_quiet(&self, pid: u32, look: u64) -> bool {
        look - self.changed > TURNS && !(look + u64::from(pid)).is_multiple_of(TURNS)
    }
}

impl ProcFeed {
    /// Takes note of what runs now; what is executed from now on is delivered.
    ///
    /// # Errors
    /// [`CaptureError::Read`] where there is no /proc.
    pub fn open(options: &Options, counters: Arc<Counters>) -> Result<Self, CaptureError> {
        let mut feed = Self {
            proc: ProcFs::open(&options.root)?,
            observer: Observer::new(options.root.clone(), options.scrubber.clone()),
            known: HashMap::new(),
            look: 0,
            every: options.poll_every,
            next: Instant::now(),
            buffer: Vec::new(),
            counters,
        };
        feed.look(&mut |_, _| Ok(()))?;
        // Most of what runs already has been quiet for long.
        feed.look += TURNS;
        Ok(feed)
    }

    /// Looks at every process and calls `executed` for those that executed something since the last look. Those of
    /// which it says that it is too early are taken for what they were before.
    fn look(
        &mut self,
        executed: &mut dyn FnMut(&mut Self, u32) -> Result<(), Missed>,
    ) -> Result<(), CaptureError> {
        self.look += 1;
        let look = self.look;
        for pid in self.proc.pids()? {
            let known = self.known.get_mut(&pid);
            if let Some(known) = known.filter(|known| known.is_quiet(pid, look)) {
                known.met = look;
                continue;
            }
            let Some(stat) = self.proc.stat(pid, &mut self.buffer) else { continue };
            let before = self.known.get(&pid).copied();
            if before.is_none() && self.known.len() >= CAPACITY {
                continue;
            }
            let now = if has_executed(before.as_ref().map(|known| &known.stat), &stat) {
                match executed(self, pid) {
                    Ok(()) | Err(Missed::Gone) => Some(Known { stat, met: look, changed: look }),
                    Err(Missed::NotYet) => before.map(|before| Known { met: look, ..before }),
                }
            } else {
                Some(Known { stat, met: look, changed: before.map_or(look, |known| known.changed) })
            };
            if let Some(now) = now {
                self.known.insert(pid, now);
            }
        }
        self.known.retain(|_, known| known.met == look);
        Ok(())
    }
}

/// Whether the process that looks like `now` executed something since it looked like `before`.
fn has_executed(before: Option<&Stat>, now: &Stat) -> bool {
    if !now.executed() {
        return false;
    }
    // Another start time: another process under the same id.
    let Some(before) = before.filter(|before| before.start == now.start) else { return true };
    match (before.image, now.image) {
        (Some(before), Some(now)) => before != now,
        // Where addresses are hidden, a new name is the only sign. A program that renames itself looks the same.
        _ => !before.executed() || before.name != now.name,
    }
}

impl Feed for ProcFeed {
    fn kind(&self) -> FeedKind {
        FeedKind::Proc
    }

    fn drain(&mut self, deliver: &mut dyn FnMut(Observation)) -> Result<(), CaptureError> {
        let now = Instant::now();
        if now < self.next {
            return Ok(());
        }
        self.next = now + self.every;
        self.look(&mut |feed, pid| {
            let Self { proc, observer, buffer, counters, .. } = feed;
            let observed = proc.process(pid).map_err(|_| Missed::Gone).and_then(|process| {
                observer.observe(&process, FeedKind::Proc, |stat| proc.ancestors(stat, buffer))
            });
            match observed {
                Ok(observation) => {
                    counters.delivered(&observation);
                    deliver(observation);
                    Ok(())
                }
                Err(missed) => {
                    counters.lose(Loss::Vanished, u64::from(missed == Missed::Gone));
                    Err(missed)
                }
            }
        })
    }

    fn wait(&mut self, limit: Duration) {
        thread::sleep(self.next.saturating_duration_since(Instant::now()).min(limit));
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process with these flags, this start and its stack there.
    fn stat(name: &str, flags: u64, start: u64, stack: u64) -> Stat {
        let line = format!(
            "9 ({name}) S 1 9 9 0 9 {flags} 0 0 0 0 0 0 0 0 0 0 0 0 {start} 0 0 0 4096 2 {stack} 0 0"
        );
        Stat::parse(line.as_bytes()).expect("a stat line")
    }

    #[test]
    fn what_is_an_execution_and_what_is_not() {
        let forked = 0x40;
        let shell = stat("sh", 0, 5, 7000);
        for (before, now, executed, why) in [
            (None, stat("sh", 0, 5, 7000), true, "a new process"),
            (None, stat("sh", forked, 5, 7000), false, "a fork that runs its parent's program"),
            (Some(stat("sh", forked, 5, 7000)), stat("ls", 0, 5, 8000), true, "the fork's exec"),
            (Some(shell), shell, false, "nothing happened"),
            (Some(shell), stat("sh", 0, 5, 8000), true, "the same program executed again"),
            (Some(shell), stat("renamed", 0, 5, 7000), false, "a program that renamed itself"),
            (Some(shell), stat("sh", 0, 6, 7000), true, "the id of a process that ended"),
            (Some(stat("sh", 0, 5, 0)), stat("ls", 0, 5, 0), true, "hidden addresses, another name"),
            (Some(stat("sh", 0, 5, 0)), stat("sh", 0, 5, 0), false, "hidden addresses, the same name"),
        ] {
            assert_eq!(has_executed(before.as_ref(), &now), executed, "{why}");
        }
    }
}
