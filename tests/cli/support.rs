//! Running the program, with a limit on how long it may take.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No run of these tests takes longer, however slow the machine is.
const LIMIT: Duration = Duration::from_secs(120);

/// The program's path.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_anomalyctl");

/// `anomalyctl watch`, in a known environment and the UTC time zone.
pub(crate) fn watch() -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("watch");
    settle(&mut command);
    command
}

/// Takes away what a developer's shell may have set.
pub(crate) fn settle(command: &mut Command) {
    command.env("TZ", "UTC").env("TERM", "xterm").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command.env_remove("CLICOLOR").env_remove("HOST_ROOT");
}

/// `anomalyctl watch` of one recording.
pub(crate) fn replay(recording: &Path) -> Command {
    let mut command = watch();
    command.arg("--replay").arg(recording);
    command
}

/// How a run ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The exit code; none where a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as JSON Lines: every line must be an object.
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line| match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => value,
            other => panic!("no JSON object ({other:?}) in {line:?}\n{}", self.err),
        };
        self.out.lines().map(parse).collect()
    }

    /// The lines for people above the summary.
    pub(crate) fn shown(&self) -> Vec<&str> {
        let (shown, summary) = self.out.split_once("\nexecutions ").unwrap_or_else(|| {
            panic!("no summary in\n{}\n{}", self.out, self.err);
        });
        assert!(summary.contains("\nnovel "), "half a summary in\n{}", self.out);
        shown.lines().collect()
    }

    /// The run ended well.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code(), Some(0), "{self:?}");
        self
    }

    /// The run could not do its work: exit code 2, and one sentence with these parts on standard error.
    #[track_caller]
    pub(crate) fn failed_with(self, parts: &[&str]) -> Self {
        assert_eq!(self.code(), Some(2), "{self:?}");
        let told = self.err.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(told, "{parts:?} are not in one line of\n{}", self.err);
        self
    }
}

/// A program that runs, with its output being read. A test that fails does not leave it behind.
pub(crate) struct Running {
    child: Option<Child>,
    out: Option<Gathered>,
    err: Option<Gathered>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// What is read from a pipe until its end, and may be looked at before.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// Starts a command with `input` on its standard input.
pub(crate) fn start(command: &mut Command, input: &[u8]) -> Running {
    let (running, stdin) = start_open(command, input);
    drop(stdin);
    running
}

/// Starts a command with `input` on its standard input, which goes on until the end of the returned handle.
pub(crate) fn start_open(command: &mut Command, input: &[u8]) -> (Running, OpenInput) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let (open, closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // The program may well leave before it has read everything.
        let _ = stdin.write_all(&input);
        let _ = closed.recv();
    });
    let out = gather(child.stdout.take().expect("it is piped"));
    let err = gather(child.stderr.take().expect("it is piped"));
    (Running { child: Some(child), out: Some(out), err: Some(err) }, OpenInput(open))
}

/// Keeps a standard input open.
pub(crate) struct OpenInput(
    #[expect(dead_code, reason = "its end is the message")] std::sync::mpsc::Sender<()>,
);

fn gather(mut from: impl Read + Send + 'static) -> Gathered {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&bytes);
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        loop {
            match from.read(&mut buffer).expect("a pipe can be read") {
                0 => break,
                read => {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read])
                }
            }
        }
    });
    Gathered { bytes, reader }
}

impl Gathered {
    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn all(self) -> String {
        self.reader.join().expect("it does not panic");
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).expect("output is UTF-8")
    }
}

impl Running {
    /// The process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(self.child.as_ref().expect("it is waited for once"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("it runs");
    }

    /// Waits until this is on standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        eventually(text, || self.err.as_ref().is_some_and(|err| err.so_far().contains(text)));
    }

    /// Waits for the first line of standard output with this in it, and reads it as JSON.
    #[track_caller]
    pub(crate) fn line(&self, text: &str) -> Value {
        let mut found = None;
        eventually(text, || {
            let out = self.out.as_ref().map(Gathered::so_far).unwrap_or_default();
            found = out
                .split_inclusive('\n')
                .find(|line| line.ends_with('\n') && line.contains(text))
                .map(str::to_owned);
            found.is_some()
        });
        serde_json::from_str(&found.expect("it was found")).expect("it is JSON")
    }

    /// Waits until this is on standard output.
    #[track_caller]
    pub(crate) fn writes(&self, text: &str) {
        eventually(text, || self.out.as_ref().is_some_and(|out| out.so_far().contains(text)));
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ran {
        let deadline = Instant::now() + LIMIT;
        let child = self.child.as_mut().expect("it is waited for once");
        let status = loop {
            match child.try_wait().expect("it is ours") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "still running after {LIMIT:?}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.child = None;
        let all = |pipe: Option<Gathered>| pipe.expect("it is read once").all();
        Ran { status, out: all(self.out.take()), err: all(self.err.take()) }
    }
}

/// Runs a command to its end without input.
pub(crate) fn run(command: &mut Command) -> Ran {
    start(command, b"").wait()
}

/// Runs a command to its end.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    start(command, input).wait()
}

/// Says that a test does not run for want of what can be installed. In CI it has to be there.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
pub(crate) fn skipped(reason: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
    assert!(!in_ci, "it must be there in CI: {reason}");
    println!("skipped: {reason}");
}

/// Waits until something is true, or fails with what was waited for.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
