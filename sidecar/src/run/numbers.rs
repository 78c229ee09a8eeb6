//! The numbers of what the daemon stands on, in the API's words.

use std::borrow::Cow;
use std::sync::Arc;

use anomaly_api::model::{Metric, MetricKind, Sample, Sharing, SinkHealth};
use anomaly_baseline::Timestamp;
use anomaly_fleet::Fleet;
use anomaly_lance::Counters as StoreCounters;
use anomaly_sinks::{SinkState, SinkStatus, Sinks};

use super::lasting::Lasting;

/// How the sinks are.
pub(super) fn sinks(
    sinks: &Arc<Sinks>,
    lasting: &Arc<Lasting>,
) -> Box<dyn Fn() -> Vec<SinkHealth> + Send + Sync> {
    let (sinks, lasting) = (Arc::clone(sinks), Arc::clone(lasting));
    Box::new(move || status(&sinks, &lasting).into_iter().map(sink).collect())
}

/// The sinks with all that they counted since the start of the daemon.
fn status(sinks: &Sinks, lasting: &Lasting) -> Vec<SinkStatus> {
    let mut all = sinks.status();
    let earlier = lasting.earlier.lock();
    all.iter_mut().for_each(|status| earlier.complete(status));
    all
}

fn sink(status: SinkStatus) -> SinkHealth {
    SinkHealth {
        name: status.name,
        kind: status.kind.to_owned(),
        state: status.state.as_str().to_owned(),
        error: status.last_error,
        queued: status.queued,
        spooled: status.spooled,
        sent: status.sent,
        dropped: status.dropped.total(),
        last_sent: status.last_success,
    }
}

/// How sharing goes.
pub(super) fn sharing(fleet: Option<&Arc<Fleet>>) -> Box<dyn Fn() -> Option<Sharing> + Send + Sync> {
    let fleet = fleet.map(Arc::downgrade);
    let began = now();
    Box::new(move || {
        let fleet = fleet.as_ref()?.upgrade()?;
        let status = fleet.status();
        Some(Sharing {
            age: age(status.merged, began, now()),
            place: status.place,
            machine: status.machine,
            machines: fleet.machines(),
            merged: status.merged.map(|time| time as f64 / 1e6),
            failing: status.failing,
        })
    })
}

/// Seconds since what others published was taken: since sharing began where it never was, so that a store that was away
/// from the start is noticed as well.
fn age(merged: Option<Timestamp>, began: Timestamp, now: Timestamp) -> f64 {
    let micros = now.saturating_sub(merged.unwrap_or(began));
    micros.max(0) as f64 / 1e6
}

fn now() -> Timestamp {
    jiff::Timestamp::now().as_microsecond()
}

/// The numbers of the sinks, the store and the fleet.
pub(super) fn metrics(
    sinks: &Arc<Sinks>,
    lasting: &Arc<Lasting>,
    store: Arc<StoreCounters>,
    fleet: Option<&Arc<Fleet>>,
) -> Box<dyn Fn() -> Vec<Metric> + Send + Sync> {
    let (sinks, lasting) = (Arc::clone(sinks), Arc::clone(lasting));
    let fleet = fleet.map(Arc::downgrade);
    let began = now();
    Box::new(move || {
        let mut all = of_sinks(&status(&sinks, &lasting));
        // What is about the last time is no counter.
        let counted =
            store.all().filter(|(what, _)| !what.starts_with("last_") && !what.starts_with("longest_"));
        all.push(Metric {
            name: "anomaly_store",
            help: "What the database did, by what.",
            kind: MetricKind::Counter,
            samples: counted.map(|(what, count)| sample("what", what, count as f64)).collect(),
        });
        if let Some(fleet) = fleet.as_ref().and_then(std::sync::Weak::upgrade) {
            all.extend(of_fleet(&fleet, began));
        }
        all
    })
}

fn of_sinks(status: &[SinkStatus]) -> Vec<Metric> {
    let by = |name, help, kind, value: &dyn Fn(&SinkStatus) -> f64| Metric {
        name,
        help,
        kind,
        samples: status.iter().map(|status| sample("sink", status.name.clone(), value(status))).collect(),
    };
    let counter = MetricKind::Counter;
    let gauge = MetricKind::Gauge;
    vec![
        by("anomaly_sink_sent", "Executions sent.", counter, &|sink| sink.sent as f64),
        by("anomaly_sink_retries", "Attempts that failed and are made again.", counter, &|sink| {
            sink.retries as f64
        }),
        by("anomaly_sink_queued", "Executions that wait in memory.", gauge, &|sink| sink.queued as f64),
        by("anomaly_sink_spooled", "Executions that wait on the disk.", gauge, &|sink| sink.spooled as f64),
        by("anomaly_sink_spooled_bytes", "What they take.", gauge, &|sink| sink.spooled_bytes as f64),
        by("anomaly_sink_healthy", "Whether the last attempt succeeded.", gauge, &|sink| {
            f64::from(u8::from(sink.state == SinkState::Healthy))
        }),
        Metric {
            name: "anomaly_sink_dropped",
            help: "Executions that were not sent and are not kept, by cause.",
            kind: counter,
            samples: status
                .iter()
                .flat_map(|sink| {
                    sink.dropped.by_cause().map(|(cause, count)| Sample {
                        labels: vec![("sink", sink.name.clone().into()), ("cause", cause.into())],
                        value: count as f64,
                    })
                })
                .collect(),
        },
    ]
}

fn of_fleet(fleet: &Fleet, began: Timestamp) -> [Metric; 3] {
    let counters = fleet.counters();
    let samples = [
        ("sent", counters.sent),
        ("received", counters.received),
        ("failed", counters.failed),
        ("corrupt", counters.corrupt),
        ("conflicts", counters.conflicts),
        ("over_bounds", counters.over_bounds),
    ];
    let gauge = |name, help, value| {
        let samples = vec![Sample { labels: Vec::new(), value }];
        Metric { name, help, kind: MetricKind::Gauge, samples }
    };
    let age = age(fleet.status().merged, began, now());
    [
        Metric {
            name: "anomaly_shared",
            help: "What was shared with other machines, by what.",
            kind: MetricKind::Counter,
            samples: samples.into_iter().map(|(what, count)| sample("what", what, count as f64)).collect(),
        },
        gauge("anomaly_shared_machines", "Other machines that are known.", fleet.machines() as f64),
        gauge(
            "anomaly_shared_age_seconds",
            "How long ago all that others published was taken; since the start where it never was.",
            age,
        ),
    ]
}

fn sample(label: &'static str, of: impl Into<Cow<'static, str>>, value: f64) -> Sample {
    Sample { labels: vec![(label, of.into())], value }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn what_was_never_taken_grows_old_from_the_start() {
        assert_eq!(age(None, 1_000_000, 61_000_000), 60.0);
        assert_eq!(age(Some(51_000_000), 1_000_000, 61_000_000), 10.0);
        assert_eq!(age(Some(99_000_000), 1_000_000, 61_000_000), 0.0, "a clock that was ahead");
    }
}
