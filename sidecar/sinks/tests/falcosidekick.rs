//! Alerts to a receiver that is stricter than Falcosidekick.

mod support;

use std::time::Duration;

use anomaly_hosts::sidekick;
use anomaly_scored::ScoredExecution;
use anomaly_sinks::{FalcosidekickConfig, SinkConfig, SinkState};
use support::server::{Reply, Server, free_port};
use support::{assert_accounts, assert_all, execution, ids, send, start, status, until_status};
use tempfile::TempDir;

fn config(port: u16) -> [SinkConfig; 1] {
    let endpoint = format!("http://127.0.0.1:{port}/");
    [SinkConfig::Falcosidekick(FalcosidekickConfig {
        endpoint,
        retry_max: 1,
        ..FalcosidekickConfig::default()
    })]
}

/// The id that an alert was made from.
fn id(body: &[u8]) -> String {
    let alert = sidekick::receive(body).expect("an alert that is taken");
    alert["uuid"].as_str().expect("a uuid").replace('-', "")
}

#[test]
fn the_strict_receiver_takes_every_alert() {
    let folder = TempDir::new().expect("a folder");
    let receiver = sidekick::Server::start().expect("a receiver");
    let endpoint = receiver.url();
    let config = FalcosidekickConfig { endpoint, ..FalcosidekickConfig::default() };
    let sinks = start(&[SinkConfig::Falcosidekick(config)], &folder);
    send(&sinks, 0..20);
    for number in 0..20 {
        let alert = receiver.next(Duration::from_secs(20)).expect("an alert").expect("taken");
        assert_eq!(alert["uuid"].as_str().map(|uuid| uuid.replace('-', "")), ids(number..number + 1).pop());
        assert_eq!(alert["rule"], "Novel child of a server");
    }
    assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 20));
}

#[test]
fn only_the_first_of_a_group_is_an_alert() {
    let folder = TempDir::new().expect("a folder");
    let server = Server::friendly(0);
    let sinks = start(&config(server.port()), &folder);
    for number in 0..10 {
        let first = number % 2 == 0;
        sinks.send(&std::sync::Arc::new(ScoredExecution { first, ..(*execution(number)).clone() }));
    }
    let after = until_status(&sinks, "sent", |status| status.sent == 5);
    assert_eq!(after.accepted, 5);
}

#[test]
fn four_hundred_is_for_ever_and_everything_else_is_tried_again() {
    let folder = TempDir::new().expect("a folder");
    let refused = ids(3..4).remove(0);
    let server =
        Server::start(0, move |request| Reply::Status(if id(&request.body) == refused { 400 } else { 200 }));
    let port = server.port();
    let sinks = start(&config(port), &folder);
    send(&sinks, 0..6);
    let after = until_status(&sinks, "judged", |status| status.sent == 5);
    assert_eq!((after.dropped.rejected, after.retries), (1, 0));
    server.kill();
    let server = Server::start(port, |_| Reply::Status(503));
    send(&sinks, 6..9);
    until_status(&sinks, "away", |status| status.state == SinkState::Failed);
    server.kill();
    let server = Server::friendly(port);
    until_status(&sinks, "sent", |status| status.sent == 8);
    assert_all(&server.requests().iter().map(|request| id(&request.body)).collect::<Vec<_>>(), &ids(6..9));
    assert_accounts(&status(&sinks));
}

#[test]
fn killed_and_restarted_it_gets_every_alert() {
    let folder = TempDir::new().expect("a folder");
    let port = free_port();
    let sinks = start(&config(port), &folder);
    let mut received = Vec::new();
    for round in 0..3 {
        send(&sinks, round * 100..round * 100 + 60);
        let server = Server::friendly(port);
        until_status(&sinks, "some sent", |status| status.sent > u64::from(round) * 100 + 30);
        received.extend(server.kill());
        send(&sinks, round * 100 + 60..(round + 1) * 100);
    }
    let server = Server::friendly(port);
    assert_accounts(&until_status(&sinks, "all sent", |status| status.sent == 300));
    received.extend(server.kill());
    let received: Vec<_> = received.iter().map(|request| id(&request.body)).collect();
    assert_all(&received, &ids(0..300));
}
