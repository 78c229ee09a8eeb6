//! The offsets that the kernel program is given, and what it goes without.

use anomaly_ebpf::Field;

use super::btf::Btf;

/// Offsets in the order of [`Field`], [`Field::UNKNOWN`] where this kernel does not have one.
pub(super) type Offsets = [u32; Field::COUNT];

/// Finds every field.
pub(super) fn find(btf: &Btf<'_>) -> Offsets {
    let mut offsets = [Field::UNKNOWN; Field::COUNT];
    for (field, structure, paths) in Field::TABLE {
        let place = paths.iter().find_map(|path| btf.offset_of(structure, path));
        let place = match field {
            Field::OverlayUpper => overlay_upper(btf, place),
            Field::SetPids => controller(btf, place, "pids_cgrp_id"),
            Field::SetMemory => controller(btf, place, "memory_cgrp_id"),
            // 64 bits wide since 5.7; the half that counts comes last on a big-endian machine.
            Field::TaskExecId if cfg!(target_endian = "big") => place.map(|place| place + 4),
            _ => place,
        };
        offsets[*field as usize] = place.unwrap_or(Field::UNKNOWN);
    }
    offsets
}

/// From the overlay's embedded inode, on which a file's pointer stands, to the dentry that the upper layer has.
///
/// Where overlayfs is a module, its structures are not in the kernel's own information; the dentry has followed the
/// inode [ever since][1] there was such a structure.
///
/// [1]: https://github.com/torvalds/linux/blob/v6.12/fs/overlayfs/ovl_entry.h#L155-L171
fn overlay_upper(btf: &Btf<'_>, upper: Option<u32>) -> Option<u32> {
    match (upper, btf.offset_of("ovl_inode", "vfs_inode")) {
        (Some(upper), Some(inode)) => upper.checked_sub(inode),
        _ => btf.size_of("inode"),
    }
}

/// Where in an array of pointers, one for each controller, that of `controller` is.
fn controller(btf: &Btf<'_>, array: Option<u32>, controller: &str) -> Option<u32> {
    Some(array? + size_of::<u64>() as u32 * btf.value_of("cgroup_subsys_id", controller)?)
}

/// What the program cannot tell on this kernel, in words; empty on a recent one.
pub(super) fn blind_spots(offsets: &Offsets) -> Vec<&'static str> {
    use Field::*;
    let groups: [(&str, &[Field]); 9] = [
        ("start time", &[TaskStart]),
        ("execution id", &[TaskExecId]),
        ("parent", &[TaskRealParent, TaskGroupLeader, TaskTgid, TaskComm]),
        ("effective uid", &[TaskCred, CredEuid]),
        ("login uid", &[TaskLoginUid]),
        ("terminal", &[TaskSignal, SignalTty]),
        ("file name", &[BinprmFilename, BinprmInterp]),
        (
            "origin of the executable",
            &[MmExeFile, FileInode, FileDentry, DentryName, InodeLinks, InodeSuper, SuperMagic, OverlayUpper],
        ),
        (
            "inherited sockets",
            &[
                TaskFiles,
                FilesTable,
                TableFiles,
                FileInode,
                InodeMode,
                FilePrivate,
                SocketFile,
                SocketSock,
                SockFamily,
                SockProtocol,
                SockLocal4,
                SockRemote4,
                SockLocal6,
                SockRemote6,
                SockLocalPort,
                SockRemotePort,
            ],
        ),
    ];
    let lacks = |fields: &[Field]| fields.iter().any(|&field| offsets[field as usize] == Field::UNKNOWN);
    groups.iter().filter(|(_, fields)| lacks(fields)).map(|(words, _)| *words).collect()
}
