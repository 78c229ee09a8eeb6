//! Clocks that jump, and stores that do not answer.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Day, Engine, RowState, Score, Settings, Sighting, Standing, Teach, Verdict, WorkloadStatus,
};
use anomaly_vectorizer::Context;

#[path = "support/lines.rs"]
mod lines;
mod support;

use lines::{NOVEL, execution};
use support::Memory;

const DAY: i64 = 86_400_000_000;

/// A day of autumn 2026, and one that a clock without a battery may tell.
const NOW: Day = 20_778;
const IN_2040: Day = 25_700;

const ROUTINE: [&str; 6] = [
    "logrotate /etc/logrotate.conf",
    "curl -s http://127.0.0.1/health",
    "df -h /var",
    "grep -c error /var/log/syslog",
    "tar -czf /var/backups/etc.tar.gz /etc",
    "find /tmp -mtime +7 -delete",
];

fn see_at(engine: &Engine, line: &str, day: Day, time: i64) -> Verdict {
    let (execution, context, teach) = (execution(line), Context::default(), Teach::Policy);
    let sighting =
        Sighting { workload: "host", execution: &execution, context, time, day, teach, pid: 0, ppid: 0 };
    engine.observe(&sighting)
}

fn see(engine: &Engine, line: &str, day: Day) -> Verdict {
    see_at(engine, line, day, i64::from(day) * DAY)
}

fn routine(engine: &Engine, days: impl IntoIterator<Item = Day>) {
    for day in days {
        ROUTINE.iter().cycle().take(5 * ROUTINE.len()).for_each(|line| drop(see(engine, line, day)));
    }
}

fn settings() -> Settings {
    Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() }
}

fn status(engine: &Engine) -> WorkloadStatus {
    engine.status().remove(0)
}

/// Lets the engine's thread forget what it wants to forget.
fn rest() {
    std::thread::sleep(Duration::from_millis(1_000));
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Everything is normal that was.
#[track_caller]
fn knows_its_routine(engine: &Engine, day: Day) {
    for line in ROUTINE {
        let verdict = see(engine, line, day);
        assert_eq!((verdict.score, verdict.standing), (Some(Score::ZERO), Standing::Known), "{line}");
    }
}

#[test]
fn a_minute_in_2040_forgets_nothing_and_time_goes_on_after_it() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    routine(&engine, NOW - 20..=NOW);
    let held = see(&engine, NOVEL, NOW);
    assert!(held.first && held.standing == Standing::Held, "{held:?}");
    see(&engine, ROUTINE[0], IN_2040);
    rest();
    assert_eq!(status(&engine).rows, ROUTINE.len(), "nothing is forgotten in 2040");
    knows_its_routine(&engine, NOW);
    knows_its_routine(&engine, NOW + 1);
    assert!(see(&engine, NOVEL, NOW + 2).first, "the days go on: it alerts anew");
    assert!(!see(&engine, NOVEL, NOW + 2).first);
    rest();
    engine.close(Duration::from_secs(5)).expect("it is closed");

    let engine = memory.engine(settings());
    rest();
    assert_eq!(status(&engine).rows, ROUTINE.len(), "nor at the next start");
    assert_eq!(status(&engine).held, 1);
    knows_its_routine(&engine, NOW + 3);
    // And what stops running is forgotten when it is time, what ran in 2040 too.
    for day in NOW + 4..=NOW + 50 {
        see(&engine, ROUTINE[5], day);
    }
    wait_until(|| status(&engine).rows == 1);
    assert!(see(&engine, ROUTINE[0], NOW + 50).score > Some(Score::ZERO));
}

#[test]
fn a_restart_in_2040_changes_nothing_about_that() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    routine(&engine, NOW - 20..=NOW);
    routine(&engine, [IN_2040]);
    engine.close(Duration::from_secs(5)).expect("it is closed");
    let engine = memory.engine(settings());
    rest();
    for day in NOW + 1..NOW + 4 {
        knows_its_routine(&engine, day);
    }
    assert!(see(&engine, NOVEL, NOW + 3).first && see(&engine, NOVEL, NOW + 4).first, "a day each");
    rest();
    assert_eq!(status(&engine).rows, ROUTINE.len());
    engine.close(Duration::from_secs(5)).expect("it is closed");
    let future = memory.rows().into_iter().filter(|row| row.days.last > NOW + 4).count();
    assert_eq!(future, 0, "rows came back from 2040 too");
}

#[test]
fn an_hour_a_day_a_month_or_a_year_back_and_ahead_lose_nothing() {
    for jump in [-DAY / 24, DAY / 24, -DAY, DAY, -31 * DAY, 31 * DAY, -366 * DAY, 366 * DAY] {
        let memory = Memory::default();
        let engine = memory.engine(settings());
        routine(&engine, NOW - 3..=NOW);
        let before = status(&engine).executions;
        let time = i64::from(NOW) * DAY + DAY / 2 + jump;
        let day = Day::try_from(time.div_euclid(DAY)).expect("a day");
        for (number, line) in ROUTINE.into_iter().enumerate() {
            let verdict = see_at(&engine, line, day, time + number as i64);
            assert_eq!(verdict.standing, Standing::Known, "{line} after a jump of {jump}");
        }
        // And for good.
        for later in 0..3 {
            knows_its_routine(&engine, day + later);
        }
        knows_its_routine(&engine, NOW + 1);
        rest();
        let after = status(&engine);
        assert_eq!((after.rows, after.executions), (ROUTINE.len(), before + 5 * ROUTINE.len() as u64));
        engine.close(Duration::from_secs(5)).expect("it is closed");
        let counts: u64 = memory.rows().iter().map(|row| row.count).sum();
        assert_eq!(counts, after.executions, "every execution is counted, after a jump of {jump}");
    }
    println!("faults: clock that jumps an hour to a year, back and ahead: 8 tried, 8 survived, 0 rows lost");
}

#[test]
fn after_a_holiday_everything_is_known_still() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    routine(&engine, NOW - 3..=NOW);
    see(&engine, ROUTINE[0], NOW + 21);
    rest();
    knows_its_routine(&engine, NOW + 21);
}

#[test]
fn a_machine_that_starts_in_1970_keeps_its_calendar() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    routine(&engine, NOW - 3..=NOW);
    assert!(see(&engine, NOVEL, NOW).first);
    // Five starts, each with a minute before the time is known.
    for _ in 0..5 {
        see(&engine, ROUTINE[0], 0);
        see(&engine, ROUTINE[1], NOW);
    }
    assert!(!see(&engine, NOVEL, NOW).first, "it is the same day");
    rest();
    assert_eq!(status(&engine).rows, ROUTINE.len());
}

#[test]
fn a_warm_up_that_began_in_the_future_ends_all_the_same() {
    let memory = Memory::default();
    let settings =
        Settings { learn_executions: 20, learn_for: Duration::from_secs(30), ..Settings::default() };
    let engine = memory.engine(settings);
    see(&engine, ROUTINE[0], IN_2040);
    let begun = i64::from(NOW) * DAY;
    for second in 0..=120 {
        let line = ROUTINE[second as usize % ROUTINE.len()];
        let verdict = see_at(&engine, line, NOW, begun + second * 1_000_000);
        assert_eq!(verdict.score.is_none(), second < 30, "after {second} s");
    }
}

#[test]
fn no_moment_is_too_strange() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    let days = [Day::MIN, Day::MIN + 1, -1, 0, 1, NOW, Day::MAX - 1, Day::MAX];
    let times = [i64::MIN, -1, 0, i64::from(NOW) * DAY, i64::MAX];
    let mut count = 0;
    // Xorshift; what matters is that there are many neighbours.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut pick = |of: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % of
    };
    for _ in 0..20_000 {
        let line = ROUTINE[pick(ROUTINE.len())];
        see_at(&engine, line, days[pick(days.len())], times[pick(times.len())]);
        count += 1;
    }
    rest();
    assert_eq!(status(&engine).executions, count);
    engine.close(Duration::from_secs(5)).expect("it is closed");
    let engine = memory.engine(settings());
    routine(&engine, [NOW, NOW + 1, NOW + 2]);
    rest();
    knows_its_routine(&engine, NOW + 3);
    println!("faults: 20000 executions at the ends of time: none lost");
}

#[test]
fn a_store_that_answers_slowly_or_not_at_all_holds_nobody_up() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    routine(&engine, [NOW]);
    wait_until(|| engine.unsaved_rows() == 0);
    memory.stuck.store(true, SeqCst);
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..4_000_u32 {
        // Letters, because numbers are all alike.
        let word: String = number.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
        let execution = execution(&format!("report --customer {word}"));
        let (context, teach) = (Context::default(), Teach::Policy);
        let (time, day) = (i64::from(NOW) * DAY + i64::from(number), NOW);
        let sighting =
            Sighting { workload: "host", execution: &execution, context, time, day, teach, pid: 0, ppid: 0 };
        let began = Instant::now();
        engine.observe(&sighting);
        times.push(began.elapsed());
        if number == 0 {
            // The store's thread is on its way into the save that does not end.
            std::thread::sleep(Duration::from_millis(600));
        }
    }
    times.sort_unstable();
    let (median, high) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "faults: a store that does not answer: 4000 scored meanwhile, median {median:?}, 99th percentile {high:?}"
    );
    assert!(median < Duration::from_millis(1), "{median:?}");
    assert!(high < Duration::from_millis(50), "{high:?}");
    let waiting = engine.unsaved_rows();
    let known = status(&engine);
    assert!(waiting > 3_000, "{waiting} rows wait in memory, and the counter says so");
    assert!(known.rows + known.held > 3_500, "{known:?}");

    let began = Instant::now();
    let error = engine.flush(Duration::from_millis(300)).expect_err("it does not answer").to_string();
    assert!(error.contains("takes longer than"), "{error}");
    let error = engine.close(Duration::from_millis(300)).expect_err("nor now").to_string();
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}: whoever ends does not wait for it",
        began.elapsed()
    );
    assert!(error.contains("saving"), "{error}");
    assert!(memory.rows().len() < 100);

    // It answers again: the thread that was left behind writes what it had begun.
    memory.stuck.store(false, SeqCst);
    wait_until(|| memory.rows().len() > 3_500);
    let states: BTreeMap<RowState, usize> = memory.rows().iter().fold(BTreeMap::new(), |mut states, row| {
        *states.entry(row.state).or_default() += 1;
        states
    });
    assert!(states.values().sum::<usize>() > 3_500, "{states:?}");
}
