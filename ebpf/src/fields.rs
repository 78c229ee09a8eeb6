//! The kernel structure members that the program reads.

/// Declares [`Field`] and its table in one place, so that neither can lack what the other has.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $structure:literal [$($path:literal)|+];)+) => {
        /// A member of a kernel structure. The discriminant is its place in the array of offsets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        #[expect(missing_docs, reason = "each variant is a structure's member, named beside it in the table")]
        pub enum Field {
            $($(#[$doc])* $field,)+
        }

        impl Field {
            /// Every field: the structure it starts from, and the member's path under the names it has had.
            pub const TABLE: &[(Self, &'static str, &'static [&'static str])] =
                &[$((Self::$field, $structure, &[$($path),+]),)+];
        }
    };
}

fields! {
    TaskMm = "task_struct" ["mm"];
    TaskTgid = "task_struct" ["tgid"];
    TaskComm = "task_struct" ["comm"];
    TaskRealParent = "task_struct" ["real_parent"];
    TaskGroupLeader = "task_struct" ["group_leader"];
    TaskCred = "task_struct" ["cred"];
    TaskLoginUid = "task_struct" ["loginuid"];
    TaskStart = "task_struct" ["start_boottime" | "real_start_time"];
    TaskExecId = "task_struct" ["self_exec_id"];
    TaskSignal = "task_struct" ["signal"];
    TaskFiles = "task_struct" ["files"];
    TaskCgroups = "task_struct" ["cgroups"];
    /// Where the array of controllers begins; the reader adds the place of `pids` in it.
    SetPids = "css_set" ["subsys"];
    /// The same for `memory`.
    SetMemory = "css_set" ["subsys"];
    StateCgroup = "cgroup_subsys_state" ["cgroup"];
    CgroupNode = "cgroup" ["kn"];
    NodeId = "kernfs_node" ["id"];
    SignalTty = "signal_struct" ["tty"];
    CredEuid = "cred" ["euid"];
    MmArgStart = "mm_struct" ["arg_start"];
    MmArgEnd = "mm_struct" ["arg_end"];
    MmExeFile = "mm_struct" ["exe_file"];
    BinprmFilename = "linux_binprm" ["filename"];
    BinprmInterp = "linux_binprm" ["interp"];
    FileInode = "file" ["f_inode"];
    FileDentry = "file" ["f_path.dentry"];
    FilePrivate = "file" ["private_data"];
    DentryName = "dentry" ["d_name.name"];
    InodeMode = "inode" ["i_mode"];
    InodeLinks = "inode" ["i_nlink"];
    InodeSuper = "inode" ["i_sb"];
    SuperMagic = "super_block" ["s_magic"];
    /// Counted from the overlay inode's embedded `struct inode`, which is what a file points at.
    OverlayUpper = "ovl_inode" ["__upperdentry"];
    FilesTable = "files_struct" ["fdt"];
    TableFiles = "fdtable" ["fd"];
    SocketFile = "socket" ["file"];
    SocketSock = "socket" ["sk"];
    SockProtocol = "sock" ["sk_protocol"];
    SockFamily = "sock" ["__sk_common.skc_family"];
    SockLocal4 = "sock" ["__sk_common.skc_rcv_saddr"];
    SockRemote4 = "sock" ["__sk_common.skc_daddr"];
    SockLocal6 = "sock" ["__sk_common.skc_v6_rcv_saddr"];
    SockRemote6 = "sock" ["__sk_common.skc_v6_daddr"];
    SockLocalPort = "sock" ["__sk_common.skc_num"];
    SockRemotePort = "sock" ["__sk_common.skc_dport"];
}

impl Field {
    /// How many there are: the length of the array of offsets.
    pub const COUNT: usize = Self::TABLE.len();

    /// The offset of a field that the running kernel does not have.
    pub const UNKNOWN: u32 = u32::MAX;

    /// Without these there is no argument vector and the program is of no use.
    pub const ESSENTIAL: &[Self] = &[Self::TaskMm, Self::MmArgStart, Self::MmArgEnd];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_discriminants() {
        for (index, (field, structure, paths)) in Field::TABLE.iter().enumerate() {
            assert_eq!(*field as usize, index, "{structure} {paths:?}");
        }
    }
}
