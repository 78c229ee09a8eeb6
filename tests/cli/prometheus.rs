//! The daemon's metrics and the alerts on them, with a Prometheus.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
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
fn each_alert_fires_for_its_reason_alone() {
    if !is_here() {
        return;
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cli/prometheus/alerts.yaml");
    run(Command::new("promtool").args(["test", "rules"]).arg(cases)).succeeded();
}

#[test]
fn it_reads_every_metric_and_follows_every_alert() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let (of_daemon, of_prometheus) = (free_port(), free_port());
    let shared = folder.path("shared");
    fs::create_dir(&shared).expect("a folder");
    let token = folder.file("falco-anomaly.token", "0123456789abcdef0123456789abcdef");
    let config = format!(
        "agent: {{feed: proc}}\nstorage: {{path: {:?}, shared: \"file://{}\"}}\n\
         api: {{socket: {:?}, listen: \"127.0.0.1:{of_daemon}\", token_file: {token:?}}}\n\
         backend: {{sinks: [{{type: file, path: {:?}}}]}}\n",
        folder.path("data"),
        shared.display(),
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
    // A reading's metadata can be asked for a moment before its outcome is noted.
    let mut target = Value::Null;
    eventually("a reading has ended", || {
        target = ask(of_prometheus, "/api/v1/targets")["data"]["activeTargets"][0].take();
        target["health"] != "unknown" && !target.is_null()
    });
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let value = |query: &str| {
        let answer = ask(of_prometheus, &format!("/api/v1/query?query={query}"));
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    eventually("the daemon is ready", || value("anomaly_ready").as_deref() == Some("1"));
    eventually("nothing that could be lost is missing", || {
        let unseen = value("count(anomaly_lost_total%7Bkind=%22unseen%22%7D)");
        let kinds = value("count(count%20by%20(kind)(anomaly_lost_total))");
        (unseen.as_deref(), kinds.as_deref()) == (Some("5"), Some("4"))
    });
    eventually("what others published was taken just now", || {
        value("anomaly_shared_age_seconds").is_some_and(|age| age.parse::<f64>().is_ok_and(|age| age < 60.0))
    });

    // What a timer writes for node_exporter, which reads the older format.
    let file = folder.path("anomaly.prom");
    let mut metrics = Command::new(PROGRAM);
    settle(&mut metrics);
    metrics.args(["metrics", "--socket"]).arg(folder.path("api.sock")).arg("--output").arg(&file);
    run(&mut metrics).succeeded();
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(fs::File::open(&file).expect("it was written"));
    let checked = command.output().expect("promtool runs");
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!told.contains("error while linting"), "{told}");

    let mut rules = Value::Null;
    eventually("every alert was looked at", || {
        rules = ask(of_prometheus, "/api/v1/rules")["data"]["groups"][0]["rules"].take();
        rules.as_array().is_some_and(|all| all.len() >= 8 && all.iter().all(|rule| rule["health"] == "ok"))
    });
    // Of a daemon that is well, and of one that has ended.
    let state = |name: &str| {
        let all = ask(of_prometheus, "/api/v1/rules")["data"]["groups"][0]["rules"].take();
        let rule = all.as_array()?.iter().find(|rule| rule["name"] == name)?;
        rule["state"].as_str().map(str::to_owned)
    };
    for name in ["AnomalyDaemonGone", "AnomalyNoDaemon", "AnomalyExecutionsLost", "AnomalySharedOld"] {
        eventually(name, || state(name).as_deref() == Some("inactive"));
    }
    daemon.signal(Signal::TERM);
    daemon.wait().succeeded();
    eventually("the daemon is missed", || state("AnomalyDaemonGone").as_deref() == Some("pending"));
    assert_eq!(state("AnomalyNoDaemon").as_deref(), Some("inactive"));
}
