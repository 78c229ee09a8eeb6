//! What the tests of the sinks share: executions, a small HTTP server that can be killed and misbehave, and waiting.

#![allow(dead_code, unreachable_pub, clippy::print_stdout, reason = "each test target uses a part of it")]

pub mod clickhouse;
pub mod hanging;
pub mod server;

#[path = "../../src/testing.rs"]
mod testing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_scored::ScoredExecution;
use anomaly_sinks::{HttpConfig, SinkConfig, SinkStatus, Sinks};

/// Long enough for every machine; reached only by a test that fails.
pub const LONG: Duration = Duration::from_secs(60);

/// A novel execution, different for every number.
pub fn execution(number: u32) -> Arc<ScoredExecution> {
    Arc::new(testing::execution(number))
}

/// The ids of executions of these numbers.
pub fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| testing::execution(number).id).collect()
}

pub fn send(sinks: &Sinks, numbers: std::ops::Range<u32>) {
    for number in numbers {
        sinks.send(&execution(number));
    }
}

/// Quick batches of ten, quickly given up.
pub fn config(url: &str) -> HttpConfig {
    HttpConfig {
        batch_interval_ms: 30,
        max_batch_size: 10,
        retry_max: 1,
        timeout_ms: 1_000,
        ..HttpConfig::to(url)
    }
}

/// The only sink.
pub fn one(config: HttpConfig) -> [SinkConfig; 1] {
    [SinkConfig::Http(config)]
}

/// The sinks of one configuration, with their spools in this folder.
pub fn start(configs: &[SinkConfig], folder: &tempfile::TempDir) -> Sinks {
    Sinks::start(configs, &folder.path().join("spool"), "web-1").expect("the sinks start")
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The status of the first sink.
pub fn status(sinks: &Sinks) -> SinkStatus {
    sinks.status().remove(0)
}

/// Waits until a sink's status is as wanted, and every execution is in exactly one place.
pub fn until_status(sinks: &Sinks, what: &str, is_so: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
    let begun = Instant::now();
    loop {
        let now = status(sinks);
        if is_so(&now) && adds_up(&now) {
            return now;
        }
        assert!(begun.elapsed() < LONG, "waited in vain: {what}: {now:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every execution is in exactly one place. Counters are read one by one, so that between two of them one may move.
fn adds_up(status: &SinkStatus) -> bool {
    let given = status.accepted + status.recovered;
    given == status.queued + status.spooled + status.sent + status.dropped.total()
}

/// The same, where nothing moves.
pub fn assert_accounts(status: &SinkStatus) {
    assert!(adds_up(status), "{status:?}");
}

/// Every wanted id at least once, and nothing else.
pub fn assert_all(received: &[String], wanted: &[String]) {
    let (mut received, mut wanted) = (received.to_vec(), wanted.to_vec());
    received.sort_unstable();
    received.dedup();
    wanted.sort_unstable();
    assert!(received == wanted, "{} of {} arrived", received.len(), wanted.len());
}
