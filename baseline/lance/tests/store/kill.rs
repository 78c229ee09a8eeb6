//! SIGKILL at any moment of writing, compacting and pruning.

use std::{thread, time::Duration};

use crate::{
    common::*,
    helper::{Expected, Role, Writer},
};

const KILLS: u64 = 20;

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut expected = Expected::default();
    let mut notices = Vec::new();
    for kill in 0..KILLS {
        // Numbers far from those before: what was written and not acknowledged is not written again.
        let writer = Writer::start(Role::Store, &path, kill * 10_000);
        writer.wait_for(kill % 7);
        thread::sleep(Duration::from_millis(kill * 79 % 150));
        expected.add(&writer.kill());
        let (loaded, said) = try_load(&mut open(&path)).expect("it opens after every kill");
        assert_eq!(expected.lost(&loaded), [""; 0], "kill {kill}");
        notices.extend(said);
    }
    assert_eq!(notices, [""; 0], "a kill damages nothing");
    let (files, bytes) = size(&path);
    println!(
        "{KILLS} kills: {} batches and {} rows acknowledged, 0 lost; {files} files, {bytes} bytes",
        expected.batches,
        expected.rows()
    );
}
