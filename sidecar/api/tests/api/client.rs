//! The client of the command line.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use anomaly_api::{Client, ClientError};
use serde_json::json;

use crate::support::Rig;

#[test]
fn questions_and_decisions() {
    let rig = Rig::new();
    let client = Client::new(&rig.socket);
    let numbers = client.text("/metrics").expect("text");
    assert!(numbers.ends_with("# EOF\n"), "{numbers}");
    let found = client.get("/v1/findings", &[("workload", "<img*"), ("limit", "2")]).expect("an answer");
    assert_eq!(found["findings"][0]["workload"], "<img src=x onerror=alert(1)>.service");
    let id = found["findings"][0]["example"]["id"].as_str().expect("an id").to_owned();
    let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    for id in [&id, &uuid] {
        let detail = client.get(&format!("/v1/executions/{id}"), &[]).expect("an answer");
        assert_eq!(detail["execution"]["id"], found["findings"][0]["example"]["id"]);
    }
    let group = client.get("/v1/held", &[]).expect("an answer")["groups"][0]["id"].clone();
    let decision = json!({ "action": "approve", "ids": [group], "why": "known" });
    assert_eq!(client.post("/v1/decisions", &decision).expect("it is taken")["applied"], true);
    assert_eq!(client.get("/v1/decisions", &[]).expect("an answer")[0]["action"], "approve");
}

#[test]
fn a_refusal_is_the_daemons_sentence() {
    let rig = Rig::new();
    let client = Client::new(&rig.socket);
    let refused = client.get("/v1/findings", &[("limit", "0")]).expect_err("too few");
    assert!(matches!(refused, ClientError::Refused { status: 400, .. }));
    assert_eq!(refused.to_string(), "limit is a number from 1 to 1000");
}

#[test]
fn nobody_there_and_somebody_else_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("api.sock");
    let nobody = Client::new(&socket).get("/v1/health", &[]).expect_err("nobody listens");
    assert!(nobody.to_string().contains("start one with 'anomalyctl run'"), "{nobody}");
    let listener = UnixListener::bind(&socket).expect("it listens");
    let other = thread::spawn(move || {
        for answer in ["SSH-2.0-OpenSSH\x1b[2J\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi!", ""] {
            let (mut stream, _) = listener.accept().expect("it connects");
            let _ = stream.read(&mut [0; 1_000]);
            stream.write_all(answer.as_bytes()).expect("it takes it");
        }
    });
    for _ in 0..3 {
        let error = Client::new(&socket).get("/v1/health", &[]).expect_err("no daemon of ours");
        assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error}");
        assert!(!error.to_string().contains('\x1b'));
    }
    other.join().expect("it ends");
}
