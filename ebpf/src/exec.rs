//! `sched_process_exec`: once per successful execve or execveat, in the context of the new program.
//!
//! ```text
//! execve, execveat -> do_execveat_common -> bprm_execve -> exec_binprm
//!                                                              |-> search_binary_handler -> load_elf_binary: mm, comm,
//!                                                              |   credentials, arg_start, arg_end are the new ones
//!                                                              `-> trace_sched_process_exec(task, old pid, bprm)
//! ```
//! The argument area was written by this very system call, so that it is in memory and nobody can have changed it;
//! one copy takes it whole.

use anomaly_ebpf::{ARGUMENT_LIMIT, Field, Header, NAME_BYTES, PATH_LIMIT, flags, known};
use aya_ebpf::{
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
        generated::{
            bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str, bpf_probe_read_user,
        },
    },
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};

use crate::{
    kernel::{Address, follow, read},
    output::{keep, scratch, submit},
    sockets,
};

#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn sched_process_exec(context: RawTracePointContext) -> Option<()> {
    let (task, binprm): (Address, Address) = (context.arg(0), context.arg(2));
    let record = scratch()?;
    // SAFETY: `scratch` gave this CPU's element, which begins with a header.
    let header = unsafe { &mut *record.cast::<Header>() };
    describe_self(header);
    describe_task(header, task);
    describe_cgroups(header, task);
    let mm = follow(task, Field::TaskMm);
    mm.and_then(|mm| describe_executable(header, mm));
    sockets::describe(header, task);

    let mut length = size_of::<Header>();
    let filename = follow(binprm, Field::BinprmFilename);
    let kept = path(record, length, filename);
    header.filename_kept = kept as u16;
    length += kept;
    let interp = follow(binprm, Field::BinprmInterp);
    if interp != filename {
        let kept = path(record, length, interp);
        header.interp_kept = kept as u16;
        length += kept;
    }
    length += mm.and_then(|mm| arguments(header, record, length, mm)).unwrap_or_default();
    submit(record, length);
    Some(())
}

/// What needs no kernel structure: for both hooks.
#[inline(always)]
pub(crate) fn describe_self(header: &mut Header) {
    // SAFETY: these helpers take no argument and cannot fail.
    (header.time, header.cgroups[0]) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id()) };
    header.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    header.uid = bpf_get_current_uid_gid() as u32;
    header.name = bpf_get_current_comm().unwrap_or_default();
}

/// Who runs it and who started it. A parent is the parent's process, not the thread that forked, as in /proc.
#[inline(always)]
fn describe_task(header: &mut Header, task: Address) {
    if let Some(start) = read(task, Field::TaskStart) {
        header.start_boottime = start;
        header.known |= known::START;
    }
    if let Some(exec_id) = read(task, Field::TaskExecId) {
        header.exec_id = exec_id;
        header.known |= known::EXEC_ID;
    }
    if let Some(login_uid) = read(task, Field::TaskLoginUid) {
        header.login_uid = login_uid;
        header.known |= known::LOGIN_UID;
    }
    if let Some(uid) = follow(task, Field::TaskCred).and_then(|cred| read(cred, Field::CredEuid)) {
        header.uid = uid;
        header.known |= known::EFFECTIVE_UID;
    }
    if let Some(tty) =
        follow(task, Field::TaskSignal).and_then(|signal| read::<Address>(signal, Field::SignalTty))
    {
        header.flags |= if tty.is_null() { 0 } else { flags::TERMINAL };
        header.known |= known::TERMINAL;
    }
    let parent_of =
        |task| follow(task, Field::TaskRealParent).and_then(|parent| follow(parent, Field::TaskGroupLeader));
    let Some(parent) = parent_of(task) else { return };
    if let (Some(ppid), Some(name)) =
        (read(parent, Field::TaskTgid), read::<[u8; NAME_BYTES]>(parent, Field::TaskComm))
    {
        header.ppid = ppid;
        header.parent = name;
        header.known |= known::PARENT;
    }
    if let Some(name) = parent_of(parent).and_then(|task| read::<[u8; NAME_BYTES]>(task, Field::TaskComm)) {
        header.grandparent = name;
        header.known |= known::GRANDPARENT;
    }
}

/// Where the v1 controllers put it, on machines that have such.
#[inline(always)]
fn describe_cgroups(header: &mut Header, task: Address) -> Option<()> {
    let set = follow(task, Field::TaskCgroups)?;
    header.cgroup_set = set as u64;
    for (slot, field) in [(1, Field::SetPids), (2, Field::SetMemory)] {
        let cgroup = follow(set, field).and_then(|state| follow(state, Field::StateCgroup));
        let node = cgroup.and_then(|cgroup| follow(cgroup, Field::CgroupNode));
        header.cgroups[slot] = node.and_then(|node| read(node, Field::NodeId)).unwrap_or(0);
    }
    Some(())
}

/// Where the executable lives. For a script this is its interpreter.
#[inline(always)]
fn describe_executable(header: &mut Header, mm: Address) -> Option<()> {
    /// tmpfs, on which `memfd_create` makes its files, and hugetlbfs, on which it does with `MFD_HUGETLB`.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x9584_58f6];
    const OVERLAY: u64 = 0x794c_7630;

    let file = follow(mm, Field::MmExeFile)?;
    let inode = follow(file, Field::FileInode)?;
    let magic: u64 =
        follow(inode, Field::InodeSuper).and_then(|superblock| read(superblock, Field::SuperMagic))?;
    let links: u32 = read(inode, Field::InodeLinks)?;
    let dentry = follow(file, Field::FileDentry)?;
    let start: [u8; 8] = follow(dentry, Field::DentryName).and_then(|name| {
        // SAFETY: the helper checks the address; a name is at least 8 bytes long with what follows it in its dentry
        // or allocation, and where it were not, reading fails.
        unsafe { aya_ebpf::helpers::bpf_probe_read_kernel(name.cast::<[u8; 8]>()) }.ok()
    })?;
    if links == 0 {
        let memfd = IN_MEMORY.contains(&magic) && start.starts_with(b"memfd:");
        header.flags |= if memfd { flags::MEMFD } else { flags::DELETED };
    }
    header.known |= known::ORIGIN;
    if magic != OVERLAY {
        header.known |= known::UPPER_LAYER;
    } else if let Some(upper) = read::<Address>(inode, Field::OverlayUpper) {
        header.flags |= if upper.is_null() { 0 } else { flags::UPPER_LAYER };
        header.known |= known::UPPER_LAYER;
    }
    Some(())
}

/// Copies a path to `record[at..]`, without its NUL. Returns how long it is, 0 where it cannot be read.
#[inline(always)]
fn path(record: *mut u8, at: usize, path: Option<Address>) -> usize {
    let Some(path) = path else { return 0 };
    // SAFETY: the helper checks `path` itself; the verifier checks that there is room for `PATH_LIMIT` bytes.
    let copied =
        unsafe { bpf_probe_read_kernel_str(record.wrapping_add(at).cast(), PATH_LIMIT as u32, path.cast()) };
    if copied < 1 || copied > PATH_LIMIT as i64 { 0 } else { copied as usize - 1 }
}

/// Copies the argument area to `record[at..]`. Returns how much of it was kept.
#[inline(always)]
fn arguments(header: &mut Header, record: *mut u8, at: usize, mm: Address) -> Option<usize> {
    // Until it is read.
    header.flags |= flags::UNREADABLE;
    let (start, end): (u64, u64) = (read(mm, Field::MmArgStart)?, read(mm, Field::MmArgEnd)?);
    let total = end.saturating_sub(start);
    header.argument_bytes = total.min(u32::MAX.into()) as u32;
    let kept = (total as usize).min(keep(ARGUMENT_LIMIT));
    if kept < total as usize {
        header.flags |= flags::TRUNCATED;
    }
    // SAFETY: the helper checks `start` itself; the verifier checks that there is room for `kept` bytes.
    let failed =
        unsafe { bpf_probe_read_user(record.wrapping_add(at).cast(), kept as u32, start as *const _) };
    if failed != 0 {
        return None;
    }
    header.flags &= !flags::UNREADABLE;
    header.arguments_kept = kept as u32;
    Some(kept)
}
