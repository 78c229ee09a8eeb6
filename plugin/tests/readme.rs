//! The tables of fields and of keys in the documentation are what the library itself tells of them.
//!
//! `ANOMALY_UPDATE=1 cargo test --test readme` writes them between their markers.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use anomaly::AnomalyPlugin;
use falco_plugin::base::{Json, Plugin};
use falco_plugin::extract::ExtractPlugin;
use falco_plugin::schemars::{JsonSchema, schema_for};
use falco_plugin::serde::de::DeserializeOwned;
use serde_json::Value;

/// Text for a cell.
fn cell(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace('|', "\\|")
}

fn fields() -> String {
    let fields: Vec<Value> = serde_json::from_slice(AnomalyPlugin::get_fields().to_bytes()).expect("JSON");
    let mut table = "| field | type | what it tells |\n|---|---|---|\n".to_owned();
    for field in &fields {
        table += &format!(
            "| `{}` | {} | {} |\n",
            cell(&field["name"]),
            cell(&field["type"]),
            cell(&field["desc"])
        );
    }
    table
}

/// What wraps the plugin's configuration.
trait Configured {
    type Config: JsonSchema;
}

impl<T: JsonSchema + DeserializeOwned> Configured for Json<T> {
    type Config = T;
}

fn keys() -> String {
    type Config = <<AnomalyPlugin as Plugin>::ConfigType as Configured>::Config;
    let schema = serde_json::to_value(schema_for!(Config)).expect("JSON");
    let mut table = "| key | default | for example | |\n|---|---|---|---|\n".to_owned();
    // Whether an object keeps its order hangs on the features that others ask of serde_json.
    let keys: BTreeMap<_, _> = schema["properties"].as_object().expect("an object").iter().collect();
    for (name, key) in keys {
        let (default, example) = (cell(&key["default"]), cell(&key["examples"][0]));
        table += &format!("| `{name}` | `{default}` | `{example}` | {} |\n", cell(&key["description"]));
    }
    table
}

/// Compares a table with what a file has between `<!-- NAME:begin -->` and `<!-- NAME:end -->`, or writes it there.
fn check(file: &str, name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let text = fs::read_to_string(&path).expect(file);
    let (before, rest) = text.split_once(&begin).expect("the marker where the table begins");
    let (current, after) = rest.split_once(&end).expect("the marker where the table ends");
    if env::var_os("ANOMALY_UPDATE").is_some() {
        fs::write(&path, [before, &begin, table, &end, after].concat()).expect("written");
    } else {
        assert_eq!(current, table, "{file}: write it with ANOMALY_UPDATE=1 cargo test --test readme");
    }
}

#[test]
fn the_field_table_is_the_librarys_own() {
    check("README.md", "fields", &fields());
}

#[test]
fn the_table_of_keys_is_the_librarys_own() {
    check("docs/falco.md", "keys", &keys());
}
