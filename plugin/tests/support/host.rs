//! What libsinsp is to a plugin: a source of events of system calls, and a thread table that those events change.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};

use falco_plugin::anyhow::{Error, anyhow};
use falco_plugin::base::Plugin;
use falco_plugin::event::events::{AnyEventPayload, RawEvent};
use falco_plugin::parse::{ParseInput, ParsePlugin};
use falco_plugin::source::{EventBatch, EventInput, SourcePlugin, SourcePluginInstance};
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::export::Table;
use falco_plugin::{FailureReason, static_plugin};

use super::threads::{Process, Thread};

/// Any event of the source `syscall`. A source that names no sources for its parser hears but its own, and the runner
/// takes this one's to be another.
#[derive(Debug)]
pub struct Syscall<'a>(pub RawEvent<'a>);

impl AnyEventPayload for Syscall<'_> {
    const SOURCES: &'static [Option<&'static str>] = &[Some("syscall")];
    const EVENT_TYPES: &'static [u16] = &[];
}

impl<'a> From<&RawEvent<'a>> for Syscall<'a> {
    fn from(event: &RawEvent<'a>) -> Self {
        Self(event.into())
    }
}

thread_local! {
    /// Events that are still to happen.
    static EVENTS: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) };
    /// What runs when the next capture begins.
    static RUNNING: RefCell<Vec<Process>> = const { RefCell::new(Vec::new()) };
}

/// Lets an event of a system call happen next.
pub fn push(event: Vec<u8>) {
    EVENTS.with_borrow_mut(|events| events.push_back(event));
}

/// Lets these processes run before the next host's capture begins.
pub fn run_before(processes: Vec<Process>) {
    RUNNING.set(processes);
}

pub struct Host {
    threads: Box<Table<i64, Thread>>,
}

impl Plugin for Host {
    const NAME: &'static CStr = c"host";
    const PLUGIN_VERSION: &'static CStr = c"0.0.0";
    const DESCRIPTION: &'static CStr = c"what libsinsp is to a plugin";
    const CONTACT: &'static CStr = c"nobody";
    type ConfigType = String;

    fn new(tables: Option<&TablesInput>, _: String) -> Result<Self, Error> {
        let tables = tables.ok_or_else(|| anyhow!("no tables"))?;
        let mut host = Self { threads: tables.add_table(Table::new(c"threads")?)? };
        for process in RUNNING.take() {
            host.add(&process)?;
        }
        // A Falco with a driver knows itself at least.
        host.add(&Process {
            pid: 1,
            name: "init".into(),
            arguments: vec!["/sbin/init".into()],
            ..Process::default()
        })?;
        Ok(host)
    }
}

impl Host {
    fn add(&mut self, process: &Process) -> Result<(), Error> {
        let mut thread = self.threads.create_entry()?;
        (*thread.tid, *thread.pid, *thread.ptid) = (process.pid, process.pid, process.ppid);
        *thread.comm = CString::new(&*process.name)?;
        let mut arguments = process.arguments.iter();
        *thread.exe = CString::new(arguments.next().map_or("", |first| first))?;
        *thread.exe_path = thread.exe.clone();
        *thread.cwd = c"/srv".to_owned();
        *thread.loginuid = u32::MAX;
        for (number, argument) in (0..).zip(arguments) {
            let mut entry = thread.args.create_entry()?;
            *entry.value = CString::new(&**argument)?;
            drop(thread.args.insert(&number, entry));
        }
        let mut cgroup = thread.cgroups.create_entry()?;
        *cgroup.second = CString::new(&*process.cgroup)?;
        drop(thread.cgroups.insert(&0, cgroup));
        drop(self.threads.insert(&process.pid, thread));
        Ok(())
    }
}

impl ParsePlugin for Host {
    type Event<'a> = Syscall<'a>;

    fn parse_event(&mut self, event: &EventInput<Syscall<'_>>, _: &ParseInput) -> Result<(), Error> {
        let Syscall(event) = event.event()?;
        let number = |bytes: &[u8]| bytes.try_into().map(i64::from_ne_bytes).unwrap_or_default();
        let text = |bytes: &[u8]| CStr::from_bytes_until_nul(bytes).map(CStr::to_owned).unwrap_or_default();
        match event.event_type {
            293 | 331 => {
                let all: Vec<&[u8]> = event.params::<u16>()?.collect::<Result<_, _>>()?;
                let [result, pid, ppid] = [all[0], all[4], all[5]].map(number);
                if result != 0 {
                    return Ok(());
                }
                if self.threads.lookup(&pid).is_none() {
                    self.add(&Process { pid, ppid, ..Process::default() })?;
                }
                let mut thread = self.threads.lookup(&pid).ok_or_else(|| anyhow!("just added"))?;
                (*thread.comm, *thread.exe, *thread.ptid) = (text(all[13]), text(all[1]), ppid);
            }
            223 => {
                let all: Vec<&[u8]> = event.params::<u16>()?.collect::<Result<_, _>>()?;
                let [tid, pid, ppid] = [all[3], all[4], all[5]].map(number);
                let name =
                    self.threads.lookup(&ppid).map(|parent| parent.comm.to_string_lossy().into_owned());
                self.add(&Process { pid: tid, ppid, name: name.unwrap_or_default(), ..Process::default() })?;
                if let Some(mut thread) = self.threads.lookup(&tid) {
                    *thread.pid = pid;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

pub struct Instance;

impl SourcePlugin for Host {
    type Instance = Instance;
    const EVENT_SOURCE: &'static CStr = c"";
    const PLUGIN_ID: u32 = 0;
    type Event<'a> = RawEvent<'a>;

    fn open(&mut self, _: Option<&str>) -> Result<Instance, Error> {
        Ok(Instance)
    }

    fn event_to_string(&mut self, _: &EventInput<RawEvent<'_>>) -> Result<CString, Error> {
        Ok(CString::default())
    }
}

impl SourcePluginInstance for Instance {
    type Plugin = Host;

    fn next_batch(&mut self, _: &mut Host, batch: &mut EventBatch<'_>) -> Result<(), Error> {
        match EVENTS.with_borrow_mut(VecDeque::pop_front) {
            Some(event) => Ok(batch.add(&*event)?),
            None => Err(FailureReason::Timeout.into()),
        }
    }
}

static_plugin!(pub HOST = Host);
