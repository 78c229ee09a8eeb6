//! The feed of the kernel program: every successful exec, with its whole argument area and what surrounds it.
//!
//! The program (crate `anomaly-ebpf`) writes one record per execution to a ring and wakes nobody. Whoever reads comes
//! by itself: a thread of the sidecar every [`PACE`], or Falco's own thread at the very event it is about to judge,
//! where the record is there already, because the tracepoint precedes the system call's exit.
//!
//! Rust has no relocatable field accesses for eBPF, so the feed first asks the kernel's type information where things
//! are (`btf`, `offsets`), hands that to the program while loading it (`program`), and later turns records into
//! observations (`observe`).

mod btf;
mod cgroups;
mod entered;
mod error;
mod observe;
mod offsets;
mod program;

use std::{sync::Arc, time::Duration};

use anomaly_ebpf::{Counter, Record};

pub use error::EbpfError;

use crate::{CaptureError, Counters, Feed, FeedKind, Loss, Observation, Options};
use cgroups::Cgroups;
use observe::Observer;
use program::{Program, Settings};

/// How often a reader comes by where the ring does not fill up before.
pub const PACE: Duration = Duration::from_millis(20);

/// The ring's usual size in bytes: some ten thousand ordinary records, so half a million executions per second at [`PACE`].
pub const RING_BYTES: u32 = 4 * 1024 * 1024;

/// The smallest ring: two of the longest records.
const LEAST_RING_BYTES: u32 = 64 * 1024;

/// Where in the kernel executions are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Raw tracepoint `sched_process_exec`: needs the kernel's BTF, and CAP_BPF with CAP_PERFMON.
    Exec,
    /// Tracepoints `sys_enter_execve(at)` and `sys_exit_execve(at)`: need a readable tracefs too, but no BTF.
    Enter,
}

impl Hook {
    /// The feed that this hook makes.
    pub const fn feed(self) -> FeedKind {
        match self {
            Self::Exec => FeedKind::Ebpf,
            Self::Enter => FeedKind::EbpfEnter,
        }
    }
}

/// The feed. Dropping it detaches the program.
#[derive(Debug)]
pub struct EbpfFeed {
    hook: Hook,
    program: Program,
    observer: Observer,
    counters: Arc<Counters>,
    ring_bytes: u32,
    /// Losses that were counted in `counters` already, by [`Counter`].
    told: [u64; anomaly_ebpf::COUNTERS],
}

impl EbpfFeed {
    /// Loads and attaches the program. Executions are recorded from here on.
    ///
    /// # Errors
    /// The cause as a person needs it; [`EbpfError::unavailable`] is the form the ladder reports.
    pub fn open(hook: Hook, options: &Options, counters: Arc<Counters>) -> Result<Self, EbpfError> {
        let ring_bytes = options.ring_bytes.max(LEAST_RING_BYTES);
        let cgroups = Cgroups::new(&options.root);
        let settings =
            Settings { argument_bytes: options.argument_bytes, split_cgroups: cgroups.split(), ring_bytes };
        let program = Program::load(hook, &options.root, settings)?;
        let observer = Observer::new(options.root.clone(), options.scrubber.clone(), cgroups)
            .map_err(|error| EbpfError::Load { cause: error.cause() })?;
        Ok(Self { hook, program, observer, counters, ring_bytes, told: Default::default() })
    }

    /// What the program cannot tell on this kernel, in words; empty on a recent one.
    pub fn blind_spots(&self) -> &[&'static str] {
        self.program.blind_spots()
    }

    /// Executions for which the ring had no room, by CPU. [`Feed::drain`] adds their sum to the counters as
    /// [`Loss::RingBuffer`].
    pub fn lost_by_cpu(&self) -> Vec<u64> {
        self.program.count(Counter::Lost)
    }

    /// Counts what was lost since the last time.
    fn count_losses(&mut self) {
        for (counter, cause) in [(Counter::Lost, Loss::RingBuffer), (Counter::Unmatched, Loss::Vanished)] {
            let told = &mut self.told[counter as usize];
            let now: u64 = self.program.count(counter).iter().sum();
            if now > *told {
                self.counters.lose(cause, now - *told);
                *told = now;
            }
        }
    }
}

impl Feed for EbpfFeed {
    fn kind(&self) -> FeedKind {
        self.hook.feed()
    }

    /// Delivers what was in the ring when it was called, and perhaps a little of what came meanwhile. Never waits: a
    /// record that another CPU is still writing, and those behind it, are left for the next call.
    fn drain(&mut self, deliver: &mut dyn FnMut(Observation)) -> Result<(), CaptureError> {
        let epoch = observe::epoch();
        let mut drained = 0;
        // A machine that executes faster than this reads must not keep it here.
        while drained < self.ring_bytes as usize {
            let Some(bytes) = self.program.next() else { break };
            drained += bytes.len();
            let Some(record) = Record::parse(&bytes) else {
                self.counters.lose(Loss::Malformed, 1);
                continue;
            };
            let observation = self.observer.observe(&record, epoch);
            self.counters.delivered(&observation);
            deliver(observation);
        }
        // The ring loses a record only when it is full but for less than one record, and nobody but this empties it:
        // after a loss this many bytes are found. So that counting costs nothing while nothing is lost.
        if drained >= self.ring_bytes as usize / 4 || self.hook == Hook::Enter {
            self.count_losses();
        }
        Ok(())
    }

    fn wait(&mut self, limit: Duration) {
        self.program.wait(limit.min(PACE));
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Drop for EbpfFeed {
    fn drop(&mut self) {
        // What was lost after the last drain is lost all the same.
        self.count_losses();
    }
}
