//! The sink for ClickHouse against real servers: Debian's 18.16 and the current engine.

mod support;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anomaly_scored::ScoredExecution;
use anomaly_sinks::{ClickHouseConfig, SinkConfig, SinkState};
use support::clickhouse::{ClickHouse, Edition, PASSWORD, server};
use support::{assert_accounts, execution, send, start, until, until_status};
use tempfile::TempDir;

fn config(server: &ClickHouse) -> ClickHouseConfig {
    ClickHouseConfig {
        endpoint: server.url(),
        batch_interval_ms: 50,
        max_batch_size: 200,
        retry_max: 1,
        retention_days: 0,
        ..ClickHouseConfig::default()
    }
}

fn one(config: ClickHouseConfig) -> [SinkConfig; 1] {
    [SinkConfig::Clickhouse(config)]
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// The same in hexadecimal digits, as `hex()` writes it.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn attempts_are_counted_before_the_first_batch_too() {
    let folder = TempDir::new().expect("a folder");
    let away = ClickHouseConfig {
        endpoint: format!("http://127.0.0.1:{}/", support::server::free_port()),
        retry_max: 0,
        ..ClickHouseConfig::default()
    };
    let sinks = start(&one(away), &folder);
    // Nothing was given: what fails is to look for the table.
    let failed = until_status(&sinks, "tried again", |status| status.retries > 1);
    assert_eq!((failed.accepted, failed.state), (0, SinkState::Failed));
}

fn hostile_bytes_arrive_as_they_were(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    let folder = TempDir::new().expect("a folder");
    let sinks = start(&one(config(&server)), &folder);
    let every_ascii: String = (0..128_u8).map(char::from).collect();
    let texts = [
        every_ascii.as_str(),
        "'; DROP TABLE security_events; -- \\' \\\\ \\N \\0 \t\n\r {p:String} ${x} %00",
        "\u{202e}\u{200b}\u{feff}\u{2028}\u{fffd}\u{10ffff}\u{1f600} \u{e0041} é 日本",
        "\"},{\"id\":\"x\"}\n{\"id\":\"y\"}",
        "",
    ];
    for (number, text) in (0..).zip(texts) {
        let args = Some(vec!["sh".to_owned(), text.to_owned()]);
        sinks.send(&Arc::new(ScoredExecution { command: text.into(), args, ..(*execution(number)).clone() }));
    }
    until_status(&sinks, "sent", |status| status.sent == 5);
    for (number, text) in (0..).zip(texts) {
        let id = &execution(number).id;
        let answer = server.ask(&format!(
            "SELECT hex(command), hex(args[2]), length(args) FROM security_events WHERE id = '{id}'"
        ));
        assert_eq!(answer, format!("{0}\t{0}\t2", hex(text)), "{text:?}");
    }
    let row = server.ask(
        "SELECT toString(date), toString(time), micros, host, workload, uid, anomaly_score, threshold, novel, level, \
         isNull(tty), kind FROM security_events WHERE id LIKE '%0002'",
    );
    assert_eq!(
        row,
        "2026-03-02\t2026-03-02 08:00:00\t1772438400002000\tweb-1\tlibrary/nginx\t33\t0.9312\t0.85\t1\twarn\t1\texec"
    );
    assert_eq!(
        server.ask("SELECT count() FROM security_events WHERE anomaly_score > 0.8"),
        "5",
        "as the article asks"
    );
}

fn killed_and_restarted_it_gets_everything(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    let folder = TempDir::new().expect("a folder");
    // It is not there yet when the daemon starts.
    let sinks = start(&one(config(&server)), &folder);
    let mut sent = 0;
    for round in 0..3 {
        send(&sinks, round * 1_000..round * 1_000 + 500);
        server.start();
        until_status(&sinks, "some sent", |status| status.sent > sent);
        server.kill();
        sent = until_status(&sinks, "a count", |_| true).sent;
        send(&sinks, round * 1_000 + 500..(round + 1) * 1_000);
        until_status(&sinks, "kept on the disk", |status| {
            status.state != SinkState::Healthy && status.spooled > 0
        });
    }
    server.start();
    let after = until_status(&sinks, "all sent", |status| status.sent == 3_000);
    assert_accounts(&after);
    assert_eq!(after.dropped.total(), 0);
    assert_eq!(server.ask("SELECT count(), uniqExact(id) FROM security_events FINAL"), "3000\t3000");
}

fn a_repeated_batch_is_one(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    for _ in 0..2 {
        // Another daemon with the same events, as after a lost answer and a crash.
        let folder = TempDir::new().expect("a folder");
        let sinks = start(&one(ClickHouseConfig { batch_interval_ms: 300, ..config(&server) }), &folder);
        send(&sinks, 0..100);
        until_status(&sinks, "sent", |status| status.sent == 100);
    }
    assert_eq!(server.ask("SELECT count() FROM security_events FINAL"), "100");
    let merged = server.ask("SELECT count() FROM security_events");
    if edition == Edition::Current {
        assert_eq!(merged, "100", "the token keeps the batch out before anything is merged");
    }
}

fn a_table_that_was_dropped_is_made_again(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    let folder = TempDir::new().expect("a folder");
    let sinks = start(&one(ClickHouseConfig { table: "acts".into(), ..config(&server) }), &folder);
    until("the table is made before anything is sent", || server.ask("EXISTS TABLE acts") == "1");
    send(&sinks, 0..10);
    until_status(&sinks, "sent", |status| status.sent == 10);
    server.ask("DROP TABLE acts");
    send(&sinks, 10..30);
    let after = until_status(&sinks, "sent", |status| status.sent == 30);
    assert_eq!(after.dropped.total(), 0);
    assert_eq!(server.ask("SELECT count() FROM acts"), "20");
}

fn a_table_of_another_shape_gets_what_it_has_columns_for(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    server.ask("CREATE TABLE security_events (id String, command String, seen UInt8) ENGINE = MergeTree() ORDER BY id");
    let folder = TempDir::new().expect("a folder");
    let sinks = start(&one(config(&server)), &folder);
    send(&sinks, 0..10);
    until_status(&sinks, "sent", |status| status.sent == 10);
    assert_eq!(
        server.ask("SELECT count(), uniqExact(id), min(seen), max(seen) FROM security_events"),
        "10\t10\t1\t1"
    );
    // One whose columns cannot take a row loses that row alone.
    server.ask("DROP TABLE security_events");
    server.ask("CREATE TABLE security_events (id UInt8) ENGINE = MergeTree() ORDER BY id");
    for number in 10..20 {
        let id = if number == 15 { "no number".to_owned() } else { number.to_string() };
        sinks.send(&Arc::new(ScoredExecution { id, ..(*execution(number)).clone() }));
    }
    let after = until_status(&sinks, "judged", |status| status.sent == 19);
    assert_eq!((after.dropped.rejected, after.dropped.total()), (1, 1));
    assert_eq!(server.ask("SELECT count() FROM security_events"), "9");
}

fn old_days_go(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    let folder = TempDir::new().expect("a folder");
    let kept = ClickHouseConfig { retention_days: 7, ..config(&server) };
    let sinks = start(&one(kept.clone()), &folder);
    until("the table is made", || server.ask("EXISTS TABLE security_events") == "1");
    if edition == Edition::Current {
        let engine = server.ask("SELECT engine_full FROM system.tables WHERE name = 'security_events'");
        assert!(
            engine.contains("TTL time + toIntervalDay(7)") && engine.contains("ttl_only_drop_parts = 1"),
            "{engine}"
        );
        return;
    }
    for days in [0, 6, 7, 9, 300] {
        server.ask(&format!("INSERT INTO security_events (id, date, time) VALUES ('{days}', today() - {days}, now() - {days} * 86400)"));
    }
    sinks.send(&Arc::new(ScoredExecution { time: now(), ..(*execution(1)).clone() }));
    until("old days are dropped", || {
        server.ask("SELECT count() FROM security_events WHERE id IN ('9', '300')") == "0"
    });
    // A day more or less: the server counts days of Tokyo.
    let left = server.ask("SELECT arraySort(groupArray(id)) FROM security_events WHERE length(id) = 1");
    assert!(left.starts_with("['0','6'"), "{left}");

    // Somebody else's partitions are left alone. Moved and not dropped: the old server stumbles over a table that goes while
    // it deletes that table's parts.
    server.ask("RENAME TABLE security_events TO before");
    server.ask("CREATE TABLE security_events (id String, date Date) ENGINE = MergeTree() PARTITION BY toYYYYMM(date) ORDER BY id");
    server.ask("INSERT INTO security_events (id, date) VALUES ('old', '2001-01-01')");
    drop(sinks);
    let sinks = start(&one(kept), &folder);
    send(&sinks, 5..6);
    until_status(&sinks, "sent", |status| status.sent == 1);
    sinks.close(Duration::from_secs(5));
    assert_eq!(server.ask("SELECT count() FROM security_events WHERE id = 'old'"), "1");
}

fn the_examples_run(edition: Edition) {
    let Some(mut server) = server(edition) else { return };
    server.start();
    let example = |name: &str| {
        let path = format!("{}/../../examples/clickhouse/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the example");
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        let statements: Vec<_> = lines.join("\n").split(';').map(|one| one.trim().to_owned()).collect();
        statements.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>()
    };
    if edition == Edition::Current {
        for statement in example("schema.sql") {
            server.ask(&statement);
        }
    }
    let folder = TempDir::new().expect("a folder");
    let sinks = start(&one(config(&server)), &folder);
    // Two machines; on one of them a server starts a shell that nobody knows, among what it always does.
    let begun = now() - 600.0;
    for number in 0..60 {
        let time = begun + f64::from(number);
        let novel = number % 20 == 19;
        let usual = ScoredExecution { time, novel, first: novel, ..(*execution(number)).clone() };
        let host = if number == 39 { "web-2" } else { "web-1" }.to_owned();
        sinks.send(&Arc::new(if novel {
            ScoredExecution { host, ..usual }
        } else {
            let command = format!("curl -s http://127.0.0.1/healthz?{number}");
            ScoredExecution {
                host,
                command,
                score: "0".parse().ok(),
                held: false,
                name: "curl".into(),
                ..usual
            }
        }));
    }
    until_status(&sinks, "sent", |status| status.sent == 60);
    let questions = example("questions.sql");
    assert_eq!(questions.len(), 5);
    let answers: Vec<_> = questions.iter().map(|question| server.ask(question)).collect();
    for (question, answer) in questions.iter().zip(&answers) {
        assert!(!answer.is_empty(), "no answer to {question}");
    }
    let columns = |answer: &str| {
        answer.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect::<Vec<Vec<_>>>()
    };
    let [alerts, workloads, around, elsewhere, held] = [0, 1, 2, 3, 4].map(|index| columns(&answers[index]));
    assert_eq!(alerts.len(), 3, "{alerts:?}");
    assert_eq!([&alerts[0][1], &alerts[1][1]], ["web-1", "web-2"], "newest first: {alerts:?}");
    assert_eq!(workloads[0][..4], ["library/nginx", "60", "3", "3"], "{workloads:?}");
    assert!(around.len() >= 20 && around.iter().any(|row| row.contains(&"curl".to_owned())), "{around:?}");
    assert_eq!(elsewhere[0][1], "2", "on both machines: {elsewhere:?}");
    assert_eq!(held.len(), 1, "{held:?}");
}

macro_rules! on_both {
    ($($test:ident)*) => {
        mod old {
            $(#[test] fn $test() { super::$test(super::Edition::Old); })*
        }
        mod current {
            $(#[test] fn $test() { super::$test(super::Edition::Current); })*
        }
    };
}

on_both! {
    hostile_bytes_arrive_as_they_were
    killed_and_restarted_it_gets_everything
    a_repeated_batch_is_one
    a_table_that_was_dropped_is_made_again
    a_table_of_another_shape_gets_what_it_has_columns_for
    old_days_go
    the_examples_run
}

#[test]
fn a_wrong_password_is_kept_waiting_and_never_shown() {
    let Some(mut server) = server(Edition::Old) else { return };
    server.start();
    let folder = TempDir::new().expect("a folder");
    let (user, password) = (folder.path().join("user"), folder.path().join("password"));
    std::fs::write(&user, "writer\n").expect("written");
    std::fs::write(&password, "a wrong one\n").expect("written");
    let named =
        ClickHouseConfig { user_file: Some(user), password_file: Some(password.clone()), ..config(&server) };
    let sinks = start(&one(named.clone()), &folder);
    send(&sinks, 0..10);
    let failed =
        until_status(&sinks, "failed", |status| status.state == SinkState::Failed && status.spooled == 10);
    let error = failed.last_error.expect("an error");
    assert!(error.contains("Wrong password for user writer") && !error.contains("a wrong one"), "{error}");
    drop(sinks);
    std::fs::write(&password, PASSWORD).expect("written");
    let sinks = start(&one(named), &folder);
    assert_accounts(&until_status(&sinks, "sent", |status| status.sent == 10));
    assert_eq!(server.ask("SELECT count() FROM security_events"), "10");
}

#[test]
fn what_is_no_clickhouse_is_said() {
    let elsewhere = support::server::Server::friendly(0);
    let folder = TempDir::new().expect("a folder");
    let endpoint = format!("http://127.0.0.1:{}/", elsewhere.port());
    let sinks = start(&one(ClickHouseConfig { endpoint, ..ClickHouseConfig::default() }), &folder);
    let failed = until_status(&sinks, "failed", |status| status.state == SinkState::Failed);
    assert!(failed.last_error.is_some_and(|error| error.contains("no HTTP interface of ClickHouse")));
}
