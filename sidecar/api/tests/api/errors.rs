//! Every error has the one shape, says what to do, and gives nothing back that was not printable.

use std::sync::Arc;

use anomaly_api::{Limits, ServiceError};

use crate::odd::Odd;
use crate::support::Rig;

#[test]
fn paths_and_methods_that_are_none() {
    let rig = Rig::new();
    for door in rig.doors() {
        for path in
            ["/nothing", "/v1", "/v1/findings/", "//v1/findings", "/..%2f..%2fetc/passwd", "/app.js/", "/%00"]
        {
            assert_eq!(door.get(path).error(404).0, "not_found", "{path}");
        }
        for (method, path, allowed) in [
            ("DELETE", "/v1/findings", "GET,HEAD"),
            ("PUT", "/v1/decisions", "GET,HEAD,POST"),
            ("GET", "/security/search", "POST"),
            ("POST", "/healthz", "GET,HEAD"),
            ("POST", "/", "GET,HEAD"),
            ("TRACE", "/", "GET,HEAD"),
            ("OPTIONS", "/app.js", "GET,HEAD"),
            ("BREW", "/metrics", "GET,HEAD"),
        ] {
            let reply = door.request(method, path, "", "");
            assert_eq!(reply.error(405).0, "method_not_allowed", "{method} {path}");
            let mut methods: Vec<&str> = reply.header("allow").expect("which ones").split(',').collect();
            methods.sort_unstable();
            assert_eq!(methods.join(","), allowed, "{method} {path}");
        }
    }
}

#[test]
fn queries_that_make_no_sense() {
    let rig = Rig::new();
    for door in rig.doors() {
        for (query, said) in [
            ("findings?limit=0", "limit"),
            ("findings?limit=1001", "limit"),
            ("findings?limit=many", "invalid digit"),
            ("findings?limit=1&limit=2", "duplicate"),
            ("findings?since=NaN", "since"),
            ("findings?until=-1", "until"),
            ("findings?until=1e999", "until"),
            ("findings?min_score=1.1", "min_score"),
            ("findings?workload=", "workload"),
            ("findings?wrokload=host", "wrokload"),
            ("findings?%1b[31m=%e2%80%ae", "\\x1b[31m"),
            ("held?state=waiting", "state"),
            ("held?state=all", "learned"),
            ("held?limit=201", "limit"),
            ("held?group=r0123456789abcdef", "group"),
            ("timeline?step=61", "step"),
            ("timeline?workload=", "workload"),
            ("timeline?name=host", "name"),
            ("timeline?since=20&until=10", "since"),
            ("timeline?since=0&step=60", "buckets"),
            ("executions/abc", "32 hexadecimal"),
            ("findings/abc", "16 hexadecimal"),
            ("findings/g0123456789abcdef", "16 hexadecimal"),
            ("findings/%ff", "16 hexadecimal"),
            ("executions/%ff%fe", "32 hexadecimal"),
            ("executions/ABCDEF01ABCDEF01ABCDEF01ABCDEF01", "32 hexadecimal"),
        ] {
            let (code, message) = door.get(&format!("/v1/{query}")).error(400);
            assert_eq!(code, "bad_request", "{query}");
            assert!(message.contains(said), "{query}: {message}");
        }
        // Where there are no keys, every one is a slip.
        let id = "0".repeat(32);
        let execution = format!("/v1/executions/{id}");
        for path in [
            &*execution,
            "/v1/workloads",
            "/v1/decisions",
            "/v1/health",
            "/metrics",
            "/healthz",
            "/readyz",
            "/openapi.json",
        ] {
            let (code, message) = door.get(&format!("{path}?limit=5")).error(400);
            assert_eq!(code, "bad_request", "{path}");
            assert!(message.contains("unknown field `limit`"), "{path}: {message}");
        }
        for (path, body) in [
            ("/security/search?mode=words", r#"{"query":"bash"}"#),
            ("/v1/decisions?dry_run=true", r#"{"action":"learn","workload":"host","seconds":60}"#),
        ] {
            assert!(door.post(path, body).error(400).1.contains("unknown field"), "{path}");
        }
        assert_eq!(door.get("/v1/decisions").json(), serde_json::json!([]), "nothing was decided");
        let long = format!("/v1/findings?workload={}", "x".repeat(251));
        assert!(door.get(&long).error(400).1.contains("250 characters"));
        door.get(&format!("/v1/findings?workload={}", "x".repeat(250))).json();
    }
}

#[test]
fn bodies_that_are_not_what_is_asked_for() {
    let rig = Rig::new();
    for door in rig.doors() {
        for (path, body, status, code, said) in [
            ("/security/search", "", 400, "bad_request", "no JSON"),
            ("/security/search", "{", 400, "bad_request", "no JSON"),
            ("/security/search", r#"{"query":"x"} x"#, 400, "bad_request", "no JSON"),
            ("/security/search", "[]", 422, "unprocessable", "invalid"),
            ("/security/search", "{}", 422, "unprocessable", "query"),
            ("/security/search", r#"{"query":""}"#, 422, "unprocessable", "query"),
            ("/security/search", r#"{"query":"x","limit":101}"#, 422, "unprocessable", "limit"),
            ("/security/search", r#"{"query":"x","org":"y"}"#, 422, "unprocessable", "org"),
            ("/security/search", r#"{"query":"x","query":"y"}"#, 422, "unprocessable", "duplicate"),
            ("/security/search", r#"{"query":"x","mode":"magic"}"#, 422, "unprocessable", "magic"),
            ("/security/search", r#"{"query":"x","state":"forgotten"}"#, 422, "unprocessable", "forgotten"),
            (
                "/security/search",
                r#"{"query":"x","\u001b[2J\u202e":1}"#,
                422,
                "unprocessable",
                "\\x1b[2J\\u{202e}",
            ),
            ("/security/search", r#"{"query":"!!!"}"#, 400, "bad_request", "words"),
            ("/security/search", r#"{"query":"x","mode":"semantic"}"#, 400, "bad_request", "model"),
            ("/v1/decisions", r#"{"action":"approve"}"#, 422, "unprocessable", "ids"),
            ("/v1/decisions", r#"{"action":"approve","ids":["x\u001b"]}"#, 422, "unprocessable", "x\\x1b"),
            ("/v1/decisions", r#"{"action":"learn","workload":"host"}"#, 422, "unprocessable", "seconds"),
            (
                "/v1/decisions",
                r#"{"action":"deny","ids":["g0123456789abcdef"],"state":"all"}"#,
                422,
                "unprocessable",
                "learned",
            ),
            (
                "/v1/decisions",
                r#"{"action":"learn","workload":"host","seconds":9,"state":"held"}"#,
                422,
                "unprocessable",
                "state",
            ),
            ("/v1/decisions", r#"{"action":"forget","ids":["r0123456789abcdef"]}"#, 404, "not_found", "id"),
        ] {
            let (given, message) = door.post(path, body).error(status);
            assert_eq!(given, code, "{body}");
            assert!(message.contains(said), "{body}: {message}");
        }
        let deep = format!(r#"{{"query":{}1{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        door.post("/security/search", &deep).error(422);
        let deep = format!("{}1{}", r#"{"x":"#.repeat(9_000), "}".repeat(9_000));
        door.post("/security/search", &deep).error(422);
        let not_text = b"POST /security/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
            Authorization: Bearer a-token-of-the-tests\r\nContent-Length: 13\r\n\r\n{\"query\":\"\xff\"}";
        door.exchange(not_text).error(400);
    }
}

#[test]
fn only_json_is_taken() {
    let rig = Rig::new();
    let [door, _] = rig.doors();
    let body = r#"{"query":"bash"}"#;
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: json\r\n",
    ] {
        let reply = door.request("POST", "/security/search", kind, body);
        assert_eq!(reply.error(415).0, "unsupported_media_type", "{kind}");
    }
    for kind in ["Content-Type: application/json; charset=utf-8\r\n", "Content-Type: Application/JSON\r\n"] {
        door.request("POST", "/security/search", kind, body).json();
    }
}

#[test]
fn what_the_service_cannot_answer() {
    let mut service = Odd::new(|question| {
        Err(match question {
            "findings" => ServiceError::Unavailable(format!("still loading\n{}", "\u{202e}".repeat(1_000))),
            "held" => ServiceError::NotFound("gone".into()),
            _ => ServiceError::Invalid("no".into()),
        })
    });
    service.not_ready = vec!["loading\n".into(), "no feed".into()];
    let rig = Rig::over(Arc::new(service), Limits::default());
    for door in rig.doors() {
        let reply = door.get("/v1/findings");
        let (code, message) = reply.error(503);
        assert_eq!((code.as_str(), reply.header("retry-after")), ("unavailable", Some("1")));
        assert!(message.starts_with("still loading\\n\\u{202e}") && message.ends_with("..."), "{message}");
        assert_eq!(door.get("/v1/held").error(404).1, "gone");
        assert_eq!(door.get("/v1/decisions").error(400).0, "bad_request");
        let (code, message) = door.get("/readyz").error(503);
        assert_eq!((code.as_str(), message.as_str()), ("not_ready", "loading\\n; no feed"));
        assert_eq!(door.get("/healthz").status, 200);
    }
}
