//! Polling of /proc.

use std::{fs, sync::Arc, time::Duration};

use anomaly_capture::{Feed, FeedKind, Observation, Options, ProcFeed};

use crate::watch::{
    NGINX, STATUS, Shell, arguments, collect, host, marker, open, own_name, round, write_process,
};

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
    while !fs::read_to_string(format!("/proc/{}/cmdline", shell.id())).is_ok_and(|line| line.contains(&mark))
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

#[test]
fn an_exec_that_is_not_over_is_told_when_it_is() {
    let arguments_of = |text: &'static [u8]| [("cmdline", text), ("status", STATUS)];
    let fork = NGINX.replace("4194560", "4194368");
    let (directory, root) = host(&fork, 5000, &arguments_of(b"nginx: master\0"));
    fs::remove_dir_all(directory.path().join("proc/77")).expect("removed");
    let options = Options { root, poll_every: Duration::ZERO, ..Options::default() };
    let mut feed = ProcFeed::open(&options, Arc::default()).expect("looks like /proc");
    let mut look = |stat: &str, image, cmdline| {
        write_process(directory.path(), stat, image, &arguments_of(cmdline));
        let mut told = Vec::new();
        feed.drain(&mut |observation: Observation| told.push(observation.execution.arguments.joined()))
            .expect("the feed goes on");
        told
    };
    assert_eq!(look(&fork, 5000, b"nginx: master\0"), [""; 0], "a fork with its parent's arguments");
    assert_eq!(look(NGINX, 0, b""), [""; 0], "memory without arguments yet");
    assert_eq!(look(NGINX, 0, b""), [""; 0]);
    assert_eq!(look(NGINX, 0, b"nginx\0-t\0"), ["nginx -t"], "the arguments are there, the code not yet");
    assert_eq!(look(NGINX, 7000, b"nginx\0-t\0"), [""; 0], "the same execution");
    assert_eq!(look(NGINX, 8000, b"nginx\0-t\0"), ["nginx -t"], "another one");
}
