//! How the daemon is, with every loss.

use std::sync::atomic::Ordering::Relaxed;

use anomaly_api::model::{Feed, Health, Loss, LossKind, Memory, Store};
use anomaly_baseline::{Access, CounterValues};

use super::{Answers, seconds};
use crate::Sense;

/// Everything about the daemon.
pub(super) fn health(answers: &Answers) -> Health {
    let Answers { about, parts } = answers;
    let sense = parts.senses.read();
    let counters = answers.counters();
    let memory = parts.engine.memory();
    Health {
        version: about.version.to_owned(),
        host: about.host.clone(),
        org: about.org.clone(),
        started: seconds(about.started),
        not_ready: anomaly_api::Service::not_ready(answers),
        feed: Feed {
            name: sense.feed.to_owned(),
            misses: sense.misses.clone(),
            executions: sense.executions.iter().map(|(_, count)| count).sum(),
            unresolved: sense.unresolved,
        },
        scored: counters.scored,
        learning: counters.learning,
        novel: counters.novel,
        losses: losses(answers, &sense, &counters),
        sinks: (parts.sinks)(),
        store: Store {
            path: about.path.display().to_string(),
            writes: parts.engine.access() == Some(Access::Writer),
            unsaved: parts.engine.unsaved_rows(),
            failed_saves: counters.failed_saves,
        },
        memory: Memory {
            bytes: memory.bytes,
            budget: about.memory_budget,
            awake: memory.awake,
            asleep: memory.asleep,
            compared_share: compared_share(&counters),
        },
        sharing: (parts.sharing)(),
        notices: parts.notices.all(),
    }
}

/// The share of the rows in reach that searches compared.
pub(super) fn compared_share(counters: &CounterValues) -> Option<f64> {
    (counters.rows_in_reach > 0).then(|| counters.rows_compared as f64 / counters.rows_in_reach as f64)
}

/// Everything that can be lost, also what was not. What is made up for later (a save that failed), scored with others (a
/// container without an image) or counted by a sink is none of it: an alert on these means that something is gone.
pub(super) fn losses(answers: &Answers, sense: &Sense, counters: &CounterValues) -> Vec<Loss> {
    use LossKind::{Forgotten, Unlearned, Unscored, Unseen};
    let loss = |kind, cause: &str, count: u64, meaning: &str| Loss {
        kind,
        cause: cause.to_owned(),
        count,
        meaning: meaning.to_owned(),
    };
    let mut all: Vec<_> =
        sense.lost.iter().map(|&(cause, count)| loss(Unseen, cause, count, of_capture(cause))).collect();
    let (_, forgotten) = answers.parts.history.counts();
    let unwritten = answers.parts.unwritten.load(Relaxed);
    let &CounterValues { while_loading, refused, without_room, .. } = counters;
    all.extend([
        loss(Unscored, "baselines_loading", while_loading, "no score: the baselines were being loaded"),
        loss(
            Unscored,
            "not_woken",
            sense.not_woken,
            "no score: what is known of the workload could not be read back",
        ),
        loss(
            Unscored,
            "too_many_workloads",
            refused,
            "no score: too many workloads, or too many new ones within an hour",
        ),
        loss(Unlearned, "no_room", without_room, "not learned: the workload has too many rows"),
        loss(
            Forgotten,
            "findings_forgotten",
            forgotten,
            "novel, but there was no room to remember them here",
        ),
        loss(
            Forgotten,
            "findings_unwritten",
            unwritten,
            "novel, but not on the disk: a restart forgets them",
        ),
    ]);
    all
}

/// What a loss of the feed means: neither scored nor learned, whatever the cause.
fn of_capture(cause: &str) -> &'static str {
    match cause {
        "ring_buffer" => "the kernel's buffer was full: neither scored nor learned",
        "queue" => "the queue behind the feed was full: neither scored nor learned",
        "socket" => "the feed's socket was full, each time for at least one: neither scored nor learned",
        "vanished" => "the process was gone before /proc could tell of it: neither scored nor learned",
        "malformed" => "the record made no sense: neither scored nor learned",
        _ => "noticed by the feed, and not told: neither scored nor learned",
    }
}
