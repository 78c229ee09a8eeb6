//! What the tests share: an open feed, and the executions of one test among all those of the machine.

use std::{
    io::Write,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anomaly_capture::{
    Counters, Feed, Observation, Options,
    ebpf::{EbpfError, EbpfFeed, Hook},
};

/// How long an execution may take to be delivered; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says why nothing is checked, past the test harness, which shows no output of tests that pass.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// An argument that no other program on this machine has.
pub(crate) fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("marker-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed))
}

/// An open feed.
pub(crate) struct Watch {
    pub(crate) feed: EbpfFeed,
    pub(crate) counters: Arc<Counters>,
}

impl Watch {
    /// `None`, and a line that says so, where this machine does not allow it.
    pub(crate) fn open(hook: Hook, options: &Options) -> Option<Self> {
        let counters = Arc::new(Counters::default());
        match EbpfFeed::open(hook, options, Arc::clone(&counters)) {
            Ok(feed) => Some(Self { feed, counters }),
            Err(error @ (EbpfError::Refused { .. } | EbpfError::Btf { .. } | EbpfError::Load { .. })) => {
                panic!("{error}")
            }
            Err(error) => {
                skipped(&error);
                None
            }
        }
    }

    /// Everything that `marked` says belongs to the test, until there are `count`.
    pub(crate) fn collect(
        &mut self,
        count: usize,
        marked: impl Fn(&Observation) -> bool,
    ) -> Vec<Observation> {
        let until = Instant::now() + PATIENCE;
        let mut found = Vec::new();
        while found.len() < count {
            assert!(
                Instant::now() < until,
                "{} of {count} executions were delivered: {found:#?}",
                found.len()
            );
            self.feed.wait(Duration::from_millis(100));
            let deliver = &mut |observation| {
                if marked(&observation) {
                    found.push(observation);
                }
            };
            self.feed.drain(deliver).expect("the feed goes on");
        }
        found
    }

    /// Runs a command that has `marker` among its arguments and returns its one execution.
    pub(crate) fn execution(&mut self, command: &mut Command, marker: &str) -> Observation {
        let status = command.status().expect("the command starts");
        assert!(status.success(), "{command:?}: {status}");
        let mut found = self.collect(1, |observation| has(observation, marker));
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }
}

/// Whether an argument is exactly this.
pub(crate) fn has(observation: &Observation, argument: &str) -> bool {
    observation.execution.arguments.iter().any(|given| given == argument)
}

/// The arguments as a list.
pub(crate) fn arguments(observation: &Observation) -> Vec<&str> {
    observation.execution.arguments.iter().collect()
}

/// The name of this process, whatever its threads are called.
pub(crate) fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").expect("/proc is mounted");
    name.trim_end().to_owned()
}
