//! The processes that run already.

use anomaly_capture::{FeedKind, HostRoot, running};
use anomaly_vectorizer::scrub::Scrubber;

use crate::watch::{Shell, arguments, marker};

#[test]
fn each_running_program_is_told_once_and_no_kernel_thread() {
    let mark = marker();
    let shell = Shell::start("(read y; :) & read x", &mark);
    while !std::fs::read_to_string(format!("/proc/{}/cmdline", shell.id()))
        .is_ok_and(|line| line.contains(&mark))
    {
        std::thread::yield_now();
    }
    let seeds: Vec<_> =
        running(&HostRoot::default(), &Scrubber::default()).expect("/proc is mounted").collect();
    let marked: Vec<_> = seeds.iter().filter(|seed| arguments(seed).contains(&&*mark)).collect();
    assert_eq!(marked.len(), 1, "{marked:#?}");
    assert_eq!(marked[0].identity.tgid, shell.id());
    assert!(seeds.iter().all(|seed| seed.feed == FeedKind::Seed));
    assert!(seeds.iter().all(|seed| seed.execution.name != "kthreadd"));
    let own = seeds.iter().find(|seed| seed.identity.tgid == std::process::id()).expect("this runs, too");
    assert_eq!(own.ppid, std::os::unix::process::parent_id());
}
