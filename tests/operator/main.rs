//! What an operator copies, read as what it is.

use std::fs;
use std::path::Path;

use anomaly_config::Config;
use serde_json::Value;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    fs::read_to_string(path).expect(name)
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}"))
}

fn config(text: &str, name: &str) -> Config {
    Config::parse(text, name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_shipped_configuration_is_the_default() {
    assert_eq!(text("config.yaml"), Config::example(), "anomalyctl config init > examples/config.yaml");
    assert_eq!(config(&text("config.yaml"), "config.yaml"), Config::default());
}

#[test]
fn what_the_examples_write_is_where_the_service_may_write() {
    let unit = text("systemd/anomalyctl.service");
    let directory = |key: &str| {
        let named = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        named.unwrap_or_else(|| panic!("the unit has no {key}"))
    };
    assert!(unit.lines().any(|line| line == "ProtectSystem=strict"));
    let writable = [
        format!("/var/lib/{}/", directory("StateDirectory")),
        format!("/var/log/{}/", directory("LogsDirectory")),
        format!("/run/{}/", directory("RuntimeDirectory")),
    ];
    for name in ["config.yaml", "../docs/sinks.md"] {
        let text = text(name);
        let files: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start_matches([' ', '#']).strip_prefix("path: /"))
            .map(|rest| format!("/{}", rest.split_whitespace().next().unwrap_or_default()))
            .filter(|path| path.ends_with(".jsonl"))
            .collect();
        assert!(!files.is_empty(), "{name} writes no file");
        for file in files {
            assert!(writable.iter().any(|folder| file.starts_with(folder)), "{name}: {file}");
        }
    }
}

#[test]
fn the_program_is_installed_where_the_unit_starts_it() {
    let unit = text("systemd/anomalyctl.service");
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let folder = started.split(" run ").next().and_then(|path| path.strip_suffix("/anomalyctl"));
    let installs =
        format!(r#"install "${{CARGO_TARGET_DIR:-target}}/dist/anomalyctl" -t {}"#, folder.expect("ours"));
    for name in ["systemd/anomalyctl.service", "../README.md"] {
        assert!(text(name).contains(&installs), "{name} does not say: {installs}");
    }
}

#[test]
fn the_image_trusts_whom_the_distribution_trusts() {
    let dockerfile = text("kubernetes/Dockerfile");
    let installs = dockerfile.lines().any(|line| {
        line.starts_with("RUN ") && line.contains("apt-get install") && line.contains(" ca-certificates ")
    });
    assert!(installs, "no sink over https and no bucket works without certificates:\n{dockerfile}");
}

#[test]
fn the_daemonset_has_what_the_daemon_needs_and_no_more() {
    let all = documents(&text("kubernetes/daemonset.yaml"));
    let of = |kind: &str| {
        all.iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    };
    let namespace = &of("Namespace")["metadata"]["name"];
    assert!(all.iter().skip(1).all(|document| document["metadata"]["namespace"] == *namespace));

    let pod = &of("DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(pod["hostPID"], true);
    assert!(pod["hostNetwork"].is_null() && pod["automountServiceAccountToken"] == false);
    let volumes: Vec<&Value> =
        pod["volumes"].as_array().expect("volumes").iter().map(|volume| &volume["name"]).collect();
    let configured = config(of("ConfigMap")["data"]["anomaly.yaml"].as_str().expect("text"), "ConfigMap");
    for list in ["initContainers", "containers"] {
        let container = &pod[list][0];
        let security = &container["securityContext"];
        assert_eq!(
            security["capabilities"],
            serde_json::json!({ "drop": ["ALL"], "add": ["BPF", "PERFMON"] })
        );
        assert_eq!(
            (&security["readOnlyRootFilesystem"], &security["allowPrivilegeEscalation"]),
            (&true.into(), &false.into())
        );
        let mounts = container["volumeMounts"].as_array().expect("mounts");
        assert!(mounts.iter().all(|mount| volumes.contains(&&mount["name"])));
        // The host's files are looked at, never written.
        let host = mounts
            .iter()
            .filter(|mount| mount["mountPath"].as_str().is_some_and(|path| path.starts_with("/host/")));
        assert!(host.clone().count() >= 3 && host.clone().all(|mount| mount["readOnly"] == true));
        let path = configured.storage.path.as_ref().and_then(|path| path.to_str()).expect("a path");
        assert!(mounts.iter().any(|mount| mount["mountPath"] == path && mount["readOnly"].is_null()));
        let env = container["env"].as_array().expect("variables");
        let node = configured.agent.host_env.as_deref().expect("the node's name");
        assert!(env.iter().any(|variable| variable["name"] == node));
        assert!(env.iter().any(|variable| variable["name"] == "HOST_ROOT" && variable["value"] == "/host"));
    }
    // What the image has is the program alone, which finds the mounted configuration by itself.
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &pod["containers"][0][probe];
        assert_eq!(probe["exec"]["command"], serde_json::json!(["anomalyctl", "ready"]));
        assert!(probe["timeoutSeconds"].as_u64() > Some(1), "a process has to start: {probe}");
    }
    assert_eq!(
        of("DaemonSet")["spec"]["selector"]["matchLabels"],
        of("DaemonSet")["spec"]["template"]["metadata"]["labels"]
    );
}

#[test]
fn the_composition_sends_to_its_own_falcosidekick() {
    let composition = documents(&text("compose/compose.yaml")).remove(0);
    let daemon = &composition["services"]["anomalyctl"];
    assert_eq!((&daemon["pid"], &daemon["cap_drop"]), (&"host".into(), &serde_json::json!(["ALL"])));
    assert_eq!(daemon["cap_add"], serde_json::json!(["BPF", "PERFMON"]));
    let volumes: Vec<&str> =
        daemon["volumes"].as_array().expect("volumes").iter().filter_map(Value::as_str).collect();
    assert!(volumes.contains(&"./anomaly.yaml:/etc/falco-anomaly/anomaly.yaml:ro"), "{volumes:?}");
    let host = volumes.iter().filter(|volume| volume.contains(":/host/"));
    assert!(host.clone().count() >= 3 && host.clone().all(|volume| volume.contains(":ro")), "{volumes:?}");
    let configured = config(&text("compose/anomaly.yaml"), "compose/anomaly.yaml");
    let sink = serde_json::to_value(&configured.backend.sinks[0]).expect("JSON");
    assert_eq!(
        (&sink["type"], &sink["endpoint"]),
        (&"falcosidekick".into(), &"http://falcosidekick:2801/".into())
    );
    assert_eq!(daemon["healthcheck"]["test"], serde_json::json!(["CMD", "anomalyctl", "ready"]));
    assert!(composition["services"]["falcosidekick"]["image"].is_string());
}

#[test]
fn every_alert_says_what_it_is_about() {
    let alerts = documents(&text("prometheus/alerts.yaml")).remove(0);
    let rules = alerts["groups"][0]["rules"].as_array().expect("rules");
    assert!(rules.len() >= 8);
    for rule in rules {
        assert!(rule["alert"].is_string() && rule["expr"].is_string(), "{rule}");
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["info", "warning", "critical"].contains(&severity), "{rule}");
        for words in ["summary", "description"] {
            assert!(rule["annotations"][words].as_str().is_some_and(|text| text.len() > 20), "{rule}");
        }
    }
}
