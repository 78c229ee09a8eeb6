//! The netlink proc connector.

use std::{
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use anomaly_capture::{Capture, ConnectorFeed, FeedChoice, FeedKind, Loss, Observation, Options};

use crate::watch::{Shell, arguments, collect, marker, open, own_name, skipped};

#[test]
fn a_program_is_told_with_what_surrounds_it() {
    let Some((mut feed, counters)) = open(ConnectorFeed::open) else { return };
    let mark = marker();
    let shell = Shell::start("read x", &mark);
    let found = collect(&mut feed, &mark, 1);
    let [told] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(told.feed, FeedKind::Connector);
    assert_eq!(arguments(told), ["sh", "-c", "read x", &mark]);
    assert_eq!((&*told.execution.name, &*told.execution.parent), ("sh", &*own_name()));
    assert!(!told.execution.grandparent.is_empty(), "cargo, or whatever started the test");
    assert_eq!((told.identity.tgid, told.ppid), (shell.id(), std::process::id()));
    assert!(told.identity.start_boottime > 0);
    assert!(told.exe.starts_with('/'), "{}", told.exe);
    assert_eq!(told.execution.uid, rustix::process::geteuid().as_raw());
    let surroundings = &told.surroundings;
    assert!(surroundings.tty.is_some() && surroundings.exe_flags.is_some(), "{surroundings:?}");
    assert_eq!(surroundings.sockets.as_deref(), Some(&[][..]), "standard input is a pipe");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64;
    assert!((now - told.time).abs() < 60_000_000, "{} is not now", told.time);
    assert_eq!(told.argument_bytes as usize, "sh -c read-x ".len() + mark.len() + 1);
    assert!(!told.cgroup.is_empty());
    assert!(counters.executions(FeedKind::Connector) >= 1);
}

#[test]
fn every_execution_of_a_process_is_one_of_its_own() {
    let Some((mut feed, _)) = open(ConnectorFeed::open) else { return };
    let mark = marker();
    let mut shell = Shell::start("read x; exec sh -c 'read y' $0", &mark);
    let mut found = collect(&mut feed, &mark, 1);
    shell.continue_();
    found.extend(collect(&mut feed, &mark, 1));
    let scripts: Vec<_> = found.iter().map(|told| arguments(told)[2]).collect();
    assert_eq!(scripts, ["read x; exec sh -c 'read y' $0", "read y"]);
    assert_eq!(found[0].identity, found[1].identity, "the same process");
    assert_eq!(found[0].execution.parent, found[1].execution.parent, "with the same parent");
}

#[test]
fn a_chain_of_programs_is_told_by_their_names() {
    let Some((mut feed, _)) = open(ConnectorFeed::open) else { return };
    let mark = marker();
    let _shell = Shell::start("sh -c 'sh -c \"read x\" $0; :' $0; :", &mark);
    let found = collect(&mut feed, &mark, 3);
    let inner = found.iter().find(|told| arguments(told)[2] == "read x").expect("it waits to be read");
    assert_eq!((&*inner.execution.parent, &*inner.execution.grandparent), ("sh", "sh"));
}

#[test]
fn what_is_delivered_and_what_is_lost_are_all_that_was_started() {
    const COUNT: usize = 300;
    let mut capture = match Capture::open(FeedChoice::Connector, &Options::default()) {
        Ok((capture, _)) => capture,
        Err(error) => return skipped(error),
    };
    let mark = marker();
    for _ in 0..COUNT {
        Command::new("true").arg(&mark).stdin(Stdio::null()).status().expect("true starts");
    }
    capture.stop().expect("the feed went on");
    let marked = |observation: &Observation| arguments(observation).contains(&&*mark);
    let found = capture.observations().iter().filter(marked).count();
    let counters = capture.counters();
    let lost = counters.lost(Loss::Vanished) as usize;
    assert!(found > 0, "not one race of {COUNT} was won");
    assert!(found + lost >= COUNT, "{found} delivered, {lost} lost: noticed is every one");
    assert!(found <= COUNT, "{found} delivered: none twice");
    for cause in [Loss::Socket, Loss::Malformed, Loss::Queue] {
        assert_eq!(counters.lost(cause), 0, "{}", cause.as_str());
    }
}
