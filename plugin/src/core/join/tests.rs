use anomaly_capture::{FeedKind, Identity};
use anomaly_vectorizer::{Execution, Surroundings};

use super::*;

fn observation(pid: u32, name: &str, time: i64) -> Observation {
    Observation {
        execution: Execution { name: name.into(), ..Execution::default() },
        surroundings: Surroundings::default(),
        workload: String::new(),
        time,
        identity: Identity { tgid: pid, ..Identity::default() },
        ppid: 1,
        exe: String::new(),
        argument_bytes: 0,
        cgroup: String::new(),
        feed: FeedKind::Ebpf,
    }
}

fn told(pid: u32, name: &str, time: i64) -> Told<'_> {
    Told { pid, name: name.as_bytes(), time, instance: 1 }
}

fn handle(number: u64) -> Handle {
    Handle::from_column(number << 20).expect("not 0")
}

/// The time of the record that is found, which is settled.
fn found(joiner: &mut Joiner, told: Told<'_>, now: Instant) -> Option<i64> {
    match joiner.find(told, now) {
        Found::Record(observation, ticket) => {
            joiner.settle(ticket, handle(observation.time.unsigned_abs()));
            Some(observation.time)
        }
        Found::Judged(_) | Found::Nothing => None,
    }
}

const SECOND: i64 = 1_000_000;

#[test]
fn executions_of_one_process_are_told_apart_by_time_in_any_order() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    for time in [10, 20, 30] {
        joiner.record(observation(7, "sh", time * SECOND), now);
    }
    joiner.record(observation(8, "sh", 20 * SECOND), now);
    joiner.record(observation(7, "env", 20 * SECOND), now);
    assert_eq!(found(&mut joiner, told(7, "sh", 30 * SECOND + 100), now), Some(30 * SECOND));
    assert_eq!(found(&mut joiner, told(7, "sh", 10 * SECOND + 100), now), Some(10 * SECOND));
    assert_eq!(found(&mut joiner, told(7, "env", 20 * SECOND + 100), now), Some(20 * SECOND));
    assert_eq!(found(&mut joiner, told(7, "sh", 20 * SECOND + 100), now), Some(20 * SECOND));
    assert_eq!(found(&mut joiner, told(7, "sh", 20 * SECOND + 200), now), None, "nothing is found twice");
    assert_eq!(found(&mut joiner, told(9, "sh", 20 * SECOND), now), None);
}

#[test]
fn an_event_whose_record_was_lost_takes_nobody_elses() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    joiner.record(observation(7, "sh", 10 * SECOND), now);
    let later = now + Duration::from_secs(4);
    assert!(matches!(joiner.find(told(7, "sh", 14 * SECOND), later), Found::Nothing));
}

#[test]
fn a_clock_that_was_set_is_learned() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    let ahead = 3_600 * SECOND;
    joiner.record(observation(7, "sh", 10 * SECOND), now);
    assert_eq!(found(&mut joiner, told(7, "sh", 10 * SECOND + ahead), now), Some(10 * SECOND));
    // From then on two executions of one process are told apart again.
    joiner.record(observation(7, "sh", 20 * SECOND), now);
    joiner.record(observation(7, "sh", 21 * SECOND), now);
    assert_eq!(found(&mut joiner, told(7, "sh", 21 * SECOND + ahead), now), Some(21 * SECOND));
    assert_eq!(found(&mut joiner, told(7, "sh", 20 * SECOND + ahead), now), Some(20 * SECOND));
}

#[test]
fn a_second_inspector_gets_the_first_ones_verdict() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    joiner.record(observation(7, "sh", 10 * SECOND), now);
    assert_eq!(found(&mut joiner, told(7, "sh", 10 * SECOND), now), Some(10 * SECOND));
    let second = Told { instance: 2, ..told(7, "sh", 10 * SECOND + 50) };
    assert!(matches!(joiner.find(second, now), Found::Judged(_)));
    // The same where there was no record.
    joiner.judged_event(told(8, "sh", 11 * SECOND), handle(5), now);
    let second = Told { instance: 2, ..told(8, "sh", 11 * SECOND + 50) };
    assert!(matches!(joiner.find(second, now), Found::Judged(other) if other == handle(5)));
    assert!(matches!(joiner.find(told(8, "sh", 11 * SECOND + 60), now), Found::Nothing), "executed again");
}

#[test]
fn who_waits_in_vain_is_judged_without_an_event_and_found_later() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    joiner.record(observation(7, "sh", 10 * SECOND), now);
    let patience = Duration::from_millis(500);
    assert!(joiner.overdue(now, patience).is_none());
    let (observation, ticket) = joiner.overdue(now + patience, patience).expect("it waited long enough");
    assert_eq!(observation.time, 10 * SECOND);
    joiner.settle(ticket, handle(9));
    assert!(joiner.overdue(now + patience, patience).is_none());
    let late = joiner.find(told(7, "sh", 10 * SECOND), now + Duration::from_secs(3));
    assert!(matches!(late, Found::Judged(other) if other == handle(9)));
}

#[test]
fn a_record_that_comes_after_its_event_was_judged_is_no_other_execution() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    assert!(matches!(joiner.find(told(7, "sh", 10 * SECOND), now), Found::Nothing));
    joiner.judged_event(told(7, "sh", 10 * SECOND), handle(5), now);
    joiner.record(observation(7, "sh", 10 * SECOND - 300), now);
    assert!(joiner.overdue(now + MEMORY / 2, Duration::ZERO).is_none());
    // It is used up: the next record is another execution.
    joiner.record(observation(7, "sh", 10 * SECOND + 9_000), now);
    assert!(joiner.overdue(now, Duration::ZERO).is_some());
}

#[test]
fn it_is_bounded_and_counts_what_it_loses() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    let lost: u64 = (0..CAPACITY as u32 + 100).map(|pid| joiner.record(observation(pid, "sh", 0), now)).sum();
    assert_eq!(lost, 100);
    assert!(joiner.order.len() <= CAPACITY && joiner.waiting.len() <= CAPACITY);
    assert_eq!(joiner.by_pid.len(), joiner.order.len());
    joiner.record(observation(1, "sh", 0), now + MEMORY);
    assert_eq!(joiner.order.len(), 1, "the old are forgotten");
}

#[test]
fn a_process_that_executes_in_a_loop_is_remembered_in_part_and_nothing_of_it_is_lost() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    for number in 0..1_000 {
        joiner.judged_event(told(7, "sh", number * SECOND), handle(1), now);
    }
    assert!(joiner.by_pid[&7].len() <= JUDGED_PER_PROCESS);
    for number in 0..1_000 {
        joiner.record(observation(8, "sh", number * SECOND), now);
    }
    let judged = std::iter::from_fn(|| joiner.overdue(now, Duration::ZERO)).count();
    assert_eq!(judged, 1_000, "what was not judged yet stays");
}

#[test]
fn names_are_compared_as_the_kernel_keeps_them() {
    let (mut joiner, now) = (Joiner::default(), Instant::now());
    joiner.record(observation(7, "maintainer-scri", SECOND), now);
    joiner.record(observation(8, "\u{fffd}x", SECOND), now);
    let raw = Told { name: b"\xffx\0", ..told(8, "", SECOND) };
    assert!(found(&mut joiner, told(7, "maintainer-script.sh", SECOND), now).is_some());
    assert!(found(&mut joiner, raw, now).is_some());
}
