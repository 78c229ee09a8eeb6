//! A baseline that is larger than its part of the memory budget: the rows that were seen last are in memory, and of the
//! others the keys.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Action, Day, Elsewhere, Engine, Feedback, RowState, Score, Settings, Sighting, Standing, StoredRow,
    Teach, Verdict,
};
use anomaly_vectorizer::context::{InheritedSocket, SocketFamily};
use anomaly_vectorizer::{Arguments, Context, Execution, Kind, Surroundings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

mod support;

use support::Memory;

const DAY: i64 = 86_400_000_000;

/// Room for some three thousand rows.
const BUDGET: usize = 4 << 20;

/// So many there are.
const ROWS: usize = 8_000;

fn settings(memory_budget: usize) -> Settings {
    Settings { learn_executions: u64::MAX, learn_for: Duration::ZERO, memory_budget, ..Settings::default() }
}

/// A word for a number: numbers themselves are not told apart.
fn word(n: usize) -> String {
    let syllables =
        ["al", "bor", "cen", "dor", "fan", "gor", "hul", "jas", "kel", "lor", "men", "nor", "pel"];
    (0..4).map(|digit| syllables[n / 13usize.pow(digit) % 13]).collect()
}

fn execution(n: usize) -> Execution {
    let name = ["curl", "sh", "tar", "df", "psql"][n % 5];
    Execution {
        kind: Kind::Exec,
        name: name.into(),
        parent: "cron".into(),
        grandparent: "systemd".into(),
        uid: 0,
        arguments: Arguments::new([
            name.to_owned(),
            format!("--mode-{}", word(n / 5)),
            format!("/srv/{}/x", word(n % 7)),
        ]),
    }
}

fn novel() -> Execution {
    Execution { name: "nc".into(), arguments: Arguments::new(["nc", "-e", "/bin/sh"]), ..execution(1) }
}

fn on_socket() -> Context {
    let remote = Some("203.0.113.9:4444".parse().expect("an address"));
    let socket = InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 6, local: None, remote };
    Context::of(&Surroundings { tty: Some(false), sockets: Some(vec![socket]), ..Surroundings::default() })
}

fn in_terminal() -> Context {
    Context::of(&Surroundings { tty: Some(true), sockets: Some(vec![]), ..Surroundings::default() })
}

fn sighting<'a>(workload: &'a str, execution: &'a Execution, day: Day) -> Sighting<'a> {
    let (context, teach, time) = (in_terminal(), Teach::Policy, i64::from(day) * DAY);
    Sighting { workload, execution, context, time, day, teach, pid: 0, ppid: 0 }
}

fn see(engine: &Engine, n: usize, day: Day) -> Verdict {
    engine.observe(&sighting("web", &execution(n), day))
}

fn patiently(engine: &Engine, sighting: &Sighting<'_>) -> Verdict {
    let verdict = engine.observe_patiently(sighting, Duration::from_secs(10));
    assert_ne!(verdict.standing, Standing::Waking, "it came in time");
    verdict
}

fn flush(engine: &Engine) {
    engine.flush(Duration::from_secs(20)).expect("it saves");
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The rows of the one workload that are in memory.
fn in_memory(engine: &Engine) -> usize {
    engine.status()[0].in_memory
}

/// An engine with a workload of [`ROWS`] rows, of which the first were seen least recently.
fn large(memory: &Memory) -> Engine {
    let engine = memory.engine(settings(BUDGET));
    for n in 0..ROWS {
        let verdict = patiently(&engine, &Sighting { time: n as i64, ..sighting("web", &execution(n), 0) });
        assert!(matches!(verdict.standing, Standing::Learning(_)), "{n}: {verdict:?}");
        if n % 250 == 0 {
            flush(&engine);
        }
    }
    flush(&engine);
    engine.finish_learning(ROWS as i64);
    flush(&engine);
    let taken = engine.memory();
    assert!(taken.partly == 1 && taken.bytes <= BUDGET, "{taken:?}");
    assert!((2_048..ROWS / 2).contains(&in_memory(&engine)), "{}", in_memory(&engine));
    assert_eq!(engine.status()[0].rows, ROWS);
    engine
}

/// The same after a restart.
fn loaded(memory: &Memory) -> Engine {
    large(memory).close(Duration::from_secs(20)).expect("it saves");
    let engine = memory.engine(settings(BUDGET));
    let taken = engine.memory();
    assert!(taken.partly == 1 && taken.bytes <= BUDGET, "{taken:?}");
    engine
}

fn decide(memory: &Memory, action: Action, keys: Vec<u128>) -> String {
    let id = memory.log.lock().entries.len();
    memory.log.lock().entries.push(Feedback {
        id: id as u128,
        time: 0,
        who: "alice".into(),
        uid: 1_000,
        why: String::new(),
        action,
        workload: "web".into(),
        asked: "*".into(),
        keys,
        window: Duration::ZERO,
        settled: None,
    });
    memory.log.lock().version += 1;
    wait_until(|| memory.log.lock().entries[id].settled.is_some());
    let settled = memory.log.lock().entries[id].settled.clone();
    settled.expect("it is settled").outcome
}

fn stored(memory: &Memory, n: usize) -> StoredRow {
    memory.rows().into_iter().find(|row| row.execution == execution(n)).expect("it is there")
}

#[test]
fn every_repeat_is_known_and_the_metric_tells_what_a_novelty_was_compared_with() {
    for engine in [large(&Memory::default()), loaded(&Memory::default())] {
        for n in 0..ROWS {
            let verdict = see(&engine, n, 0);
            assert_eq!(
                (verdict.standing, verdict.score, verdict.seen),
                (Standing::Known, Some(Score::ZERO), 2),
                "{n}"
            );
        }
        let before = engine.counters();
        assert_eq!(before.while_waking, 0);
        let verdict = engine.observe(&sighting("web", &novel(), 0));
        assert_eq!((verdict.standing, verdict.seen), (Standing::Held, 1));
        let counters = engine.counters();
        assert_eq!(counters.rows_in_reach - before.rows_in_reach, ROWS as u64);
        assert!(counters.rows_compared - before.rows_compared <= in_memory(&engine) as u64);
    }
}

#[test]
fn counts_of_rows_that_are_not_in_memory_reach_the_store_and_these_come_back() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    for day in [0, 2, 1] {
        for n in 0..100 {
            assert_eq!(see(&engine, n, day).standing, Standing::Known);
        }
    }
    assert_eq!(engine.unsaved_rows(), 100);
    flush(&engine);
    assert_eq!((engine.unsaved_rows(), engine.counters().rows_read_back), (0, 100));
    for n in 0..100 {
        let row = stored(&memory, n);
        let days: Vec<_> = row.days.iter().collect();
        assert_eq!((row.count, row.last_seen, days), (4, 2 * DAY, vec![0, 1, 2]), "{n}");
    }
    let (record, rows) = memory.tables.lock()["web"].clone();
    assert_eq!((record.executions, rows.len()), (ROWS as u64 + 300, ROWS));
    // They were seen last, so they are in memory now, and what runs there is counted as ever.
    (0..100).for_each(|n| drop(see(&engine, n, 2)));
    engine.close(Duration::from_secs(20)).expect("it saves");
    assert!((0..100).all(|n| stored(&memory, n).count == 5));
}

#[test]
fn counts_that_cannot_be_written_wait() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    memory.full.store(true, SeqCst);
    (0..100).for_each(|n| drop(see(&engine, n, 1)));
    assert!(engine.flush(Duration::from_secs(10)).is_err());
    (0..50).for_each(|n| drop(see(&engine, n, 3)));
    memory.full.store(false, SeqCst);
    flush(&engine);
    for n in 0..100 {
        let row = stored(&memory, n);
        let days: Vec<_> = row.days.iter().collect();
        let expected = if n < 50 { (3, vec![0, 1, 3]) } else { (2, vec![0, 1]) };
        assert_eq!((row.count, days), expected, "{n}");
    }
}

#[test]
fn a_known_command_in_other_surroundings_waits_for_its_row_alone() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    let known = execution(3);
    let elsewhere = Sighting { context: on_socket(), ..sighting("web", &known, 0) };
    assert_eq!(engine.observe(&elsewhere).standing, Standing::Waking);
    let verdict = patiently(&engine, &elsewhere);
    assert_eq!(verdict.standing, Standing::Held, "{verdict:?}");
    assert_eq!((engine.counters().rows_read_back, engine.counters().woken), (1, 0));
    let reason = verdict.explanation.expect("it is novel").reason;
    assert!(reason.starts_with("for the first time with"), "{reason}");
    // Whole, it would have said the same.
    let whole = memory.engine(settings(usize::MAX));
    let expected = whole.observe(&elsewhere);
    assert_eq!((verdict.distance, verdict.score), (expected.distance, expected.score));

    memory.unreadable.store(true, SeqCst);
    let other = execution(4);
    let elsewhere = Sighting { execution: &other, ..elsewhere };
    let verdict = engine.observe_patiently(&elsewhere, Duration::from_millis(300));
    assert_eq!(
        (verdict.standing, verdict.score),
        (Standing::Waking, None),
        "no score from what is not there"
    );
    assert!(engine.observe(&sighting("web", &novel(), 0)).score.is_some(), "the others are compared with");
    memory.unreadable.store(false, SeqCst);
    assert_eq!(patiently(&engine, &elsewhere).standing, Standing::Held);
}

#[test]
fn people_see_and_decide_about_rows_that_are_not_in_memory() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    let rows = engine.rows(&|_, _, _| true);
    assert_eq!(rows.len(), ROWS);
    let of = |n: usize| {
        let found: Vec<_> = rows.iter().filter(|row| row.execution == execution(n)).collect();
        assert_eq!(found.len(), 1);
        found[0].clone()
    };
    assert_eq!(engine.learned_since("web", Kind::Exec, 0), ROWS);
    assert_eq!(engine.learned_since("web", Kind::Exec, 1), 0);

    let inspection = engine.inspect_row("web", of(5).key).expect("it is there");
    assert_eq!((inspection.execution, inspection.score), (execution(5), Some(Score::ZERO)));
    let inspection = engine.inspect("web", &execution(6), &in_terminal()).expect("it is there");
    assert_eq!(inspection.row.map(|row| row.count), Some(1));

    assert_eq!(decide(&memory, Action::Deny, vec![of(7).key, of(8).key]), "2 denied");
    assert_eq!(see(&engine, 7, 1).standing, Standing::Denied);
    assert_eq!(see(&engine, 9, 1).standing, Standing::Known);
    assert_eq!(decide(&memory, Action::Forget, vec![of(10).key, 99]), "1 forgotten, 1 not there any more");
    assert_eq!(decide(&memory, Action::Approve, vec![of(7).key]), "1 approved");
    flush(&engine);
    let status = &engine.status()[0];
    assert_eq!((status.rows, status.denied), (ROWS - 2, 1));
    assert_eq!(stored(&memory, 8).state, RowState::Denied);
    assert!(memory.rows().iter().all(|row| row.execution != execution(10)));
}

#[test]
fn what_was_not_seen_for_long_is_forgotten_and_recognised_when_it_returns() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    for day in 1..=9 {
        // Some that are not in memory and some that are.
        for n in (0..100).chain(ROWS - 100..ROWS) {
            assert_eq!(see(&engine, n, day).standing, Standing::Known, "{n} on {day}");
        }
        flush(&engine);
    }
    let in_state = |state| memory.rows().iter().filter(|row| row.state == state).count();
    wait_until(|| in_state(RowState::Forgotten) == ROWS - 200);
    flush(&engine);
    assert_eq!((in_state(RowState::Active), engine.status()[0].rows), (200, 200));
    let verdict = patiently(&engine, &sighting("web", &execution(4_000), 9));
    assert!(verdict.standing != Standing::Known && verdict.seen == 2, "{verdict:?}");
    engine.close(Duration::from_secs(20)).expect("it saves");
    assert_eq!(stored(&memory, 4_000).count, 2);
}

#[test]
fn what_others_know_is_told_to_rows_that_are_not_in_memory() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    let row = |n: usize, state| StoredRow { state, ..stored(&memory, n) };
    let rows = (0..200).map(|n| row(n, if n == 77 { RowState::Denied } else { RowState::Active })).collect();
    let learned = BTreeMap::from([(Kind::Exec, 1)]);
    engine.peering().take_elsewhere("web", Elsewhere { machines: 1, learned, rows });
    assert_eq!(engine.counters().rows_read_back, 1, "only what changes is read");
    assert_eq!(see(&engine, 77, 1).standing, Standing::Denied);
    assert_eq!(see(&engine, 78, 1).standing, Standing::Known);
    assert_eq!(engine.status()[0].rows, ROWS - 1, "and none is there twice");
}

#[test]
fn it_sleeps_and_wakes_as_others_do() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    (0..50).for_each(|n| drop(see(&engine, n, 0)));
    // Which was used last is told apart by some hundred milliseconds.
    std::thread::sleep(Duration::from_secs(1));
    for workload in ["db", "mail"] {
        for n in 0..2_500 {
            patiently(&engine, &sighting(workload, &execution(n), 1));
        }
        flush(&engine);
    }
    wait_until(|| engine.status().iter().any(|status| &*status.workload == "web" && status.in_memory == 0));
    for n in 0..ROWS {
        let verdict = see(&engine, n, 1);
        assert_eq!((verdict.standing, verdict.seen), (Standing::Known, if n < 50 { 3 } else { 2 }), "{n}");
    }
    assert_eq!(engine.observe(&sighting("web", &novel(), 1)).standing, Standing::Waking);
    assert_eq!(patiently(&engine, &sighting("web", &novel(), 1)).standing, Standing::Held);
    let status = engine.status().into_iter().find(|status| &*status.workload == "web").expect("it is there");
    assert!(status.rows == ROWS && (2_048..ROWS).contains(&status.in_memory), "{status:?}");
    engine.close(Duration::from_secs(20)).expect("it saves");
    let runs: u64 = memory.tables.lock()["web"].1.values().map(|row| row.count).sum();
    assert_eq!(runs, 2 * ROWS as u64 + 50 + 1);
}

#[test]
fn a_row_that_the_store_has_lost_is_learned_anew() {
    let memory = Memory::default();
    let engine = loaded(&memory);
    let key = stored(&memory, 3).key;
    memory.tables.lock().get_mut("web").expect("it is there").1.remove(&key);
    let known = execution(3);
    let verdict = patiently(&engine, &Sighting { context: on_socket(), ..sighting("web", &known, 0) });
    assert!(verdict.score.is_some() && verdict.seen == 1, "{verdict:?}");
    assert!(engine.notices().iter().any(|notice| notice.contains("1 rows of workload web")));
    assert_eq!(engine.status()[0].rows, ROWS - 1);
}

#[derive(Debug, Clone)]
enum Step {
    /// One of those that were learned.
    Known {
        n: usize,
    },
    /// News, of which nothing is learned.
    Asked {
        n: usize,
    },
    /// News that is far from everything.
    Far {
        n: usize,
    },
    NextDay,
    /// Everything is saved, and there is room again.
    Rest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (0..ROWS).prop_map(|n| Step::Known { n }),
        20 => (0..4_000usize).prop_map(|n| Step::Asked { n }),
        3 => (0..40usize).prop_map(|n| Step::Far { n }),
        1 => Just(Step::NextDay),
        2 => Just(Step::Rest),
    ]
}

/// A novelty that shares some of what rows have, in memory or not.
fn variant(n: usize) -> Execution {
    let (one, other) = (execution(n), execution(ROWS - 1 - 2 * n.min(ROWS / 2 - 1)));
    let arguments = one.arguments.iter().chain(other.arguments.iter().skip(1)).map(str::to_owned);
    let never = n.is_multiple_of(3).then(|| format!("--never-{}", word(n)));
    Execution { arguments: Arguments::new(arguments.chain(never).collect::<Vec<_>>()), ..execution(n) }
}

#[test]
fn a_score_changes_by_the_rows_alone_that_are_not_compared() {
    let shared = Memory::default();
    large(&shared).close(Duration::from_secs(20)).expect("it saves");
    let tables = shared.tables.lock().clone();
    let mut runner = TestRunner::new(Config {
        cases: 6,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    });
    let others = std::cell::Cell::new(0);
    let result = runner.run(&prop::collection::vec(step(), 400..800), |steps| {
        let (memory, all) = (Memory::default(), Memory::default());
        for memory in [&memory, &all] {
            memory.tables.lock().clone_from(&tables);
        }
        let (bounded, whole) = (memory.engine(settings(BUDGET)), all.engine(settings(usize::MAX)));
        let mut day = 1;
        for (number, step) in steps.iter().enumerate() {
            let time = i64::from(day) * DAY + number as i64;
            let ask = |execution: &Execution, teach| {
                let sighting = Sighting { time, teach, ..sighting("web", execution, day) };
                (patiently(&bounded, &sighting), whole.observe(&sighting))
            };
            match *step {
                Step::NextDay => day = (day + 1).min(5),
                Step::Rest => flush(&bounded),
                Step::Known { n } => {
                    let (verdict, expected) = ask(&execution(n), Teach::Policy);
                    prop_assert_eq!(verdict.standing, Standing::Known);
                    prop_assert_eq!((verdict.score, verdict.seen), (expected.score, expected.seen));
                }
                Step::Asked { n } => {
                    let (verdict, expected) = ask(&variant(n), Teach::Nothing);
                    let (said, whole) =
                        (verdict.explanation.expect("news"), expected.explanation.expect("news"));
                    // What was never learned is the same, whatever is in memory; and so is the distance to one row.
                    let new = |reason: &str| reason.starts_with("new: ").then(|| reason.to_owned());
                    prop_assert_eq!(new(&said.reason), new(&whole.reason));
                    if said.nearest == whole.nearest {
                        prop_assert_eq!(verdict.distance, expected.distance);
                    } else {
                        others.set(others.get() + 1);
                    }
                }
                Step::Far { n } => {
                    let far = Execution {
                        arguments: Arguments::new([format!("/opt/{}/nc", word(n)), "-e".into()]),
                        ..novel()
                    };
                    let (verdict, expected) = ask(&far, Teach::Policy);
                    prop_assert_eq!((verdict.standing, verdict.seen), (expected.standing, expected.seen));
                }
            }
        }
        bounded.close(Duration::from_secs(20)).expect("it saves");
        whole.close(Duration::from_secs(20)).expect("it saves");
        // How far a novelty was is what may differ.
        let rows = |memory: &Memory| -> BTreeMap<u128, StoredRow> {
            memory.rows().into_iter().map(|row| (row.key, StoredRow { distance: 0.0, ..row })).collect()
        };
        prop_assert!(rows(&memory) == rows(&all), "the rows are the same");
        prop_assert_eq!(memory.tables.lock()["web"].0.clone(), all.tables.lock()["web"].0.clone());
        Ok(())
    });
    if let Err(error) = result {
        panic!("{}", error.to_string().chars().take(700).collect::<String>());
    }
    assert!(others.get() > 0, "some are nearest to rows that are not in memory");
}
