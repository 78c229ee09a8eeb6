//! A file that is moved away, whose folder vanishes, that others rotate, and whose disk hangs.

mod support;

use std::fs;
use std::time::Duration;

use anomaly_sinks::{Events, FileConfig, SinkConfig, SinkState};
use support::hanging::Hanging;
use support::server::Server;
use support::{assert_accounts, assert_all, config, ids, send, start, until, until_status};
use tempfile::TempDir;

/// The ids in every file of a folder.
fn read(folder: &std::path::Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let texts = files.map(|path| fs::read_to_string(path).expect("text"));
    texts.flat_map(|text| text.lines().map(id).collect::<Vec<_>>()).collect()
}

fn id(line: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(line).expect("whole lines");
    event["id"].as_str().expect("an id").to_owned()
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

#[test]
fn a_disk_that_hangs_holds_up_its_own_sink_alone() {
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("events.jsonl");
    let Some(hanging) = Hanging::new(&path) else { return };
    let server = Server::friendly(0);
    let file = SinkConfig::File(FileConfig { events: Events::All, ..FileConfig::to(&path) });
    let configs = [file, SinkConfig::Http(config(&server.url()))];
    let sinks = start(&configs, &place);
    send(&sinks, 0..100);
    // The file's batch is under way before the others' are.
    std::thread::sleep(Duration::from_millis(300));
    send(&sinks, 100..200);
    until("the other sink has everything", || sinks.status()[1].sent == 200);
    let closed = sinks.close(Duration::from_secs(2));
    assert!(closed.ended, "{closed:?}");
    closed.sinks.iter().for_each(assert_accounts);
    assert_eq!((closed.sinks[0].sent, closed.sinks[0].spooled), (0, 200), "{closed:?}");
    drop(sinks);

    let sinks = start(&configs, &place);
    hanging.let_go();
    assert_accounts(&until_status(&sinks, "written", |status| status.sent == 200));
    let written: Vec<_> = fs::read_to_string(&path).expect("text").lines().map(id).collect();
    assert_all(&written, &ids(0..200));
}
