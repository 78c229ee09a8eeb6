//! What somebody does with the API from beginning to end, over both listeners.

use serde_json::{Value, json};

use crate::support::{Door, NOW, Rig};

#[test]
fn findings_are_read_page_by_page_to_the_end() {
    let rig = Rig::new();
    for door in rig.doors() {
        let mut seen: Vec<String> = Vec::new();
        let mut times: Vec<f64> = Vec::new();
        let mut after = String::new();
        loop {
            let page = door.get(&format!("/v1/findings?limit=77{after}")).json();
            assert_eq!(page["total"], 500);
            let findings = page["findings"].as_array().expect("a list");
            assert!(!findings.is_empty() && findings.len() <= 77);
            seen.extend(findings.iter().map(|finding| finding["id"].as_str().expect("an id").to_owned()));
            times.extend(findings.iter().map(|finding| finding["last_time"].as_f64().expect("a time")));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert!(times.is_sorted_by(|a, b| a >= b), "the latest first");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 500, "each once");
    }
}

#[test]
fn findings_are_narrowed_down() {
    let rig = Rig::new();
    let [door, _] = rig.doors();
    let narrowed =
        door.get(&format!("/v1/findings?workload=docker.io*&min_score=0.9&since={}", NOW - 4.0 * 86_400.0));
    let narrowed = narrowed.json();
    let findings = narrowed["findings"].as_array().expect("a list");
    assert!(!findings.is_empty() && findings.len() < 100, "{}", findings.len());
    for finding in findings {
        assert!(finding["workload"].as_str().expect("a name").starts_with("docker.io"));
        assert!(finding["example"]["score"].as_f64().expect("a score") >= 0.9);
        assert!(finding["last_time"].as_f64().expect("a time") >= NOW - 4.0 * 86_400.0);
    }
}

#[test]
fn an_execution_of_a_finding_is_looked_at() {
    let rig = Rig::new();
    for door in rig.doors() {
        let finding = door.get("/v1/findings?limit=1").json()["findings"][0].clone();
        let id = finding["executions"][0].as_str().expect("an id").to_owned();
        let detail = door.get(&format!("/v1/executions/{id}")).json();
        assert_eq!(detail["execution"]["id"], id.as_str());
        assert_eq!(detail["finding"], finding["id"]);
        assert_eq!(detail["now"]["neighbours"].as_array().map(Vec::len), Some(3));
        let (code, _) = door.get(&format!("/v1/executions/{}", "0".repeat(32))).error(404);
        assert_eq!(code, "not_found");
    }
}

#[test]
fn what_is_denied_waits_no_longer_and_is_on_record() {
    let rig = Rig::new();
    for (door, who) in rig.doors().into_iter().zip([format!("uid {}", uid()), "token".to_owned()]) {
        let held = door.get("/v1/held").json();
        let group = &held["groups"][0];
        let id = group["id"].as_str().expect("an id");
        let executions = &group["executions"];
        let all_of = |held: Value| {
            held["groups"].as_array().expect("a list").iter().filter(|one| one["id"] == id).count()
        };
        assert_eq!(all_of(door.get("/v1/held?state=held").json()), 1);

        // One more than was shown: somebody looks again first.
        let more = json!({ "action": "deny", "ids": [id], "executions": executions.as_u64().expect("a number") + 1 });
        assert_eq!(door.post("/v1/decisions", &more.to_string()).error(409).0, "conflict");
        let decision = json!({
            "action": "deny", "ids": [id], "state": "held", "executions": executions, "why": "not ours <b>\u{202e}",
        });
        let decided = door.post("/v1/decisions", &decision.to_string()).json();
        assert_eq!(&decided["executions"], executions);
        assert_eq!(decided["applied"], true);
        assert_eq!(door.post("/v1/decisions", &decision.to_string()).error(404).0, "not_found");

        assert_eq!(all_of(door.get("/v1/held").json()), 0);
        assert_eq!(all_of(door.get("/v1/held?state=denied").json()), 1);
        let record = door.get("/v1/decisions").json()[0].clone();
        assert_eq!(record["action"], "deny");
        assert_eq!(record["asked"], id);
        assert_eq!(record["who"], who.as_str(), "{record}");
        assert_eq!(record["why"], "not ours <b>\u{202e}");
    }
}

#[test]
fn what_is_held_is_read_page_by_page() {
    let rig = Rig::new();
    for door in rig.doors() {
        let (mut ids, mut after) = (Vec::new(), String::new());
        let total = door.get("/v1/held?limit=1").json()["total"].as_u64().expect("a number") as usize;
        loop {
            let page = door.get(&format!("/v1/held?limit=3{after}")).json();
            let groups = page["groups"].as_array().expect("a list");
            assert!(groups.len() <= 3 && page["total"] == total, "{page}");
            ids.extend(groups.iter().map(|group| group["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(ids.len(), total);
        let one = door.get(&format!("/v1/held?group={}", ids[total - 1])).json();
        assert_eq!((&one["groups"][0]["id"], &one["total"]), (&json!(ids[total - 1]), &json!(1)));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), total, "a group came twice");
        assert_eq!(door.get("/v1/held?after=x").error(400).0, "bad_request");
    }
}

#[test]
fn a_workload_is_let_learn() {
    let rig = Rig::new();
    let [door, _] = rig.doors();
    let learn = json!({ "action": "learn", "workload": "host", "seconds": 3600.0, "ids": [] });
    assert_eq!(door.post("/v1/decisions", &learn.to_string()).json()["outcomes"][0]["workload"], "host");
    let elsewhere = json!({ "action": "learn", "workload": "nowhere", "seconds": 3600 });
    door.post("/v1/decisions", &elsewhere.to_string()).error(404);
}

#[test]
fn words_find_executions_with_what_matched_marked() {
    let rig = Rig::new();
    for door in rig.doors() {
        let request = json!({ "query": "reverse shell bash /dev/tcp", "orgId": "default", "workload": "*", "limit": 7 });
        let answer = door.post("/security/search", &request.to_string()).json();
        let matches = answer["matches"].as_array().expect("a list");
        assert_eq!(matches.len(), 7);
        for one in matches {
            let parts = one["parts"].as_array().expect("parts");
            let whole: String = parts.iter().map(|part| part["text"].as_str().expect("text")).collect();
            assert_eq!(one["command"], whole.as_str());
            assert!(parts.iter().any(|part| part["marked"] == true), "{one}");
        }
        let other = json!({ "query": "bash", "orgId": "another" });
        assert_eq!(door.post("/security/search", &other.to_string()).error(404).0, "not_found");
    }
}

#[test]
fn lanes_workloads_and_health() {
    let rig = Rig::new();
    for door in rig.doors() {
        let workloads = door.get("/v1/workloads").json();
        assert_eq!(workloads.as_array().map(Vec::len), Some(40));
        let lanes = door.get(&format!("/v1/timeline?since={}&until={NOW}&step=3600", NOW - 86_400.0)).json();
        assert_eq!(lanes["lanes"].as_array().map(Vec::len), Some(30));
        assert_eq!((&lanes["left_out"], &lanes["step"]), (&json!(10), &json!(3600)));
        let shown: Vec<_> =
            lanes["lanes"].as_array().expect("lanes").iter().map(|lane| &lane["workload"]).collect();
        let name = |workload: &Value| workload["workload"].clone();
        let quiet =
            workloads.as_array().expect("a list").iter().map(name).find(|name| !shown.contains(&name));
        let quiet = quiet.expect("ten are left out");
        let name: String = quiet.as_str().expect("text").bytes().map(|byte| format!("%{byte:02x}")).collect();
        let one = door.get(&format!("/v1/timeline?workload={name}")).json();
        assert_eq!((&one["lanes"][0]["workload"], &one["left_out"]), (&quiet, &json!(0)));
        assert!(door.get("/v1/health").json()["losses"].as_array().expect("a list").len() >= 3);
        assert_eq!(door.get("/healthz").json(), json!({ "status": "ok" }));
        assert_eq!(door.get("/readyz").json(), json!({ "status": "ready" }));
    }
}

#[test]
fn many_requests_on_one_connection() {
    use std::io::{Read, Write};
    let rig = Rig::new();
    let mut connection = Door::Unix(&rig.socket).open();
    for _ in 0..3 {
        connection
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it takes the request");
        let mut answer = [0; 4_096];
        let length = connection.read(&mut answer).expect("it answers");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(rig.server.counters().connections(), 1);
    assert_eq!(rig.server.counters().requests(200), 3);
}

fn uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("a process of ours").uid()
}
