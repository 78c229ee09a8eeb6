//! SIGKILL at any moment of writing, compacting, pruning and importing.
//!
//! Two hundred, in several databases at a time because most of a kill's time is a new writer's start. Each database goes
//! through its kills one after the other, so that what one kill left behind is there at the next. The writer writes
//! batches, changes and deletes rows, and compacts and prunes all the while ([`helper`](crate::helper)); the importer
//! brings whole workloads in, one after the other, as `baseline import` does ([`importer`](crate::importer)).

use std::{thread, time::Duration};

use crate::{
    common::*,
    helper::{Expected, Role, Writer},
    importer::{Imported, Importer},
    random::Random,
};

/// Kills of each database.
const KILLS: u64 = 40;

/// Databases that are written, and that are imported into.
const WRITTEN: u64 = 4;

/// What a kill may come after, at most: a batch of the writer's takes some thirty milliseconds, with compaction and
/// pruning a hundred.
const LATEST: u64 = 150_000;

#[derive(Default)]
struct Figures {
    kills: u64,
    batches: usize,
    rows: usize,
    files: usize,
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_two_hundred_kills() {
    let (_, seed) = Random::new();
    println!("seed {seed}");
    let figures = thread::scope(|scope| {
        let lanes: Vec<_> = (0..WRITTEN)
            .map(|lane| scope.spawn(move || kill_writers(&mut Random::of(seed ^ lane))))
            .chain([scope.spawn(move || kill_importers(&mut Random::of(seed ^ WRITTEN)))])
            .collect();
        lanes.into_iter().map(|lane| lane.join().expect("it says above what was lost")).collect::<Vec<_>>()
    });
    let sum = |of: fn(&Figures) -> usize| figures.iter().map(of).sum::<usize>();
    let kills: u64 = figures.iter().map(|figures| figures.kills).sum();
    assert_eq!(kills, 200);
    println!(
        "faults: SIGKILL while writing, compacting, pruning and importing: {kills} tried, {kills} survived, 0 rows \
         lost of {} in {} acknowledged batches; at most {} files left; seed {seed}",
        sum(|figures| figures.rows),
        sum(|figures| figures.batches),
        figures.iter().map(|figures| figures.files).max().unwrap_or(0),
    );
}

/// Waits until chance says that it is time.
fn wait(random: &mut Random) {
    thread::sleep(Duration::from_micros(random.below(LATEST)));
}

fn kill_writers(random: &mut Random) -> Figures {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut expected = Expected::default();
    for kill in 0..KILLS {
        // Numbers far from those before: what was written and not acknowledged is not written again.
        let mut writer = Writer::start(Role::Store, &path, kill * 10_000);
        writer.wait_for(random.below(7));
        wait(random);
        expected.add(&writer.kill());
        let (loaded, said) = try_load(&mut open(&path)).expect("it opens after every kill");
        assert_eq!(expected.lost(&loaded), [""; 0], "kill {kill}");
        assert_eq!(said, [""; 0], "kill {kill} damaged something");
    }
    Figures { kills: KILLS, batches: expected.batches, rows: expected.rows(), files: size(&path).0 }
}

fn kill_importers(random: &mut Random) -> Figures {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let mut imported = Imported::default();
    for kill in 0..KILLS {
        let mut importer = Importer::start(&path, kill * 1_000 + 1);
        importer.wait_for(random.below(5));
        wait(random);
        imported.add(&importer.kill());
        let (loaded, said) = try_load(&mut open(&path)).expect("it opens after every kill");
        assert_eq!(imported.lost(&loaded), [""; 0], "kill {kill}");
        assert_eq!(said, [""; 0], "kill {kill} damaged something");
    }
    Figures { kills: KILLS, batches: imported.workloads, rows: imported.rows(), files: size(&path).0 }
}
