//! A file with every key, what it means and its default, made of the types themselves.

use serde_json::Value;

use crate::{Config, reading};

/// How wide comments are.
const WIDTH: usize = 110;

const HEADING: &str = "The configuration of `anomalyctl run`. Every key has a default that needs no thought: an empty file is a \
                       whole configuration, and what stands here is what counts without it. Durations are written 50ms, \
                       30s, 10m, 2h, 7d; sizes 64KiB, 64MiB, 1GiB. Secrets stand in environment variables or files, \
                       which are named here; nothing in this file is expanded. `anomalyctl config check FILE` tells what \
                       is wrong with one, `anomalyctl config schema` prints the JSON schema for an editor.";

/// Sinks to begin with, as comments.
const SINKS: &str = "\
For example:
sinks:
  - type: falcosidekick
    endpoint: http://127.0.0.1:2801/
  - type: clickhouse
    endpoint: http://127.0.0.1:8123/
    password_env: CLICKHOUSE_PASSWORD
  - type: http
    endpoint: https://telemetry.internal/v1/events
    auth_header: X-API-Key
    auth_env: ANOMALY_AUTH
  - type: file
    path: /var/log/falco-anomaly/anomaly.jsonl
    events: novel";

/// The file.
pub(crate) fn file() -> String {
    let schema = Config::schema();
    let defaults = serde_json::to_value(Config::default()).expect("text, numbers and lists are JSON");
    let mut out = comment(HEADING, 0);
    for (section, keys) in reading::sections() {
        let definition = resolve(&schema, &schema["properties"][section]);
        out.push('\n');
        out.push_str(&comment(text(&definition["description"]), 0));
        out.push_str(&format!("{section}:\n"));
        for key in keys {
            let property = resolve(&schema, &definition["properties"][*key]);
            let described = definition["properties"][*key]["description"].as_str();
            out.push_str(&comment(described.unwrap_or_else(|| text(&property["description"])), 2));
            match &defaults[section][*key] {
                Value::Null => {
                    let example = definition["properties"][*key]["examples"][0].clone();
                    out.push_str(&format!("  # {key}: {}\n", value(&example)));
                }
                default => out.push_str(&entry(key, default)),
            }
            if (section, *key) == ("backend", "sinks") {
                out.extend(SINKS.lines().map(|line| format!("  # {line}\n")));
            }
        }
    }
    out
}

/// What a reference stands for.
fn resolve<'s>(schema: &'s Value, node: &'s Value) -> &'s Value {
    let name = node["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.map_or(node, |name| &schema["$defs"][name])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text as comment lines.
fn comment(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + 2 + line.len() + 1 + word.len() > WIDTH {
            out.push_str(&format!("{:indent$}# {line}\n", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        out.push_str(&format!("{:indent$}# {line}\n", ""));
    }
    out
}

/// A key with its default; a long list over several lines.
fn entry(key: &str, default: &Value) -> String {
    let line = format!("  {key}: {}\n", value(default));
    let Some(items) = default.as_array().filter(|_| line.len() > WIDTH) else { return line };
    let items: Vec<_> = items.iter().map(value).collect();
    let wrapped = comment(&items.join(", "), 4).replace("    # ", "    ");
    format!("  {key}: [\n{},\n  ]\n", wrapped.trim_end())
}

/// A value as YAML on one line.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
        // JSON is YAML.
        other => other.to_string(),
    }
}

/// Whether text needs no quotes.
fn is_plain(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let means_another =
        ["true", "false", "null", "yes", "no", "on", "off"].contains(&&*text.to_ascii_lowercase());
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    begins && text.bytes().all(word) && !is_number && !means_another
}
