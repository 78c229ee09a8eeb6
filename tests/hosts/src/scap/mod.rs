//! Captures in the format of libscap, written from nothing: what a machine might have done, event by event.
//!
//! A recorded capture holds every process's environment and whatever else ran on that machine, so none may be
//! committed; and a recording cannot be made to contain the one thing that a test is about. Here the test says what
//! happens. Only what libsinsp needs to build its thread table is written: machine, processes, descriptors, and the
//! exit events of the calls that matter. Schema 4.1 (libs 0.23); newer ones fill in what they added.
//!
//! The number that each call returns is `evt.num` in the host, so that a test can name the events it expects.

mod block;
mod event;
mod exec;
mod task;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use block::{Bytes, nul_terminated};
use event::{EventType, Parameters};
pub use exec::Exec;
pub use task::{Descriptor, NO_LOGIN, Task};

/// When captures begin: 2026-03-02 08:00:00 UTC.
pub const START: u64 = 1_772_438_400 * 1_000_000_000;
/// Between two events.
const STEP: Duration = Duration::from_millis(1);
/// The machine booted an hour before.
const BOOT: u64 = START - 3_600 * 1_000_000_000;

/// Flags of an open: for reading,
pub const READ: u32 = 1;
/// for writing,
pub const WRITE: u32 = 1 << 1;
/// making the file where it is missing,
pub const CREATE: u32 = 1 << 2;
/// and emptying it.
pub const TRUNCATE: u32 = 1 << 8;

/// A path is relative to the working directory.
const AT_FDCWD: i64 = -100;

/// `evt.num` of an event.
pub type Number = u64;

/// A capture being written.
#[derive(Debug)]
pub struct Capture {
    output: BufWriter<File>,
    tasks: BTreeMap<u32, Task>,
    time: u64,
    events: Number,
    next_pid: u32,
}

impl Capture {
    /// Starts a capture of a machine on which these processes run. Process 1 is added where it is missing.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn create(path: &Path, running: &[Task]) -> io::Result<Self> {
        let mut running = running.to_vec();
        if !running.iter().any(|task| task.pid == 1) {
            running.insert(0, Task::new(1, 0, "/usr/lib/systemd/systemd"));
        }
        let mut output = BufWriter::new(File::create(path)?);
        output.write_all(&section_header())?;
        output.write_all(&machine_info())?;
        for block in task::list(&running) {
            output.write_all(&block)?;
        }
        let next_pid = running.iter().map(|task| task.tid + 1).max().unwrap_or(2).max(1000);
        let tasks = running.into_iter().map(|task| (task.tid, task)).collect();
        Ok(Self { output, tasks, time: START, events: 0, next_pid })
    }

    /// Lets time pass.
    pub fn advance(&mut self, time: Duration) {
        self.time += u64::try_from(time.as_nanos()).expect("centuries fit");
    }

    /// When the last event happened, in nanoseconds since the Unix epoch.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The number of the last event.
    pub fn events(&self) -> Number {
        self.events
    }

    /// A new process, which is its parent over again until it executes something. Returns its id and the number of the
    /// event in the child.
    ///
    /// # Errors
    /// Where the file cannot be written; so for all others.
    ///
    /// # Panics
    /// Where the process is unknown; so for all others.
    pub fn fork(&mut self, parent: u32) -> io::Result<(u32, Number)> {
        let pid = self.next_pid();
        let parent = self.task(parent).clone();
        let child = Task { pid, tid: pid, ppid: parent.pid, ..parent.clone() };
        self.clone_events(&parent, child, 0)
    }

    /// A new thread of a process. Returns its id and the number of the event in it.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn thread(&mut self, pid: u32) -> io::Result<(u32, Number)> {
        let tid = self.next_pid();
        let process = self.task(pid).clone();
        let thread = Task { tid, ..process.clone() };
        self.clone_events(&process, thread, task::CLONE_THREAD | task::CLONE_FILES)
    }

    /// Drivers send both sides, the caller's first as a rule.
    fn clone_events(&mut self, caller: &Task, new: Task, flags: u32) -> io::Result<(u32, Number)> {
        let tid = new.tid;
        for (task, result) in [(caller, i64::from(tid)), (&new, 0)] {
            let mut parameters = Parameters::default();
            self.start_of(&mut parameters, task, result);
            parameters.bytes(&task.cgroups()).u32(flags).u32(task.uid).u32(task.uid);
            let in_namespace = flags & task::CHILD_IN_NAMESPACE != 0 && result == 0;
            let (vtid, vpid) = if in_namespace { (7, 7) } else { (task.tid, task.pid) };
            parameters.i64(i64::from(vtid)).i64(i64::from(vpid)).u64(0);
            self.write(EventType::Clone, task.tid, &parameters)?;
        }
        self.tasks.insert(tid, new);
        Ok((tid, self.events))
    }

    /// A process executes a program.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn exec(&mut self, pid: u32, exec: &Exec) -> io::Result<Number> {
        let before = self.task(pid).clone();
        let after = if exec.result < 0 {
            before
        } else {
            Task {
                name: exec.name.clone(),
                path: exec.path.clone(),
                args: exec.args.clone(),
                uid: exec.uid.unwrap_or(before.uid),
                tty: exec.tty.unwrap_or(before.tty),
                ..before
            }
        };
        let mut parameters = Parameters::default();
        self.start_of(&mut parameters, &after, exec.result);
        parameters
            .bytes(&after.cgroups())
            .bytes(&nul_terminated(&["PATH=/usr/bin"]))
            .u32(after.tty)
            .i64(i64::from(after.pid))
            .u32(after.login_uid)
            .u32(exec.flags)
            .u64(0) // capabilities
            .u64(0)
            .u64(0)
            .u64(4711) // the executable's inode and its times
            .u64(1)
            .u64(1)
            .u32(after.uid)
            .string(&after.path)
            .i64(i64::from(after.pid))
            .u32(after.uid);
        let event = if exec.by_descriptor {
            EventType::Execveat
        } else {
            parameters.string(&exec.filename);
            EventType::Execve
        };
        self.tasks.insert(after.tid, after);
        self.write(event, pid, &parameters)
    }

    /// A child that executes a program at once. Returns its id and the number of the execution.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn run(&mut self, parent: u32, exec: &Exec) -> io::Result<(u32, Number)> {
        let (pid, _) = self.fork(parent)?;
        Ok((pid, self.exec(pid, exec)?))
    }

    /// A child in a process namespace of its own, as in a container, that executes a program. Returns its id and the
    /// number of the execution.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn run_in_container(&mut self, parent: u32, exec: &Exec) -> io::Result<(u32, Number)> {
        let pid = self.next_pid();
        let parent = self.task(parent).clone();
        let child = Task { pid, tid: pid, ppid: parent.pid, ..parent.clone() };
        let (pid, _) = self.clone_events(&parent, child, task::CHILD_IN_NAMESPACE)?;
        Ok((pid, self.exec(pid, exec)?))
    }

    /// A child that executes a program and ends. Returns the number of the execution.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn run_and_exit(&mut self, parent: u32, exec: &Exec) -> io::Result<Number> {
        let (pid, number) = self.run(parent, exec)?;
        self.exit(pid)?;
        Ok(number)
    }

    /// A thread, or the process whose only one it is, ends.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn exit(&mut self, tid: u32) -> io::Result<Number> {
        self.tasks.remove(&tid).expect("a thread that runs");
        let mut parameters = Parameters::default();
        parameters.i64(0).i64(0).u8(0).u8(0).i64(1);
        self.write(EventType::ProcessExit, tid, &parameters)
    }

    /// A thread connects a new socket, which takes this descriptor. Returns the number of the connection.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn connect(&mut self, tid: u32, fd: u32, remote: SocketAddrV4) -> io::Result<Number> {
        const INET: u8 = 2;
        const STREAM: u32 = 1;
        self.task(tid);
        let fd = i64::from(fd);
        let mut socket = Parameters::default();
        socket.i64(fd).u32(INET.into()).u32(STREAM).u32(0);
        self.write(EventType::Socket, tid, &socket)?;

        let mut address = Bytes::default();
        address.u8(INET).raw(&remote.ip().octets()).u16(remote.port());
        let mut tuple = Bytes::default();
        tuple.u8(INET).raw(&[10, 0, 0, 2]).u16(40_000).raw(&remote.ip().octets()).u16(remote.port());
        let mut connect = Parameters::default();
        connect.i64(0).bytes(tuple.as_slice()).i64(fd).bytes(address.as_slice());
        self.write(EventType::Connect, tid, &connect)
    }

    /// A thread makes one descriptor another name for a second.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn dup2(&mut self, tid: u32, old: u32, new: u32) -> io::Result<Number> {
        self.task(tid);
        let (old, new) = (i64::from(old), i64::from(new));
        let mut parameters = Parameters::default();
        parameters.i64(new).i64(old).i64(new);
        self.write(EventType::Dup2, tid, &parameters)
    }

    /// A thread opens a file for reading.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn open(&mut self, tid: u32, path: &str) -> io::Result<Number> {
        self.open_to(tid, path, READ)
    }

    /// A thread opens a file with these flags: [`READ`], [`WRITE`], [`CREATE`], [`TRUNCATE`].
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn open_to(&mut self, tid: u32, path: &str, flags: u32) -> io::Result<Number> {
        self.task(tid);
        let mut parameters = Parameters::default();
        parameters.i64(9).i64(AT_FDCWD).string(path).u32(flags).u32(0o644).u32(1).u64(77);
        self.write(EventType::Openat, tid, &parameters)
    }

    /// A thread attaches to another process, or says with `None` that its parent may attach to it.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn ptrace(&mut self, tid: u32, target: Option<u32>) -> io::Result<Number> {
        const TRACEME: u16 = 1;
        const ATTACH: u16 = 11;
        self.task(tid);
        let mut parameters = Parameters::default();
        parameters.i64(0).bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0]).bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let request = if target.is_some() { ATTACH } else { TRACEME };
        parameters.bytes(&request.to_le_bytes()).i64(i64::from(target.unwrap_or(0)));
        self.write(EventType::Ptrace, tid, &parameters)
    }

    /// A thread makes a symbolic link.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn symlink(&mut self, tid: u32, target: &str, link: &str) -> io::Result<Number> {
        self.task(tid);
        let mut parameters = Parameters::default();
        parameters.i64(0).string(target).i64(AT_FDCWD).string(link);
        self.write(EventType::Symlinkat, tid, &parameters)
    }

    /// A thread changes a file's mode.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn chmod(&mut self, tid: u32, path: &str, mode: u32) -> io::Result<Number> {
        self.task(tid);
        let mut parameters = Parameters::default();
        parameters.i64(0).string(path).u32(mode);
        self.write(EventType::Chmod, tid, &parameters)
    }

    /// A thread makes a socket of this family and type.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn socket(&mut self, tid: u32, fd: u32, family: u32, sort: u32) -> io::Result<Number> {
        self.task(tid);
        let mut parameters = Parameters::default();
        parameters.i64(i64::from(fd)).u32(family).u32(sort).u32(0);
        self.write(EventType::Socket, tid, &parameters)
    }

    /// An event that a plugin injected, as a live capture records it.
    ///
    /// # Errors
    /// See [`Self::fork`].
    ///
    /// # Panics
    /// At the very beginning, where libsinsp takes such an event for part of the machine's state and shows it to nobody.
    pub fn injected(&mut self, tid: u32, name: &str, data: &[u8]) -> io::Result<Number> {
        assert!(self.events > 0, "something else has to happen first");
        let mut parameters = Parameters::default();
        parameters.u32(0).string(name).bytes(data);
        self.write(EventType::Injected, tid, &parameters)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// See [`Self::fork`].
    pub fn finish(mut self) -> io::Result<Number> {
        self.output.flush()?;
        Ok(self.events)
    }

    /// What clone and execve events begin with: result, program, ids, memory, name.
    fn start_of(&self, parameters: &mut Parameters, task: &Task, result: i64) {
        parameters
            .i64(result)
            .string(task.args.first().unwrap_or(&task.path))
            .bytes(&nul_terminated(task.args.get(1..).unwrap_or_default()))
            .i64(i64::from(task.tid))
            .i64(i64::from(task.pid))
            .i64(i64::from(task.ppid))
            .string("") // working directory: no longer sent
            .u64(1024)
            .u64(0)
            .u64(100)
            .u32(10_000)
            .u32(5_000)
            .u32(0)
            .string(&task.name);
    }

    fn write(&mut self, event: EventType, tid: u32, parameters: &Parameters) -> io::Result<Number> {
        self.advance(STEP);
        self.output.write_all(&parameters.block(event, self.time, tid))?;
        self.events += 1;
        Ok(self.events)
    }

    fn task(&self, tid: u32) -> &Task {
        self.tasks.get(&tid).expect("a thread that runs")
    }

    fn next_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }
}

fn section_header() -> Vec<u8> {
    let mut content = Bytes::default();
    content.u32(0x1A2B_3C4D).u16(1).u16(2).u64(u64::MAX);
    content.into_block(0x0A0D_0D0A)
}

fn machine_info() -> Vec<u8> {
    let mut hostname = [0; 128];
    hostname[..7].copy_from_slice(b"example");
    let mut content = Bytes::default();
    content.u32(2).u64(8 << 30).u64(4_194_304).raw(&hostname).u64(BOOT).u64(0).u64(0).u64(0);
    content.into_block(0x201)
}
