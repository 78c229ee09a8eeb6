//! What it costs. Run with `--ignored --nocapture`.

use std::{
    fs,
    time::{Duration, Instant},
};

use anomaly_baseline::{Part, Store};
use anomaly_vectorizer::Kind;

use crate::common::*;

/// A field of `/proc/self/status` in its own unit.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

fn memory(when: &str) {
    println!(
        "{when}: {} kB resident, {} kB of them anonymous; {} threads",
        status("VmRSS"),
        status("RssAnon"),
        status("Threads")
    );
}

/// What something took: by the clock, and of a processor's time in all threads.
fn cost<T>(act: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (start, before) = (Instant::now(), cpu());
    let done = act();
    (done, start.elapsed(), cpu() - before)
}

/// Median and longest of twenty.
fn twenty(what: &str, mut act: impl FnMut(u64)) {
    let mut times: Vec<_> =
        (0..20).map(|round| cost(|| act(round))).map(|(_, wall, cpu)| (wall, cpu)).collect();
    times.sort();
    println!(
        "{what}: median {:?} ({:?} of a processor), longest {:?}",
        times[10].0, times[10].1, times[19].0
    );
}

#[test]
#[ignore = "a measurement, not a check"]
fn cost_of_fifty_tables() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for workload in 0..50 {
        store.save(&format!("w{workload}"), &record(1), &rows(0..1100)).unwrap();
    }
    drop(store);
    memory("before");
    for round in 0..3 {
        let mut count = 0;
        let ((), wall, cpu) = cost(|| {
            let mut store = open(directory.path());
            store.load(&mut |_, _, rows| count += rows.len()).unwrap();
        });
        println!("open and load {round}: {wall:?} ({cpu:?} of a processor) for {count} rows");
    }
    let mut store = open(directory.path());
    store.load(&mut |_, _, _| {}).unwrap();
    memory("loaded");
    let mut save = |workload: &str, first: u64, count: u64| {
        store.save(workload, &record(2), &rows(first..first + count)).unwrap();
    };
    twenty("save of 100 new rows into 1,100 to 3,100", |round| save("w7", 10_000 + round * 100, 100));
    twenty("save of 100 changed rows of 3,100", |round| save("w7", round * 10, 100));
    twenty("save of 1 new row into 1,100", |round| save("w8", 10_000 + round, 1));
    save("large", 0, 20_000);
    twenty("save of 100 new rows into 20,000", |round| save("large", 20_000 + round * 100, 100));
    let counters = store.counters();
    let compactions = || counters.compactions.load(std::sync::atomic::Ordering::Relaxed);
    let before = compactions();
    for round in 0..64 {
        store.save("large", &record(2), &rows(30_000 + round..30_001 + round)).unwrap();
    }
    while compactions() == before {
        let ((), wall, cpu) = cost(|| store.maintain().unwrap());
        println!("compacting 22,064 rows after some 85 commits: {wall:?} ({cpu:?} of a processor)");
    }
    for (name, value) in store.counters().all() {
        println!("{name} {value}");
    }
    memory("after");
}

#[test]
#[ignore = "a measurement, not a check"]
fn cost_of_a_million_rows() {
    const ROWS: u64 = 1_000_000;
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for start in (0..ROWS).step_by(50_000) {
        let rows = rows(start..start + 50_000);
        let ((), wall, cpu) = cost(|| store.save("host", &record(1), &rows).unwrap());
        if start % 250_000 == 0 {
            println!("50,000 rows more than {start}: {wall:?} ({cpu:?} of a processor)");
        }
    }
    drop(store);
    // What was resident before is no part of it.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    memory("before");
    let mut store = open(directory.path());
    let (count, wall, cpu) = cost(|| {
        let mut count = 0;
        let each = &mut |_: &str, part| {
            if let Part::Rows(rows) = part {
                count += rows.len();
            }
        };
        store.stream(each).unwrap();
        count
    });
    println!("read in parts: {wall:?} ({cpu:?} of a processor) for {count} rows");
    memory("read");
    println!("{} kB resident at most", status("VmHWM"));
    twenty("find 1 row", |round| drop(store.find("host", Kind::Exec, &[row(round * 999).key]).unwrap()));
    let keys: Vec<_> = (0..2_048).map(|number| row(number * 480).key).collect();
    twenty("find 2,048 rows", |_| assert_eq!(store.find("host", Kind::Exec, &keys).unwrap().len(), 2_048));
    twenty("save of 1 new row", |round| {
        store.save("host", &record(2), &rows(ROWS + round..ROWS + round + 1)).unwrap();
    });
    let changed: Vec<_> = (0..2_048).map(|number| row(number * 480)).collect();
    twenty("save of 2,048 changed rows", |_| store.save("host", &record(2), &changed).unwrap());
    println!("{} kB resident at most", status("VmHWM"));
    memory("after");
}
