//! Why the kernel program cannot run here, as a person needs to hear it.
//!
//! The kernel answers a missing capability, a missing system call and a rejected program with the same handful of
//! numbers, and Aya wraps them in several layers. What was asked for when the number came back tells them apart.

use std::{error::Error, io, path::PathBuf};

use aya::programs::ProgramError;

use crate::{CaptureError, FeedKind};

/// How many lines of the verifier's log are worth printing: the last ones say what it objected to.
const VERIFIER_LINES: usize = 4;

const EPERM: i32 = 1;
const ENOSYS: i32 = 38;

/// The kernel program cannot be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
pub enum EbpfError {
    /// `ANOMALY_NO_EBPF=1` was set when this was built.
    #[error("this build has no kernel program")]
    NotBuilt,
    /// The kernel does not say how its structures lie in memory.
    #[error("the kernel has no type information at {}: {source}", path.display())]
    NoBtf {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be read.
        source: io::Error,
    },
    /// The type information cannot be understood, or lacks what the program is of no use without.
    #[error("the kernel's type information at {} does not tell where arguments are", path.display())]
    Btf {
        /// Which file.
        path: PathBuf,
    },
    /// The kernel has no `bpf` system call, or a sandbox forbids it by pretending so.
    #[error("there is no bpf system call")]
    NoBpf,
    /// `CAP_BPF` is missing: not even a map can be made.
    #[error("creating a map is not permitted (CAP_BPF is missing)")]
    NoCapBpf,
    /// `CAP_PERFMON` is missing: maps can be made, programs that read kernel memory cannot be loaded.
    #[error("loading {program} is not permitted (CAP_PERFMON is missing, or kernel lockdown forbids it)")]
    NoCapPerfmon {
        /// Which program.
        program: &'static str,
    },
    /// The verifier refused a program.
    #[error("the verifier refused {program}: {log}")]
    Refused {
        /// Which program.
        program: &'static str,
        /// The log's last lines, joined by semicolons.
        log: String,
    },
    /// tracefs is mounted nowhere, or not readable.
    #[error("tracefs is not mounted, or not readable, at /sys/kernel/tracing and /sys/kernel/debug/tracing")]
    NoTracefs,
    /// A program was loaded and cannot be attached.
    #[error("attaching {program} failed: {cause}")]
    Attach {
        /// Which program.
        program: &'static str,
        /// Aya's errors, outermost first.
        cause: String,
    },
    /// Anything else.
    #[error("loading the kernel program failed: {cause}")]
    Load {
        /// Aya's errors, outermost first.
        cause: String,
    },
}

impl EbpfError {
    /// What to do about it, in one clause.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotBuilt => "build without ANOMALY_NO_EBPF",
            Self::NoBtf { .. } | Self::Btf { .. } => {
                "use a kernel built with CONFIG_DEBUG_INFO_BTF, or the ebpf-enter feed"
            }
            Self::NoBpf => "allow bpf(2) in the sandbox's seccomp profile",
            Self::NoCapBpf | Self::NoCapPerfmon { .. } => "run as root, or with CAP_BPF and CAP_PERFMON",
            Self::Refused { .. } => "report it with the output of uname -r",
            Self::NoTracefs => "mount it: mount -t tracefs tracefs /sys/kernel/tracing",
            Self::Attach { .. } => {
                "look for a kernel built without CONFIG_FTRACE_SYSCALLS or without tracepoints"
            }
            Self::Load { .. } => "check that the kernel is 5.8 or newer",
        }
    }

    /// As the ladder reports it.
    pub fn unavailable(&self, feed: FeedKind) -> CaptureError {
        CaptureError::Unavailable { feed, cause: self.to_string(), remedy: self.remedy() }
    }

    /// What Aya said while the object's maps were created.
    pub(super) fn creating(error: &aya::EbpfError) -> Self {
        let text = chain(error);
        match os_error(error) {
            Some(ENOSYS) => Self::NoBpf,
            Some(EPERM) if text.iter().any(|line| line.contains("failed to create map")) => Self::NoCapBpf,
            _ => Self::Load { cause: text.join(": ") },
        }
    }

    /// What Aya said while a program was loaded.
    pub(super) fn loading(program: &'static str, error: &ProgramError) -> Self {
        let log = match error {
            ProgramError::LoadError { verifier_log, .. } => last_lines(&verifier_log.to_string()),
            _ => String::new(),
        };
        match os_error(error) {
            Some(ENOSYS) => Self::NoBpf,
            Some(EPERM) if log.is_empty() => Self::NoCapPerfmon { program },
            _ if log.is_empty() => Self::Load { cause: chain(error).join(": ") },
            _ => Self::Refused { program, log },
        }
    }

    /// What Aya said while a program was attached.
    pub(super) fn attaching(program: &'static str, error: &ProgramError) -> Self {
        let text = chain(error);
        if text.iter().any(|line| line.contains("tracefs not found")) {
            return Self::NoTracefs;
        }
        Self::Attach { program, cause: text.join(": ") }
    }
}

/// An error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The same in words.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    causes(error).map(ToString::to_string).collect()
}

/// The first error number in the chain.
fn os_error(error: &(dyn Error + 'static)) -> Option<i32> {
    causes(error).find_map(|error| error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error))
}

/// The last lines of a verifier's log that say something, on one line.
fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .map(|line| line.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace()))
        .filter(|line| {
            !line.is_empty() && !line.starts_with("processed ") && !line.starts_with("verification time")
        })
        .collect();
    let text = lines[lines.len().saturating_sub(VERIFIER_LINES)..].join("; ");
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_verifier_s_log_is_told_on_one_line() {
        let log = "0: R1=ctx()\n1: (bf) r6 = r1\n\n2: (79) r1 = *(u64 *)(r6 +8)\n3: (85) call pc+1\n\
            R1 invalid mem access 'scalar'\x1b[2J\nverification time 100 usec\nprocessed 3 insns (limit 1000000)\n\0";
        assert_eq!(
            last_lines(log),
            "1: (bf) r6 = r1; 2: (79) r1 = *(u64 *)(r6 +8); 3: (85) call pc+1; R1 invalid mem access 'scalar'[2J"
        );
        assert_eq!(last_lines("\0\n  \n"), "");
    }

    #[test]
    fn a_number_is_found_however_deep_it_is() {
        let number = |code| io::Error::from_raw_os_error(code);
        let program = |code| {
            let failed = aya::sys::SyscallError { call: "bpf_prog_load", io_error: number(code) };
            ProgramError::SyscallError(failed)
        };
        let map = |code| {
            let map = aya::maps::MapError::CreateError { name: "RECORDS".into(), io_error: number(code) };
            EbpfError::creating(&aya::EbpfError::MapError(map))
        };
        assert!(matches!(map(EPERM), EbpfError::NoCapBpf));
        assert!(matches!(map(ENOSYS), EbpfError::NoBpf));
        assert!(matches!(map(12), EbpfError::Load { cause } if cause.contains("os error 12")));
        let loading = |code| EbpfError::loading("x", &program(code));
        assert!(matches!(loading(EPERM), EbpfError::NoCapPerfmon { program: "x" }));
        assert!(matches!(loading(ENOSYS), EbpfError::NoBpf));
        assert!(matches!(loading(22), EbpfError::Load { .. }));
    }
}
