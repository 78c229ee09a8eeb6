//! `sys_enter_execve(at)` and `sys_exit_execve(at)`: for kernels that do not say how their structures lie in memory.
//!
//! ```text
//! execve(filename, argv, envp)            -> sys_enter_execve:   what was asked for  -> PENDING[tgid]
//! execveat(fd, filename, argv, envp, ...) -> sys_enter_execveat:         "
//!                                              |
//!                                 the new program, or an error
//!                                              |
//!                                            sys_exit_execve(at): 0 -> the record goes out; else it is dropped
//! ```
//! A shell that looks for a command tries every directory of PATH, and each try enters; only the exit tells which one
//! it was. It fires in the new program, whose name and time are taken there. What entered is found by process: a
//! thread other than the first that calls exec comes back as the first.
//!
//! Parent, terminal, login and sockets stay unknown: the reader asks /proc while the process lives.

use anomaly_ebpf::{Counter, ENTER_ARGUMENT_LIMIT, Header, NAME_BYTES, PATH_LIMIT, flags};
use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_probe_read_user,
        generated::{bpf_map_update_elem, bpf_probe_read_user_str},
    },
    macros::{map, tracepoint},
    maps::HashMap,
    programs::TracePointContext,
};

use crate::{
    exec::describe_self,
    output::{count, keep, scratch, submit},
};

/// The longest record of this hook.
const PENDING_BYTES: usize = size_of::<Header>() + PATH_LIMIT + ENTER_ARGUMENT_LIMIT;

/// How many arguments are looked at: the loop has to be bounded for the verifier's sake.
const MOST_ARGUMENTS: usize = 512;

/// What entered and has not come back, by process.
#[map]
static PENDING: HashMap<u32, [u64; PENDING_BYTES / 8]> = HashMap::with_max_entries(1, 0);

const _: () = assert!(PENDING_BYTES % 8 == 0);

#[tracepoint(category = "syscalls", name = "sys_enter_execve")]
fn sys_enter_execve(context: TracePointContext) -> Option<()> {
    entered(&context, 0)
}

#[tracepoint(category = "syscalls", name = "sys_enter_execveat")]
fn sys_enter_execveat(context: TracePointContext) -> Option<()> {
    entered(&context, 1)
}

#[tracepoint(category = "syscalls", name = "sys_exit_execve")]
fn sys_exit_execve(context: TracePointContext) -> Option<()> {
    left(&context)
}

#[tracepoint(category = "syscalls", name = "sys_exit_execveat")]
fn sys_exit_execveat(context: TracePointContext) -> Option<()> {
    left(&context)
}

/// The system call's argument `n`. Tracepoints of system calls all begin alike: 8 bytes common to all tracepoints,
/// the call's number, then its arguments as longs.
#[inline(always)]
fn argument<T: Copy>(context: &TracePointContext, n: usize) -> Option<T> {
    // SAFETY: the helper checks the address; every bit pattern is a `T`, which is a pointer or a long.
    unsafe { context.read_at(16 + 8 * n) }.ok()
}

/// Keeps what was asked for. `first` is the number of the system call's argument that is the file name.
#[inline(always)]
fn entered(context: &TracePointContext, first: usize) -> Option<()> {
    let filename: *const u8 = argument(context, first)?;
    let vector: *const *const u8 = argument(context, first + 1)?;
    let record = scratch()?;
    // SAFETY: `scratch` gave this CPU's element, which begins with a header.
    let header = unsafe { &mut *record.cast::<Header>() };
    header.flags = flags::ENTERED;
    header.parent = bpf_get_current_comm().unwrap_or([0; NAME_BYTES]);
    // The thread, until the process is known to have become another program.
    header.ppid = bpf_get_current_pid_tgid() as u32;

    let mut length = size_of::<Header>();
    // SAFETY: the helper checks `filename` itself; the verifier checks that there is room.
    let copied = unsafe {
        bpf_probe_read_user_str(record.wrapping_add(length).cast(), PATH_LIMIT as u32, filename.cast())
    };
    if copied > 1 && copied <= PATH_LIMIT as i64 {
        header.filename_kept = copied as u16 - 1;
        length += copied as usize - 1;
    }
    let kept = arguments(header, record, length, vector);
    header.arguments_kept = kept as u32;
    header.argument_bytes = kept as u32;

    let process = (bpf_get_current_pid_tgid() >> 32) as u32;
    // Where there is no room, the exit finds nothing and counts it.
    // SAFETY: `HashMap` is the map's definition and nothing else; an element of it is shorter than the scratch record.
    unsafe {
        bpf_map_update_elem(
            (&raw const PENDING).cast_mut().cast(),
            (&raw const process).cast_mut().cast(),
            record.cast(),
            BPF_ANY.into(),
        );
    }
    Some(())
}

/// Copies the arguments to `record[at..]`, each with its NUL. Returns how many bytes they are.
#[inline(always)]
fn arguments(header: &mut Header, record: *mut u8, at: usize, vector: *const *const u8) -> usize {
    let limit = keep(ENTER_ARGUMENT_LIMIT);
    let mut used = 0;
    for n in 0..MOST_ARGUMENTS {
        // SAFETY: the helper checks the address itself.
        let Ok(argument) = (unsafe { bpf_probe_read_user(vector.wrapping_add(n)) }) else {
            header.flags |= flags::UNREADABLE;
            return used;
        };
        if argument.is_null() {
            return used;
        }
        if used >= limit {
            break;
        }
        let room = limit - used;
        // SAFETY: the helper checks `argument` itself; the verifier checks that there is room.
        let copied = unsafe {
            bpf_probe_read_user_str(record.wrapping_add(at + used).cast(), room as u32, argument.cast())
        };
        if copied < 1 || copied > room as i64 {
            header.flags |= flags::UNREADABLE;
            return used;
        }
        used += copied as usize;
        if copied as usize == room {
            break;
        }
    }
    header.flags |= flags::TRUNCATED;
    used
}

/// Sends what entered where it succeeded.
#[inline(always)]
fn left(context: &TracePointContext) -> Option<()> {
    let result: i64 = argument(context, 0)?;
    let ids = bpf_get_current_pid_tgid();
    let (process, thread) = ((ids >> 32) as u32, ids as u32);
    let Some(pending) = PENDING.get_ptr_mut(&process) else {
        if result == 0 {
            count(Counter::Unmatched);
        }
        return None;
    };
    let record = pending.cast::<u8>();
    // SAFETY: an element of the map begins with a header; only this process, which is here, has to do with it.
    let header = unsafe { &mut *record.cast::<Header>() };
    if result == 0 {
        header.ppid = 0;
        describe_self(header);
        let variable = header.filename_kept as usize + header.arguments_kept as usize;
        submit(record, size_of::<Header>() + variable.min(PATH_LIMIT + ENTER_ARGUMENT_LIMIT));
    } else if header.ppid != thread {
        // Another thread of this process is still in its own exec.
        return None;
    }
    PENDING.remove(&process).ok()
}
