//! What the tests share: programs with a mark, and their executions among all those of the machine.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anomaly_capture::{CaptureError, Counters, Feed, HostRoot, Observation, Options};

/// How long an execution may take to be delivered; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says why nothing is checked, past the test harness, which shows no output of tests that pass.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// What a command that failed said, or why it could not be started.
pub(crate) fn complaint(outcome: io::Result<Output>) -> String {
    match outcome {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    }
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
    let name = fs::read_to_string("/proc/self/comm").expect("/proc is mounted");
    name.trim_end().to_owned()
}

/// A host's /proc with one process as files.
pub(crate) fn host(stat: &str, image: u64, files: &[(&str, &[u8])]) -> (tempfile::TempDir, HostRoot) {
    let directory = tempfile::tempdir().expect("a directory");
    write_process(directory.path(), stat, image, files);
    let root = HostRoot::new(directory.path());
    (directory, root)
}

/// Writes process 77 and its parent below `root`, in place of what was there.
pub(crate) fn write_process(root: &Path, stat: &str, image: u64, files: &[(&str, &[u8])]) {
    let process = root.join("proc/77");
    fs::create_dir_all(process.join("fd")).expect("created");
    let parent = root.join("proc/1");
    fs::create_dir_all(&parent).expect("created");
    // Fields 23 to 52, of which 26 is where the code begins and 28 where the stack does.
    let tail = format!("0 0 0 {image} 0 {image} {}", "0 ".repeat(24));
    fs::write(
        parent.join("stat"),
        format!("1 (systemd) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 1 {tail}\n"),
    )
    .expect("written");
    fs::write(process.join("stat"), format!("{stat} {tail}\n")).expect("written");
    for (name, bytes) in files {
        fs::write(process.join(name), bytes).expect("written");
    }
    if !process.join("exe").is_symlink() {
        symlink("/usr/sbin/nginx", process.join("exe")).expect("linked");
    }
}

/// A `stat` without its tail.
pub(crate) const NGINX: &str = "77 (nginx) S 1 77 77 34816 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4242";
/// A `status` of somebody who became somebody else.
pub(crate) const STATUS: &[u8] = b"Name:\tnginx\nUid:\t1000\t33\t0\t0\nGid:\t1\t1\t1\t1\n";
