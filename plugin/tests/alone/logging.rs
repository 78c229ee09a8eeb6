//! Messages reach Falco's log, and never through an instance that Falco has destroyed.

use std::ffi::CString;
use std::path::Path;

use crate::alone;
use crate::support::c_api::Falco;

fn config(path: &Path) -> CString {
    CString::new(format!(r#"{{"path": {path:?}, "feed": "falco"}}"#)).expect("no NUL")
}

/// A dry run is made after the instance that captures, and gone when that one has something to say.
#[test]
fn nothing_is_said_through_an_instance_that_is_gone() {
    let _alone = alone();
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
    let _alone = alone();
    assert_eq!(log::max_level(), {
        let directory = tempfile::tempdir().expect("a directory");
        drop(Falco::new(&config(directory.path())));
        log::LevelFilter::Off
    });
}
