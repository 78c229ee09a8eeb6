//! Whether the feed tells of programs that start: some are started, each with a mark, and those that arrive are counted.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use anomaly_capture::{Capture, FeedChoice, FeedKind, HostRoot, Loss};
use anomaly_config::Config;

use crate::checks::Check;
use crate::words::count;

const NAME: &str = "coverage";

/// How long the last ones may take to arrive.
const PATIENCE: Duration = Duration::from_secs(3);

/// Programs that do nothing.
const IDLE: [&str; 2] = ["/usr/bin/true", "/bin/true"];

/// Starts `marked` programs under the feed that the configuration asks for.
pub(super) fn check(config: &Config, root: HostRoot, marked: usize) -> Check {
    let wanted = config.agent.feed;
    let (mut capture, steps) = match Capture::open(wanted, &config.capture(root)) {
        Ok(opened) => opened,
        Err(error) => {
            return Check::fail(NAME, error.to_string(), "anomalyctl doctor tells what each feed lacks");
        }
    };
    let kind = capture.kind();
    let mark = format!("anomalyctl-validate-{}", std::process::id());
    let mut seen = HashSet::new();
    let mut started = 0;
    for number in 0..marked {
        started += usize::from(start(&format!("{mark}-{number}")));
        take(&capture, &mark, &mut seen);
    }
    let began = Instant::now();
    while seen.len() < started && began.elapsed() < patience(kind) {
        std::thread::sleep(Duration::from_millis(10));
        take(&capture, &mark, &mut seen);
    }
    // Its thread's failure would be told as programs that are missing.
    let failed = capture.stop().err();
    take(&capture, &mark, &mut seen);
    if started == 0 {
        return Check::skipped(NAME, "no program can be started here, not even this one");
    }
    if let Some(error) = failed {
        return Check::fail(
            NAME,
            error.to_string(),
            "start it again; anomalyctl doctor tells what each feed lacks",
        );
    }
    let lost: u64 = Loss::ALL.into_iter().map(|loss| capture.counters().lost(loss)).sum();
    let text = format!(
        "{kind}: {} of {} arrived with their arguments, {lost} counted as lost",
        seen.len(),
        count(started as u64, "marked program"),
    );
    verdict(kind, wanted, seen.len(), started, text, steps.first().map(|step| step.cause.as_str()))
}

fn verdict(
    kind: FeedKind,
    wanted: FeedChoice,
    seen: usize,
    started: usize,
    text: String,
    why_not_better: Option<&str>,
) -> Check {
    let why = why_not_better.map_or_else(|| "a better one was not asked for".to_owned(), str::to_owned);
    match kind {
        FeedKind::Proc if seen < started => Check::skipped(
            NAME,
            format!("{text}; polling misses most of what is short, by its nature ({why})"),
        ),
        _ if seen == started => Check::ok(NAME, text),
        FeedKind::Connector if seen > 0 => Check::warn(
            NAME,
            format!("{text}; it races for the arguments ({why})"),
            "see to the feed ebpf: anomalyctl doctor",
        ),
        _ => Check::fail(
            NAME,
            text,
            format!("agent.feed is {wanted}; try ebpf.ring: 64MiB, and look at anomalyctl doctor"),
        ),
    }
}

/// What polls sees nothing more of programs that have ended.
fn patience(kind: FeedKind) -> Duration {
    if kind == FeedKind::Proc { Duration::from_millis(200) } else { PATIENCE }
}

/// Runs a program that does nothing, with a mark among its arguments.
fn start(mark: &str) -> bool {
    let mut command = match IDLE.iter().find(|path| Path::new(path).exists()) {
        Some(path) => Command::new(path),
        // An image without any other program.
        None => match std::env::current_exe() {
            Ok(own) => {
                let mut command = Command::new(own);
                command.arg("--version");
                command
            }
            Err(_) => return false,
        },
    };
    command.arg(mark).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Takes what has arrived; notes which marks are among it.
fn take(capture: &Capture, mark: &str, seen: &mut HashSet<String>) {
    loop {
        match capture.observations().try_recv() {
            Ok(observation) => {
                let marked =
                    observation.execution.arguments.iter().find(|argument| argument.starts_with(mark));
                seen.extend(marked.map(str::to_owned));
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::Status;

    use super::*;

    #[test]
    fn what_a_feed_cannot_do_by_its_nature_is_no_failure() {
        let status = |kind, seen| verdict(kind, FeedChoice::Auto, seen, 10, String::new(), None).status;
        assert_eq!(status(FeedKind::Ebpf, 10), Status::Ok);
        assert_eq!(status(FeedKind::Ebpf, 9), Status::Fail);
        assert_eq!(status(FeedKind::EbpfEnter, 0), Status::Fail);
        assert_eq!(status(FeedKind::Connector, 8), Status::Warn);
        assert_eq!(status(FeedKind::Connector, 0), Status::Fail);
        assert_eq!(status(FeedKind::Proc, 0), Status::Skipped);
    }
}
