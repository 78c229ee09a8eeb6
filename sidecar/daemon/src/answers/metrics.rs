//! Every number, for Prometheus.

use std::borrow::Cow;

use anomaly_api::model::{Loss, Metric, MetricKind, Sample};
use anomaly_baseline::WorkloadStatus;

use super::{Answers, health, seconds};

/// Workloads that have numbers of their own, those with the most executions: a label may not grow without bound.
const WORKLOADS: usize = 200;

/// All of them.
pub(super) fn metrics(answers: &Answers) -> Vec<Metric> {
    let Answers { about, parts } = answers;
    let engine = &*parts.engine;
    let counters = answers.counters();
    let memory = engine.memory();
    let sense = parts.senses.read();
    let (findings, _) = parts.history.counts();
    let status = engine.status();
    let mut all = vec![
        labelled(
            counter("anomaly_executions", "Executions that a feed told.", 0),
            sense.executions.iter().map(|&(feed, count)| ("feed", feed.into(), count as f64)),
        ),
        counter("anomaly_scored", "Executions that got a score.", counters.scored),
        counter("anomaly_learning", "Executions of workloads that were still learning.", counters.learning),
        counter("anomaly_learned", "Executions that were learned, repeats included.", counters.learned),
        counter("anomaly_held", "Executions that were held.", counters.held),
        counter("anomaly_novel", "Executions at or above their threshold.", counters.novel),
        lost(health::losses(answers, &sense, &counters)),
        counter(
            "anomaly_unresolved",
            "Executions of containers whose image stayed unknown, scored as one workload.",
            sense.unresolved,
        ),
        counter(
            "anomaly_failed_saves",
            "Writes to the database that failed and are made again.",
            counters.failed_saves,
        ),
        counter("anomaly_rows_saved", "Rows written to the database.", counters.rows_saved),
        counter("anomaly_searches", "Novelties that were compared with what is known.", counters.searches),
        counter("anomaly_rows_compared", "Rows that they were compared with.", counters.rows_compared),
        counter(
            "anomaly_rows_in_reach",
            "Rows that they could have been compared with.",
            counters.rows_in_reach,
        ),
        counter(
            "anomaly_baselines_slept",
            "Baselines that gave their rows back to keep the budget.",
            counters.slept,
        ),
        counter("anomaly_baselines_woken", "Baselines whose rows were read back.", counters.woken),
        counter("anomaly_decisions", "People's decisions that were applied.", counters.feedback),
        gauge("anomaly_baselines_awake", "Baselines whose rows are in memory.", memory.awake as f64),
        gauge(
            "anomaly_baselines_asleep",
            "Baselines of which the exact keys alone are.",
            memory.asleep as f64,
        ),
        gauge("anomaly_memory_bytes", "What the baselines take in memory, estimated.", memory.bytes as f64),
        gauge("anomaly_memory_budget_bytes", "What they may take.", about.memory_budget as f64),
        gauge(
            "anomaly_unsaved_rows",
            "Rows that the database does not have yet.",
            engine.unsaved_rows() as f64,
        ),
        gauge("anomaly_findings", "Alert groups that are remembered.", findings as f64),
        gauge("anomaly_workloads", "Workloads.", status.len() as f64),
        gauge(
            "anomaly_ready",
            "Whether executions are taken and scored.",
            f64::from(u8::from(anomaly_api::Service::not_ready(answers).is_empty())),
        ),
        gauge("anomaly_start_time_seconds", "When the daemon was started.", seconds(about.started)),
        labelled(
            gauge("anomaly_build_info", "This program.", 0.0),
            [("version", Cow::Borrowed(about.version), 1.0)].into_iter(),
        ),
    ];
    all.extend(by_workload(status));
    all.extend((parts.metrics)());
    all
}

/// What was lost, also what never was.
fn lost(losses: Vec<Loss>) -> Metric {
    let sample = |loss: Loss| Sample {
        labels: vec![("kind", loss.kind.as_str().into()), ("cause", loss.cause.into())],
        value: loss.count as f64,
    };
    let samples = losses.into_iter().map(sample).collect();
    let help = "What was lost, by what it takes away (unseen, unscored, unlearned, forgotten) and cause.";
    Metric { samples, ..counter("anomaly_lost", help, 0) }
}

/// The numbers of single workloads.
fn by_workload(mut status: Vec<WorkloadStatus>) -> Vec<Metric> {
    status.sort_by(|a, b| b.executions.cmp(&a.executions).then(a.workload.cmp(&b.workload)));
    status.truncate(WORKLOADS);
    let by = |metric: Metric, value: &dyn Fn(&WorkloadStatus) -> f64| {
        let samples =
            status.iter().map(|status| ("workload", status.workload.to_string().into(), value(status)));
        labelled(metric, samples)
    };
    vec![
        by(counter("anomaly_workload_executions", "Executions by workload, ever.", 0), &|w| {
            w.executions as f64
        }),
        by(gauge("anomaly_workload_rows", "Distinct executions learned.", 0.0), &|w| w.rows as f64),
        by(gauge("anomaly_workload_held", "Distinct executions held.", 0.0), &|w| w.held as f64),
        by(gauge("anomaly_workload_threshold", "The threshold now.", 0.0), &|w| w.threshold.value()),
        by(gauge("anomaly_workload_learning", "Whether it still learns.", 0.0), &|w| {
            f64::from(u8::from(w.learning.is_some()))
        }),
    ]
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Metric {
    one(name, help, MetricKind::Counter, value as f64)
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    one(name, help, MetricKind::Gauge, value)
}

fn one(name: &'static str, help: &'static str, kind: MetricKind, value: f64) -> Metric {
    Metric { name, help, kind, samples: vec![Sample { labels: Vec::new(), value }] }
}

/// The same with one value a label instead.
fn labelled(metric: Metric, samples: impl Iterator<Item = (&'static str, Cow<'static, str>, f64)>) -> Metric {
    let samples = samples.map(|(label, of, value)| Sample { labels: vec![(label, of)], value }).collect();
    Metric { samples, ..metric }
}
