//! Messages reach Falco's log, and never through an instance that Falco has destroyed.

use std::ffi::CString;
use std::path::Path;

use crate::support::c_api::Falco;
use crate::support::{connect, exec};

fn config(path: &Path) -> CString {
    CString::new(format!(r#"{{"path": {path:?}, "feed": "falco"}}"#)).expect("no NUL")
}

#[test]
fn what_is_missing_is_said_once_when_capture_begins() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").expect("written");
    let mut falco = Falco::new(&config(&file));
    assert!(falco.log().is_empty(), "making an instance says nothing: {:?}", falco.log());
    falco.process(1, 0, "init");
    falco.open();
    for pid in 100..110 {
        falco.process(pid, 1, "init");
        falco.parse(&exec(pid, 1, "/bin/true").event());
        falco.text(&connect(pid), "anomaly.score");
    }
    let missing =
        falco.log().iter().filter(|line| line.contains("nothing is kept beyond this process")).count();
    assert_eq!(missing, 1, "{:?}", falco.log());
}

/// A dry run is made after the instance that captures, and gone when that one has something to say.
#[test]
fn nothing_is_said_through_an_instance_that_is_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut falco = Falco::new(&config(directory.path()));
    falco.process(1, 0, "init");
    let dry_run = Falco::new(&config(directory.path()));
    drop(dry_run);
    // The SDK's logger now points to what is freed, and opening says at least how many rows there are. The host aborts
    // when it is given that pointer.
    falco.open();
    falco.close();
    // From a new instance on there is one to speak through.
    let mut reloaded = Falco::new(&config(directory.path()));
    reloaded.process(1, 0, "init");
    reloaded.open();
    reloaded.close();
}

/// A failed read of a table is logged by the SDK itself.
#[test]
fn the_sdk_is_silent_too() {
    assert_eq!(log::max_level(), {
        let directory = tempfile::tempdir().expect("a directory");
        drop(Falco::new(&config(directory.path())));
        log::LevelFilter::Off
    });
}
