//! What an operator copies, with the program that it is about.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::recording::Folder;
use crate::support::{PROGRAM, eventually, run, settle, start};

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(example(name)).expect(name)
}

/// Whether a program is here.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn systemd_takes_the_units_and_finds_little_exposed() {
    if !has("systemd-analyze") {
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = Folder::new();
    let unit = text("systemd/anomalyctl.service");
    for line in ["Type=notify", "WatchdogSec=30", "CapabilityBoundingSet=CAP_BPF CAP_PERFMON"] {
        assert!(unit.lines().any(|own| own == line), "{line}");
    }
    let (daemon, metrics, timer) =
        ("anomalyctl.service", "anomalyctl-metrics.service", "anomalyctl-metrics.timer");
    // The program is where it was built.
    let here = |name: &str| {
        let unit = text(&format!("systemd/{name}"));
        folder.file(name, unit.replace("/usr/local/bin/anomalyctl", PROGRAM))
    };
    let units = [daemon, metrics, timer].map(here);
    let verified = run(Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&units));
    let about_ours: Vec<_> = verified.err.lines().filter(|line| line.contains("anomalyctl")).collect();
    assert!(verified.status.success() && about_ours.is_empty(), "{verified:?}");
    for unit in &units[..2] {
        let exposed = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=30", "--no-pager"])
            .arg(unit));
        let level =
            exposed.out.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
        assert!(exposed.status.success(), "{level}\n{}", exposed.err);
    }
}

#[test]
fn docker_compose_takes_the_file() {
    let works = Command::new("docker")
        .args(["compose", "version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: docker compose is not installed");
        return;
    }
    let mut command = Command::new("docker");
    command.args(["compose", "--file"]).arg(example("compose/compose.yaml")).args(["config", "--quiet"]);
    run(&mut command).succeeded();
}

/// Names of our metrics in a text.
pub(crate) fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("anomaly_")).map(str::to_owned).collect()
}

/// What the daemon serves, with the endings that Prometheus gives counters.
fn served(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
        .collect()
}

fn get(socket: &Path, path: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_the_daemon_serves() {
    let folder = Folder::new();
    let (socket, data, shared) = (folder.path("api.sock"), folder.path("data"), folder.path("shared"));
    fs::create_dir(&shared).expect("a folder");
    let config = folder.file(
        "anomaly.yaml",
        format!(
            "agent: {{feed: proc}}\nstorage: {{path: {data:?}, shared: \"file://{}\"}}\napi: {{socket: {socket:?}}}\nbackend:\n  sinks:\n  - {{type: file, path: {:?}}}\n",
            shared.display(),
            folder.path("out.jsonl")
        ),
    );
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    // Should this test fail, the daemon goes by itself.
    let running = start(command.args(["run", "--for", "120s", "--config"]).arg(config), b"");
    let mut metrics = String::new();
    eventually("metrics with a workload", || {
        metrics = get(&socket, "/metrics").unwrap_or_default();
        metrics.contains("\nanomaly_workload_rows{") && metrics.ends_with("# EOF\n")
    });
    running.signal(Signal::TERM);
    running.wait().succeeded();
    let served = served(&metrics);
    for file in ["grafana/dashboard.json", "prometheus/alerts.yaml"] {
        let asked = named(&text(file));
        let unknown: Vec<_> = asked.difference(&served).collect();
        assert!(asked.len() > 8, "{file} asks for {asked:?}");
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}; served are {served:?}");
    }
    for file in ["baseline.md", "daemon.md", "fleet.md"] {
        let asked = named(&text(&format!("../docs/{file}")));
        let unknown: Vec<_> = asked.difference(&served).collect();
        assert!(!asked.is_empty() && unknown.is_empty(), "docs/{file} tells of {unknown:?}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&text("grafana/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(
            targets.iter().all(|target| !named(target["expr"].as_str().unwrap_or_default()).is_empty()),
            "{panel}"
        );
        assert!(panel["description"].is_string(), "{panel}");
    }
}
