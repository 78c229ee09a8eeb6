//! Which feeds work here. Each is opened, and closed at once.

use std::sync::Arc;

use anomaly_capture::{CaptureError, Counters, FeedChoice, FeedKind, HostRoot, Options, ladder};
use anomaly_config::Config;

use crate::checks::Check;

/// Tries every feed, and says which one is taken.
pub(super) fn look(config: &Config, root: HostRoot) -> Vec<Check> {
    let options = config.capture(root);
    let choices = FeedChoice::ALL.into_iter().filter(|choice| *choice != FeedChoice::Auto);
    let tried: Vec<(FeedChoice, Result<FeedKind, CaptureError>)> =
        choices.map(|choice| (choice, open(choice, &options))).collect();
    let wanted = config.agent.feed;
    let taken = tried.iter().find_map(|(choice, outcome)| {
        let kind = *outcome.as_ref().ok()?;
        (wanted == FeedChoice::Auto || wanted == *choice).then_some(kind)
    });
    let mut checks: Vec<Check> =
        tried.iter().map(|(choice, outcome)| rung(*choice, outcome, taken)).collect();
    checks.push(match taken {
        Some(kind @ (FeedKind::Ebpf | FeedKind::EbpfEnter)) => {
            Check::ok("feed", format!("{wanted} takes {kind}, which {}", kind.misses()))
        }
        Some(kind) => Check::warn(
            "feed",
            format!("{wanted} takes {kind}, which {}", kind.misses()),
            "see to it that the feed ebpf works; what it lacks stands above",
        ),
        None => Check::fail(
            "feed",
            format!("agent.feed is {wanted}, which does not work here"),
            "see to what it lacks, which stands above, or write agent.feed: auto",
        ),
    });
    checks
}

fn open(choice: FeedChoice, options: &Options) -> Result<FeedKind, CaptureError> {
    ladder::open(choice, options, &Arc::new(Counters::default())).map(|(feed, _)| feed.kind())
}

/// How one feed is. What is below the one that is taken is not missed.
fn rung(choice: FeedChoice, outcome: &Result<FeedKind, CaptureError>, taken: Option<FeedKind>) -> Check {
    let name = match choice {
        FeedChoice::Auto | FeedChoice::Ebpf => "feed ebpf",
        FeedChoice::EbpfEnter => "feed ebpf-enter",
        FeedChoice::Connector => "feed connector",
        FeedChoice::Proc => "feed proc",
    };
    let better = taken.is_some_and(|taken| {
        let of = |kind: FeedKind| FeedKind::ALL.iter().position(|other| *other == kind);
        FeedKind::ALL
            .iter()
            .find(|kind| kind.as_str() == choice.as_str())
            .is_some_and(|kind| of(taken) < of(*kind))
    });
    match outcome {
        Ok(_) => Check::ok(name, "works"),
        Err(error) if better => {
            Check::ok(name, format!("does not work here ({}), and is not needed", error.cause()))
        }
        Err(CaptureError::Unavailable { cause, remedy, .. }) => Check::warn(name, cause, remedy),
        Err(error) => Check::warn(name, error.cause(), "mount the host's /proc, or make it readable"),
    }
}
