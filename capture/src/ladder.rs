//! The ladder of feeds: the best one that works here, and one line for every rung that does not.
//!
//! Only `auto` climbs down. A feed that was asked for by name and does not work is an error, because whoever names a
//! feed relies on what it sees.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Capture, CaptureError, ConnectorFeed, Counters, Feed, FeedKind, Options, ProcFeed,
    ebpf::{EbpfFeed, Hook},
};

/// Which feed is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedChoice {
    /// The best that works.
    #[default]
    Auto,
    /// The kernel program on `sched_process_exec`, or nothing.
    Ebpf,
    /// The kernel programs on `sys_enter_execve(at)`, or nothing.
    EbpfEnter,
    /// The netlink proc connector, or nothing.
    Connector,
    /// Polling of /proc, or nothing.
    Proc,
}

impl FeedChoice {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Ebpf, Self::EbpfEnter, Self::Connector, Self::Proc];

    /// The name as flags and configuration have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ebpf => "ebpf",
            Self::EbpfEnter => "ebpf-enter",
            Self::Connector => "connector",
            Self::Proc => "proc",
        }
    }

    /// The rungs to try, best first.
    const fn rungs(self) -> &'static [FeedKind] {
        match self {
            Self::Auto => &[FeedKind::Ebpf, FeedKind::EbpfEnter, FeedKind::Connector, FeedKind::Proc],
            Self::Ebpf => &[FeedKind::Ebpf],
            Self::EbpfEnter => &[FeedKind::EbpfEnter],
            Self::Connector => &[FeedKind::Connector],
            Self::Proc => &[FeedKind::Proc],
        }
    }
}

impl fmt::Display for FeedChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A name that is none of a feed's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such feed; choose one of auto, ebpf, ebpf-enter, connector and proc")]
pub struct UnknownFeed;

impl FromStr for FeedChoice {
    type Err = UnknownFeed;

    fn from_str(name: &str) -> Result<Self, UnknownFeed> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == name).ok_or(UnknownFeed)
    }
}

/// One rung that does not work here, for one line in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDown {
    /// The feed that does not work.
    pub failed: FeedKind,
    /// Why, in one clause.
    pub cause: String,
    /// The feed that runs instead, which need not be the next rung.
    pub instead: FeedKind,
}

impl fmt::Display for StepDown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, cause, instead } = self;
        write!(
            formatter,
            "the {failed} feed does not work here ({cause}); using {instead}, which {}",
            instead.misses()
        )
    }
}

/// Opens the feed that `choice` asks for, and tells every step down that it took.
///
/// # Errors
/// The last rung's error, with its remedy: for a feed asked for by name, that feed's; for `auto`, that /proc cannot be
/// read.
pub fn open(
    choice: FeedChoice,
    options: &Options,
    counters: &Arc<Counters>,
) -> Result<(Box<dyn Feed>, Vec<StepDown>), CaptureError> {
    descend(choice.rungs(), |kind| rung(kind, options, counters))
}

/// Tries `rungs` in order with `open`.
fn descend<T>(
    rungs: &[FeedKind],
    mut open: impl FnMut(FeedKind) -> Result<T, CaptureError>,
) -> Result<(T, Vec<StepDown>), CaptureError> {
    let mut failures: Vec<(FeedKind, CaptureError)> = Vec::new();
    for &kind in rungs {
        match open(kind) {
            Ok(feed) => {
                let step = |(failed, error): (FeedKind, CaptureError)| StepDown {
                    failed,
                    cause: error.cause(),
                    instead: kind,
                };
                return Ok((feed, failures.into_iter().map(step).collect()));
            }
            Err(error) => failures.push((kind, error)),
        }
    }
    Err(failures.pop().expect("every choice has a rung").1)
}

fn rung(kind: FeedKind, options: &Options, counters: &Arc<Counters>) -> Result<Box<dyn Feed>, CaptureError> {
    let counters = Arc::clone(counters);
    Ok(match kind {
        FeedKind::Ebpf => Box::new(ebpf(Hook::Exec, options, counters)?),
        FeedKind::EbpfEnter => Box::new(ebpf(Hook::Enter, options, counters)?),
        FeedKind::Connector => Box::new(ConnectorFeed::open(options, counters)?),
        FeedKind::Proc => Box::new(ProcFeed::open(options, counters)?),
        FeedKind::Falco | FeedKind::Replay | FeedKind::Seed => unreachable!("no choice has such a rung"),
    })
}

fn ebpf(hook: Hook, options: &Options, counters: Arc<Counters>) -> Result<EbpfFeed, CaptureError> {
    EbpfFeed::open(hook, options, counters).map_err(|error| error.unavailable(hook.feed()))
}

impl Capture {
    /// Opens the feed that `choice` asks for and starts it on a thread of its own.
    ///
    /// # Errors
    /// Those of [`open`] and of [`Capture::start`].
    pub fn open(choice: FeedChoice, options: &Options) -> Result<(Self, Vec<StepDown>), CaptureError> {
        let (feed, steps) = open(choice, options, &Arc::default())?;
        Ok((Self::start(feed, options.queue)?, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(failing: &[FeedKind]) -> impl FnMut(FeedKind) -> Result<FeedKind, CaptureError> {
        move |feed| {
            if failing.contains(&feed) {
                let cause = format!("no {feed} today");
                return Err(CaptureError::Unavailable { feed, cause, remedy: "wait for tomorrow" });
            }
            Ok(feed)
        }
    }

    #[test]
    fn every_step_down_names_its_cause_and_the_feed_that_really_runs() {
        let rungs = FeedChoice::Auto.rungs();
        let (feed, steps) =
            descend(rungs, failing(&[FeedKind::Ebpf, FeedKind::EbpfEnter])).expect("a rung holds");
        assert_eq!(feed, FeedKind::Connector);
        let lines: Vec<String> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2);
        for (line, failed) in lines.iter().zip(["ebpf", "ebpf-enter"]) {
            let begin =
                format!("the {failed} feed does not work here (no {failed} today); using connector, which ");
            assert!(line.starts_with(&begin) && line.ends_with(FeedKind::Connector.misses()), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        let (feed, steps) = descend(rungs, failing(&[])).expect("the first rung holds");
        assert_eq!((feed, steps), (FeedKind::Ebpf, vec![]));
    }

    #[test]
    fn a_feed_asked_for_by_name_is_never_replaced() {
        for choice in FeedChoice::ALL.into_iter().skip(1) {
            let [kind] = *choice.rungs() else { panic!("{choice} has one rung") };
            assert_eq!(kind.as_str(), choice.as_str());
            let error = descend(choice.rungs(), failing(&[kind])).expect_err("it does not work");
            assert_eq!(
                error.to_string(),
                format!("the {choice} feed does not work here: no {choice} today; wait for tomorrow")
            );
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for choice in FeedChoice::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("falco".parse::<FeedChoice>(), Err(UnknownFeed));
    }
}
