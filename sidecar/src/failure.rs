//! Why a command could not do its work: one sentence with the cause and the remedy, and exit code 2.

use std::fmt;
use std::io::Write;

use anomaly_baseline::StoreError;
use anomaly_baseline::text::printable;

/// The longest line that is printed, in bytes: paths can be long.
const MAX_BYTES: usize = 2048;

/// A sentence for the person who ran the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(String);

impl Failure {
    /// From a sentence: lowercase, cause and remedy, no full stop.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Prints one line on standard error behind the program's name, safe for a terminal. A standard error that is closed
/// is nobody's loss.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "anomalyctl: {}", printable(line, MAX_BYTES));
}

/// Prints text on standard error as it is: several lines that are safe already.
pub(crate) fn print(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
