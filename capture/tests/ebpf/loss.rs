//! A ring that nobody empties loses records, and says how many.

use std::{process::Command, sync::Arc};

use anomaly_capture::{
    Counters, Feed, Loss, Options,
    ebpf::{EbpfFeed, Hook},
};

use crate::watch::{Watch, has, marker};

#[test]
fn what_is_seen_and_what_is_lost_are_what_was_started() {
    const STARTED: usize = 400;
    let options = Options::default();
    // This one sees everything: what other programs of the machine start meanwhile, too.
    let Some(mut wide) = Watch::open(Hook::Exec, &options) else { return };
    let counters = Arc::new(Counters::default());
    let options = Options { ring_bytes: 64 * 1024, ..options };
    let mut narrow = EbpfFeed::open(Hook::Exec, &options, Arc::clone(&counters)).expect("a second one");

    let marker = marker();
    for _ in 0..STARTED {
        assert!(Command::new("/bin/true").arg(&marker).status().expect("true starts").success());
    }
    let mut seen = 0;
    narrow
        .drain(&mut |observation| seen += usize::from(has(&observation, &marker)))
        .expect("the feed goes on");
    let by_cpu: u64 = narrow.lost_by_cpu().iter().sum();
    drop(narrow);
    let lost = counters.lost(Loss::RingBuffer) as usize;
    assert_eq!(by_cpu as usize, lost, "what the drain counted is what each CPU counted");

    let (mut marked, mut others) = (0, 0);
    let count = &mut |observation| *(if has(&observation, &marker) { &mut marked } else { &mut others }) += 1;
    wide.feed.drain(count).expect("the feed goes on");
    assert_eq!((marked, wide.counters.lost(Loss::RingBuffer)), (STARTED, 0));

    assert!(0 < seen && seen < STARTED, "{seen} seen: the ring was to overflow");
    assert!(
        (STARTED - seen..=STARTED - seen + others).contains(&lost),
        "{seen} seen, {lost} lost, {others} of others"
    );
}
