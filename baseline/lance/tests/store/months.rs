//! A workload that goes on for months must not fill the disk.
//!
//! The engine before the real store through sixty simulated days: a hundred executions that recur every day,
//! and twenty a day that never come back. Of those the database keeps what the
//! retention says, seven days as normal and thirty-five to be recognised, so it grows until then and not beyond. Files
//! are compacted and pruned by the number of commits, in the rhythm that ships.

use std::{path::Path, sync::Arc, thread, time::Duration};

use anomaly_baseline::{Engine, Method, RowState, Settings, Sighting, Teach, Verdict};
use anomaly_lance::{LanceStore, StoreOptions};
use anomaly_vectorizer::{Arguments, Context, Execution, Hashed};

use crate::common::size;

const DAY: i64 = 86_400_000_000;

/// Executions a day that recur, and that do not.
const ROUTINE: u64 = 100;
const PASSING: u64 = 20;

/// How often a day is written.
const WRITES: u64 = 3;

/// Days after which nothing more is kept than before: what was seen once is normal for seven days more, and remembered
/// for thirty-five.
const FULL: usize = 37;

/// A word for a number, of letters alone: numbers in arguments are all alike.
fn word(mut number: u64) -> String {
    let mut word = String::new();
    while word.len() < 6 || number > 0 {
        let (consonant, vowel) =
            (b"bdfgklmnprstvz"[(number % 14) as usize], b"aeiou"[(number / 14 % 5) as usize]);
        word.extend([consonant, vowel].map(char::from));
        number /= 70;
    }
    word
}

/// A daily job, or one that runs once: both name what they are for.
pub(crate) fn execution(number: u64, passing: bool) -> Execution {
    let (name, of) = (format!("report-{}", word(number % 8)), word(number));
    let when = if passing { "--once" } else { "--daily" };
    let path = format!("/usr/bin/{name}");
    Execution {
        arguments: Arguments::new([&*path, "--format", "csv", "--quiet", when, "--customer", &of]),
        name,
        parent: "cron".into(),
        grandparent: "systemd".into(),
        uid: 0,
        ..Execution::default()
    }
}

/// An engine before the database at a path.
pub(crate) fn open(path: &Path) -> Engine {
    let embedder = Arc::new(Hashed::default());
    let store = LanceStore::open(StoreOptions::new(path, embedder.clone())).unwrap();
    let settings = Settings { learn_executions: 50, learn_for: Duration::ZERO, ..Settings::default() };
    let engine = Engine::with_store(settings, embedder, Method::default(), Box::new(store)).unwrap();
    engine.wait_loaded(Duration::from_secs(60)).unwrap();
    engine
}

/// One execution at this second of a day.
pub(crate) fn see(engine: &Engine, execution: &Execution, day: i32, second: usize) -> Verdict {
    engine.observe(&Sighting {
        workload: "host",
        execution,
        context: Context::default(),
        time: i64::from(day) * DAY + second as i64 * 1_000_000,
        day,
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    })
}

/// Executions of a part of a day, written when this returns.
fn run(engine: &Engine, day: i32, part: u64) {
    let of_part = |all: u64| part * all / WRITES..(part + 1) * all / WRITES;
    let routine = of_part(ROUTINE).map(|number| execution(number, false));
    let passing = of_part(PASSING).map(|number| execution(1_000 + day as u64 * PASSING + number, true));
    for (second, execution) in routine.chain(passing).enumerate() {
        see(engine, &execution, day, second);
    }
    engine.flush(Duration::from_secs(60)).unwrap();
}

#[test]
fn what_a_steady_workload_takes_levels_off() {
    const DAYS: usize = 60;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("database");
    let engine = open(&path);
    let mut curve = Vec::with_capacity(DAYS);
    for day in 0..DAYS {
        let (mut most_files, mut most_bytes) = (0, 0);
        for part in 0..WRITES {
            run(&engine, day as i32, part);
            let (files, bytes) = size(&path);
            (most_files, most_bytes) = (files.max(most_files), bytes.max(most_bytes));
        }
        // The engine's thread forgets and keeps house when it is at rest, which is twice a second.
        thread::sleep(Duration::from_millis(450));
        let rows = engine.rows(&|_, _, _| true).len();
        curve.push((rows, most_files, most_bytes));
    }
    let most = |days: &[(usize, usize, u64)]| {
        days.iter().fold((0, 0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1), a.2.max(b.2)))
    };
    for (days, part) in curve.chunks(10).enumerate() {
        let (rows, files, bytes) = most(part);
        println!(
            "days {} to {}: at most {rows} rows, {files} files, {bytes} bytes",
            days * 10,
            days * 10 + 9
        );
    }
    let normal = engine.rows(&|_, state, _| state == RowState::Active).len();
    engine.close(Duration::from_secs(60)).unwrap();
    let (then, now) = (most(&curve[FULL..DAYS - 10]), most(&curve[DAYS - 10..]));
    println!(
        "faults: {DAYS} simulated days: files {} before and {} after day {}, bytes {} and {}, rows {} and {}, {normal} \
         of them normal",
        then.1,
        now.1,
        DAYS - 10,
        then.2,
        now.2,
        then.0,
        now.0
    );
    assert!(now.0 <= then.0 && then.0 < 2_000, "rows are kept for their days: {now:?} after {then:?}");
    assert!(normal as u64 <= ROUTINE + 9 * PASSING, "{normal} are normal");
    assert!(now.1 * 10 <= then.1 * 11, "files: {} after {}", now.1, then.1);
    assert!(now.2 * 10 <= then.2 * 11, "bytes: {} after {}", now.2, then.2);
}
