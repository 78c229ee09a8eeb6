//! The thread table, with the columns that libsinsp has and ours reads.

use std::ffi::CString;

use falco_plugin::tables::export::{Entry, Public, Table};

/// A thread.
#[derive(Entry)]
pub struct Thread {
    pub tid: Public<i64>,
    pub pid: Public<i64>,
    pub ptid: Public<i64>,
    pub comm: Public<CString>,
    pub exe: Public<CString>,
    pub exe_path: Public<CString>,
    pub uid: Public<u32>,
    pub loginuid: Public<u32>,
    pub tty: Public<u32>,
    pub cwd: Public<CString>,
    pub args: Box<Table<u64, Argument>>,
    pub cgroups: Box<Table<u64, Cgroup>>,
}

/// One of a thread's arguments.
#[derive(Entry)]
pub struct Argument {
    pub value: Public<CString>,
}

/// One of a thread's cgroups.
#[derive(Entry)]
pub struct Cgroup {
    pub first: Public<CString>,
    pub second: Public<CString>,
}

/// A process that runs when capture begins.
#[derive(Debug, Clone, Default)]
pub struct Process {
    pub pid: i64,
    pub ppid: i64,
    pub name: String,
    pub arguments: Vec<String>,
    pub cgroup: String,
}
