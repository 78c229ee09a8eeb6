use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testing::execution;

const BOUND: u64 = 1 << 20;

fn events(ids: std::ops::Range<u32>) -> Vec<Arc<Event>> {
    ids.map(|id| Arc::new(Event::new(Arc::new(execution(id))))).collect()
}

fn ids(events: &[Arc<Event>]) -> Vec<String> {
    events.iter().map(|event| event.scored().id.clone()).collect()
}

fn append(spool: &mut Spool, numbers: std::ops::Range<u32>) -> u64 {
    let given = events(numbers);
    let Appended { events, dropped, error } = spool.append(&given);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events, given.len());
    dropped
}

fn open(folder: &TempDir) -> Spool {
    Spool::open(&folder.path().join("spool"), BOUND).expect("a spool")
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let all = fs::read_dir(folder.path().join("spool")).expect("a folder");
    let mut all: Vec<_> = all.map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    all.sort();
    all
}

#[test]
fn what_was_appended_is_read_in_order_and_then_gone() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..5);
    append(&mut spool, 5..7);
    assert_eq!(spool.len(), 7);
    let first = spool.read(4, usize::MAX);
    assert_eq!(ids(&first.events), ids(&events(0..4)));
    assert_eq!(first.events[3].scored(), events(3..4)[0].scored());
    spool.advance(first.span).expect("noted");
    assert_eq!(spool.len(), 3);
    let rest = spool.read(4, usize::MAX);
    assert_eq!(ids(&rest.events), ids(&events(4..7)));
    assert!(spool.is_exhausted());
    assert_eq!(spool.len(), 3, "handed out is not delivered");
    spool.advance(rest.span).expect("noted");
    assert_eq!((spool.len(), spool.bytes(), files(&folder).len()), (0, 0, 0));
    append(&mut spool, 7..8);
    assert_eq!(ids(&spool.read(9, usize::MAX).events), ids(&events(7..8)));
}

#[test]
fn a_restart_goes_on_where_delivery_stood() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..6);
    let read = spool.read(2, usize::MAX);
    spool.advance(read.span).expect("noted");
    let handed_out = spool.read(2, usize::MAX);
    assert_eq!(handed_out.events.len(), 2);
    drop(spool);

    let mut spool = open(&folder);
    assert_eq!(spool.len(), 4);
    append(&mut spool, 6..8);
    assert_eq!(ids(&spool.read(9, usize::MAX).events), ids(&events(2..8)), "handed out is not delivered");
}

#[test]
fn a_second_process_is_kept_away() {
    let folder = TempDir::new().expect("a folder");
    let _spool = open(&folder);
    let second = Spool::open(&folder.path().join("spool"), BOUND);
    assert!(matches!(second, Err(OpenError::Locked)), "{second:?}");
}

#[test]
fn only_the_owner_can_read_it() {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("spool")).expect("a folder of an older release");
    let mut spool = open(&folder);
    append(&mut spool, 0..1);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("spool")), 0o700);
    for entry in fs::read_dir(folder.path().join("spool")).expect("a folder") {
        assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
    }
}

#[test]
fn the_oldest_go_where_there_is_no_room_and_are_counted() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..10);
    let in_delivery = spool.read(3, usize::MAX);
    let mut dropped = 0;
    let mut appended = 10;
    while dropped == 0 {
        dropped += append(&mut spool, appended..appended + 100);
        appended += 100;
        assert!(spool.bytes() <= BOUND, "{}", spool.bytes());
        assert!(appended < 10_000, "the bound is not respected");
    }
    // The three that were handed out are neither dropped nor here any more.
    assert_eq!(spool.len() + dropped + 3, u64::from(appended));
    assert!(spool.rewind(in_delivery.span), "what was handed out is gone");
    let left = spool.read(usize::MAX, usize::MAX);
    assert_eq!(ids(&left.events), ids(&events(appended - left.events.len() as u32..appended)));
    drop(spool);
    assert_eq!(open(&folder).len(), left.events.len() as u64);
}

#[test]
fn a_changed_line_is_passed_over_and_counted() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..5);
    drop(spool);
    let path = &files(&folder)[0];
    let text = fs::read_to_string(path).expect("text");
    fs::write(path, text.replacen(&execution(2).id, &execution(9).id, 1)).expect("written");
    let mut spool = open(&folder);
    let read = spool.read(usize::MAX, usize::MAX);
    assert_eq!(read.unreadable, 1);
    assert_eq!(read.events.len(), 4);
    spool.advance(read.span).expect("noted");
    assert_eq!(spool.len(), 0);
}

#[test]
fn a_segment_that_vanished_is_counted_and_not_waited_for() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..5);
    fs::remove_file(&files(&folder)[0]).expect("removed");
    let read = spool.read(usize::MAX, usize::MAX);
    assert_eq!((read.events.len(), read.unreadable), (0, 5));
    assert!(read.error.is_some());
    spool.advance(read.span).expect("noted");
    append(&mut spool, 5..6);
    assert_eq!(ids(&spool.read(9, usize::MAX).events), ids(&events(5..6)));
}

#[test]
fn a_full_disk_is_an_error_that_loses_nothing_that_was_there() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    append(&mut spool, 0..2);
    // A device that is always full, in place of the segment.
    spool.write_to(OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
    let appended = spool.append(&events(2..4));
    assert_eq!(appended.events, 0);
    assert_eq!(appended.error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    append(&mut spool, 4..5);
    assert_eq!(spool.read(9, usize::MAX).events.len(), 3);
}

#[test]
fn what_had_to_go_is_counted_though_the_disk_refuses_what_comes() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    let mut appended = 0;
    while spool.bytes() + 10_000 < BOUND {
        append(&mut spool, appended..appended + 5);
        appended += 5;
    }
    assert!(spool.segments.back().is_some_and(|last| last.bytes() < spool.segment_bytes), "it is written to");
    let oldest = spool.segments[0].records();
    spool.write_to(OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
    let refused = spool.append(&events(appended..appended + 20));
    assert!(refused.error.is_some());
    assert_eq!((refused.events, refused.dropped), (0, oldest));
    assert_eq!(spool.len() + refused.dropped, u64::from(appended));
}

#[test]
fn a_segment_that_could_not_be_filled_makes_place_for_the_next() {
    let folder = TempDir::new().expect("a folder");
    let mut spool = open(&folder);
    spool.begin_segment().expect("a segment");
    for _ in 0..3 {
        // A device that cannot even be cut.
        spool.write_to(OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
        assert!(spool.append(&events(0..1)).error.is_some());
        spool.begin_segment().expect("a segment");
        assert_eq!(files(&folder).len(), 1);
    }
    append(&mut spool, 0..2);
    assert_eq!(ids(&spool.read(9, usize::MAX).events), ids(&events(0..2)));
    assert_eq!(files(&folder).len(), 1);
}

/// A small file system in memory, which is full sooner than its spool; `None` where it cannot be mounted.
struct Small(TempDir);

impl Small {
    fn new() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have files open there.
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_goes_on_refusing_gets_no_more_segments() {
    let Some(small) = Small::new() else {
        println!("skipped: no file system can be mounted");
        return;
    };
    let mut spool = open(&small.0);
    let filled = spool.append(&events(0..200));
    assert!(filled.error.is_some(), "the file system is full: {filled:?}");
    for _ in 0..20 {
        assert!(spool.append(&events(200..400)).error.is_some());
        assert!(files(&small.0).len() <= 1, "{:?}", files(&small.0));
    }
    append(&mut spool, 200..201);
    let kept = ids(&events(0..filled.events as u32)).into_iter().chain(ids(&events(200..201)));
    assert_eq!(ids(&spool.read(usize::MAX, usize::MAX).events), kept.collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A process that is killed while it writes leaves a beginning of what it would have written.
    #[test]
    fn a_segment_cut_anywhere_gives_its_whole_lines(
        count in 1u32..12, delivered in 0u32..12, cut in any::<prop::sample::Index>(), more in 0u32..4,
    ) {
        let folder = TempDir::new().expect("a folder");
        let delivered = delivered.min(count - 1);
        let mut spool = open(&folder);
        append(&mut spool, 0..count);
        if delivered > 0 {
            let read = spool.read(delivered as usize, usize::MAX);
            spool.advance(read.span).expect("noted");
        }
        drop(spool);
        let path = files(&folder).remove(0);
        let whole = fs::read(&path).expect("bytes");
        let cut = cut.index(whole.len() + 1);
        OpenOptions::new().write(true).open(&path).expect("a file").set_len(cut as u64).expect("cut");
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u32;

        let mut spool = open(&folder);
        append(&mut spool, count..count + more);
        let read = spool.read(usize::MAX, usize::MAX);
        prop_assert_eq!(read.unreadable, 0);
        // Cut before what was noted as delivered, the note says nothing about this file.
        let from = if lines >= delivered { delivered } else { 0 };
        let mut expected = ids(&events(from..lines));
        expected.extend(ids(&events(count..count + more)));
        prop_assert_eq!(ids(&read.events), expected);
    }

    /// Whatever the order of appending, reading, delivering, giving up and restarting: nothing is lost, nothing comes
    /// out of order, and only what was not delivered comes again.
    #[test]
    fn any_history_delivers_everything(steps in prop::collection::vec((0u8..5, 1u32..6), 1..40)) {
        let folder = TempDir::new().expect("a folder");
        let mut spool = open(&folder);
        let (mut appended, mut delivered) = (0, 0);
        let mut out = None;
        for (step, count) in steps {
            match step {
                0 | 1 => {
                    append(&mut spool, appended..appended + count);
                    appended += count;
                }
                2 => {
                    if out.is_none() {
                        let read = spool.read(count as usize, usize::MAX);
                        let expected = events(delivered..(delivered + count).min(appended));
                        prop_assert_eq!(ids(&read.events), ids(&expected));
                        out = Some((read.span, expected.len() as u32));
                    }
                }
                3 => if let Some((span, count)) = out.take() {
                    if count % 2 == 0 {
                        spool.advance(span).expect("noted");
                        delivered += count;
                    } else {
                        prop_assert!(!spool.rewind(span) || count == 0);
                    }
                },
                _ => {
                    drop(spool);
                    out = None;
                    spool = open(&folder);
                }
            }
            prop_assert_eq!(spool.len(), u64::from(appended - delivered));
        }
    }
}
