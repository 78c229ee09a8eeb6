//! The OpenAPI document is true: schemathesis asks what it describes, and what it rules out, and compares the answers.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::reference::schemathesis_or_skip;
use crate::support::{Rig, TOKEN};

/// What depends on more than one key, or on meaning, and is answered 400: a span with more buckets than are drawn or none,
/// words without a letter, a model that is not there.
const SETTINGS: &str = r#"
[[operations]]
include-path = "/v1/timeline"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400]

[[operations]]
include-path = "/security/search"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404]
"#;

#[test]
fn the_document_is_true() {
    let Some(schemathesis) = schemathesis_or_skip("the OpenAPI document is not compared with the answers")
    else {
        return;
    };
    let rig = Rig::new();
    let [unix, tcp] = rig.doors();
    let mut document = tcp.get("/openapi.json").json();
    with_real_ids(
        &mut document,
        &unix.get("/v1/held").json()["groups"],
        &unix.get("/v1/findings?limit=1").json(),
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("openapi.json"), document.to_string()).expect("written");
    fs::write(folder.path().join("schemathesis.toml"), SETTINGS).expect("written");
    let output = Command::new(schemathesis)
        .current_dir(folder.path())
        .args(["run", "openapi.json", "--checks", "all", "--no-color", "--seed", "6", "--max-examples", "60"])
        .args(["--url", &format!("http://{}", rig.address)])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Tested: 14"), "every operation: {said}");
    let counters = rig.server.counters();
    assert!(
        counters.requests(200) > 200 && counters.requests(401) > 5 && counters.requests(405) > 5,
        "{counters:?}"
    );
    assert_eq!(counters.panics() + counters.requests(500), 0);
}

/// Examples of ids that are there: at random, none is ever hit.
fn with_real_ids(document: &mut Value, held: &Value, findings: &Value) {
    let decisions = document.pointer_mut("/paths/~1v1~1decisions/post/requestBody/content/application~1json");
    decisions.expect("it takes JSON")["examples"] = json!({
        "group": { "value": { "action": "approve", "ids": [held[0]["id"]], "state": "held", "executions": held[0]["executions"] } },
        "row": { "value": { "action": "deny", "ids": [held[1]["rows"][0]["id"]], "why": "not ours" } },
        "learn": { "value": { "action": "learn", "workload": "host", "seconds": 60 } },
    });
    let id = document.pointer_mut("/paths/~1v1~1executions~1{id}/get/parameters/0").expect("its id");
    id["example"] = findings["findings"][0]["executions"][0].clone();
    let id = document.pointer_mut("/paths/~1v1~1findings~1{id}/get/parameters/0").expect("its id");
    id["example"] = findings["findings"][0]["id"].clone();
}

#[test]
fn the_document_names_every_path_and_its_errors() {
    let rig = Rig::new();
    let [unix, tcp] = rig.doors();
    let document = unix.get("/openapi.json").json();
    assert_eq!(document, tcp.get("/openapi.json").json());
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 13);
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let open = matches!(path.as_str(), "/healthz" | "/readyz");
            assert_eq!(operation.get("security").is_none(), open, "{method} {path}");
            let statuses = operation["responses"].as_object().expect("responses");
            for (status, response) in statuses.iter().filter(|(status, _)| *status != "200") {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Error", "{method} {path} {status}");
            }
            for status in if method == "post" {
                &["200", "400", "408", "413", "415", "422"][..]
            } else {
                &["200", "400"]
            } {
                assert!(statuses.contains_key(*status), "{method} {path} {status}");
            }
        }
    }
}
