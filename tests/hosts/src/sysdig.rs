//! sysdig as a host: replays a capture with a plugin, a filter and a list of fields, and tells what came out.
//!
//! It is started through `scripts/get-sysdig`, which fetches it once. Where that fails a test is skipped, but never in
//! CI: there the reason is a failure, because a check that silently stopped running looks like one that passes.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs, io, thread};

use serde_json::{Map, Value};

/// A sysdig that runs here.
#[derive(Debug, Clone)]
pub struct Sysdig {
    program: PathBuf,
}

/// Why a replay told nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The program could not be started or read.
    #[error("sysdig at {program}: {source}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host refused the plugin, the filter, a field or the capture.
    #[error("sysdig ended with {status}: {message}")]
    Refused {
        /// Exit status or signal.
        status: String,
        /// What it wrote to standard error.
        message: String,
    },
    /// A line of output is no JSON object.
    #[error("sysdig printed no JSON object: {0:?}")]
    Output(String),
}

/// What a host printed for one event: the fields that were asked for, by name.
pub type Row = Map<String, Value>;

/// What a replay gave.
#[derive(Debug)]
pub struct Replayed {
    /// One row for each event that the filter let through.
    pub rows: Vec<Row>,
    /// What the host and the plugin wrote to standard error.
    pub log: String,
    /// The most memory of its own that it was seen to have, in KiB: without the pages of files, such as the library's,
    /// which come and go as the system likes.
    pub peak_kib: u64,
}

impl Replayed {
    /// `evt.num` of every row, which has to be among the fields.
    ///
    /// # Panics
    /// Where it is not.
    pub fn numbers(&self) -> Vec<u64> {
        self.rows.iter().map(|row| row["evt.num"].as_u64().expect("evt.num was asked for")).collect()
    }
}

impl Sysdig {
    /// The one that `scripts/get-sysdig` prints, fetched at the first call.
    ///
    /// # Errors
    /// What the script said.
    pub fn obtain() -> Result<Self, String> {
        static OBTAINED: OnceLock<Result<Sysdig, String>> = OnceLock::new();
        OBTAINED.get_or_init(Self::run_set_up).clone()
    }

    fn run_set_up() -> Result<Self, String> {
        let script = repository().join("scripts/get-sysdig");
        let output = Command::new(&script)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", script.display()))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "));
        }
        Ok(Self { program: PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()) })
    }

    /// For the first line of a test: the host, or `None` after saying that the test is skipped.
    ///
    /// # Panics
    /// In CI, where it must be obtainable.
    #[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
    pub fn or_skip() -> Option<Self> {
        match Self::obtain() {
            Ok(sysdig) => Some(sysdig),
            Err(reason) if in_ci() => panic!("sysdig must be obtainable in CI: {reason}"),
            Err(reason) => {
                println!("skipped: no sysdig to replay captures with: {reason}");
                None
            }
        }
    }

    /// A replay of this capture.
    pub fn replay(&self, capture: &Path) -> Replay {
        let mut command = Command::new(&self.program);
        // `-d`: the filter decides what is printed; without it, what is not printed would not be parsed either.
        command.args(["-d", "-j", "-r"]).arg(capture).stdin(Stdio::null());
        Replay { program: self.program.clone(), command, filter: String::new() }
    }

    /// Runs the program with these arguments, and returns what it printed.
    ///
    /// # Errors
    /// Where it cannot be started or fails.
    pub fn ask<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Result<String, ReplayError> {
        let start = |source| ReplayError::Start { program: self.program.clone(), source };
        let output =
            Command::new(&self.program).args(arguments).stdin(Stdio::null()).output().map_err(start)?;
        if !output.status.success() {
            return Err(refused(output.status, &String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// One replay, to be configured and run.
#[derive(Debug)]
pub struct Replay {
    program: PathBuf,
    command: Command,
    filter: String,
}

impl Replay {
    /// Loads a plugin with its configuration, which is passed as it is.
    pub fn plugin(mut self, library: &Path, configuration: &str) -> Self {
        self.command.arg("-H").arg(format!("{}:{configuration}", library.display()));
        self
    }

    /// Sets a variable of the host's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets through only what matches this condition.
    pub fn filter(mut self, condition: &str) -> Self {
        condition.clone_into(&mut self.filter);
        self
    }

    /// Replays and prints these fields, written without `%`.
    ///
    /// # Errors
    /// Where the host cannot be started, refuses something, or prints what is no JSON.
    pub fn fields(self, fields: &[&str]) -> Result<Replayed, ReplayError> {
        let format: Vec<_> = fields.iter().map(|field| format!("%{field}")).collect();
        self.format(&format!("*{}", format.join(" ")))
    }

    /// Replays and prints what a format names.
    ///
    /// # Errors
    /// See [`Self::fields`].
    pub fn format(self, format: &str) -> Result<Replayed, ReplayError> {
        let Self { program, mut command, filter } = self;
        let start = |source| ReplayError::Start { program: program.clone(), source };
        command.arg("-p").arg(format).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !filter.is_empty() {
            command.arg(&filter);
        }
        let mut child = command.spawn().map_err(start)?;
        let mut stdout = child.stdout.take().expect("piped above");
        let mut stderr = child.stderr.take().expect("piped above");
        let errors = thread::spawn(move || read_all(&mut stderr));
        let output = thread::spawn(move || read_all(&mut stdout));
        let (status, peak_kib) = watch(&mut child).map_err(start)?;
        let log = errors.join().expect("reading does not panic");
        let output = output.join().expect("reading does not panic");
        if !status.success() {
            return Err(refused(status, &log));
        }
        let rows = output.lines().filter(|line| !line.is_empty()).map(row).collect::<Result<_, _>>()?;
        Ok(Replayed { rows, log, peak_kib })
    }
}

fn row(line: &str) -> Result<Row, ReplayError> {
    serde_json::from_str(line).map_err(|_| ReplayError::Output(line.to_owned()))
}

fn refused(status: ExitStatus, log: &str) -> ReplayError {
    ReplayError::Refused { status: status.to_string(), message: log.trim().to_owned() }
}

fn read_all(source: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // A host that dies closes its pipes, and its exit status says the rest.
    let _ = source.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the end of a process, and tells the most memory of its own that it was seen to have, in KiB.
fn watch(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let mut peak_kib = 0;
    loop {
        peak_kib = peak_kib.max(anonymous_kib(child.id()));
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak_kib));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// What it has now, from /proc; 0 once the process is gone.
fn anonymous_kib(pid: u32) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Where the project is.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether this run may skip nothing that can be had.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak_of(script: &str) -> u64 {
        let mut child = Command::new("/bin/sh").args(["-c", script]).spawn().expect("there is a shell");
        let (status, peak_kib) = watch(&mut child).expect("it is ours");
        assert!(status.success());
        peak_kib
    }

    #[test]
    fn growth_is_seen_and_a_files_pages_are_none() {
        let small = peak_of("sleep 0.1");
        let grown = peak_of("x=$(head -c 24000000 /dev/zero | tr '\\0' x); sleep 0.1");
        assert!(grown > small + 20_000, "{small} {grown} KiB");
    }
}
