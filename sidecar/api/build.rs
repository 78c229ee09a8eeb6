//! Lists the page's files for `include_bytes!`, so that a file that is added is served and one that is taken away is not.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=page");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("page");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the page's folder is part of this crate")
        .map(|entry| {
            entry.expect("its entries can be read").file_name().into_string().expect("names are ASCII")
        })
        .filter(|name| [".html", ".css", ".js", ".svg"].iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    let mut table = String::from("&[\n");
    for name in &names {
        let path = folder.join(name);
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),").expect("strings take everything");
    }
    table.push_str("]\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("page_files.rs");
    fs::write(out, table).expect("cargo's output directory can be written");
}
