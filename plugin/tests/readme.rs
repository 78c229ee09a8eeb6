//! The README's table of fields is what the library itself tells of them.
//!
//! `ANOMALY_UPDATE=1 cargo test -p anomaly-plugin --test readme` writes it between its markers.

use std::path::Path;
use std::{env, fs};

use anomaly::AnomalyPlugin;
use falco_plugin::extract::ExtractPlugin;
use serde_json::Value;

const BEGIN: &str = "<!-- fields:begin -->\n";
const END: &str = "<!-- fields:end -->";

fn table() -> String {
    let fields: Vec<Value> = serde_json::from_slice(AnomalyPlugin::get_fields().to_bytes()).expect("JSON");
    let mut table = "| field | type | what it tells |\n|---|---|---|\n".to_owned();
    for field in &fields {
        let text = |key: &str| field[key].as_str().expect("text").replace('|', "\\|");
        table += &format!("| `{}` | {} | {} |\n", text("name"), text("type"), text("desc"));
    }
    table
}

#[test]
fn the_field_table_is_the_librarys_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).expect("there is a README");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the marker where the table begins");
    let (current, after) = rest.split_once(END).expect("the README has the marker where the table ends");
    let table = table();
    if env::var_os("ANOMALY_UPDATE").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).expect("written");
    } else {
        assert_eq!(
            current, table,
            "write it with ANOMALY_UPDATE=1 cargo test -p anomaly-plugin --test readme"
        );
    }
}
