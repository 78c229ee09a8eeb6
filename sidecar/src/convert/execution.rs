//! What a converter found of one execution, and the line of a recording that becomes of it.

use anomaly_capture::recording::Recorded;
use anomaly_capture::workload::HOST;
use anomaly_capture::{FeedKind, Identity, Observation};
use anomaly_vectorizer::Surroundings;
use anomaly_vectorizer::canonical::{Raw, area};
use anomaly_vectorizer::scrub::Scrubber;

/// The longest path of an executable, in bytes: the kernel's own bound.
const MAX_PATH: usize = 4096;

/// One execution as an alert or a log tells it. Bytes of any kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) name: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) grandparent: Vec<u8>,
    /// The executable's path.
    pub(crate) exe: Vec<u8>,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) uid: u32,
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    /// Microseconds since the Unix epoch.
    pub(crate) time: i64,
    /// `None` for the host.
    pub(crate) workload: Option<String>,
    pub(crate) surroundings: Surroundings,
}

impl Found {
    /// The line of a recording, secrets scrubbed. An interpreter that the kernel put before a script is taken away
    /// again.
    pub(crate) fn recorded(self, workload: Option<&str>, scrubber: &Scrubber) -> Recorded {
        let arguments = area(&self.args);
        let raw = Raw {
            name: &self.name,
            parent: &self.parent,
            grandparent: &self.grandparent,
            uid: self.uid,
            arguments: &arguments,
            executable: &self.exe,
            filename: b"",
            interp: b"",
        };
        let mut exe = String::from_utf8_lossy(&self.exe).into_owned();
        exe.truncate(exe.floor_char_boundary(MAX_PATH));
        let bytes: usize = self.args.iter().map(|argument| argument.len() + 1).sum();
        let observation = Observation {
            execution: raw.execution(scrubber),
            surroundings: self.surroundings,
            workload: workload.map(str::to_owned).or(self.workload).unwrap_or_else(|| HOST.to_owned()),
            time: self.time,
            identity: Identity { tgid: self.pid, start_boottime: 0, exec_id: None },
            ppid: self.ppid,
            exe,
            argument_bytes: bytes.try_into().unwrap_or(u32::MAX),
            cgroup: String::new(),
            feed: FeedKind::Replay,
        };
        Recorded::from(observation)
    }
}
