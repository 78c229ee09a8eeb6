//! How the daemon is, with every loss.

use std::sync::atomic::Ordering::Relaxed;

use anomaly_api::model::{Feed, Health, Loss, Memory, Store};
use anomaly_baseline::{Access, CounterValues};

use super::{Answers, seconds};
use crate::Sense;

/// Everything about the daemon.
pub(super) fn health(answers: &Answers) -> Health {
    let Answers { about, parts } = answers;
    let sense = parts.senses.read();
    let counters = parts.engine.counters();
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

/// Everything that can be lost, also what was not.
pub(super) fn losses(answers: &Answers, sense: &Sense, counters: &CounterValues) -> Vec<Loss> {
    let loss = |cause: &str, count: u64, meaning: &str| Loss {
        cause: cause.to_owned(),
        count,
        meaning: meaning.to_owned(),
    };
    let mut all: Vec<_> =
        sense.lost.iter().map(|&(cause, count)| loss(cause, count, of_capture(cause))).collect();
    let (_, forgotten) = answers.parts.history.counts();
    let unwritten = answers.parts.unwritten.load(Relaxed);
    all.extend([
        loss("unresolved", sense.unresolved, "their container's image stayed unknown: scored together"),
        loss("baselines_loading", counters.while_loading, "no score: the baselines were being loaded"),
        loss("not_woken", sense.not_woken, "no score: what is known of the workload could not be read back"),
        loss("too_many_workloads", counters.refused, "no score: too many workloads, or too many new ones"),
        loss("no_room", counters.without_room, "not learned: the workload has too many rows"),
        loss("failed_saves", counters.failed_saves, "writes to the database that failed and are tried again"),
        loss("findings_forgotten", forgotten, "novel, but there was no room to remember them here"),
        loss("findings_unwritten", unwritten, "novel, but not on the disk: a restart forgets them"),
    ]);
    for sink in (answers.parts.sinks)() {
        all.push(loss(&format!("sink_{}", sink.name), sink.dropped, "not sent, and not kept to be sent"));
    }
    all
}

/// What a loss of the feed means.
fn of_capture(cause: &str) -> &'static str {
    match cause {
        "ring_buffer" => "the kernel's buffer was full: neither scored nor learned",
        "queue" => "the queue behind the feed was full: neither scored nor learned",
        _ => "noticed by the feed, and not told",
    }
}
