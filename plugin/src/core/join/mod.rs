//! Which of Falco's events and which of our records tell of the same execution.
//!
//! The kernel passes our tracepoint before the system call ends, so when Falco's event is parsed the record is in our
//! ring already. What was drained waits here for its event; what was judged stays a while, because a second inspector
//! may hear of it too, and because an event may come so late that the record was judged without it.
//!
//! Falco's event has no start time and no exec id. It has process, name and time; records of one process and name are
//! told apart by the nearest time. Falco converts the kernel's clock with an offset that it took when it started, so
//! after the clock of day is set its times are off by the same amount for good: that offset is learned here.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use anomaly_capture::Observation;

use super::verdicts::Handle;
use crate::event::text;

/// Executions that are remembered; records that had to make room before they were judged are lost.
const CAPACITY: usize = 8_192;

/// Judged executions of one process that are remembered: who executes in a loop must not make finding slow.
const JUDGED_PER_PROCESS: usize = 8;

/// How long an execution is remembered.
const MEMORY: Duration = Duration::from_secs(10);

/// How far, in microseconds, an event and its record may be apart, beside the offset.
const NEAR: u64 = 1_000_000;

/// How fresh a record must be to be taken whatever its time says.
const FRESH: Duration = Duration::from_secs(1);

/// How far two inspectors' events of one execution may be apart, in microseconds.
const SAME: u64 = 20_000;

/// One execution of a process.
#[derive(Debug)]
struct Entry {
    number: u64,
    name: Name,
    /// Microseconds since the Unix epoch: our record's time, or Falco's where there was no record.
    time: i64,
    is_record: bool,
    state: State,
    /// The instances that heard of it already, one bit each.
    heard_by: u64,
    arrived: Instant,
}

#[derive(Debug)]
enum State {
    Waiting(Box<Observation>),
    /// Somebody is judging it, under the same lock.
    Taken,
    Judged(Handle),
}

/// A process name as the kernel keeps it: what all feeds agree on.
type Name = [u8; 15];

/// What is known of an execution that Falco tells of.
#[derive(Debug)]
pub(crate) enum Found {
    /// Our record, not judged yet. [`Joiner::settle`] has to follow.
    Record(Box<Observation>, Ticket),
    /// It was judged already.
    Judged(Handle),
    /// Nothing. [`Joiner::judged_event`] has to follow if it is judged from the event.
    Nothing,
}

/// Where the verdict of what was taken out belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pid: u32,
    number: u64,
}

/// An execution as Falco's event tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) pid: u32,
    pub(crate) name: &'a [u8],
    /// Microseconds since the Unix epoch.
    pub(crate) time: i64,
    /// Who asks: the bit of the instance.
    pub(crate) instance: u64,
}

/// The executions of the last seconds, by process.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    by_pid: HashMap<u32, Vec<Entry>>,
    /// All of them in the order of arrival, to forget them by.
    order: VecDeque<Ticket>,
    /// Those that may still wait for their event, in the order of arrival.
    waiting: VecDeque<Ticket>,
    next: u64,
    /// What Falco's times are ahead of ours, in microseconds.
    offset: i64,
}

impl Joiner {
    /// Adds a record that waits for its event. Returns how many records were lost because there was no room.
    ///
    /// A record that comes after its event was judged without it is not another execution: another processor was still
    /// writing it when the ring was drained.
    pub(crate) fn record(&mut self, observation: Observation, now: Instant) -> u64 {
        let pid = observation.identity.tgid;
        let name = name(observation.execution.name.as_bytes());
        let time = observation.time.saturating_add(self.offset);
        let judged = self.by_pid.get_mut(&pid).and_then(|entries| {
            entries
                .iter_mut()
                .find(|entry| !entry.is_record && entry.name == name && entry.time.abs_diff(time) <= SAME)
        });
        if let Some(entry) = judged {
            (entry.is_record, entry.time) = (true, observation.time);
            return 0;
        }
        let entry = Entry {
            number: 0,
            name,
            time: observation.time,
            is_record: true,
            state: State::Waiting(Box::new(observation)),
            heard_by: 0,
            arrived: now,
        };
        let ticket = self.insert(pid, entry);
        self.waiting.push_back(ticket);
        self.forget(now)
    }

    /// Finds the execution that an event tells of, and notes that this instance has heard of it.
    pub(crate) fn find(&mut self, told: Told<'_>, now: Instant) -> Found {
        let Some(entries) = self.by_pid.get_mut(&told.pid) else { return Found::Nothing };
        let (wanted, offset) = (name(told.name), self.offset);
        let mut nearest: Option<(u64, &mut Entry)> = None;
        let mut fresh_records = 0;
        for entry in
            entries.iter_mut().filter(|entry| entry.name == wanted && entry.heard_by & told.instance == 0)
        {
            let ahead = if entry.is_record { offset } else { 0 };
            let distance = told.time.abs_diff(entry.time.saturating_add(ahead));
            fresh_records += usize::from(entry.is_record && entry.is_fresh(now));
            if nearest.as_ref().is_none_or(|(other, _)| distance < *other) {
                nearest = Some((distance, entry));
            }
        }
        let Some((distance, entry)) = nearest else { return Found::Nothing };
        let is_near = distance <= if entry.is_record { NEAR } else { SAME };
        // The one record that this process and name has just brought is it, whatever the clocks say.
        let is_alone = entry.is_record && entry.is_fresh(now) && fresh_records == 1;
        if !is_near && !is_alone {
            return Found::Nothing;
        }
        entry.heard_by |= told.instance;
        if entry.is_record {
            self.offset = told.time.saturating_sub(entry.time);
        }
        match std::mem::replace(&mut entry.state, State::Taken) {
            State::Waiting(observation) => {
                Found::Record(observation, Ticket { pid: told.pid, number: entry.number })
            }
            State::Judged(handle) => {
                entry.state = State::Judged(handle);
                Found::Judged(handle)
            }
            // Whoever took it panicked.
            State::Taken => Found::Nothing,
        }
    }

    /// Notes the verdict of a record that was taken out.
    pub(crate) fn settle(&mut self, ticket: Ticket, handle: Handle) {
        if let Some(entry) = self.entry(ticket) {
            entry.state = State::Judged(handle);
        }
    }

    /// Notes an execution that was judged from Falco's event. Returns how many records were lost because there was no
    /// room.
    pub(crate) fn judged_event(&mut self, told: Told<'_>, handle: Handle, now: Instant) -> u64 {
        let entry = Entry {
            number: 0,
            name: name(told.name),
            time: told.time,
            is_record: false,
            state: State::Judged(handle),
            heard_by: told.instance,
            arrived: now,
        };
        self.insert(told.pid, entry);
        self.forget(now)
    }

    /// Takes out the oldest record that has waited for `patience`; [`settle`](Self::settle) has to follow.
    pub(crate) fn overdue(&mut self, now: Instant, patience: Duration) -> Option<(Box<Observation>, Ticket)> {
        while let Some(&ticket) = self.waiting.front() {
            if let Some(entry) = self.entry(ticket)
                && matches!(entry.state, State::Waiting(_))
            {
                if now.saturating_duration_since(entry.arrived) < patience {
                    return None;
                }
                if let State::Waiting(observation) = std::mem::replace(&mut entry.state, State::Taken) {
                    self.waiting.pop_front();
                    return Some((observation, ticket));
                }
            }
            self.waiting.pop_front();
        }
        None
    }

    /// Forgets what is old, and what there is no room for. Returns how many of those were never judged.
    fn forget(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        while let Some(&ticket) = self.order.front() {
            let crowded = self.order.len() > CAPACITY;
            match self.entry(ticket) {
                Some(entry) if crowded || now.saturating_duration_since(entry.arrived) >= MEMORY => {
                    lost += u64::from(matches!(entry.state, State::Waiting(_)));
                }
                Some(_) => break,
                None => {}
            }
            self.order.pop_front();
            if let Some(entries) = self.by_pid.get_mut(&ticket.pid) {
                entries.retain(|entry| entry.number != ticket.number);
                if entries.is_empty() {
                    self.by_pid.remove(&ticket.pid);
                }
            }
        }
        // What was judged or lost needs no place among those that wait.
        while self.waiting.len() > self.order.len() {
            self.waiting.pop_front();
        }
        lost
    }

    fn insert(&mut self, pid: u32, mut entry: Entry) -> Ticket {
        entry.number = self.next;
        let ticket = Ticket { pid, number: self.next };
        self.next += 1;
        let entries = self.by_pid.entry(pid).or_default();
        if entries.len() >= JUDGED_PER_PROCESS {
            let judged = entries.iter().filter(|entry| matches!(entry.state, State::Judged(_))).count();
            let mut surplus = (judged + 1).saturating_sub(JUDGED_PER_PROCESS);
            entries.retain(|entry| {
                let goes = surplus > 0 && matches!(entry.state, State::Judged(_));
                surplus -= usize::from(goes);
                !goes
            });
        }
        entries.push(entry);
        self.order.push_back(ticket);
        ticket
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        let entries = self.by_pid.get_mut(&ticket.pid)?;
        entries.iter_mut().find(|entry| entry.number == ticket.number)
    }
}

impl Entry {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.arrived) < FRESH
    }
}

/// What of a name is compared: as text, because our records have it so.
fn name(bytes: &[u8]) -> Name {
    let text = String::from_utf8_lossy(text(bytes));
    let mut name = Name::default();
    for (slot, byte) in name.iter_mut().zip(text.bytes()) {
        *slot = byte;
    }
    name
}

#[cfg(test)]
mod tests;
