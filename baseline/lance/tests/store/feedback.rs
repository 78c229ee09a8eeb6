//! The log of what people decided: written without the lock, read by whoever runs, kept small and repaired.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, SystemTime},
};

use anomaly_baseline::{Access, Action, Feedback, FeedbackLog, Settled, Store};
use anomaly_lance::{LanceStore, StoreOptions};

use crate::common::*;

/// The decisions of today, in the order of their ids.
fn decision(id: u128) -> Feedback {
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400 * 86_400;
    Feedback {
        id,
        time: i64::try_from(today).unwrap() * 1_000_000 + i64::try_from(id).unwrap(),
        who: "alice\u{1b}[2J".into(),
        uid: 1000,
        why: "x".repeat(5_000),
        action: Action::Deny,
        workload: "web".into(),
        asked: "*curl*".into(),
        keys: vec![id, u128::MAX],
        window: Duration::ZERO,
        settled: None,
    }
}

fn look(path: &Path) -> LanceStore {
    LanceStore::open_to_read(options(path)).expect("it can be looked at")
}

fn log(store: &mut LanceStore) -> FeedbackLog {
    store.feedback(None).expect("it is read").expect("nothing is known of it")
}

fn ids(log: &FeedbackLog) -> BTreeSet<u128> {
    log.entries.iter().map(|feedback| feedback.id).collect()
}

fn settled(id: u128) -> (u128, Settled) {
    (id, Settled { time: 5, outcome: "1 denied".into() })
}

#[test]
fn what_is_given_beside_the_writer_is_read_by_it_and_settled() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    assert_eq!(log(&mut writer), FeedbackLog::default());
    assert_eq!(writer.feedback(Some(0)).unwrap(), None);

    let mut person = look(directory.path());
    assert_eq!((person.access(), person.writer()), (Access::Reader, Some(Some(std::process::id()))));
    person.give(vec![decision(1), decision(2)]).unwrap();
    let read = log(&mut writer);
    assert_eq!(read.entries, [decision(1).bounded(), decision(2).bounded()]);
    assert!(read.entries[0].why.len() <= Feedback::MAX_TEXT && read.entries[0].who == "alice\\x1b[2J");
    assert_eq!(writer.feedback(Some(read.version)).unwrap(), None, "nothing new");

    writer.settle(&[settled(1)]).unwrap();
    let read = log(&mut person);
    assert_eq!(read.entries[0].settled, Some(settled(1).1));
    assert_eq!(read.entries[1].settled, None);
    assert!(person.settle(&[settled(2)]).is_err(), "that is the writer's");
    drop(writer);
    assert_eq!(person.writer(), None);
    assert_eq!(log(&mut open(directory.path())), read, "it is there after a restart");
}

#[test]
fn organisations_hear_nothing_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    look(directory.path()).give(vec![decision(1)]).unwrap();
    let other = StoreOptions { org: "other".into(), ..options(directory.path()) };
    assert!(log(&mut LanceStore::open_to_read(other).unwrap()).entries.is_empty());
}

#[test]
fn everybody_who_gives_at_once_is_heard() {
    const PEOPLE: u128 = 4;
    const EACH: u128 = 8;
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let together = Barrier::new(PEOPLE as usize);
    thread::scope(|scope| {
        for person in 0..PEOPLE {
            let (path, together) = (directory.path(), &together);
            scope.spawn(move || {
                let mut store = look(path);
                // The first of each make the table, all of them at once.
                together.wait();
                for n in 0..EACH {
                    store.give(vec![decision(person * 100 + n)]).expect("it is written");
                }
            });
        }
        // The writer settles, compacts and prunes all the while.
        for _ in 0..20 {
            let waiting: Vec<_> = log(&mut writer)
                .entries
                .iter()
                .filter(|feedback| feedback.settled.is_none())
                .map(|feedback| settled(feedback.id))
                .collect();
            if !waiting.is_empty() {
                writer.settle(&waiting).expect("it is settled");
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let all: BTreeSet<_> = (0..PEOPLE).flat_map(|person| (0..EACH).map(move |n| person * 100 + n)).collect();
    assert_eq!(ids(&log(&mut writer)), all);
}

#[test]
fn the_log_stays_small() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    for id in 0..60 {
        writer.give(vec![decision(id)]).unwrap();
        writer.settle(&[settled(id)]).unwrap();
    }
    let folder = directory.path().join("tables").join("feedback.lance");
    let (files, bytes) = size(&folder);
    assert_eq!(ids(&log(&mut writer)).len(), 60);
    assert!(log(&mut writer).entries.iter().all(|feedback| feedback.settled.is_some()));
    assert!(manifests(&folder).len() <= 64 + 32, "{} versions", manifests(&folder).len());
    println!("60 decisions given and settled: {files} files, {bytes} bytes");
}

#[test]
fn a_log_that_was_cut_off_is_repaired_by_the_writer_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    writer.give(vec![decision(1)]).unwrap();
    writer.give(vec![decision(2)]).unwrap();
    drop(writer);
    let folder = directory.path().join("tables").join("feedback.lance");
    fs::write(&manifests(&folder)[0], "").unwrap();

    let before = contents(directory.path());
    let said = look(directory.path()).feedback(None).unwrap_err().to_string();
    assert!(said.starts_with("reading feedback of workload every workload failed: "), "{said}");
    assert_eq!(contents(directory.path()), before, "who looks repairs nothing");

    let mut writer = open(directory.path());
    assert_eq!(ids(&log(&mut writer)), BTreeSet::from([1]));
    let (_, notices) = try_load(&mut writer).unwrap();
    assert!(notices.iter().any(|notice| notice.contains("what people decided is damaged")), "{notices:?}");
    writer.give(vec![decision(3)]).unwrap();
    assert_eq!(ids(&log(&mut look(directory.path()))), BTreeSet::from([1, 3]));

    for manifest in manifests(&folder) {
        fs::write(manifest, "").unwrap();
    }
    drop(writer);
    let mut writer = open(directory.path());
    assert_eq!(log(&mut writer).entries, [], "a new one is begun");
    writer.give(vec![decision(4)]).unwrap();
    assert_eq!(ids(&log(&mut writer)), BTreeSet::from([4]));
    let quarantined = contents(&directory.path().join("quarantine"));
    assert!(quarantined.len() > 2, "nothing is deleted: {:?}", quarantined.keys());
}
