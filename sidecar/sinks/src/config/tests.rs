use serde_json::{Value, json};

use super::*;

fn read(value: Value) -> Result<SinkConfig, String> {
    let config: SinkConfig = serde_json::from_value(value).map_err(|error| error.to_string())?;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn a_type_is_enough_where_there_is_a_usual_place() {
    let defaults =
        [("falcosidekick", Events::Alerts), ("clickhouse", Events::All), ("stdout", Events::Novel)];
    for (kind, events) in defaults {
        let config = read(json!({ "type": kind })).expect(kind);
        assert_eq!((config.kind(), config.name(), config.events()), (kind, kind, events));
    }
    let http =
        read(json!({"type": "http", "endpoint": "https://telemetry.internal/v1/events"})).expect("http");
    assert_eq!(http, SinkConfig::Http(HttpConfig::to("https://telemetry.internal/v1/events")));
    let file = read(json!({"type": "file", "path": "/var/log/anomaly.jsonl"})).expect("file");
    assert_eq!(file, SinkConfig::File(FileConfig::to("/var/log/anomaly.jsonl")));
}

#[test]
fn what_is_written_is_what_was_read() {
    for config in [
        SinkConfig::Falcosidekick(FalcosidekickConfig::default()),
        SinkConfig::Clickhouse(ClickHouseConfig { name: Some("a-1".into()), ..ClickHouseConfig::default() }),
        SinkConfig::Http(HttpConfig { auth_header: Some("X-API-Key".into()), ..HttpConfig::to("http://a/") }),
        SinkConfig::File(FileConfig { keep: 0, ..FileConfig::to("a") }),
        SinkConfig::Stdout(StdoutConfig { events: Events::All, ..StdoutConfig::default() }),
    ] {
        let written = serde_json::to_value(&config).expect("JSON");
        assert_eq!(read(written).expect("what was written"), config);
    }
}

#[test]
fn what_cannot_work_is_named() {
    for (value, part) in [
        (json!({"type": "kafka"}), "unknown variant `kafka`"),
        (json!({"type": "http"}), "missing field `endpoint`"),
        (json!({"type": "stdout", "colour": true}), "unknown field `colour`"),
        (json!({"type": "stdout", "queue": {"byte": 1}}), "unknown field `byte`"),
        (json!({"type": "http", "endpoint": "ftp://a/"}), "endpoint: the address begins with"),
        (json!({"type": "http", "endpoint": "http://u:p@a/"}), "endpoint: an address holds no user"),
        (json!({"type": "http", "endpoint": "a/b"}), "endpoint: no address"),
        (
            json!({"type": "http", "endpoint": "http://a/", "auth_env": "A"}),
            "auth_header: a credential needs",
        ),
        (
            json!({"type": "http", "endpoint": "http://a/", "auth_header": "a b"}),
            "auth_header: no header's name",
        ),
        (
            json!({"type": "http", "endpoint": "http://a/", "max_batch_size": 0}),
            "max_batch_size: 0 is not between",
        ),
        (json!({"type": "clickhouse", "table": "a`; DROP TABLE b"}), "table: 1 to 64 letters"),
        (json!({"type": "clickhouse", "database": "1a"}), "database: 1 to 64 letters"),
        (json!({"type": "clickhouse", "user_env": "A", "user_file": "b"}), "user_file: name an environment"),
        (
            json!({"type": "clickhouse", "endpoint": "http://a/?database=b"}),
            "endpoint: the address has no query",
        ),
        (json!({"type": "falcosidekick", "name": "../a"}), "name: a sink's name has"),
        (
            json!({"type": "falcosidekick", "queue": {"spool_bytes": 5}}),
            "queue.spool_bytes: 5 is not between",
        ),
        (json!({"type": "file", "path": "/"}), "path: no file's name"),
    ] {
        let error = read(value.clone()).expect_err(&value.to_string());
        assert!(error.contains(part), "{value}: {error}");
    }
}

#[test]
fn the_schema_describes_every_key_and_takes_no_other() {
    let schema = serde_json::to_value(schemars::schema_for!(SinkConfig)).expect("JSON");
    let variants = schema["oneOf"].as_array().expect("variants");
    assert_eq!(variants.len(), 5);
    for variant in variants {
        assert_eq!(variant["additionalProperties"], json!(false), "{variant}");
        for (key, property) in variant["properties"].as_object().expect("properties") {
            let described = property.get("description").is_some() || key == "type";
            assert!(described, "{key} of {variant}");
        }
    }
}
