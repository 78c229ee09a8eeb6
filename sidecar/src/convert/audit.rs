//! The Linux audit log: one execution is an event of several records, which share a serial number and may be mixed with
//! those of others.
//!
//! `SYSCALL` has who and what became of it, `EXECVE` the arguments, as many records of it as they need, `PROCTITLE` comes
//! last where the kernel has it. Values stand in quotes, or in hexadecimal where they hold what quotes could not. An event
//! is complete with its `PROCTITLE` or `EOE`, or once so many others began that nothing more can come. The log names
//! parents by number alone, so the names of what was executed are remembered.

mod record;

use std::collections::{HashMap, VecDeque};

use anomaly_vectorizer::Surroundings;

use self::record::Record;
use super::execution::Found;

/// Events that wait for more of their records.
const MAX_OPEN: usize = 256;

/// Arguments of one event that are kept; only the first 4 KiB of them count.
const MAX_ARGUMENTS: usize = 4096;

/// Processes whose name is remembered.
const MAX_PROCESSES: usize = 65_536;

/// What the records amounted to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records and events about something else.
    pub(super) other: u64,
    /// Executions that failed.
    pub(super) failed: u64,
    /// Executions whose parent was not seen to start.
    pub(super) orphans: u64,
    /// Executions whose `SYSCALL` record is missing.
    pub(super) incomplete: u64,
}

/// Puts records together.
#[derive(Debug, Default)]
pub(super) struct Audit {
    open: HashMap<String, Event>,
    /// In the order in which they began.
    order: VecDeque<String>,
    /// Name and parent of processes, by number, and the order in which they came.
    processes: HashMap<u32, (Vec<u8>, u32)>,
    ages: VecDeque<u32>,
    pub(super) tally: Tally,
}

/// The records of one event so far.
#[derive(Debug, Default)]
struct Event {
    time: i64,
    call: Option<Call>,
    /// Whether there was an `EXECVE` record.
    executes: bool,
    args: Vec<Vec<u8>>,
    title: Option<Vec<u8>>,
}

/// The `SYSCALL` record.
#[derive(Debug)]
struct Call {
    is_exec: bool,
    success: bool,
    name: Vec<u8>,
    exe: Vec<u8>,
    uid: u32,
    pid: u32,
    ppid: u32,
    tty: Option<bool>,
    loginuid: Option<u32>,
}

impl Audit {
    /// Takes one line, and hands on what is complete with it. An error says what is wrong with the line.
    pub(super) fn line(&mut self, line: &[u8], each: &mut dyn FnMut(Found)) -> Result<(), &'static str> {
        let record = Record::parse(line)?;
        let kind = record.kind;
        if !["SYSCALL", "EXECVE", "PROCTITLE", "EOE"].contains(&kind) {
            // CWD and PATH belong to executions too, and tell nothing that a recording keeps.
            self.tally.other += u64::from(!["CWD", "PATH"].contains(&kind));
            return Ok(());
        }
        let id = record.id.clone();
        // Whoever logs no executions has events of one record, which would all wait for more.
        if kind == "EOE" && !self.open.contains_key(&id) {
            return Ok(());
        }
        if !self.open.contains_key(&id) {
            self.order.push_back(id.clone());
        }
        let event =
            self.open.entry(id.clone()).or_insert_with(|| Event { time: record.time, ..Event::default() });
        match kind {
            "SYSCALL" => event.call = Some(Call::of(&record)?),
            "EXECVE" => {
                record.arguments(&mut event.args, MAX_ARGUMENTS)?;
                event.executes = true;
            }
            "PROCTITLE" => event.title = record.value("proctitle"),
            _ => {}
        }
        if matches!(kind, "PROCTITLE" | "EOE") {
            self.close(&id, each);
        }
        while self.open.len() > MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.close(&oldest, each);
        }
        Ok(())
    }

    /// Hands on what waits for records that did not come.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(Found)) {
        while let Some(id) = self.order.pop_front() {
            self.close(&id, each);
        }
    }

    fn close(&mut self, id: &str, each: &mut dyn FnMut(Found)) {
        // What closed early still stands in the order, which must not grow with the log.
        if self.order.front().is_some_and(|oldest| oldest == id) {
            self.order.pop_front();
        } else if self.order.len() > 2 * MAX_OPEN {
            let open = &self.open;
            self.order.retain(|id| open.contains_key(id));
        }
        let Some(event) = self.open.remove(id) else { return };
        let Event { time, call, executes, args, title } = event;
        let Some(call) = call else {
            self.tally.incomplete += u64::from(executes);
            return;
        };
        if !executes && !call.is_exec {
            self.tally.other += 1;
            return;
        }
        if !call.success {
            self.tally.failed += 1;
            return;
        }
        let (parent, before) = self.processes.get(&call.ppid).cloned().unwrap_or_default();
        let grandparent = self.processes.get(&before).map(|(name, _)| name.clone()).unwrap_or_default();
        self.tally.orphans += u64::from(parent.is_empty());
        self.remember(call.pid, call.name.clone(), call.ppid);
        // A title is cut at 128 bytes, so it serves only where the arguments themselves are missing.
        let titled =
            || title.map_or(Vec::new(), |title| title.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect());
        each(Found {
            name: call.name,
            parent,
            grandparent,
            exe: call.exe,
            args: if executes { args } else { titled() },
            uid: call.uid,
            pid: call.pid,
            ppid: call.ppid,
            time,
            workload: None,
            surroundings: Surroundings { tty: call.tty, loginuid: call.loginuid, ..Surroundings::default() },
        });
    }

    fn remember(&mut self, pid: u32, name: Vec<u8>, ppid: u32) {
        if self.processes.insert(pid, (name, ppid)).is_none() {
            self.ages.push_back(pid);
        }
        if self.processes.len() > MAX_PROCESSES
            && let Some(oldest) = self.ages.pop_front()
        {
            self.processes.remove(&oldest);
        }
    }
}

impl Call {
    fn of(record: &Record<'_>) -> Result<Self, &'static str> {
        let number = |key| record.number(key);
        Ok(Self {
            is_exec: match (record.plain("arch"), record.plain("syscall")) {
                (Some("c000003e"), Some("59" | "322")) | (Some("c00000b7"), Some("221" | "281")) => true,
                // A log that was interpreted.
                (_, Some("execve" | "execveat")) => true,
                _ => false,
            },
            success: record.plain("success") != Some("no"),
            name: record.value("comm").ok_or("a SYSCALL record without comm")?,
            exe: record.value("exe").unwrap_or_default(),
            uid: number("euid").or_else(|| number("uid")).ok_or("a SYSCALL record without euid")?,
            pid: number("pid").ok_or("a SYSCALL record without pid")?,
            ppid: number("ppid").unwrap_or(0),
            tty: record.plain("tty").map(|tty| tty != "(none)"),
            loginuid: match record.plain("auid") {
                Some("unset" | "-1") => Some(u32::MAX),
                _ => number("auid"),
            },
        })
    }
}
