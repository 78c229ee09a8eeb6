//! Baselines that are not in memory: nothing is scored from a part of one, and nothing is lost by it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Action, CounterValues, Day, Elsewhere, Engine, Feedback, RowState, Score, Settings, Sighting, Standing,
    StoredRow, Teach, Verdict,
};
use anomaly_vectorizer::context::{InheritedSocket, SocketFamily};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Act, Arguments, Context, Execution, Kind, Surroundings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

mod support;

use support::Memory;

const DAY: i64 = 86_400_000_000;

/// Enough for a few of the workloads of these tests.
const SMALL: usize = 80_000;

const WORKLOADS: [&str; 6] = ["web", "db", "queue", "mail", "cache", "cron"];

fn settings(memory_budget: usize) -> Settings {
    Settings {
        learn_executions: 8,
        learn_for: Duration::ZERO,
        learn_acts_for: Duration::ZERO,
        memory_budget,
        ..Settings::default()
    }
}

fn execution(n: usize) -> Execution {
    let name = ["curl", "sh", "tar", "df", "psql"][n % 5];
    Execution {
        kind: Kind::Exec,
        name: name.into(),
        parent: "cron".into(),
        grandparent: "systemd".into(),
        uid: 0,
        arguments: Arguments::new([name.to_owned(), format!("--mode{}", n / 5), format!("/srv/{}/x", n % 7)]),
    }
}

fn act(n: usize) -> Execution {
    let object =
        format!("/var/www/{}.html", char::from(b'a' + (n % 20) as u8).to_string().repeat(1 + n / 20));
    Act {
        kind: Kind::Open,
        name: b"nginx",
        parent: b"systemd",
        uid: 33,
        executable: b"/usr/sbin/nginx",
        object: object.as_bytes(),
        flags: &["read"],
    }
    .execution(&Scrubber::default())
}

fn contexts() -> [Context; 3] {
    let remote = Some("203.0.113.9:4444".parse().expect("an address"));
    let socket = InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 6, local: None, remote };
    let quiet = Surroundings { tty: Some(false), sockets: Some(vec![]), ..Surroundings::default() };
    let on_socket = Surroundings { tty: Some(false), sockets: Some(vec![socket]), ..Surroundings::default() };
    [Context::default(), Context::of(&quiet), Context::of(&on_socket)]
}

fn sighting<'a>(workload: &'a str, execution: &'a Execution, day: Day) -> Sighting<'a> {
    let (context, teach, time) = (Context::default(), Teach::Policy, i64::from(day) * DAY);
    Sighting { workload, execution, context, time, day, teach, pid: 0, ppid: 0 }
}

fn see(engine: &Engine, workload: &str, n: usize, day: Day) -> Verdict {
    engine.observe(&sighting(workload, &execution(n), day))
}

/// What a verdict tells, but for the words.
fn told(verdict: &Verdict) -> impl PartialEq + std::fmt::Debug + use<> {
    let Verdict { standing, score, distance, threshold, level, novel, first, seen, .. } = *verdict;
    (standing, score, distance, threshold, level, novel, first, seen)
}

fn patiently(engine: &Engine, sighting: &Sighting<'_>) -> Verdict {
    engine.observe_patiently(sighting, Duration::from_secs(10))
}

fn flush(engine: &Engine) {
    engine.flush(Duration::from_secs(10)).expect("it saves");
}

/// An engine whose workloads have learned twenty executions each, and of which some sleep.
fn asleep(memory: &Memory) -> Engine {
    let engine = memory.engine(settings(SMALL));
    for (time, workload) in (0..).zip(WORKLOADS) {
        for n in 0..20 {
            engine.observe(&Sighting { time, ..sighting(workload, &execution(n), 0) });
        }
        flush(&engine);
    }
    assert!(engine.memory().asleep > 0, "{:?}", engine.memory());
    engine
}

/// The one that is sure to sleep: it was asked first.
const SLEEPS: &str = WORKLOADS[0];

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a test does.
#[derive(Debug, Clone)]
enum Step {
    See {
        workload: usize,
        n: usize,
        act: bool,
        context: usize,
        teach: Teach,
    },
    NextDay,
    /// Everything is saved, so that what is not needed goes to sleep.
    Rest,
}

fn step() -> impl Strategy<Value = Step> {
    let teach = prop_oneof![8 => Just(Teach::Policy), 1 => Just(Teach::Seed), 1 => Just(Teach::Nothing)];
    let context = prop_oneof![6 => Just(0usize), 2 => Just(1), 1 => Just(2)];
    let n = prop_oneof![8 => 0..12usize, 2 => 0..60usize];
    prop_oneof![
        30 => (0..WORKLOADS.len(), n, prop::bool::weighted(0.3), context, teach)
            .prop_map(|(workload, n, act, context, teach)| Step::See { workload, n, act, context, teach }),
        1 => Just(Step::NextDay),
        2 => Just(Step::Rest),
    ]
}

/// What the store has of a row, but for what the order of rows decides.
fn stored(memory: &Memory) -> BTreeMap<(String, u128), StoredRow> {
    let tables = memory.tables.lock().clone();
    let rows = |(name, (_, rows)): (String, (_, BTreeMap<u128, StoredRow>))| {
        rows.into_values().map(move |row| ((name.clone(), row.key), row))
    };
    tables.into_iter().flat_map(rows).collect()
}

#[test]
fn what_sleeps_is_scored_and_learned_as_what_does_not() {
    let all_counters = Cell::new(CounterValues::default());
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    });
    let result = runner.run(&prop::collection::vec(step(), 400..900), |steps| {
        let (memory, all) = (Memory::default(), Memory::default());
        let (bounded, unbounded) = (memory.engine(settings(SMALL)), all.engine(settings(usize::MAX)));
        let mut day = 0;
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::NextDay => day = (day + 1).min(5),
                Step::Rest => flush(&bounded),
                Step::See { workload, n, act: is_act, context, teach } => {
                    let execution = if is_act { act(n) } else { execution(n) };
                    let context = if is_act { Context::default() } else { contexts()[context] };
                    let time = i64::from(day) * DAY + number as i64;
                    let sighting =
                        Sighting { context, teach, time, ..sighting(WORKLOADS[workload], &execution, day) };
                    let expected = unbounded.observe(&sighting);
                    let first = bounded.observe(&sighting);
                    let verdict = if first.standing == Standing::Waking {
                        prop_assert_eq!(first.score, None);
                        patiently(&bounded, &sighting)
                    } else {
                        first
                    };
                    prop_assert_eq!(told(&verdict), told(&expected), "step {}", number);
                }
            }
        }
        let counters = bounded.counters();
        let mut slept = all_counters.get();
        slept.slept += counters.slept;
        slept.woken += counters.woken;
        slept.while_waking += counters.while_waking;
        all_counters.set(slept);
        bounded.close(Duration::from_secs(10)).expect("it saves");
        unbounded.close(Duration::from_secs(10)).expect("it saves");
        prop_assert_eq!(stored(&memory), stored(&all));
        let records = |memory: &Memory| -> Vec<_> {
            memory.tables.lock().iter().map(|(name, (record, _))| (name.clone(), record.clone())).collect()
        };
        prop_assert_eq!(records(&memory), records(&all));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{}", error.to_string().chars().take(2_000).collect::<String>());
    }
    let slept = all_counters.get();
    assert!(slept.slept > 100 && slept.woken > 50 && slept.while_waking > 50, "{slept:?}");
}

#[test]
fn a_repeat_needs_no_rows_and_news_waits_for_them() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    let repeat = see(&engine, SLEEPS, 3, 1);
    assert_eq!((repeat.standing, repeat.score, repeat.seen), (Standing::Known, Some(Score::ZERO), 2));
    assert_eq!(engine.counters().woken, 0);

    let news = execution(33);
    let put_off = engine.observe(&sighting(SLEEPS, &news, 1));
    assert_eq!((put_off.standing, put_off.score), (Standing::Waking, None));
    let scored = patiently(&engine, &sighting(SLEEPS, &news, 1));
    assert!(scored.score > Some(Score::ZERO) && scored.seen == 1, "seen once, not twice: {scored:?}");
    assert_eq!(engine.counters().woken, 1);
    assert_eq!(see(&engine, SLEEPS, 3, 1).seen, 3, "the repeat in its sleep counts");
}

#[test]
fn a_known_command_in_other_surroundings_is_no_repeat_in_sleep_either() {
    let engine = asleep(&Memory::default());
    let known = execution(3);
    let on_socket = Sighting { context: contexts()[2], ..sighting(SLEEPS, &known, 1) };
    // Never told before: the row has to take it on first.
    assert_eq!(engine.observe(&on_socket).standing, Standing::Waking);
}

#[test]
fn what_ran_in_sleep_is_with_the_store_after_a_flush_and_known_after_a_restart() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    for _ in 0..5 {
        assert_eq!(see(&engine, SLEEPS, 3, 2).standing, Standing::Known);
    }
    assert_eq!(engine.unsaved_rows(), 1);
    engine.close(Duration::from_secs(10)).expect("it saves");
    let (record, rows) = memory.tables.lock()[SLEEPS].clone();
    assert_eq!((record.executions, record.days.len()), (25, 2));
    let row = rows.values().find(|row| row.execution == execution(3)).expect("it is there");
    assert_eq!((row.count, row.days.last, row.days.len(), row.last_seen), (6, 2, 2, 2 * DAY));

    let engine = memory.engine(settings(SMALL));
    assert!(engine.memory().asleep > 0, "loading keeps the budget too: {:?}", engine.memory());
    for workload in WORKLOADS {
        let verdict = patiently(&engine, &sighting(workload, &execution(3), 2));
        assert_eq!(verdict.standing, Standing::Known);
        assert_eq!(verdict.seen, if workload == SLEEPS { 7 } else { 2 }, "{workload}");
    }
}

#[test]
fn held_and_denied_rows_come_back_as_they_were() {
    let memory = Memory::default();
    let engine = memory.engine(settings(SMALL));
    let novel =
        Execution { name: "nc".into(), arguments: Arguments::new(["nc", "-e", "/bin/sh"]), ..execution(1) };
    for n in 0..20 {
        engine.observe(&Sighting { time: -1, ..sighting(SLEEPS, &execution(n), 0) });
    }
    let before = engine.observe(&Sighting { time: -1, ..sighting(SLEEPS, &novel, 0) });
    assert_eq!(before.standing, Standing::Held);
    for workload in &WORKLOADS[1..] {
        (0..20).for_each(|n| drop(see(&engine, workload, n, 0)));
        flush(&engine);
    }
    let status = engine.status().into_iter().find(|status| *status.workload == *SLEEPS).expect("it is there");
    assert_eq!((status.rows, status.held), (20, 1), "counted in sleep");
    assert_eq!(engine.observe(&sighting(SLEEPS, &novel, 0)).standing, Standing::Waking);
    let again = patiently(&engine, &sighting(SLEEPS, &novel, 0));
    assert_eq!((again.standing, again.distance, again.seen), (Standing::Held, before.distance, 2));
    assert!(again.score < before.score, "how often it ran today is not forgotten");
}

#[test]
fn a_decision_reaches_a_baseline_that_sleeps() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    let rows = engine.rows(&|workload, _, row| workload == WORKLOADS[1] && *row == execution(3));
    flush(&engine);
    memory.log.lock().entries.push(Feedback {
        id: 1,
        time: 0,
        who: "alice".into(),
        uid: 1_000,
        why: String::new(),
        action: Action::Deny,
        workload: WORKLOADS[1].into(),
        asked: "*".into(),
        keys: vec![rows[0].key],
        window: Duration::ZERO,
        settled: None,
    });
    memory.log.lock().version += 1;
    wait_until(|| memory.log.lock().entries[0].settled.is_some());
    flush(&engine);
    let outcome = memory.log.lock().entries[0].settled.clone().expect("it is settled").outcome;
    assert_eq!(outcome, "1 denied");
    let denied = patiently(&engine, &sighting(WORKLOADS[1], &execution(3), 1));
    assert_eq!(denied.standing, Standing::Denied);
}

#[test]
fn rows_that_cannot_be_read_back_give_no_score_until_they_can() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    memory.unreadable.store(true, SeqCst);
    let news = execution(33);
    let verdict = engine.observe_patiently(&sighting(SLEEPS, &news, 1), Duration::from_millis(300));
    assert_eq!((verdict.standing, verdict.score), (Standing::Waking, None));
    assert_eq!(see(&engine, SLEEPS, 3, 1).standing, Standing::Known, "repeats are known all the same");
    wait_until(|| engine.counters().failed_wakes > 0);
    let notices = engine.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    memory.unreadable.store(false, SeqCst);
    assert!(patiently(&engine, &sighting(SLEEPS, &news, 1)).score.is_some());
}

#[test]
fn a_workload_that_is_gone_from_the_database_learns_anew() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    memory.tables.lock().remove(SLEEPS);
    let verdict = patiently(&engine, &sighting(SLEEPS, &execution(33), 1));
    assert!(matches!(verdict.standing, Standing::Learning(_)), "{verdict:?}");
    assert!(engine.notices().iter().any(|notice| notice.contains("learns anew")));
}

#[test]
fn what_is_not_seen_for_long_is_forgotten_in_sleep_too() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    // Eight days on, one of them still runs, and never needs the rows.
    for day in 1..=9 {
        assert_eq!(see(&engine, SLEEPS, 3, day).standing, Standing::Known);
    }
    let forgotten = || {
        let (_, rows) = memory.tables.lock()[SLEEPS].clone();
        rows.values().filter(|row| row.state == RowState::Forgotten).count()
    };
    wait_until(|| forgotten() == 19);
}

#[test]
fn what_is_not_saved_does_not_go_to_sleep() {
    let memory = Memory::default();
    memory.full.store(true, SeqCst);
    let engine = memory.engine(settings(SMALL));
    for workload in WORKLOADS {
        (0..20).for_each(|n| drop(see(&engine, workload, n, 0)));
    }
    wait_until(|| engine.counters().failed_saves > 1);
    assert_eq!((engine.memory().asleep, engine.unsaved_rows()), (0, 20 * WORKLOADS.len()));
}

#[test]
fn what_others_know_keeps_a_baseline_awake() {
    let memory = Memory::default();
    let engine = asleep(&memory);
    let peering = engine.peering();
    let own = peering.own(SLEEPS).expect("it is there");
    assert_eq!(own.1.len(), 20, "what sleeps is told whole");
    let learned = BTreeMap::from([(Kind::Exec, 1)]);
    peering.take_elsewhere(SLEEPS, Elsewhere { machines: 1, learned, rows: own.1 });
    for workload in &WORKLOADS[1..] {
        (0..5).for_each(|n| drop(patiently(&engine, &sighting(workload, &execution(40 + n), 1))));
    }
    flush(&engine);
    assert!(engine.memory().asleep > 0);
    let news = see(&engine, SLEEPS, 55, 1);
    assert!(news.score.is_some(), "{news:?}");
}

#[test]
fn many_workloads_stay_within_the_budget() {
    let memory = Memory::default();
    let budget = 8 << 20;
    let engine = memory.engine(settings(budget));
    for workload in 0..600 {
        let workload = format!("workload-{workload}");
        (0..100).for_each(|n| drop(see(&engine, &workload, n, 0)));
        if workload.ends_with("50") {
            flush(&engine);
        }
    }
    flush(&engine);
    wait_until(|| engine.memory().bytes <= budget);
    let taken = engine.memory();
    assert!(taken.bytes > budget / 2 && taken.awake > 20 && taken.asleep > 300, "{taken:?}");
    assert_eq!(engine.status().iter().map(|status| status.rows).sum::<usize>(), 60_000);
    for workload in (0..600).step_by(7) {
        let workload = format!("workload-{workload}");
        let repeat = see(&engine, &workload, 42, 0);
        assert_eq!((repeat.score, repeat.seen), (Some(Score::ZERO), 2), "every exact key is in memory");
    }
    engine.close(Duration::from_secs(20)).expect("it saves");
    assert_eq!(memory.rows().len(), 60_000);
    let engine = memory.engine(settings(budget));
    assert!(engine.memory().bytes <= budget, "{:?}", engine.memory());
}

#[test]
fn workloads_that_begin_too_fast_are_refused_and_counted() {
    let engine = Memory::default().engine(Settings { max_new_workloads: 10, ..settings(usize::MAX) });
    let hour = 3_600_000_000;
    let begin = |workload: String, time: i64| {
        let execution = execution(0);
        engine.observe(&Sighting { time, ..sighting(&workload, &execution, 0) }).standing
    };
    let refused = |hour_of: i64| {
        let all = (0..30).map(|n| begin(format!("{hour_of}-{n}"), hour_of * hour + n));
        all.filter(|standing| *standing == Standing::Refused).count()
    };
    assert_eq!((refused(5), refused(6)), (20, 20));
    assert_eq!(begin("late".into(), 6 * hour - 1), Standing::Refused, "late by a moment is no new hour");
    assert!(matches!(begin("5-3".into(), 6 * hour), Standing::Learning(_)), "what is there goes on");
    assert_eq!(refused(2), 20, "the clock was set back");
    assert_eq!(engine.counters().refused, 61);
}

#[test]
fn one_object_among_many_is_known_in_sleep_and_what_is_denied_there_is_not() {
    let memory = Memory::default();
    let engine = memory.engine(Settings { learn_executions: u64::MAX, ..settings(2 * SMALL) });
    let see =
        |execution: &Execution| engine.observe(&Sighting { time: -1, ..sighting(SLEEPS, execution, 0) });
    // The first ones are rows of their own; from some on any object there is one.
    (0..60).for_each(|n| drop(see(&act(n))));
    let rows = engine.rows(&|_, _, row| *row == act(3));
    memory.log.lock().entries.push(Feedback {
        id: 1,
        time: 0,
        who: "alice".into(),
        uid: 1_000,
        why: String::new(),
        action: Action::Deny,
        workload: SLEEPS.into(),
        asked: "*".into(),
        keys: vec![rows[0].key],
        window: Duration::ZERO,
        settled: None,
    });
    memory.log.lock().version += 1;
    wait_until(|| memory.log.lock().entries[0].settled.is_some());
    // It was one of those that make many.
    (60..64).for_each(|n| drop(see(&act(n))));
    engine.finish_learning(0);
    assert_eq!(see(&act(79)).score, Some(Score::ZERO));
    assert_eq!(see(&act(3)).standing, Standing::Denied);
    for workload in &WORKLOADS[1..] {
        (0..60).for_each(|n| drop(engine.observe(&sighting(workload, &execution(n), 0))));
        flush(&engine);
    }
    let known = see(&act(78));
    assert_eq!((known.standing, known.score), (Standing::Known, Some(Score::ZERO)));
    assert_eq!(engine.counters().woken, 0);
    assert_eq!(see(&act(3)).standing, Standing::Waking);
    assert_eq!(patiently(&engine, &sighting(SLEEPS, &act(3), 0)).standing, Standing::Denied);
}

#[test]
fn nothing_is_lost_while_baselines_go_to_sleep_and_wake_under_observation() {
    let memory = Memory::default();
    let engine = memory.engine(settings(SMALL));
    const RUNS: usize = 3_000;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let engine = &engine;
                scope.spawn(move || {
                    for n in 0..RUNS {
                        let workload = WORKLOADS[(n / 7 + thread) % WORKLOADS.len()];
                        // Now and then something new, which needs the rows.
                        let what = if n % 150 == 149 { 1_000 + 3 * n + thread } else { n % 40 };
                        let verdict = patiently(engine, &sighting(workload, &execution(what), 0));
                        assert_ne!(verdict.standing, Standing::Waking);
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            // It may be busy.
            drop(engine.flush(Duration::from_secs(10)));
        }
    });
    let counters = engine.counters();
    // How often hangs on the machine; three times over is what the test is about.
    assert!(counters.slept >= 3 && counters.woken >= 3, "{counters:?}");
    engine.close(Duration::from_secs(10)).expect("it saves");
    let runs: u64 = memory.rows().iter().map(|row| row.count).sum();
    assert_eq!(runs, 3 * RUNS as u64);
    let tables = memory.tables.lock();
    assert_eq!(tables.values().map(|(record, _)| record.executions).sum::<u64>(), 3 * RUNS as u64);
}
