//! What the tests share: programs with a mark, and their executions among all those of the machine.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anomaly_capture::{CaptureError, Counters, Feed, Observation, Options};

/// How long an execution may take to be delivered; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says why nothing is checked, past the test harness, which shows no output of tests that pass.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// An argument that no other program on this machine has.
pub(crate) fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("below-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed))
}

/// A feed as `open` makes it, or `None` and a line that says why not.
pub(crate) fn open<F: Feed>(
    open: impl FnOnce(&Options, Arc<Counters>) -> Result<F, CaptureError>,
) -> Option<(F, Arc<Counters>)> {
    let counters = Arc::new(Counters::default());
    match open(&Options::default(), Arc::clone(&counters)) {
        Ok(feed) => Some((feed, counters)),
        Err(error) => {
            skipped(error);
            None
        }
    }
}

/// What is delivered with `mark` among its arguments, once there are `count`.
pub(crate) fn collect(feed: &mut dyn Feed, mark: &str, count: usize) -> Vec<Observation> {
    let until = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < until, "{} of {count} were delivered: {found:#?}", found.len());
        round(feed, mark, &mut found);
    }
    found
}

/// Waits and drains once.
pub(crate) fn round(feed: &mut dyn Feed, mark: &str, found: &mut Vec<Observation>) {
    feed.wait(Duration::from_millis(100));
    let deliver = &mut |observation: Observation| {
        if observation.execution.arguments.iter().any(|argument| argument == mark) {
            found.push(observation);
        }
    };
    feed.drain(deliver).expect("the feed goes on");
}

/// A shell that executes `script` with `mark` as its name, and then waits until this is dropped.
pub(crate) struct Shell(Child);

impl Shell {
    pub(crate) fn start(script: &str, mark: &str) -> Self {
        let child =
            Command::new("sh").args(["-c", script, mark]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(child.expect("sh starts"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Lets go on what waits for a line.
    pub(crate) fn continue_(&mut self) {
        self.0.stdin.as_mut().expect("piped").write_all(b"\n").expect("the shell reads");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Nothing may be left running, and a child that has ended already is no trouble.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
