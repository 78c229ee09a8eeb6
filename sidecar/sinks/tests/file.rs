//! A file that is moved away, whose folder vanishes, and that others rotate.

mod support;

use std::fs;
use std::time::Duration;

use anomaly_sinks::{Events, FileConfig, SinkConfig, SinkState};
use support::{assert_accounts, assert_all, ids, send, start, until_status};
use tempfile::TempDir;

/// The ids in every file of a folder.
fn read(folder: &std::path::Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let texts = files.map(|path| fs::read_to_string(path).expect("text"));
    let line = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).expect("whole lines");
        event["id"].as_str().expect("an id").to_owned()
    };
    texts.flat_map(|text| text.lines().map(line).collect::<Vec<_>>()).collect()
}

#[test]
fn moved_away_rotated_and_without_its_folder_it_gets_everything() {
    let place = TempDir::new().expect("a folder");
    let out = place.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let config = FileConfig {
        events: Events::All,
        max_bytes: 100 << 10,
        keep: 100,
        ..FileConfig::to(out.join("events.jsonl"))
    };
    let sinks = start(&[SinkConfig::File(config)], &place);
    send(&sinks, 0..1_000);
    until_status(&sinks, "written", |status| status.sent == 1_000);
    fs::rename(out.join("events.jsonl"), out.join("moved")).expect("moved");
    send(&sinks, 1_000..2_000);
    until_status(&sinks, "written", |status| status.sent == 2_000);

    fs::rename(&out, place.path().join("elsewhere")).expect("moved");
    send(&sinks, 2_000..3_000);
    let away =
        until_status(&sinks, "away", |status| status.state == SinkState::Failed && status.spooled == 1_000);
    assert!(away.last_error.is_some_and(|error| error.contains("cannot be written")));
    fs::rename(place.path().join("elsewhere"), &out).expect("moved back");
    let back = until_status(&sinks, "written", |status| status.sent == 3_000);
    assert_accounts(&back);
    assert!(fs::read_dir(&out).expect("a folder").count() > 10, "it was rotated");
    let written = read(&out);
    assert_eq!(written.len(), 3_000, "once each");
    assert_all(&written, &ids(0..3_000));
    sinks.close(Duration::from_secs(5));
}
