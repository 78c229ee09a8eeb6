//! The feed of the kernel program: every successful exec, with its whole argument area and what surrounds it.
//!
//! The program (crate `anomaly-ebpf`) writes one record per execution to a ring and wakes nobody. Whoever reads comes
//! by itself: a thread of the sidecar every [`PACE`], or Falco's own thread at the very event it is about to judge,
//! where the record is already there, because the tracepoint precedes the system call's exit.
//!
//! Rust has no relocatable field accesses for eBPF, so the feed first asks the kernel's type information where things
//! are ([`btf`], [`offsets`]), tells the program ([`program`]), and then turns records into observations
//! ([`observe`]).

mod btf;
mod error;
mod offsets;
mod program;

pub use error::EbpfError;

use std::time::Duration;

use anomaly_ebpf::Record;

/// How often a reader comes by where the ring does not fill up before.
pub const PACE: Duration = Duration::from_millis(20);

/// Where in the kernel executions are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Raw tracepoint `sched_process_exec`; needs the kernel's BTF.
    Exec,
    /// Tracepoints `sys_enter_execve(at)` and `sys_exit_execve(at)`; need tracefs.
    Enter,
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn smoke() {
        for hook in [Hook::Exec, Hook::Enter] {
            let t = std::time::Instant::now();
            let mut p = match program::Program::load(hook, &crate::HostRoot::default(), program::Settings { argument_bytes: 4096, ring_bytes: 1 << 20 }) {
                Ok(p) => p, Err(e) => { println!("{hook:?} {e}"); continue } };
            println!("{hook:?} {:?} {:?}", t.elapsed(), p.blind_spots());
            std::process::Command::new("/bin/sh").args(["-c", "/bin/ls /; env true; nosuch"]).output().unwrap();
            while let Some(b) = p.next() { println!("{:?}", Record::parse(&b)); }
        }
    }
}
