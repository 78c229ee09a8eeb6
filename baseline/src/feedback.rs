//! What people decide about executions, on its way to the process that learns.
//!
//! Whoever decides need not be the process that writes the database, and that need not be running. So a decision is
//! written down first, with who, when and why, and taken up by the writer within seconds or at its next start. What it
//! names are rows and not patterns: what a person was shown is what is touched, whatever an attacker runs in between.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::row::Timestamp;
use crate::text::printable;

/// What a person can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The rows become normal, denied ones too.
    Approve,
    /// The rows never become normal.
    Deny,
    /// The rows are gone, as if they had never been seen.
    Forget,
    /// For a while everything that the workload runs is learned at once, however far it is.
    Learn,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Deny, Self::Forget, Self::Learn];

    /// The action as a word, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Forget => "forget",
            Self::Learn => "learn",
        }
    }

    /// What was done to so many rows: `3 approved`.
    pub(crate) const fn done(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Deny => "denied",
            Self::Forget => "forgotten",
            Self::Learn => "learning",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no action's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no action has this name")]
pub struct ParseActionError;

impl FromStr for Action {
    type Err = ParseActionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(ParseActionError)
    }
}

/// One decision about one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// Different for any two decisions, whoever made them.
    pub id: u128,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it, by name.
    pub who: String,
    /// The effective user id of the command that wrote it down.
    pub uid: u32,
    /// Why, in that person's words; may be empty.
    pub why: String,
    /// What is to be done.
    pub action: Action,
    /// To whose rows.
    pub workload: String,
    /// What the person asked for, as it was written: ids, a pattern.
    pub asked: String,
    /// The keys of the rows that are meant, at most [`MAX_KEYS`](Self::MAX_KEYS); none for [`Action::Learn`].
    pub keys: Vec<u128>,
    /// How long a window of [`Action::Learn`] stays open from `time`, in whole seconds; nothing closes one that is open.
    pub window: Duration,
    /// What came of it; `None` while nobody has taken it up.
    pub settled: Option<Settled>,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// When it was taken up.
    pub time: Timestamp,
    /// In words: `3 approved, 1 not there any more`.
    pub outcome: String,
}

impl Feedback {
    /// The longest text of a decision, in bytes.
    pub const MAX_TEXT: usize = 1_000;

    /// Rows that one decision names, at most.
    pub const MAX_KEYS: usize = 10_000;

    /// The longest window.
    pub const MAX_WINDOW: Duration = Duration::from_secs(31 * 86_400);

    /// The decision with its texts made printable and cut to [`MAX_TEXT`](Self::MAX_TEXT) and its window to
    /// [`MAX_WINDOW`](Self::MAX_WINDOW). The workload's name stays as it is.
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.who, &mut self.why, &mut self.asked] {
            *text = printable(text, Self::MAX_TEXT);
        }
        self.keys.truncate(Self::MAX_KEYS);
        self.window = self.window.min(Self::MAX_WINDOW);
        self
    }

    /// From when until when a window is open.
    pub(crate) fn open_between(&self) -> Option<(Timestamp, Timestamp)> {
        let micros = i64::try_from(self.window.min(Self::MAX_WINDOW).as_micros()).unwrap_or(i64::MAX);
        (micros > 0).then(|| (self.time, self.time.saturating_add(micros)))
    }
}

/// Every decision of a database that is still remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackLog {
    /// Another one whenever something was added.
    pub version: u64,
    /// The oldest first.
    pub entries: Vec<Feedback>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_back_by_their_names() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
        assert_eq!("hold".parse::<Action>(), Err(ParseActionError));
    }
}
