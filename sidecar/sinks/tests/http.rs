//! Batches over HTTP to servers that are there, away, slow, wrong, dishonest and back again.

mod support;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anomaly_sinks::{HttpConfig, QueueConfig, SinkState};
use support::server::{Reply, Server, free_port};
use support::{
    LONG, assert_accounts, assert_all, config, execution, ids, one, send, start, status, until, until_status,
};
use tempfile::TempDir;

#[test]
fn batches_arrive_compressed_with_credential_and_key() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::friendly(0);
    let key = folder.path().join("key");
    fs::write(&key, "hunter2\n").expect("written");
    let with_key =
        HttpConfig { auth_header: Some("X-API-Key".into()), auth_file: Some(key), ..config(&server.url()) };
    let sinks = start(&one(with_key), &folder);
    send(&sinks, 0..25);
    let after = until_status(&sinks, "25 sent", |status| status.sent == 25);
    assert_eq!((after.state, after.queued, after.spooled), (SinkState::Healthy, 0, 0));
    assert!(after.last_success.is_some_and(|time| time > 1.7e9) && after.last_error.is_none());
    assert_eq!(server.ids(), ids(0..25), "in order, once each");
    for request in server.requests() {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/events"));
        assert_eq!(request.header("x-api-key"), Some("hunter2"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("idempotency-key").map(str::len), Some(32));
        assert_eq!(request.json()["host"], "web-1");
        assert_eq!(request.json()["events"][0]["score"], 0.9312);
    }
    assert!(!format!("{sinks:?} {:?} {:?}", sinks.status(), sinks.notices()).contains("hunter2"));
}

#[test]
fn a_batch_waits_for_its_time_or_its_number() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::friendly(0);
    let slow = HttpConfig { batch_interval_ms: 3_600_000, max_batch_size: 5, ..config(&server.url()) };
    let sinks = start(&one(slow), &folder);
    send(&sinks, 0..12);
    until_status(&sinks, "two batches", |status| status.sent == 10);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(status(&sinks).queued, 2);
    sinks.close(LONG);
    assert_eq!(server.ids(), ids(0..12), "what is left goes when the daemon ends");
    assert_accounts(&status(&sinks));
}

#[test]
fn a_sink_that_is_away_gets_everything_once_it_is_back() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let sinks = start(&one(config(&format!("http://127.0.0.1:{port}/v1/events"))), &folder);
    send(&sinks, 0..3_000);
    let away = until_status(&sinks, "all on the disk", |status| status.spooled == 3_000);
    assert_eq!((away.queued, away.sent), (0, 0));
    assert!(
        away.spooled_bytes > 1_000_000
            && away.last_error.is_some_and(|error| error.contains("no connection"))
    );
    until_status(&sinks, "given up for now", |status| {
        status.state == SinkState::Failed && status.retries > 0
    });
    let spool = folder.path().join("spool/http");
    assert_eq!(fs::metadata(&spool).expect("a folder").permissions().mode() & 0o777, 0o700);

    let server = Server::friendly(port);
    let back = until_status(&sinks, "all sent", |status| status.sent == 3_000);
    assert_eq!((back.spooled, back.spooled_bytes, back.dropped.total()), (0, 0, 0));
    assert_eq!(server.ids(), ids(0..3_000), "in order, once each");
    assert_accounts(&back);
    let notices = sinks.notices();
    assert_eq!(notices.len(), 2, "failing and being back are said once each: {notices:?}");
    assert!(
        notices[0].starts_with("sink http fails: no connection") && notices[1].contains("takes events again")
    );
    let segments = fs::read_dir(&spool).expect("a folder").flatten();
    assert_eq!(segments.filter(|entry| entry.path().extension().is_some()).count(), 0, "no segment is left");
}

#[test]
fn a_lost_answer_is_repeated_with_the_same_key() {
    let folder = TempDir::new().expect("a folder");
    let asked = AtomicU32::new(0);
    let server = Server::start(0, move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply::Silence(Duration::ZERO),
        // A status counts, whatever becomes of the text behind it.
        2 => Reply::Cut(200),
        _ => Reply::Status(200),
    });
    let sinks = start(&one(config(&server.url())), &folder);
    send(&sinks, 0..20);
    until_status(&sinks, "all sent", |status| status.sent == 20);
    let requests = server.requests();
    let mut keys: HashMap<_, Vec<_>> = HashMap::new();
    for request in &requests {
        keys.entry(request.header("idempotency-key").expect("a key").to_owned())
            .or_default()
            .push(request.ids());
    }
    assert_eq!((requests.len(), keys.len()), (4, 2), "the first batch came three times");
    assert!(keys.values().all(|batches| batches.iter().all(|batch| *batch == batches[0])), "{keys:?}");
    assert_all(&server.ids(), &ids(0..20));
}

#[test]
fn one_bad_event_costs_no_other() {
    let folder = TempDir::new().expect("a folder");
    let bad = ids(7..8).remove(0);
    let poisoned = bad.clone();
    let server = Server::start(0, move |request| {
        Reply::Status(if request.ids().contains(&poisoned) { 400 } else { 200 })
    });
    let sinks = start(&one(config(&server.url())), &folder);
    send(&sinks, 0..20);
    let after = until_status(&sinks, "all judged", |status| status.sent == 19);
    assert_eq!((after.dropped.rejected, after.dropped.total(), after.retries), (1, 1, 0));
    assert_eq!(after.state, SinkState::Healthy, "a server that says no is there");
    let taken: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.ids())
        .filter(|ids| !ids.contains(&bad))
        .flatten()
        .collect();
    let wanted: Vec<_> = ids(0..20).into_iter().filter(|id| *id != bad).collect();
    assert_eq!(taken, wanted, "in order, once each");
    assert!(sinks.notices()[0].contains("refuses events"));
    assert_accounts(&status(&sinks));
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_for_ever() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::start(0, |_| Reply::Status(422));
    let sinks = start(&one(HttpConfig { max_batch_size: 500, ..config(&server.url()) }), &folder);
    send(&sinks, 0..500);
    until_status(&sinks, "all judged", |status| status.dropped.rejected == 500);
    assert!(server.requests().len() <= 70, "{} requests", server.requests().len());
    assert_accounts(&status(&sinks));
}

#[test]
fn errors_that_pass_are_waited_for() {
    let folder = TempDir::new().expect("a folder");
    let asked = AtomicU32::new(0);
    let replies =
        [Reply::Status(500), Reply::Status(429), Reply::Endless(503), Reply::Silence(Duration::from_secs(3))];
    let server = Server::start(0, move |_| {
        replies.get(asked.fetch_add(1, Ordering::SeqCst) as usize).cloned().unwrap_or(Reply::Status(200))
    });
    let sinks = start(&one(HttpConfig { retry_max: 9, ..config(&server.url()) }), &folder);
    send(&sinks, 0..10);
    let retrying = until_status(&sinks, "repeated", |status| status.state == SinkState::Retrying);
    assert!(retrying.last_error.is_some());
    let after = until_status(&sinks, "sent", |status| status.sent == 10);
    assert_eq!((after.retries, after.state), (4, SinkState::Healthy));
    assert_eq!(sinks.notices(), Vec::<String>::new(), "what passes by itself is not spoken of");
    assert_accounts(&after);
}

#[test]
fn what_somebody_has_to_repair_is_kept_until_it_is() {
    for status_code in [401, 404] {
        let folder = TempDir::new().expect("a folder");
        let server = Server::start(0, move |_| Reply::Status(status_code));
        let port = server.port();
        let sinks = start(&one(config(&server.url())), &folder);
        send(&sinks, 0..30);
        let failed = until_status(&sinks, "failed", |status| {
            status.state == SinkState::Failed && status.spooled == 30
        });
        assert!(failed.last_error.is_some_and(|error| error.contains(&status_code.to_string())));
        server.kill();
        let server = Server::friendly(port);
        until_status(&sinks, "all sent", |status| status.sent == 30);
        assert_all(&server.ids(), &ids(0..30));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let folder = TempDir::new().expect("a folder");
    let elsewhere = Server::friendly(0);
    let to = elsewhere.url();
    let server = Server::start(0, move |_| Reply::Redirect(to.clone()));
    let sinks = start(&one(config(&server.url())), &folder);
    send(&sinks, 0..10);
    let failed = until_status(&sinks, "failed", |status| status.state == SinkState::Failed);
    assert!(failed.last_error.is_some_and(|error| error.contains("307")));
    assert_eq!(elsewhere.requests().len(), 0, "the credential would go there too");
}

#[test]
fn a_proxy_is_used_where_one_is_configured() {
    let folder = TempDir::new().expect("a folder");
    let proxy = Server::friendly(0);
    let through = format!("http://127.0.0.1:{}", proxy.port());
    let sinks = start(
        &one(HttpConfig { proxy: Some(through), ..config("http://telemetry.invalid/v1/events") }),
        &folder,
    );
    send(&sinks, 0..10);
    until_status(&sinks, "sent", |status| status.sent == 10);
    assert_eq!(proxy.requests()[0].path, "http://telemetry.invalid/v1/events");
}

/// The child of the next test.
#[test]
fn a_daemon_with_a_proxy_in_its_environment() {
    let Ok(url) = std::env::var("ANOMALY_TEST_PROXY") else { return };
    let folder = TempDir::new().expect("a folder");
    let sinks = start(&one(config(&url)), &folder);
    send(&sinks, 0..10);
    until_status(&sinks, "sent", |status| status.sent == 10);
}

#[test]
fn a_proxy_in_the_environment_gets_nothing() {
    let (proxy, server) = (Server::friendly(0), Server::friendly(0));
    let through = format!("http://127.0.0.1:{}", proxy.port());
    let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
    child
        .args(["--exact", "a_daemon_with_a_proxy_in_its_environment"])
        .env("ANOMALY_TEST_PROXY", server.url());
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, &through);
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY");
    assert!(child.output().expect("a child").status.success());
    assert_eq!((server.ids(), proxy.requests().len()), (ids(0..10), 0));
}

#[test]
fn a_slow_sink_never_holds_up_who_scores() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::start(0, |_| Reply::Silence(Duration::from_secs(2)));
    let sinks = start(&one(HttpConfig { timeout_ms: 30_000, ..config(&server.url()) }), &folder);
    let events: Vec<_> = (0..100).map(execution).collect();
    let mut longest = Duration::ZERO;
    for _ in 0..200 {
        for event in &events {
            let begun = Instant::now();
            sinks.send(event);
            longest = longest.max(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    let after = until_status(&sinks, "brought to the disk", |status| status.spooled >= 15_000);
    assert_eq!(
        after.dropped.total(),
        0,
        "while the batch is still under way, the rest goes to the disk: {after:?}"
    );
}

#[test]
fn the_bounds_hold_and_the_oldest_go() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let queue = QueueConfig { spool_bytes: 1 << 20, ..QueueConfig::default() };
    let sinks =
        start(&one(HttpConfig { queue, ..config(&format!("http://127.0.0.1:{port}/v1/events")) }), &folder);
    for batch in 0..10 {
        send(&sinks, batch * 500..(batch + 1) * 500);
        until("brought to the disk", || {
            let now = status(&sinks);
            assert!(now.spooled_bytes <= 1 << 20, "{now:?}");
            now.queued == 0
        });
    }
    let full = status(&sinks);
    assert!(full.dropped.spool > 1_000 && full.dropped.total() == full.dropped.spool, "{full:?}");
    let server = Server::friendly(port);
    let after = until_status(&sinks, "delivered", |status| status.spooled == 0 && status.queued == 0);
    assert_accounts(&after);
    // The batch that was under way when its place went is delivered too.
    let received = server.ids();
    let first = ids(0..20).into_iter().take_while(|id| received.contains(id)).count() as u32;
    let dropped = u32::try_from(after.dropped.spool).expect("a number");
    assert_all(&received, &[ids(0..first), ids(first + dropped..5_000)].concat());
    let told = sinks.notices().iter().filter(|notice| notice.contains("no room for more events")).count();
    assert_eq!(told, 1);
}

#[test]
fn without_a_spool_the_queue_is_the_bound() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let queue = QueueConfig { events: 100, spool_bytes: 0, ..QueueConfig::default() };
    let sinks =
        start(&one(HttpConfig { queue, ..config(&format!("http://127.0.0.1:{port}/v1/events")) }), &folder);
    send(&sinks, 0..10);
    until_status(&sinks, "away", |status| status.state != SinkState::Healthy);
    send(&sinks, 10..500);
    let full = status(&sinks);
    assert!(full.dropped.queue >= 390 && full.queued <= 110, "{full:?}");
    let server = Server::friendly(port);
    let after = until_status(&sinks, "delivered", |status| status.queued == 0);
    assert_accounts(&after);
    assert!(server.ids().ends_with(&ids(400..500)), "the newest stay");
    assert!(!folder.path().join("spool/http").exists());
}

#[test]
fn a_spool_that_cannot_be_written_is_said_once_and_memory_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let sinks = start(&one(config(&format!("http://127.0.0.1:{port}/v1/events"))), &folder);
    fs::remove_dir_all(folder.path().join("spool")).expect("removed under it");
    send(&sinks, 0..100);
    let failed = until_status(&sinks, "failed", |status| status.state == SinkState::Failed);
    assert_eq!((failed.spooled, failed.queued), (0, 100));
    let told = sinks.notices().iter().filter(|notice| notice.contains("its spool cannot be written")).count();
    assert_eq!(told, 1);
    let server = Server::friendly(port);
    assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 100));
    assert_all(&server.ids(), &ids(0..100));
}
