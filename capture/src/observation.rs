//! One execution as a feed delivers it: the canonical execution and everything known around it.

use std::fmt;

use anomaly_vectorizer::{Execution, Surroundings};
use serde::{Deserialize, Serialize};

/// Which feed an execution came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// The kernel program on `sched_process_exec`.
    Ebpf,
    /// The kernel programs on `sys_enter_execve` and `sys_enter_execveat`, for kernels without BTF.
    EbpfEnter,
    /// The netlink proc connector, arguments raced from /proc.
    Connector,
    /// Polling of /proc.
    Proc,
    /// Falco's own execve event.
    Falco,
    /// A recording.
    Replay,
    /// A process that ran before capture began.
    Seed,
}

impl FeedKind {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 7] =
        [Self::Ebpf, Self::EbpfEnter, Self::Connector, Self::Proc, Self::Falco, Self::Replay, Self::Seed];

    /// The feed's name as flags, logs and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ebpf => "ebpf",
            Self::EbpfEnter => "ebpf-enter",
            Self::Connector => "connector",
            Self::Proc => "proc",
            Self::Falco => "falco",
            Self::Replay => "replay",
            Self::Seed => "seed",
        }
    }
}

impl FeedKind {
    /// What the feed does not see, as the end of a sentence that begins with the feed and "which". Figures come from
    /// `benches/short_executions.rs`.
    pub const fn misses(self) -> &'static str {
        match self {
            Self::Ebpf => "sees every execution",
            Self::EbpfEnter => {
                "sees every execution, but parents and context only where /proc still knows the process"
            }
            Self::Connector => {
                "notices every execution, but loses the race for the arguments of up to 15 % of short ones, of most on a \
                 busy machine without CAP_SYS_NICE"
            }
            Self::Proc => "sees what runs when it looks and misses about 98 % of short executions",
            Self::Falco => "sees what Falco sees, without a terminal or login that Falco does not know",
            Self::Replay => "sees what was recorded",
            Self::Seed => "sees what runs already",
        }
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What tells one execution from every other on this machine since it booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Identity {
    /// Process id in the initial namespace.
    pub tgid: u32,
    /// The process's start, nanoseconds since boot, suspend included; rounded to clock ticks where it comes from
    /// /proc. 0 where the feed does not know.
    pub start_boottime: u64,
    /// Raised by the kernel at every exec of a process; `None` where the feed does not know.
    pub exec_id: Option<u32>,
}

/// One execution as a feed delivers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What the vector comes from.
    pub execution: Execution,
    /// What surrounds it, raw.
    pub surroundings: Surroundings,
    /// Whose normal it is compared with: container image, systemd unit, or `host`. Empty until
    /// [`crate::workload`] resolved it.
    pub workload: String,
    /// When it happened, microseconds since the Unix epoch.
    pub time: i64,
    /// Which execution it is.
    pub identity: Identity,
    /// The parent's process id in the initial namespace; 0 where not known.
    pub ppid: u32,
    /// The executable's path; empty where not known.
    pub exe: String,
    /// The length of the argument area in the kernel, however much of it was kept.
    pub argument_bytes: u32,
    /// The cgroup's path; empty where not known.
    pub cgroup: String,
    /// Where it came from.
    pub feed: FeedKind,
}
