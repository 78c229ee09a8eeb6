//! What is wrong with a file, where, and what to write instead.

use std::fmt;
use std::io;
use std::path::PathBuf;

use anomaly_baseline::text::printable;

/// A place in a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, and the remedy. Safe for a terminal.
    pub sentence: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}; {}", printable(&path.display().to_string(), 1_000), remedy(source))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What it says cannot be followed: all of it that was found, in the order of the file.
    #[error("{}", lines(name, problems))]
    Refused {
        /// The file's name.
        name: String,
        /// At least one.
        problems: Vec<Problem>,
    },
}

impl Place {
    /// `FILE:LINE:COLUMN`
    pub fn of(self, name: &str) -> String {
        format!("{}:{}:{}", printable(name, 1_000), self.line, self.column)
    }
}

/// A line for each.
fn lines(name: &str, problems: &[Problem]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|Problem { place, sentence }| format!("{}: {sentence}", place.of(name)))
        .collect();
    lines.join("\n")
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "`anomalyctl config init --out FILE` writes one",
        io::ErrorKind::FileTooLarge => "a configuration has at most 1 MiB",
        io::ErrorKind::InvalidData => "write it in UTF-8",
        _ => "give a file that you may read",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.line, self.place.column, self.sentence)
    }
}
