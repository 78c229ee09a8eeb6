//! Falco's thread table: what is read of it, and the one column that is added to it.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;

use anomaly_vectorizer::context::InheritedSocket;
use anomaly_vectorizer::{MAX_ARGUMENT_BYTES, MAX_NAME_BYTES};
use falco_plugin::tables::import::{Field, RuntimeEntry, Table};
use falco_plugin::tables::{TableReader, TableWriter, TablesInput};

use super::sockets::{self, Standing};
use crate::core::Handle;
use crate::parse::widest;

/// The column that is added: the [`Handle`] of the verdict on what the process executed last. It reads 0 where nobody
/// wrote it, or not at all.
const COLUMN: &CStr = c"anomaly_verdict";

/// Processes that are looked at when capture begins.
const MAX_RUNNING: usize = 32_768;

/// Cgroups of one process that are looked at.
const MAX_CGROUPS: usize = 32;

/// A column that holds a number.
macro_rules! number {
    ($reader:expr, $entry:expr, $column:expr) => {
        $column.as_ref().and_then(|column| $entry.read_field($reader, column).ok())
    };
}

#[derive(Debug)]
pub(crate) struct ThreadTag;
#[derive(Debug)]
pub(crate) struct ArgumentTag;
#[derive(Debug)]
pub(crate) struct CgroupTag;

pub(super) type Entry = RuntimeEntry<ThreadTag>;
pub(super) type ThreadTable = Table<i64, Entry>;
type Argument = RuntimeEntry<ArgumentTag>;
type Arguments = Table<u64, Argument>;
type Cgroup = RuntimeEntry<CgroupTag>;
type Cgroups = Table<u64, Cgroup>;

/// An entry of the table.
pub(crate) type Thread = Entry;

/// The table.
pub(crate) struct Threads {
    table: ThreadTable,
    verdict: Option<Field<u64, Entry>>,
    tid: Option<Field<i64, Entry>>,
    pid: Option<Field<i64, Entry>>,
    ptid: Option<Field<i64, Entry>>,
    name: Option<Field<CStr, Entry>>,
    first: Option<Field<CStr, Entry>>,
    executable: Option<Field<CStr, Entry>>,
    directory: Option<Field<CStr, Entry>>,
    uid: Option<Field<u32, Entry>>,
    login_uid: Option<Field<u32, Entry>>,
    terminal: Option<Field<u32, Entry>>,
    container: Option<Field<CStr, Entry>>,
    arguments: Option<(Field<Arguments, Entry>, Field<CStr, Argument>)>,
    cgroups: Option<(Field<Cgroups, Entry>, Field<CStr, Cgroup>)>,
    sockets: Option<sockets::Columns>,
}

/// The parent and grandparent of a process by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parent {
    pub(crate) name: Vec<u8>,
    pub(crate) parent: Vec<u8>,
}

/// A process that ran when capture began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Running {
    pub(crate) pid: i64,
    pub(crate) ppid: i64,
    pub(crate) name: Vec<u8>,
    pub(crate) executable: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) login_uid: Option<u32>,
    pub(crate) terminal: Option<u32>,
    /// Every argument ended by NUL.
    pub(crate) arguments: Vec<u8>,
    pub(crate) cgroups: Vec<Vec<u8>>,
    pub(crate) container: Vec<u8>,
}

/// A process that does something, and where its descriptors are looked up.
pub(crate) struct Actor {
    /// Its main thread, which has the descriptors.
    main: Thread,
    pub(crate) pid: i64,
    pub(crate) name: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) executable: Vec<u8>,
}

/// A process, as far as it takes to know it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Main {
    pub(crate) pid: i64,
    pub(crate) ppid: i64,
    pub(crate) executable: Vec<u8>,
}

impl Threads {
    /// The table, where the host has one. The column is added.
    pub(crate) fn find(tables: &TablesInput<'_>) -> Option<Self> {
        let table: ThreadTable = tables.get_table(c"threads").ok()?;
        let arguments = table
            .get_table_field::<u64, Arguments, Argument, _, _>(tables, c"args", |arguments| {
                arguments.get_field(tables, c"value")
            })
            .ok();
        let cgroups = table
            .get_table_field::<u64, Cgroups, Cgroup, _, _>(tables, c"cgroups", |cgroups| {
                cgroups.get_field(tables, c"second")
            })
            .ok();
        Some(Self {
            verdict: table.add_field(tables, COLUMN).ok(),
            tid: table.get_field(tables, c"tid").ok(),
            pid: table.get_field(tables, c"pid").ok(),
            ptid: table.get_field(tables, c"ptid").ok(),
            name: table.get_field(tables, c"comm").ok(),
            first: table.get_field(tables, c"exe").ok(),
            executable: table.get_field(tables, c"exe_path").ok(),
            directory: table.get_field(tables, c"cwd").ok(),
            uid: table.get_field(tables, c"uid").ok(),
            login_uid: table.get_field(tables, c"loginuid").ok(),
            terminal: table.get_field(tables, c"tty").ok(),
            container: table.get_field(tables, c"container_id").ok(),
            sockets: sockets::Columns::find(&table, tables),
            arguments,
            cgroups,
            table,
        })
    }

    /// How many threads Falco knows; none where it has no driver.
    pub(crate) fn len(&self, reader: &impl TableReader) -> usize {
        self.table.get_size(reader).unwrap_or(0)
    }

    /// Whether threads say which container they are in: whether the container plugin was loaded before.
    pub(crate) fn has_containers(&self) -> bool {
        self.container.is_some()
    }

    /// The thread with this id.
    pub(crate) fn get(&self, reader: &impl TableReader, tid: i64) -> Option<Thread> {
        self.table.get_entry(reader, &tid).ok()
    }

    /// The verdict that a thread carries.
    pub(crate) fn verdict(&self, reader: &impl TableReader, thread: &Thread) -> Option<Handle> {
        let column = self.verdict.as_ref()?;
        Handle::from_column(thread.read_field(reader, column).unwrap_or(0))
    }

    /// Makes a thread carry a verdict; whether it could.
    pub(crate) fn set_verdict(
        &self,
        writer: &impl TableWriter,
        thread: &Thread,
        handle: Option<Handle>,
    ) -> bool {
        let value = handle.map_or(0, Handle::column);
        self.verdict.as_ref().is_some_and(|column| thread.write_field(writer, column, &value).is_ok())
    }

    /// The id of a thread's process.
    pub(crate) fn pid(&self, reader: &impl TableReader, thread: &Thread) -> Option<i64> {
        thread.read_field(reader, self.pid.as_ref()?).ok()
    }

    /// The names of the process with this id and of its parent; empty where not known.
    pub(crate) fn parent(&self, reader: &impl TableReader, pid: i64) -> Parent {
        let Some(parent) = self.get(reader, pid) else { return Parent::default() };
        let grandparent = number!(reader, parent, self.ptid)
            .filter(|&above| above > 0 && above != pid)
            .and_then(|above| self.get(reader, above));
        Parent {
            name: text(reader, &parent, self.name.as_ref(), MAX_NAME_BYTES),
            parent: grandparent
                .map(|grandparent| text(reader, &grandparent, self.name.as_ref(), MAX_NAME_BYTES))
                .unwrap_or_default(),
        }
    }

    /// The process that a thread is of; `None` where the table has none or does not tell its user.
    pub(crate) fn actor(&self, reader: &impl TableReader, tid: i64) -> Option<Actor> {
        let thread = self.get(reader, tid)?;
        let pid = self.pid(reader, &thread).unwrap_or(tid);
        let main = if pid == tid { thread } else { self.get(reader, pid)? };
        let uid = number!(reader, main, self.uid)?;
        let parent = number!(reader, main, self.ptid).filter(|&parent| parent > 0 && parent != pid);
        Some(Actor {
            pid,
            name: text(reader, &main, self.name.as_ref(), MAX_NAME_BYTES),
            parent: parent.map(|parent| self.name_of(reader, parent)).unwrap_or_default(),
            uid,
            executable: text(reader, &main, self.executable.as_ref(), MAX_ARGUMENT_BYTES),
            main,
        })
    }

    /// The name of the process with this id; empty where not known.
    pub(crate) fn name_of(&self, reader: &impl TableReader, pid: i64) -> Vec<u8> {
        let process = self.get(reader, pid);
        process.map(|process| text(reader, &process, self.name.as_ref(), MAX_NAME_BYTES)).unwrap_or_default()
    }

    /// A process's working directory; empty where not known.
    pub(crate) fn directory(&self, reader: &impl TableReader, actor: &Actor) -> Vec<u8> {
        text(reader, &actor.main, self.directory.as_ref(), MAX_ARGUMENT_BYTES)
    }

    /// What one of a process's descriptors stands for; `None` where that is not known.
    pub(crate) fn descriptor(&self, reader: &impl TableReader, actor: &Actor, fd: i64) -> Option<Standing> {
        self.sockets.as_ref()?.descriptor(reader, &actor.main, fd)
    }

    /// Where a process runs: its container's id, and the widest of its cgroups outside of one.
    pub(crate) fn place(&self, reader: &impl TableReader, actor: &Actor) -> (Option<CString>, String) {
        // Copied, because the next question to the host may change what this one pointed to.
        let container = self.container(reader, &actor.main).map(CStr::to_owned);
        if container.as_ref().is_some_and(|id| !id.is_empty()) {
            return (container, String::new());
        }
        let mut cgroups = Vec::new();
        if let Some((table, path)) = &self.cgroups
            && let Ok(table) = actor.main.read_field(reader, table)
        {
            // What cannot be visited is not known, and then nor is the workload.
            let _ = table.iter_entries_mut(reader, |cgroup| {
                cgroups.push(text(reader, cgroup, Some(path), MAX_ARGUMENT_BYTES));
                if cgroups.len() < MAX_CGROUPS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }
        (container, widest(cgroups.iter().map(Vec::as_slice)).into_owned())
    }

    /// The id of the thread's container, empty outside of one; `None` where nobody says.
    pub(crate) fn container<'a>(&self, reader: &impl TableReader, thread: &'a Thread) -> Option<&'a CStr> {
        // Unwritten reads as an empty text, or not at all.
        Some(thread.read_field(reader, self.container.as_ref()?).unwrap_or(c""))
    }

    /// The sockets among descriptors 0-2.
    pub(crate) fn sockets(&self, reader: &impl TableReader, thread: &Thread) -> Option<Vec<InheritedSocket>> {
        self.sockets.as_ref()?.sockets(reader, thread)
    }

    /// Every process.
    pub(crate) fn mains(&self, reader: &impl TableReader) -> Vec<Main> {
        let mut all = Vec::new();
        let visited = self.table.iter_entries_mut(reader, |thread| {
            let (tid, pid) = (number!(reader, thread, self.tid), self.pid(reader, thread));
            if let Some(pid) = pid.filter(|_| tid == pid) {
                let executable = text(reader, thread, self.executable.as_ref(), MAX_ARGUMENT_BYTES);
                all.push(Main { pid, ppid: number!(reader, thread, self.ptid).unwrap_or(0), executable });
            }
            if all.len() < MAX_RUNNING { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if visited.is_ok() { all } else { Vec::new() }
    }

    /// Every process that runs, with its parent and grandparent.
    pub(crate) fn running(&self, reader: &impl TableReader) -> Vec<(Running, Parent)> {
        let mut all = Vec::new();
        let visited = self.table.iter_entries_mut(reader, |thread| {
            all.extend(self.process(reader, thread));
            if all.len() < MAX_RUNNING { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if visited.is_err() {
            return Vec::new();
        }
        let names: HashMap<i64, (Vec<u8>, i64)> =
            all.iter().map(|process: &Running| (process.pid, (process.name.clone(), process.ppid))).collect();
        let forked: Vec<bool> = {
            let by_pid: HashMap<i64, &Running> = all.iter().map(|process| (process.pid, process)).collect();
            all.iter()
                .map(|process| by_pid.get(&process.ppid).is_some_and(|parent| process.is_fork_of(parent)))
                .collect()
        };
        let parent = |process: &Running| match names.get(&process.ppid) {
            Some((name, above)) => {
                let parent = names.get(above).map(|(name, _)| name.clone()).unwrap_or_default();
                Parent { name: name.clone(), parent }
            }
            None => Parent::default(),
        };
        let parents: Vec<Parent> = all.iter().map(parent).collect();
        let kept = all.into_iter().zip(parents).zip(forked);
        kept.filter(|(_, is_fork)| !is_fork).map(|(process, _)| process).collect()
    }

    /// A main thread's process, if it runs a program: kernel threads do not.
    fn process(&self, reader: &impl TableReader, thread: &Thread) -> Option<Running> {
        let (tid, pid) = (number!(reader, thread, self.tid)?, self.pid(reader, thread)?);
        let executable = text(reader, thread, self.executable.as_ref(), MAX_ARGUMENT_BYTES);
        let first = text(reader, thread, self.first.as_ref(), MAX_ARGUMENT_BYTES);
        if tid != pid {
            return None;
        }
        let mut arguments = first;
        arguments.push(0);
        if let Some((table, value)) = &self.arguments
            && let Ok(table) = thread.read_field(reader, table)
        {
            // A table of texts has no bound of its own.
            let visited = table.iter_entries_mut(reader, |argument| {
                let text = argument.read_field(reader, value).map(CStr::to_bytes).unwrap_or_default();
                arguments.extend_from_slice(&text[..text.len().min(MAX_ARGUMENT_BYTES)]);
                arguments.push(0);
                if arguments.len() < MAX_ARGUMENT_BYTES {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            visited.ok()?;
        }
        let mut cgroups = Vec::new();
        if let Some((table, path)) = &self.cgroups
            && let Ok(table) = thread.read_field(reader, table)
        {
            let visited = table.iter_entries_mut(reader, |cgroup| {
                let path = text(reader, cgroup, Some(path), MAX_ARGUMENT_BYTES);
                if cgroups.last() != Some(&path) {
                    cgroups.push(path);
                }
                if cgroups.len() < MAX_CGROUPS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            visited.ok()?;
        }
        Some(Running {
            pid,
            ppid: number!(reader, thread, self.ptid).unwrap_or(0),
            name: text(reader, thread, self.name.as_ref(), MAX_NAME_BYTES),
            executable,
            uid: number!(reader, thread, self.uid)?,
            login_uid: number!(reader, thread, self.login_uid),
            terminal: number!(reader, thread, self.terminal),
            arguments,
            cgroups,
            container: text(reader, thread, self.container.as_ref(), MAX_NAME_BYTES),
        })
    }
}

impl Running {
    /// Whether this is a kernel thread, which runs no program.
    pub(crate) fn is_kernel_thread(&self) -> bool {
        self.executable.is_empty() && self.arguments.iter().all(|&byte| byte == 0)
    }

    /// Whether this looks like a fork that runs its parent's program: executing nothing, it has taught nothing.
    fn is_fork_of(&self, parent: &Self) -> bool {
        self.name == parent.name && self.executable == parent.executable && self.arguments == parent.arguments
    }
}

/// A column that holds text, at most `limit` bytes of it; empty where it cannot be read.
fn text<T>(
    reader: &impl TableReader,
    entry: &RuntimeEntry<T>,
    column: Option<&Field<CStr, RuntimeEntry<T>>>,
    limit: usize,
) -> Vec<u8> {
    let text =
        column.and_then(|column| entry.read_field(reader, column).ok()).map_or(&[][..], CStr::to_bytes);
    text[..text.len().min(limit)].to_vec()
}
