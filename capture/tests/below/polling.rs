//! Polling of /proc.

use anomaly_capture::{FeedKind, ProcFeed};

use crate::watch::{Shell, arguments, collect, marker, open, own_name, round};

#[test]
fn what_runs_when_it_looks_is_told_once() {
    let Some((mut feed, counters)) = open(ProcFeed::open) else { return };
    let mark = marker();
    let shell = Shell::start("read x", &mark);
    let mut found = collect(&mut feed, &mark, 1);
    assert_eq!(found[0].feed, FeedKind::Proc);
    assert_eq!((&*found[0].execution.name, &*found[0].execution.parent), ("sh", &*own_name()));
    assert_eq!(found[0].identity.tgid, shell.id());
    for _ in 0..5 {
        round(&mut feed, &mark, &mut found);
    }
    assert_eq!(found.len(), 1, "later looks say nothing new");
    assert!(counters.executions(FeedKind::Proc) >= 1);
}

#[test]
fn what_ran_before_is_not_told_and_what_it_executes_then_is() {
    let mark = marker();
    let mut shell = Shell::start("read x; exec sh -c 'read x; exec sh -c \"read y\" $0' $0", &mark);
    // Until the shell waits, it may still be the fork of this process.
    while !std::fs::read_to_string(format!("/proc/{}/cmdline", shell.id()))
        .is_ok_and(|line| line.contains(&mark))
    {
        std::thread::yield_now();
    }
    let Some((mut feed, _)) = open(ProcFeed::open) else { return };
    let mut found = Vec::new();
    round(&mut feed, &mark, &mut found);
    assert_eq!(found, []);
    for script in ["read x; exec sh -c \"read y\" $0", "read y"] {
        shell.continue_();
        let next = collect(&mut feed, &mark, 1);
        assert_eq!(arguments(&next[0])[2], script, "the same program under the same id, executed again");
    }
}

#[test]
fn a_fork_that_executes_nothing_is_no_execution() {
    let Some((mut feed, _)) = open(ProcFeed::open) else { return };
    let mark = marker();
    let _shell = Shell::start("(read y; :) & read x", &mark);
    let mut found = collect(&mut feed, &mark, 1);
    for _ in 0..4 {
        round(&mut feed, &mark, &mut found);
    }
    assert_eq!(found.len(), 1, "{found:#?}");
}
