use std::fs::{File, OpenOptions};

use tempfile::TempDir;

use super::*;
use crate::config::Events;
use crate::queue::{Bounds, Queue};
use crate::status::{Counters, SinkStatus};
use crate::testing::execution;

const PLAN: Plan = Plan { events: 10, bytes: 1 << 20, interval: Duration::ZERO, retry_max: 0 };

fn store(folder: &TempDir) -> Store {
    let bounds = Bounds { events: 1_000, bytes: 1 << 20, batch_events: 10, batch_bytes: 1 << 20 };
    let sink = Sink {
        name: "test".to_owned(),
        kind: "test",
        events: Events::All,
        queue: Queue::new(bounds),
        counters: Counters::default(),
    };
    let spool = Spool::open(folder.path(), 1 << 20).expect("a spool");
    Store::new(Arc::new(sink), Some(spool), Arc::default(), PLAN)
}

fn push(store: &Store, numbers: std::ops::Range<u32>) {
    for number in numbers {
        add(&store.sink.counters.accepted, 1);
        let event = Arc::new(Event::new(Arc::new(execution(number))));
        assert_eq!(store.sink.queue.push(event, Instant::now()), Some(0));
    }
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full")
}

/// How often this was said since the last time.
fn said(store: &Store, what: &str) -> usize {
    store.notices.take().iter().filter(|notice| notice.contains(what)).count()
}

fn status(store: &Store) -> SinkStatus {
    let status = store.sink.status();
    let SinkStatus { accepted, queued, spooled, sent, dropped, .. } = &status;
    assert_eq!(*accepted, queued + spooled + sent + dropped.total(), "{status:?}");
    status
}

/// Has the next batch delivered; how many there were.
fn deliver(store: &mut Store) -> usize {
    let Next::Deliver(mut work) = store.next(true, Instant::now()) else { return 0 };
    let count = work.part().map_or(0, Vec::len);
    work.accepted();
    store.finish(work);
    count
}

/// Brings this to the disk, which refuses.
fn refuse(store: &mut Store, number: u32) {
    push(store, number..number + 1);
    store.spool.as_mut().expect("a spool").write_to(full());
    store.spill(None, Instant::now());
}

#[test]
fn an_error_of_the_spool_is_taken_back_by_what_it_takes_and_said_again_after_that() {
    let folder = TempDir::new().expect("a folder");
    let mut store = store(&folder);
    push(&store, 0..1);
    store.spill(None, Instant::now());
    refuse(&mut store, 1);
    assert!(status(&store).last_error.is_some_and(|error| error.contains("the spool cannot be written")));
    assert_eq!(said(&store, "cannot be written"), 1);

    let later = Instant::now() + SPOOL_PAUSE;
    store.spill(None, later);
    assert_eq!((status(&store).last_error, status(&store).spooled), (None, 2));
    refuse(&mut store, 2);
    assert_eq!(said(&store, "cannot be written"), 1, "it is another time");
}

#[test]
fn an_error_of_the_spool_is_taken_back_where_nothing_needs_it() {
    let folder = TempDir::new().expect("a folder");
    let mut store = store(&folder);
    push(&store, 0..1);
    store.spill(None, Instant::now());
    refuse(&mut store, 1);
    assert_eq!(deliver(&mut store), 1, "from the disk");
    assert_eq!(deliver(&mut store), 1, "from memory");
    assert_eq!(status(&store).last_error, None);
    assert_eq!(status(&store).sent, 2);
}

#[test]
fn a_batch_that_is_brought_to_the_disk_takes_the_error_back() {
    let folder = TempDir::new().expect("a folder");
    let mut store = store(&folder);
    push(&store, 0..1);
    let Next::Deliver(mut work) = store.next(true, Instant::now()) else { panic!("a batch") };
    store.sink.counters.health.lock().spool_error = Some("it refused before".to_owned());
    store.spill(Some(&mut work), Instant::now());
    assert_eq!((status(&store).last_error, status(&store).spooled), (None, 1));
}

#[test]
fn a_spool_that_cannot_be_tidied_up_is_said_once_until_it_can() {
    let folder = TempDir::new().expect("a folder");
    let mut store = store(&folder);
    push(&store, 0..100);
    store.spill(None, Instant::now());
    let cursor = || OpenOptions::new().write(true).open(folder.path().join("cursor")).expect("a cursor");
    for (file, times) in [(full(), 1), (cursor(), 0), (full(), 1)] {
        store.spool.as_mut().expect("a spool").note_to(file);
        for _ in 0..3 {
            assert_eq!(deliver(&mut store), 10);
        }
        assert_eq!(said(&store, "cannot be tidied up"), times);
    }
    assert_eq!(status(&store).sent, 90);
}

#[test]
fn what_is_lost_at_the_end_is_said_after_its_cause() {
    let folder = TempDir::new().expect("a folder");
    let mut store = store(&folder);
    push(&store, 0..1);
    store.spill(None, Instant::now());
    push(&store, 1..4);
    store.spool.as_mut().expect("a spool").write_to(full());
    store.leave(None, Instant::now());
    let said = store.notices.take();
    assert!(
        said[0].contains("its spool cannot be written") && said[1].contains("3 events could neither"),
        "{said:?}"
    );
    assert_eq!((status(&store).spooled, status(&store).dropped.closed), (1, 3));
    let late = Arc::new(Event::new(Arc::new(execution(4))));
    assert_eq!(store.sink.queue.push(late, Instant::now()), None, "nothing comes in any more");
}
