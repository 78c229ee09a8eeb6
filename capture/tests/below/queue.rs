//! A feed on a thread of its own.

use std::{
    sync::{Arc, mpsc::TryRecvError},
    thread,
    time::{Duration, Instant},
};

use anomaly_capture::{
    Capture, CaptureError, Counters, Feed, FeedChoice, FeedKind, Loss, Observation, Options,
    recording::Reader,
};
use anomaly_vectorizer::scrub::Scrubber;

use crate::watch::{Shell, arguments, marker};

/// Delivers `each` observations at every drain, until it fails.
struct Flood {
    each: usize,
    drains: usize,
    observation: Observation,
    counters: Arc<Counters>,
}

impl Flood {
    fn new(each: usize, drains: usize) -> Self {
        let mut reader =
            Reader::new(&br#"{"name":"x"}"#[..], Scrubber::default()).expect("memory can be read");
        let observation = reader.next().expect("one line").expect("a good one").observation;
        Self { each, drains, observation, counters: Arc::default() }
    }
}

impl Feed for Flood {
    fn kind(&self) -> FeedKind {
        FeedKind::Replay
    }

    fn drain(&mut self, deliver: &mut dyn FnMut(Observation)) -> Result<(), CaptureError> {
        if self.drains == 0 {
            return Err(CaptureError::Failed { feed: FeedKind::Replay, cause: "it ran dry".to_owned() });
        }
        self.drains -= 1;
        (0..self.each).for_each(|_| deliver(self.observation.clone()));
        Ok(())
    }

    fn wait(&mut self, _limit: Duration) {}

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

#[test]
fn a_full_queue_drops_and_counts_and_a_failure_is_told_once() {
    let mut capture = Capture::start(Box::new(Flood::new(10, 3)), 8).expect("a thread starts");
    let counters = Arc::clone(capture.counters());
    let until = Instant::now() + Duration::from_secs(20);
    while counters.lost(Loss::Queue) < 22 {
        assert!(Instant::now() < until, "{counters:?}");
        thread::yield_now();
    }
    assert_eq!(capture.observations().iter().count(), 8, "the queue ends when the feed has failed");
    assert_eq!(counters.lost(Loss::Queue), 22);
    let error = capture.stop().expect_err("the feed failed");
    assert_eq!(error.to_string(), "the replay feed failed: it ran dry; restart to choose a feed anew");
    capture.stop().expect("told already");
}

#[test]
fn a_capture_nobody_reads_any_more_ends() {
    let mut capture = Capture::start(Box::new(Flood::new(1, usize::MAX)), 1).expect("a thread starts");
    assert!(capture.observations().recv().is_ok());
    let begun = Instant::now();
    capture.stop().expect("nothing failed");
    assert!(begun.elapsed() < Duration::from_secs(5));
    while capture.observations().try_recv() != Err(TryRecvError::Disconnected) {}
}

#[test]
fn what_happened_before_the_stop_is_still_delivered() {
    let (mut capture, steps) =
        Capture::open(FeedChoice::Proc, &Options::default()).expect("/proc is mounted");
    assert_eq!((capture.kind(), steps), (FeedKind::Proc, vec![]));
    let mark = marker();
    let _shell = Shell::start("read x", &mark);
    let marked = |observation: &Observation| arguments(observation).contains(&&*mark);
    let found = capture.observations().iter().find(marked).expect("delivered");
    assert_eq!(found.execution.name, "sh");
    capture.stop().expect("nothing failed");
    assert_eq!(capture.counters().lost(Loss::Queue), 0);
}
