//! What the plugin costs its host per event, through the C functions that Falco calls.
//!
//! Times are those that the thread spent on a processor, so that what else runs on the machine does not count. With
//! `ANOMALY_BOUNDS=1` it fails beyond what is allowed. Of what ships: `cargo bench --profile dist --bench cost`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::env;
use std::hint::black_box;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use support::c_api::Falco;
use support::{Exec, clone, connect, exec, open};

/// What is allowed: per event that is no execution, per repeated execution, and for novelties at the 99th percentile; and
/// the same of acts that a rule asks about. Of those that none asks about the plugin does not even hear.
const BOUNDS: [(&str, Duration); 6] = [
    ("a field of another event", Duration::from_nanos(200)),
    ("a fork", Duration::from_nanos(200)),
    ("a repeated execution", Duration::from_micros(5)),
    ("a novel execution, p99", Duration::from_micros(200)),
    ("a repeated act", Duration::from_micros(5)),
    ("a novel act, p99", Duration::from_micros(200)),
];

/// Who executes, one after the other.
const PIDS: Range<i64> = 1_000..2_000;

/// Who is forked by the first of them.
const FORKED: i64 = 5_000;

/// Who opens files: programs enough that each may have as many rows as it needs.
const ACTORS: Range<i64> = 6_000..6_020;

/// Distinct executions, and distinct acts, that the workload knows.
const ROWS: usize = 10_000;

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() -> ExitCode {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = format!(r#""feed": "falco", "learn_executions": {ROWS}, "learn_acts_for": "0s""#);
    let mut falco = Falco::new(&support::configured(directory.path(), &keys));
    for (pid, ppid, name) in [(1, 0, "systemd"), (50, 1, "nginx"), (60, 50, "sh")] {
        falco.process(pid, ppid, name);
    }
    for pid in PIDS {
        falco.process(pid, 60, "sh");
    }
    falco.open();
    // Distinct ones, and then the same ones until few of the last are new: the workload has learned.
    for number in (0..ROWS).chain(0..100) {
        falco.parse(&distinct(number).event());
    }

    let repeats: Vec<Vec<u8>> = (0..1_000).map(|number| distinct(number).event()).collect();
    let mut next = repeats.iter().cycle();
    let repeated = measure(100_000, || falco.parse(black_box(next.next().expect("a cycle"))));
    assert_eq!(falco.text(&repeats[0], "anomaly.score").as_deref(), Some("0.0000"), "it is a repeat");

    let other = connect(PIDS.start);
    let score = 0;
    let field = measure(1_000_000, || _ = black_box(falco.extract(black_box(&other), score)));
    assert!(falco.extract(&other, score).is_some(), "the event has a score");

    falco.process(FORKED, PIDS.start, "rsync");
    let forked = clone(FORKED, FORKED, PIDS.start);
    let fork = measure(1_000_000, || falco.parse(black_box(&forked)));
    assert!(falco.extract(&connect(FORKED), score).is_some(), "it carries its parent's");

    let mut novelties: Vec<Duration> = (0..5_000)
        .map(|number| {
            let event = novel(number).event();
            let started = now();
            falco.parse(black_box(&event));
            now() - started
        })
        .collect();
    novelties.sort();
    let novelty = novelties[novelties.len() * 99 / 100];
    let last = novel(0).event();
    assert_ne!(falco.text(&last, "anomaly.score").as_deref(), Some("0.0000"), "they were novel");

    let (repeated_act, novel_acts) = acts(&mut falco);
    let novel_act = novel_acts[novel_acts.len() * 99 / 100];

    let mut within = true;
    let measured = [field, fork, repeated, novelty, repeated_act, novel_act];
    for ((what, bound), measured) in BOUNDS.into_iter().zip(measured) {
        within &= measured <= bound;
        println!("{what:<28} {measured:>10.3?}   (bound {bound:?})");
    }
    println!("{:<28} {:>10.3?}", "a novel execution, median", novelties[novelties.len() / 2]);
    println!("{:<28} {:>10.3?}", "a novel act, median", novel_acts[novel_acts.len() / 2]);
    if within || env::var_os("ANOMALY_BOUNDS").is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The mean time of an act that is known and the times of acts that are not, beside [`ROWS`] known ones.
fn acts(falco: &mut Falco) -> (Duration, Vec<Duration>) {
    for (number, pid) in ACTORS.enumerate() {
        falco.process(pid, 60, &format!("serve-{}", word(number)));
    }
    let field = falco.position("anomaly.event_score");
    let ask = |falco: &mut Falco, event: &[u8]| falco.extract(black_box(event), field);
    for number in (0..ROWS).chain(0..100) {
        ask(falco, &opened(number, number as u64));
    }
    // Another time is another event, or it would be answered from memory.
    let events: Vec<Vec<u8>> = (0..1_000).map(|number| opened(number, (ROWS + number) as u64)).collect();
    let mut next = events.iter().cycle();
    let repeated = measure(100_000, || _ = black_box(ask(falco, next.next().expect("a cycle"))));
    assert_eq!(falco.text(&events[0], "anomaly.event_score").as_deref(), Some("0.0000"), "it is a repeat");

    let mut novel: Vec<Duration> = (0..5_000)
        .map(|number| {
            let (a, b) = (word(number * 13 + 1), word(number * 31 + 11));
            let event = open(actor(number), &format!("/opt/{a}/{b}/{a}.{b}"), 3, number as u64);
            let started = now();
            let found = ask(falco, &event);
            let took = now() - started;
            assert!(found.is_some(), "it has learned");
            took
        })
        .collect();
    novel.sort();
    (repeated, novel)
}

/// The `number`th of the acts that services do all day.
fn opened(number: usize, time: u64) -> Vec<u8> {
    let (a, b) = (word(number * 7 + 3), word(number));
    open(actor(number), &format!("/srv/{a}/{b}/data.conf"), 1, time)
}

fn actor(number: usize) -> i64 {
    ACTORS.start + number as i64 % (ACTORS.end - ACTORS.start)
}

/// The mean of many calls, after as many to warm up.
fn measure(calls: u32, mut call: impl FnMut()) -> Duration {
    (0..calls).for_each(|_| call());
    let started = now();
    (0..calls).for_each(|_| call());
    (now() - started) / calls
}

/// The time that this thread has had.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

fn pid(number: usize) -> i64 {
    PIDS.start + number as i64 % (PIDS.end - PIDS.start)
}

/// The `number`th execution of a service's routine.
fn distinct(number: usize) -> Exec {
    let (a, b, c) = (word(number), word(number * 7 + 3), number % 17);
    exec(
        pid(number),
        60,
        &format!("/usr/bin/rsync -a --{a} /srv/{b}/{a}.conf /var/backups/{b}.{c} --max={c}"),
    )
}

/// The `number`th execution that is like none of them.
fn novel(number: usize) -> Exec {
    let (a, b) = (word(number * 13 + 1), word(number * 31 + 11));
    exec(
        pid(number),
        60,
        &format!("/tmp/{a} --{b} -x{a} https://{b}.example.org/{a}?{b} ../{a}/{b}.so run-{a}-{b}"),
    )
}

/// A word without digits, so that it is not taken for a number that drifts.
fn word(number: usize) -> String {
    let mut number = number.wrapping_mul(2_654_435_761) % 11_881_376;
    let letters = (0..5).map(|_| {
        let letter = char::from(b'a' + (number % 26) as u8);
        number /= 26;
        letter
    });
    letters.collect()
}
