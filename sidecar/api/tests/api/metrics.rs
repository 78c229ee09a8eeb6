//! The page of metrics: read strictly, line by line, and by Prometheus' own reader.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anomaly_api::Limits;
use anomaly_api::model::{Metric, MetricKind, Sample};

use crate::odd::Odd;
use crate::reference::python_or_skip;
use crate::support::{Reply, Rig};

/// A service that measures things whose names and labels are a stranger's work.
fn hostile() -> Rig {
    let mut service = Odd::new(|_| Ok(()));
    let labelled =
        |value: String, number: f64| Sample { labels: vec![("workload", value.into())], value: number };
    let mut samples: Vec<Sample> =
        ["", "a\"} 1\nanomaly_x 2", "back\\slash", "\u{202e}", "emoji 🦀", "\0", "\r\n# EOF\n"]
            .into_iter()
            .map(|text| labelled(text.to_owned(), 1.0))
            .collect();
    samples.push(labelled("x".repeat(100_000), 1e18));
    samples.push(labelled("back\\slash".to_owned(), 2.0));
    let family =
        |name, kind, samples| Metric { name, help: "Hostile \\ \"help\"\nwith a line", kind, samples };
    service.metrics = vec![
        family("anomaly_hostile", MetricKind::Counter, samples),
        family("anomaly_hostile", MetricKind::Gauge, vec![labelled("again".to_owned(), 1.0)]),
        family("no-name", MetricKind::Gauge, vec![labelled("x".to_owned(), 1.0)]),
        family(
            "anomaly_odd",
            MetricKind::Gauge,
            vec![labelled("inf".to_owned(), f64::INFINITY), labelled("nan".to_owned(), f64::NAN)],
        ),
    ];
    Rig::over(Arc::new(service), Limits::default())
}

/// Reads OpenMetrics text as its specification's grammar has it; family to samples.
fn read(reply: &Reply) -> HashMap<String, Vec<(String, f64)>> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let body = reply.body.strip_suffix("# EOF\n").expect("it ends as it has to");
    let mut families: HashMap<String, Vec<(String, f64)>> = HashMap::new();
    let mut current: Option<(String, bool)> = None;
    let mut series = HashSet::new();
    let mut described = None;
    for line in body.strip_suffix('\n').expect("each line ends").split('\n') {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("name and help");
            assert!(!help.is_empty());
            described = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("name and kind");
            assert_eq!(described.as_deref(), Some(name));
            assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                    && !name.as_bytes()[0].is_ascii_digit()
            );
            let counter = match kind {
                "counter" => true,
                "gauge" => false,
                other => panic!("{other}"),
            };
            assert!(families.insert(name.to_owned(), vec![]).is_none(), "{name} twice");
            current = Some((name.to_owned(), counter));
        } else {
            let (name, counter) = current.clone().expect("a family before its samples");
            let sample = if counter { format!("{name}_total") } else { name.clone() };
            let rest = line.strip_prefix(&sample).unwrap_or_else(|| panic!("{line} in {name}"));
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => labels(rest),
                None => (String::new(), rest),
            };
            assert!(series.insert((sample, labels.clone())), "{line} twice");
            let value = value.strip_prefix(' ').expect("a value");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(!counter || value >= 0.0, "{line}");
            families.get_mut(&name).expect("announced").push((labels, value));
        }
    }
    families
}

/// Labels behind their brace, and what comes after the closing one.
fn labels(text: &str) -> (String, &str) {
    let mut rest = text;
    let mut names = HashSet::new();
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name:?}");
        assert!(names.insert(name), "{name} twice");
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => {
                    let escaped = characters.next().map(|(_, escaped)| escaped);
                    assert!(matches!(escaped, Some('\\' | '"' | 'n')), "{escaped:?}");
                }
                _ => {}
            }
        };
        rest = &after[end + 1..];
        match rest.as_bytes().first() {
            Some(b',') => rest = &rest[1..],
            Some(b'}') => return (text[..text.len() - rest.len()].to_owned(), &rest[1..]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_line_keeps_to_the_format() {
    let rig = hostile();
    for door in rig.doors() {
        let families = read(&door.get("/metrics"));
        assert_eq!(families["anomaly_hostile"].len(), 8);
        assert!(families["anomaly_hostile"].iter().all(|(labels, _)| labels.len() < 300));
        assert_eq!(families["anomaly_odd"].len(), 2);
        assert_eq!(families["anomaly_executions"], [("feed=\"ebpf\"".to_owned(), 1_234_567.0)]);
        assert_eq!(families["anomaly_held"].len(), 40);
    }
}

#[test]
fn the_server_counts_itself() {
    let rig = hostile();
    let [door, _] = rig.doors();
    door.get("/nothing").error(404);
    door.get("/v1/health").json();
    door.get("/metrics");
    let families = read(&door.get("/metrics"));
    let requests = |status: &str| {
        let label = format!("status=\"{status}\"");
        families["anomaly_api_requests"].iter().find(|(labels, _)| *labels == label).map(|(_, count)| *count)
    };
    assert_eq!((requests("200"), requests("404"), requests("other")), (Some(2.0), Some(1.0), Some(0.0)));
    assert_eq!(families["anomaly_api_connections"][0].1, 4.0);
    // Of each page before: a sample and two families that come twice or have no name.
    assert_eq!(families["anomaly_api_metrics_left_out"][0].1, 3.0);
}

#[test]
fn prometheus_own_reader_takes_it() {
    let Some(python) = python_or_skip("metrics are not read by Prometheus' reader") else { return };
    let rig = hostile();
    let [door, _] = rig.doors();
    let text = door.get("/metrics").body;
    let program = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
                   print(sum(len(family.samples) for family in read(sys.stdin.read())))";
    let mut reader = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    reader.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it takes it");
    let output = reader.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(said, samples.to_string());
}
