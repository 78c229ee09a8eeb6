//! The library as it is built: what Falco looks for in it.

use std::path::PathBuf;
use std::{env, fs};

use object::elf::{DF_1_NODELETE, DT_FLAGS_1, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

/// Cargo builds it for the tests, beside them.
fn library() -> PathBuf {
    let test = env::current_exe().expect("a path");
    let path = test.parent().expect("a directory").join("libanomaly.so");
    assert!(path.exists(), "{} is not built", path.display());
    path
}

#[test]
fn it_exports_what_falco_looks_up_and_no_source() {
    let bytes = fs::read(library()).expect("readable");
    let file = object::File::parse(&*bytes).expect("ELF");
    let exported: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    for symbol in [
        "plugin_get_required_api_version",
        // Without it Falco 0.42 and newer refuse a live capture.
        "plugin_get_required_event_schema_version",
        "plugin_get_init_schema",
        "plugin_init",
        "plugin_destroy",
        "plugin_get_metrics",
        "plugin_get_parse_event_types",
        "plugin_parse_event",
        "plugin_get_fields",
        "plugin_extract_fields",
        "plugin_get_async_events",
        "plugin_set_async_event_handler",
        "plugin_capture_open",
        "plugin_capture_close",
    ] {
        assert!(exported.contains(&symbol), "{symbol} is not exported");
    }
    // An extractor that is a source too sees its own events alone.
    for symbol in ["plugin_open", "plugin_next_batch", "plugin_get_id", "plugin_get_event_source"] {
        assert!(!exported.contains(&symbol), "{symbol} is exported");
    }
}

/// A reload unloads the library; its threads would run on without their code.
#[test]
fn it_cannot_be_unloaded() {
    let bytes = fs::read(library()).expect("readable");
    let header = FileHeader64::<Endianness>::parse(&*bytes).expect("ELF");
    let endian = header.endian().expect("known");
    let segments = header.program_headers(endian, &*bytes).expect("segments");
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, &*bytes).expect("readable"));
    let flags = dynamic
        .expect("a dynamic segment")
        .iter()
        .find(|entry| entry.d_tag(endian) == DT_FLAGS_1)
        .map_or(0, |entry| entry.d_val(endian));
    assert_ne!(flags & u64::from(DF_1_NODELETE), 0, "flags are {flags:#x}");
}
