//! Recordings: executions as JSON Lines, to be replayed, tested against and shared.
//!
//! One object a line, every key optional but that something must say what was executed. Keys that this release does
//! not know are ignored, so that recordings can carry more than it reads. `args` is the argument vector as passed to
//! exec, not as the kernel rewrites it for scripts.
//!
//! | key | value |
//! |---|---|
//! | `workload` | whose normal it is |
//! | `day` | a marker that groups executions into days; a recording with compressed time has it |
//! | `phase` | what the recorder was doing, for people |
//! | `time` | seconds since the Unix epoch, with a fraction; missing: the line before's |
//! | `pid`, `ppid` | process ids |
//! | `name`, `parent`, `grandparent` | process names; `name` missing: the basename of `exe`, else of the first argument |
//! | `uid` | effective user id; missing: 0 |
//! | `exe` | the executable's path |
//! | `args` | the arguments |
//! | `kind`, `object`, `flags` | of another act than an execution, in the place of `args`: [`Act`](anomaly_vectorizer::Act) |
//! | `label` | `benign` or `attack` |
//! | `session` | which attack a line belongs to |
//! | `split` | `base` for what a baseline is built from, anything else for what is scored |
//! | `tty`, `loginuid`, `exe_flags`, `sockets` | [`Surroundings`](anomaly_vectorizer::Surroundings); missing: unknown |

mod line;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Reader, RecordingError};
use serde::{Deserialize, Serialize};
pub use writer::Writer;

use crate::Observation;

/// The longest line that is read, in bytes. Arguments count up to 4 KiB, so what is longer holds something else.
pub const MAX_LINE: usize = 1 << 20;

/// What is known about a line's guilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Ordinary work.
    Benign,
    /// Part of an attack: nothing is ever learned from it.
    Attack,
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The execution; its feed is [`FeedKind::Replay`](crate::FeedKind::Replay) when read.
    pub observation: Observation,
    /// The day's marker, where the recording has one.
    pub day: Option<i64>,
    /// What the recorder was doing.
    pub phase: Option<String>,
    /// Benign or attack, where the recording says.
    pub label: Option<Label>,
    /// Which attack it belongs to.
    pub session: Option<String>,
    /// Which part of an experiment it belongs to.
    pub split: Option<String>,
}

impl Recorded {
    /// Whether a baseline may be built from it: `split` absent or `base`, and not labelled an attack.
    pub fn is_base(&self) -> bool {
        self.split.as_deref().is_none_or(|split| split == "base") && !self.is_attack()
    }

    /// Whether it is labelled an attack.
    pub fn is_attack(&self) -> bool {
        self.label == Some(Label::Attack)
    }
}

impl From<Observation> for Recorded {
    fn from(observation: Observation) -> Self {
        Self { observation, day: None, phase: None, label: None, session: None, split: None }
    }
}
