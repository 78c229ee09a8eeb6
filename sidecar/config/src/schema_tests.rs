//! The schema against the reader: what one takes the other takes, and what a schema can refuse it refuses.
//!
//! A validator of its own, of the words that the schema uses: a word that it does not know fails the test instead of
//! being passed over.

use regex::Regex;
use serde_json::{Value, json};

use crate::Config;

/// What is wrong with a value, where anything is.
fn wrong(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object().expect("a schema is an object");
    let told = |what: &str| Some(format!("{value} is not {what}"));
    for (word, said) in schema {
        let found = match word.as_str() {
            "description" | "default" | "examples" | "title" | "format" | "$schema" | "$defs" => None,
            "$ref" => {
                let pointer =
                    said.as_str().and_then(|text| text.strip_prefix('#')).expect("within the schema");
                wrong(root, root.pointer(pointer).expect("what is referred to"), value)
            }
            "type" => {
                let types = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                let is = |kind: &Value| match kind.as_str().expect("a word") {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    other => panic!("no type {other}"),
                };
                if types.iter().any(is) { None } else { told(&said.to_string()) }
            }
            "const" => {
                if said == value {
                    None
                } else {
                    told(&said.to_string())
                }
            }
            "enum" => {
                if said.as_array().expect("a list").contains(value) {
                    None
                } else {
                    told(&said.to_string())
                }
            }
            "anyOf" => {
                let fits = |one: &Value| wrong(root, one, value).is_none();
                if said.as_array().expect("a list").iter().any(fits) { None } else { told("any of them") }
            }
            "oneOf" => {
                let fitting =
                    said.as_array().expect("a list").iter().filter(|one| wrong(root, one, value).is_none());
                if fitting.count() == 1 { None } else { told("one of them") }
            }
            "properties" => said
                .as_object()
                .expect("keys")
                .iter()
                .find_map(|(key, property)| wrong(root, property, value.get(key)?)),
            "required" => {
                let missing =
                    |key: &&Value| value.is_object() && value.get(key.as_str().expect("a key")).is_none();
                said.as_array().expect("keys").iter().find(missing).map(|key| format!("{key} is missing"))
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                let is_other = |key: &&String| known.is_none_or(|known| known.get(key.as_str()).is_none());
                let mut others = value.as_object().into_iter().flatten().filter(|(key, _)| is_other(key));
                match said {
                    Value::Bool(false) => others.next().map(|(key, _)| format!("there is no {key}")),
                    said => others.find_map(|(_, value)| wrong(root, said, value)),
                }
            }
            "items" => value.as_array().into_iter().flatten().find_map(|item| wrong(root, said, item)),
            "pattern" => {
                let pattern = Regex::new(said.as_str().expect("text")).expect("a regular expression");
                value.as_str().filter(|text| !pattern.is_match(text)).and_then(|_| told(&said.to_string()))
            }
            "minLength" => {
                let is_short = |text: &&str| (text.chars().count() as u64) < said.as_u64().expect("a number");
                value.as_str().filter(is_short).and_then(|_| told("long enough"))
            }
            "minimum" => {
                value.as_f64().filter(|value| Some(*value) < said.as_f64()).and_then(|_| told("large enough"))
            }
            "maximum" => {
                value.as_f64().filter(|value| Some(*value) > said.as_f64()).and_then(|_| told("small enough"))
            }
            other => panic!("the schema says {other}, which this test does not know"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn refused(text: &str) -> Option<String> {
    let schema = Config::schema();
    let value: Value = serde_saphyr::from_str(text).expect("YAML");
    wrong(&schema, &schema, &value)
}

#[test]
fn the_schema_takes_the_example_and_the_default() {
    assert_eq!(refused(&Config::example()), None);
    assert_eq!(refused(&serde_json::to_string(&Config::default()).expect("JSON")), None);
    assert_eq!(refused("{}"), None);
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    for text in [
        "scoring: {threshold: 0.9, thresholds: ['ci*=0.95', 'a=auto'], warn: 0.8, learn_for: 0s}",
        "storage: {shared: 's3://b/p', memory_budget: 1GiB, retention_days: 30}",
        "agent: {feed: ebpf-enter, workload: '{unit}', host: web-1, poll_every: 5ms}",
        "api: {listen: '127.0.0.1:7300', token_env: TOKEN}",
        "backend: {sinks: [{type: stdout, events: all}, {type: http, endpoint: 'https://a/', retry_max: 0}]}",
    ] {
        assert_eq!(refused(text), None, "{text}");
        assert!(Config::parse(text, "a").is_ok(), "{text}");
    }
}

#[test]
fn what_the_schema_refuses_the_reader_refuses() {
    for text in [
        "agnt: {}",
        "agent: {fed: auto}",
        "agent: {feed: falco}",
        "agent: {org: 12}",
        "agent: {queue: 0}",
        "agent: {queue: 1000001}",
        "api: {max_waiting: 10001}",
        "agent: []",
        "scoring: {learn_for: 30}",
        "scoring: {learn_for: '10 min'}",
        "scoring: {threshold: 85}",
        "scoring: {threshold: often}",
        "scoring: {thresholds: [ci*]}",
        "scoring: {warn: -0.1}",
        "storage: {memory_budget: 64}",
        "storage: {memory_budget: 64MB}",
        "storage: {retention_days: 0}",
        "storage: {retention_days: 70000}",
        "vectorization: {scrub: [a]}",
        "api: {token_env: 'Bearer x'}",
        "search: {digests: {a: 1}}",
        "backend: {sinks: [{type: kafka}]}",
        "backend: {sinks: [{type: http}]}",
        "backend: {sinks: [{type: stdout, colour: true}]}",
    ] {
        assert!(refused(text).is_some(), "the schema takes {text}");
        assert!(Config::parse(text, "a").is_err(), "the reader takes {text}");
    }
}

#[test]
fn the_validator_refuses_each_word_that_it_knows() {
    for (schema, value) in [
        (json!({ "const": 1 }), json!(2)),
        (json!({ "oneOf": [{}, {}] }), json!(1)),
        (json!({ "minLength": 2 }), json!("a")),
        (json!({ "additionalProperties": { "type": "string" } }), json!({ "a": 1 })),
        (json!({ "items": { "maximum": 1 } }), json!([1, 2])),
    ] {
        assert!(wrong(&schema, &schema, &value).is_some(), "{schema} takes {value}");
    }
}
