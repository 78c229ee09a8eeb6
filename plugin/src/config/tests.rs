use std::time::Duration;

use anomaly_baseline::Threshold;
use falco_plugin::schemars::schema_for;

use super::*;

fn read(config: Value) -> Result<Config, String> {
    serde_json::from_value(config).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_needed() {
    assert_eq!(read(json!({})), Ok(Config::default()));
}

#[test]
fn every_key_changes_what_it_says() {
    let config = read(json!({
        "path": "/data", "org": "shop", "workload": "{unit}", "feed": "falco", "learn_below": 0.3,
        "learn_executions": 7, "learn_for": "2h", "threshold": "0.9", "warn": 0.8, "critical": "0.97",
        "retention_days": 30, "memory_budget": 16, "thresholds": ["ci*=0.95", "a=b=auto"], "shared": "s3://bucket/prefix",
        "shared_machine": "web-1", "shared_interval": "5m", "shared_agree": 2, "scrub": ["--licence-number", "PIN"],
        "max_rows": 70, "max_held": 60, "max_new_workloads": 50,
        "scrub_patterns": ["EMP-[0-9]{6}"],
    }));
    let score = |text: &str| text.parse::<Score>().expect("a score");
    let expected = Config {
        path: "/data".into(),
        org: "shop".into(),
        workload: "{unit}".parse().expect("a template"),
        feed: FeedSetting::Falco,
        settings: Settings {
            learn_below: 0.3,
            learn_executions: 7,
            learn_for: Duration::from_secs(7_200),
            threshold: Threshold::Fixed(score("0.9")),
            thresholds: vec![
                ("ci*".parse().expect("a pattern"), Threshold::Fixed(score("0.95"))),
                ("a=b".parse().expect("a pattern"), Threshold::Auto),
            ],
            warn: score("0.8"),
            critical: score("0.97"),
            retention_days: 30,
            memory_budget: 16 << 20,
            max_rows: 70,
            max_held: 60,
            max_new_workloads: 50,
            ..Settings::default()
        },
        scrub: vec!["--licence-number".into(), "PIN".into()],
        scrub_patterns: vec!["EMP-[0-9]{6}".into()],
        sharing: Sharing {
            shared: Some("s3://bucket/prefix".parse().expect("an address")),
            machine: Some("web-1".into()),
            interval: Duration::from_secs(300),
            agree: 2,
        },
    };
    assert_eq!(config, Ok(expected));
    for key in KEYS {
        let example =
            read(json!({ key.name: serde_json::from_str(key.example).unwrap_or(json!(key.example)) }));
        assert_ne!(example, Ok(Config::default()), "the example of {} changes something", key.name);
        assert!(example.is_ok(), "{example:?}");
    }
}

#[test]
fn every_feed_is_known() {
    for name in FEEDS {
        assert!(read(json!({ "feed": name })).is_ok(), "{name}");
    }
    let own: Vec<&str> = FeedChoice::ALL.iter().map(|choice| choice.as_str()).collect();
    assert!(own.iter().all(|name| FEEDS.contains(name)), "{own:?}");
}

#[test]
fn what_is_refused_says_what_is_meant() {
    for (config, message) in [
        (json!({ "treshold": 0.9 }), "init_config has no key \"treshold\"; did you mean \"threshold\"?"),
        (
            json!({ "threshold": 85 }),
            "threshold is 85, which is not `auto` or a number from 0 to 1 with at most four digits; \
             write for example 0.9",
        ),
        (json!({ "learn_for": "10 min" }), "learn_for is \"10 min\", which is not a duration"),
        (json!({ "learn_executions": -1 }), "learn_executions is -1, which is not a whole number"),
        (json!({ "feed": "bpf" }), "feed is \"bpf\", which is not one of auto, ebpf"),
        (json!({ "workload": "{pod}" }), "no placeholder {pod}"),
        (json!({ "path": null }), "path is null, which is not a directory"),
        (json!({ "path": "" }), "path is \"\", which is not a directory"),
        (json!({ "scrub": ["a=b"] }), "scrub is [\"a=b\"], which is not a list of names"),
        (
            json!({ "scrub_patterns": ["("] }),
            "scrub_patterns is [\"(\"], which is not a list of regular expressions (unclosed group)",
        ),
        (json!({ "max_rows": 0 }), "max_rows is 0, which is not a whole number from 1 to 4294967295"),
        (json!({ "retention_days": 0 }), "retention_days is 0, which is not a number of days"),
        (json!({ "warn": 0.99 }), "warn is 0.9900, which is not at most `critical`, 0.9500"),
        (
            json!({ "thresholds": ["ci*"] }),
            "thresholds is [\"ci*\"], which is not a list of PATTERN=THRESHOLD",
        ),
        (json!({ "thresholds": ["ci*=85"] }), "write for example [\"ci*=0.95\"]"),
        (json!({ "thresholds": "ci*=0.95" }), "which is not a list"),
        (json!([]), "invalid type: sequence"),
    ] {
        let error = read(config.clone()).expect_err(message);
        assert!(error.contains(message), "{config}: {error}");
    }
    let error = read(json!({ "zzzzzzzzzzzzzzzzz": 1 })).expect_err("unknown");
    assert!(error.contains("there are path, org, "), "{error}");
}

#[test]
fn the_schema_tells_all_about_every_key_and_refuses_none() {
    let schema = serde_json::to_value(schema_for!(Config)).expect("JSON");
    let properties = schema["properties"].as_object().expect("an object");
    assert_eq!(properties.len(), KEYS.len());
    for (name, property) in properties {
        for part in ["title", "description", "default", "examples", "type"] {
            assert!(!property[part].is_null(), "{name} has no {part}");
        }
        // Flat: a type is a word or a list of words.
        assert!(property["properties"].is_null() && property["$ref"].is_null(), "{name}");
        let default = read(json!({ name: property["default"] }));
        let expected = Config {
            path: default.as_ref().map(|c| c.path.clone()).unwrap_or_default(),
            ..Config::default()
        };
        assert_eq!(default, Ok(expected), "the default of {name} is the default");
    }
    assert!(schema["additionalProperties"].is_null());
}
