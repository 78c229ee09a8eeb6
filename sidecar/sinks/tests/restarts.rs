//! The daemon's own beginnings and ends: what cannot start, what is left behind, what a kill costs.

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anomaly_sinks::{HttpConfig, Prepared, SinkConfig, SinkError, Sinks};
use support::server::{Reply, Server, free_port};
use support::{
    LONG, assert_accounts, assert_all, config, execution, ids, one, send, start, status, until, until_status,
};
use tempfile::TempDir;

#[test]
fn the_next_daemon_delivers_what_this_one_could_not() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/v1/events");
    let sinks = start(&one(config(&url)), &folder);
    send(&sinks, 0..500);
    let begun = Instant::now();
    sinks.close(Duration::from_secs(5));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let closed = status(&sinks);
    assert_eq!((closed.spooled, closed.dropped.total()), (500, 0), "{closed:?}");
    sinks.send(&execution(500));
    assert_eq!(status(&sinks).dropped.closed, 1);
    drop(sinks);

    let server = Server::friendly(port);
    let sinks = start(&one(config(&url)), &folder);
    assert_eq!(status(&sinks).recovered, 500);
    send(&sinks, 501..510);
    let after = until_status(&sinks, "all sent", |status| status.sent == 509);
    assert_accounts(&after);
    assert_eq!(server.ids(), [ids(0..500), ids(501..510)].concat());
}

#[test]
fn the_daemon_ends_in_time_whatever_the_sink_does() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::start(0, |_| Reply::Silence(Duration::from_secs(30)));
    let sinks = start(&one(HttpConfig { timeout_ms: 60_000, ..config(&server.url()) }), &folder);
    send(&sinks, 0..100);
    until("asked", || !server.requests().is_empty());
    let begun = Instant::now();
    sinks.close(Duration::from_secs(2));
    assert!(begun.elapsed() < Duration::from_millis(2_100), "{:?}", begun.elapsed());
    let closed = status(&sinks);
    assert_eq!((closed.spooled, closed.dropped.total()), (100, 0), "{closed:?}");
}

/// The child of the next test.
#[test]
fn a_daemon_that_is_killed() {
    let Ok(place) = std::env::var("ANOMALY_TEST_KILLED") else { return };
    let (port, spool) = place.split_once(' ').expect("a port and a folder");
    let config = one(config(&format!("http://127.0.0.1:{port}/v1/events")));
    let sinks = Sinks::start(&config, spool.as_ref(), "web-1").expect("the sinks start");
    send(&sinks, 0..2_000);
    until_status(&sinks, "all on the disk", |status| status.spooled == 2_000);
    println!("ready");
    std::thread::sleep(LONG);
}

#[test]
fn a_killed_daemon_loses_nothing_that_was_on_the_disk() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let spool = folder.path().join("spool");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_daemon_that_is_killed", "--nocapture"])
        .env("ANOMALY_TEST_KILLED", format!("{port} {}", spool.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("ready"))), "the child is ready");
    child.kill().expect("killed");
    child.wait().expect("gone");
    let server = Server::friendly(port);
    let sinks = start(&one(config(&format!("http://127.0.0.1:{port}/v1/events"))), &folder);
    assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 2_000));
    assert_all(&server.ids(), &ids(0..2_000));
}

#[test]
fn killed_and_restarted_again_and_again_it_gets_everything() {
    let folder = TempDir::new().expect("a folder");
    let mut server = Server::friendly(0);
    let port = server.port();
    let sinks = start(&one(config(&server.url())), &folder);
    let mut received = Vec::new();
    for round in 0..4 {
        send(&sinks, round * 700..round * 700 + 400);
        received.extend(server.kill());
        send(&sinks, round * 700 + 400..(round + 1) * 700);
        std::thread::sleep(Duration::from_millis(200));
        server = Server::friendly(port);
    }
    assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 2_800));
    received.extend(server.kill());
    let mut seen = HashMap::new();
    for request in &received {
        let body = request.json();
        for event in body["events"].as_array().expect("events") {
            let before = seen.insert(event["id"].as_str().expect("an id").to_owned(), event.clone());
            assert!(before.is_none_or(|before| before == *event), "a repeat is the same event");
        }
    }
    assert_all(&seen.into_keys().collect::<Vec<_>>(), &ids(0..2_800));
}

#[test]
fn what_cannot_start_says_why() {
    let folder = TempDir::new().expect("a folder");
    let try_start = |configs: &[SinkConfig]| {
        let error = Sinks::start(configs, &folder.path().join("spool"), "web-1").expect_err("refused");
        (error.to_string(), error)
    };
    let refuse = |configs: &[SinkConfig]| {
        let checked = Prepared::new(configs, "web-1").expect_err("refused");
        let (text, error) = try_start(configs);
        assert_eq!(checked.to_string(), text, "known before anything is opened");
        (text, error)
    };
    let plain = config("http://127.0.0.1:9/");
    let (text, error) = refuse(&[SinkConfig::Http(plain.clone()), SinkConfig::Http(plain.clone())]);
    assert!(matches!(error, SinkError::SameName(_)) && text.contains("two sinks are called http"), "{text}");
    let keyed = HttpConfig {
        auth_header: Some("X-API-Key".into()),
        auth_env: Some("ANOMALY_TEST_UNSET".into()),
        ..plain.clone()
    };
    let (text, _) = refuse(&one(keyed));
    assert!(text.contains("sink http: the environment variable ANOMALY_TEST_UNSET is not set"), "{text}");
    let (text, _) = refuse(&one(HttpConfig { max_batch_size: 0, ..plain.clone() }));
    assert!(text.contains("sink http: max_batch_size: 0 is not between"), "{text}");
    let (text, _) = refuse(&one(HttpConfig { ca_file: Some("/dev/null".into()), ..plain.clone() }));
    assert!(text.contains("sink http: ca_file: "), "{text}");
    Prepared::new(&one(plain.clone()), "web-1").expect("it could start");
    let _running = start(&one(plain.clone()), &folder);
    let (text, error) = try_start(&one(plain));
    assert!(matches!(error, SinkError::SpoolLocked { .. }), "{text}");
}

#[test]
fn what_ran_starts_again_without_its_files() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::friendly(0);
    let key = folder.path().join("key");
    std::fs::write(&key, "hunter2\n").expect("written");
    let keyed = HttpConfig {
        auth_header: Some("X-API-Key".into()),
        auth_file: Some(key.clone()),
        ..config(&server.url())
    };
    let prepared = Prepared::new(&one(keyed.clone()), "web-1").expect("prepared");
    let spool = folder.path().join("spool");
    for round in 0..3 {
        let sinks = prepared.start(&spool).expect("they start");
        send(&sinks, round * 10..(round + 1) * 10);
        assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 10));
        assert!(sinks.close(LONG).ended);
        std::fs::remove_file(&key)
            .or_else(|error| if round > 0 { Ok(()) } else { Err(error) })
            .expect("removed");
    }
    assert_eq!(server.ids(), ids(0..30), "once each");
    assert!(server.requests().iter().all(|request| request.header("x-api-key") == Some("hunter2")));
    assert!(Prepared::new(&one(keyed), "web-1").is_err(), "the secret is gone");
}

#[test]
fn a_folder_without_a_sink_is_named() {
    let folder = TempDir::new().expect("a folder");
    let renamed = HttpConfig { name: Some("old".into()), ..config("http://127.0.0.1:9/") };
    let sinks = start(&one(renamed), &folder);
    send(&sinks, 0..5);
    sinks.close(Duration::from_secs(5));
    drop(sinks);
    let sinks = start(&[], &folder);
    let notices = sinks.notices();
    assert!(notices.len() == 1 && notices[0].contains("spool/old holds events"), "{notices:?}");
    sinks.send(&execution(1));
    sinks.close(LONG);
}
