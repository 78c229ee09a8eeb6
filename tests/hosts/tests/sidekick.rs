//! What the receiver lets in and what it refuses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anomaly_hosts::sidekick::{MAX_BYTES, Server, receive};
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "hostname": "example",
        "output": "08:00:00.000000000: Warning In nginx, nginx started nc (score 0.9731, warn)",
        "output_fields": {
            "evt.time": 1_772_438_400_000_000_000_u64,
            "anomaly.score": "0.9731",
            "anomaly.nearest": null,
            "anomaly.proc_uid": 33,
            "k8s.ns.name": "shop",
        },
        "priority": "Warning",
        "rule": "Novel network tool",
        "source": "syscall",
        "tags": ["maturity_sandbox"],
        "time": "2026-03-02T08:00:00.003000000Z",
    })
}

#[test]
fn what_falco_sends_is_let_in() {
    receive(good().to_string().as_bytes()).expect("a good alert");
    for time in ["2026-03-02T08:00:00Z", "2026-03-02T08:00:00+01:00"] {
        let mut alert = good();
        alert["time"] = time.into();
        receive(alert.to_string().as_bytes()).expect(time);
    }
}

#[test]
fn everything_that_loses_something_is_refused() {
    for (path, value, problem) in [
        ("/rule", json!(""), "no rule"),
        ("/rule", Value::Null, "no rule"),
        ("/output", Value::Null, "no output"),
        ("/priority", json!("High"), "no priority"),
        ("/priority", Value::Null, "no priority"),
        ("/time", json!("2026-03-02 08:00:00"), "no time"),
        ("/time", json!("2026-13-02T08:00:00Z"), "no time"),
        ("/time", json!("2026-03-02T08:00:00.Z"), "no time"),
        ("/time", json!(1_772_438_400), "no time"),
        ("/output_fields", json!({}), "no output_fields"),
        ("/output_fields", Value::Null, "no output_fields"),
        ("/output_fields/anomaly.score", json!(0.9731), "no string"),
        ("/output_fields/anomaly.score", json!("0.1111"), "not in the sentence"),
        ("/output_fields/k8s.ns.name", Value::Null, "must be a string"),
        ("/output_fields/anomaly.nearest", json!("x".repeat(201)), "longer than 200"),
        ("/output_fields/anomaly.nearest", json!("a\u{1b}[2J"), "control characters"),
        ("/output_fields/anomaly.nearest", json!(true), "no string"),
    ] {
        let mut alert = good();
        *alert.pointer_mut(path).expect("a path of an alert") = value.clone();
        let rejection = receive(alert.to_string().as_bytes()).expect_err(path);
        assert!(rejection.0.contains(problem), "{path} {value}: {rejection}");
    }
    let mut alert = good();
    alert["output_fields"]["proc.pid"] = json!("4711");
    assert!(receive(alert.to_string().as_bytes()).expect_err("unique").0.contains("every event"));
    let mut alert = good();
    alert["output_fields"]["proc.cmdline"] = json!("x".repeat(MAX_BYTES));
    assert!(receive(alert.to_string().as_bytes()).expect_err("long").0.contains("would be cut"));
    assert!(receive(b"[]").is_err() && receive(b"").is_err() && receive(b"{").is_err());
}

#[test]
fn it_answers_over_http() {
    let server = Server::start().expect("a port");
    for (body, status) in [(good().to_string(), "200 OK"), ("{}".to_owned(), "400 Bad Request")] {
        let address = server.url().replace("http://", "").replace('/', "");
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        let received = server.next(Duration::from_secs(5)).expect("an alert");
        assert_eq!(received.is_ok(), status == "200 OK");
    }
    assert!(server.next(Duration::from_millis(10)).is_none());
}
