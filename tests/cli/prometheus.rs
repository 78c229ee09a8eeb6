//! The daemon's metrics and the alerts on them, with a Prometheus.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;

use serde_json::Value;

use crate::operator::{example, has, named, text};
use crate::recording::Folder;
use crate::support::{PROGRAM, eventually, run, settle, skipped, start};

/// Whether there is a Prometheus. In CI there has to be one.
fn is_here() -> bool {
    let here = has("prometheus") && has("promtool");
    if !here {
        skipped("no Prometheus to read the metrics with: Debian's package prometheus has it");
    }
    here
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// Asks Prometheus; nothing while it does not answer.
fn ask(port: u16, path: &str) -> Value {
    let answer = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    };
    answer().unwrap_or_default()
}

#[test]
fn promtool_takes_the_alerts() {
    if !is_here() {
        return;
    }
    run(Command::new("promtool").args(["check", "rules"]).arg(example("prometheus/alerts.yaml"))).succeeded();
}

#[test]
fn it_reads_every_metric_and_follows_every_alert() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let (of_daemon, of_prometheus) = (free_port(), free_port());
    let token = folder.file("falco-anomaly.token", "0123456789abcdef0123456789abcdef");
    let config = format!(
        "agent: {{feed: proc}}\nstorage: {{path: {:?}}}\n\
         api: {{socket: {:?}, listen: \"127.0.0.1:{of_daemon}\", token_file: {token:?}}}\n\
         backend: {{sinks: [{{type: file, path: {:?}}}]}}\n",
        folder.path("data"),
        folder.path("api.sock"),
        folder.path("out.jsonl")
    );
    let mut daemon = Command::new(PROGRAM);
    settle(&mut daemon);
    // Should this test fail, the daemon goes by itself.
    daemon.args(["run", "--for", "120s", "--config"]).arg(folder.file("anomaly.yaml", config));
    let daemon = start(&mut daemon, b"");
    daemon.says("answering on http://127.0.0.1:");

    folder.file("alerts.yaml", text("prometheus/alerts.yaml"));
    let shipped = text("prometheus/prometheus.yaml");
    let config = shipped.replace("127.0.0.1:7300", &format!("127.0.0.1:{of_daemon}")).replace("15s", "1s");
    assert_ne!(config, shipped);
    // Alerts are looked at often enough to wait for it.
    let config = folder.file("prometheus.yaml", format!("global: {{evaluation_interval: 1s}}\n{config}"));
    run(Command::new("promtool").args(["check", "config"]).arg(&config)).succeeded();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path("tsdb").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{of_prometheus}"));
    let _prometheus = start(&mut command, b"");

    let asked = || named(&fs::read_to_string(example("grafana/dashboard.json")).expect("it is shipped"));
    let mut metadata = Value::Null;
    eventually("every metric of the dashboard is read", || {
        metadata = ask(of_prometheus, "/api/v1/metadata")["data"].take();
        // OpenMetrics has a counter's type and help without the ending of its values.
        asked().iter().all(|name| metadata.get(name.strip_suffix("_total").unwrap_or(name)).is_some())
    });
    assert_eq!(metadata["anomaly_lost"][0]["type"], "counter", "{metadata}");
    let targets = ask(of_prometheus, "/api/v1/targets");
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let value = |query: &str| {
        let answer = ask(of_prometheus, &format!("/api/v1/query?query={query}"));
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    eventually("the daemon is ready", || value("anomaly_ready").as_deref() == Some("1"));
    eventually("nothing that could be lost is missing", || {
        value("count(anomaly_lost_total)").is_some_and(|count| count.parse::<u32>().is_ok_and(|n| n > 10))
    });

    let mut rules = Value::Null;
    eventually("every alert was looked at", || {
        rules = ask(of_prometheus, "/api/v1/rules")["data"]["groups"][0]["rules"].take();
        rules.as_array().is_some_and(|all| all.len() >= 8 && all.iter().all(|rule| rule["health"] == "ok"))
    });
    eventually("the daemon is not absent", || {
        let absent = ask(of_prometheus, "/api/v1/rules")["data"]["groups"][0]["rules"][0].take();
        absent["name"] == "AnomalyDaemonAbsent" && absent["state"] == "inactive"
    });
}
