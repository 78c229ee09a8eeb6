//! What other machines know counts for scores, is never saved nor told on, and goes when they say so.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Access, Action, DaySet, Elsewhere, Engine, Feedback, Method, Peering, RowState, Score, Settings,
    Sighting, Standing, StoredRow, Teach, Verdict,
};
use anomaly_vectorizer::{Arguments, Context, Embedder, Embedding, Execution, Hashed, Kind, Seen};

mod support;

use support::Memory;

const DAY: i32 = 20_000;
const TIME: i64 = DAY as i64 * 86_400_000_000;

fn execution(name: &str) -> Execution {
    Execution {
        kind: Kind::Exec,
        name: name.into(),
        parent: "sh".into(),
        grandparent: "nginx".into(),
        uid: 33,
        arguments: Arguments::new([name, "--flag"]),
    }
}

fn row(name: &str, state: RowState, count: u64) -> StoredRow {
    let execution = execution(name);
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        features: Vec::new(),
        vector: Vec::new(),
        execution,
        seen: Seen::from(Context::default()),
        count,
        first_seen: 1,
        last_seen: 2,
        first_day: DAY - 3,
        days: DaySet::of(DAY - 1),
        distance: 0.6,
        state,
    }
}

fn elsewhere(rows: &[StoredRow]) -> Elsewhere {
    Elsewhere { machines: 2, learned: BTreeMap::from([(Kind::Exec, TIME - 1)]), rows: rows.to_vec() }
}

fn observe(engine: &Engine, name: &str) -> Verdict {
    engine.observe(&Sighting {
        workload: "web",
        execution: &execution(name),
        context: Context::default(),
        time: TIME,
        day: DAY,
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    })
}

fn engine() -> Engine {
    Engine::in_memory(Settings::default(), Arc::new(Hashed::default()), Method::default())
}

/// An engine whose workload has learned `names` and nothing else.
fn learned(engine: &Engine, names: &[&str]) {
    for name in names {
        observe(engine, name);
    }
    engine.finish_learning(TIME);
}

fn own(peering: &Peering) -> BTreeMap<String, (RowState, u64)> {
    let rows = peering.own("web").map(|(_, rows)| rows).unwrap_or_default();
    rows.into_iter().map(|row| (row.execution.name.clone(), (row.state, row.count))).collect()
}

/// What stands, by name.
fn states(engine: &Engine) -> BTreeMap<String, (RowState, u64)> {
    let rows = engine.rows(&|_, _, _| true);
    rows.into_iter().map(|row| (row.execution.name.clone(), (row.state, row.count))).collect()
}

fn names(names: &[&str]) -> HashSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

#[test]
fn a_workload_that_others_know_begins_warm() {
    let engine = engine();
    let peering = engine.peering();
    peering.known_elsewhere(names(&["web"]));
    assert_eq!(observe(&engine, "nginx").standing, Standing::Loading, "it waits to be told");
    assert_eq!(peering.wanted(Duration::ZERO), [Arc::from("web")]);
    assert_eq!(peering.wanted(Duration::ZERO), [], "each is handed out once");
    peering.take_elsewhere(
        "web",
        elsewhere(&[row("nginx", RowState::Active, 5), row("id", RowState::Active, 2)]),
    );
    let known = observe(&engine, "nginx");
    assert_eq!((known.standing, known.score, known.seen), (Standing::Known, Some(Score::ZERO), 6));
    let news = observe(&engine, "xmrig");
    assert_eq!(news.standing, Standing::Held);
    assert!(news.score > Some(Score::ZERO));
    assert_eq!(own(&peering)["nginx"], (RowState::Active, 1), "what was seen here is known here");
    assert!(!own(&peering).contains_key("id"));
}

#[test]
fn nobody_waits_for_long() {
    let engine = engine();
    engine.peering().known_elsewhere(names(&["web"]));
    let begun = Instant::now();
    while observe(&engine, "nginx").standing == Standing::Loading {
        assert!(begun.elapsed() < Duration::from_secs(10), "it waits for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(engine.status().len(), 1);
    // Told late, it is told all the same.
    engine.peering().take_elsewhere("web", elsewhere(&[row("id", RowState::Active, 2)]));
    assert_eq!(observe(&engine, "id").standing, Standing::Known);
}

#[test]
fn what_stands_is_the_stricter_and_goes_with_whoever_said_so() {
    let engine = engine();
    learned(&engine, &["nginx", "sh"]);
    observe(&engine, "xmrig");
    assert_eq!(states(&engine)["xmrig"].0, RowState::Held);
    let before = states(&engine);
    let peering = engine.peering();
    let told = [
        row("nginx", RowState::Denied, 1),
        row("xmrig", RowState::Active, 7),
        row("id", RowState::Active, 3),
    ];
    for _ in 0..2 {
        // Twice is as once.
        peering.take_elsewhere("web", elsewhere(&told));
        let states = states(&engine);
        assert_eq!(states["nginx"], (RowState::Denied, 2));
        assert_eq!(states["xmrig"], (RowState::Active, 8));
        assert_eq!(states["id"], (RowState::Active, 3));
    }
    let denied = observe(&engine, "nginx");
    assert_eq!(denied.standing, Standing::Denied);
    assert!(denied.score > Some(Score::from_ten_thousandths(5_000)), "{:?}", denied.score);
    assert_eq!(own(&peering)["nginx"], (RowState::Active, 2), "here it is as it was");
    assert_eq!(own(&peering)["xmrig"], (RowState::Held, 1));
    peering.take_elsewhere("web", elsewhere(&[]));
    let after = states(&engine);
    assert_eq!(after["nginx"], (RowState::Active, 2));
    assert_eq!((after.len(), after["xmrig"]), (before.len(), before["xmrig"]));
    assert_eq!(observe(&engine, "nginx").standing, Standing::Known);
    assert_ne!(observe(&engine, "id").standing, Standing::Known);
}

#[test]
fn any_order_of_tellings_ends_the_same() {
    let told: [&[StoredRow]; 3] = [
        &[row("a", RowState::Active, 1), row("b", RowState::Denied, 1)],
        &[row("b", RowState::Active, 1), row("c", RowState::Active, 1)],
        &[row("a", RowState::Denied, 4), row("c", RowState::Active, 2)],
    ];
    let last = elsewhere(&[row("a", RowState::Active, 9), row("nginx", RowState::Active, 1)]);
    let mut ends = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 1]] {
        let engine = engine();
        learned(&engine, &["nginx", "a"]);
        order.iter().for_each(|number| engine.peering().take_elsewhere("web", elsewhere(told[*number])));
        engine.peering().take_elsewhere("web", last.clone());
        let mut scores = BTreeMap::new();
        for name in ["a", "b", "c", "nginx", "somebody"] {
            let copy = engine.copy_of("web");
            scores.insert(name, observe(&copy, name).score);
        }
        ends.push((states(&engine), scores));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[test]
fn decisions_are_about_what_is_known_here_and_stand_against_others() {
    let memory = Memory::default();
    let engine = memory.engine(Settings::default());
    learned(&engine, &["nginx"]);
    let peering = engine.peering();
    let told =
        [row("nginx", RowState::Active, 1), row("id", RowState::Active, 2), row("nc", RowState::Denied, 2)];
    peering.take_elsewhere("web", elsewhere(&told));
    // Together, because it takes a moment until they are taken up.
    let decisions = [(Action::Deny, "id"), (Action::Approve, "nc"), (Action::Forget, "nginx")];
    {
        let mut log = memory.log.lock();
        log.version += 1;
        log.entries.extend(decisions.into_iter().zip(1..).map(|((action, name), id)| Feedback {
            id,
            time: TIME,
            action,
            keys: vec![row(name, RowState::Active, 1).key],
            ..feedback("web")
        }));
    }
    let begun = Instant::now();
    let outcomes = loop {
        let log = memory.log.lock();
        let settled =
            log.entries.iter().map(|entry| entry.settled.as_ref().map(|settled| settled.outcome.clone()));
        if let Some(outcomes) = settled.collect::<Option<Vec<_>>>() {
            break outcomes;
        }
        drop(log);
        assert!(begun.elapsed() < Duration::from_secs(30), "they are not taken up");
        std::thread::sleep(Duration::from_millis(20));
    };
    let denied_elsewhere = "0 approved, 1 denied on another machine, where it has to be approved";
    assert_eq!(outcomes, ["1 denied", denied_elsewhere, "1 forgotten"]);
    assert_eq!(own(&peering)["id"], (RowState::Denied, 0), "it is told to the others");
    assert_eq!(own(&peering).len(), 1);
    assert_eq!(states(&engine)["nginx"], (RowState::Active, 1), "the others still know it");
    engine.flush(Duration::from_secs(5)).expect("memory");
    let saved: BTreeMap<_, _> =
        memory.rows().into_iter().map(|row| (row.execution.name.clone(), row.state)).collect();
    assert_eq!(saved, BTreeMap::from([("id".to_owned(), RowState::Denied)]));
}

fn feedback(workload: &str) -> Feedback {
    Feedback {
        id: 0,
        time: 0,
        who: String::new(),
        uid: 0,
        why: String::new(),
        action: Action::Approve,
        workload: workload.into(),
        asked: String::new(),
        keys: Vec::new(),
        window: Duration::ZERO,
        settled: None,
    }
}

#[test]
fn only_what_was_seen_here_is_saved_and_a_restart_asks_again() {
    let memory = Memory::default();
    {
        let engine = memory.engine(Settings::default());
        learned(&engine, &["nginx"]);
        let peering = engine.peering();
        assert_eq!(peering.access(), Some(Access::Writer));
        peering.take_elsewhere(
            "web",
            elsewhere(&[row("id", RowState::Active, 2), row("ls", RowState::Active, 2)]),
        );
        observe(&engine, "ls");
        engine.close(Duration::from_secs(5)).expect("memory");
    }
    let mut saved: Vec<_> = memory.rows().iter().map(|row| (row.execution.name.clone(), row.count)).collect();
    saved.sort();
    assert_eq!(saved, [("ls".to_owned(), 1), ("nginx".to_owned(), 1)]);
    let engine = memory.engine(Settings::default());
    assert_eq!(states(&engine).len(), 2);
    let revision = |engine: &Engine| engine.peering().workloads()[0].1;
    let before = revision(&engine);
    engine.peering().take_elsewhere("web", elsewhere(&[row("id", RowState::Active, 2)]));
    assert_eq!(revision(&engine), before, "being told is no change of what was seen here");
    observe(&engine, "ls");
    let counted = revision(&engine);
    assert!(counted.counts > before.counts);
    observe(&engine, "somebody");
    assert!(revision(&engine).rows > counted.rows);
}

#[test]
fn a_claim_to_know_everything_of_which_there_is_nothing_changes_nothing() {
    let engine = engine();
    observe(&engine, "nginx");
    let nothing = Elsewhere { rows: Vec::new(), ..elsewhere(&[]) };
    engine.peering().take_elsewhere("db", nothing.clone());
    assert_eq!(engine.status().len(), 1, "and makes no workload");
    let fresh = engine.copy_of("web");
    fresh.peering().take_elsewhere("web", elsewhere(&[row("x", RowState::Denied, 1)]));
    assert!(fresh.status()[0].learning.is_none(), "one row of its own it has");
}

#[test]
fn bounds_hold_for_others_too() {
    let engine = Engine::in_memory(
        Settings { max_rows: 3, max_held: 1, ..Settings::default() },
        Arc::new(Hashed::default()),
        Method::default(),
    );
    learned(&engine, &["nginx"]);
    let rows: Vec<_> = ["a", "b", "c", "d"].map(|name| row(name, RowState::Active, 1)).into();
    engine.peering().take_elsewhere("web", elsewhere(&rows));
    assert_eq!(engine.status()[0].rows, 3);
    assert_eq!(engine.counters().without_room, 2);
}

/// Whoever scores waits for a few rows at a time, however many are told.
#[test]
fn telling_holds_up_nobody() {
    let engine = engine();
    learned(&engine, &["nginx"]);
    let syllables = ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu"];
    let name = |number: usize| [1_000, 100, 10, 1].map(|place| syllables[number / place % 10]).concat();
    let rows: Vec<_> = (0..10_000).map(|number| row(&name(number), RowState::Active, 1)).collect();
    let peering = engine.peering();
    let told = std::thread::spawn(move || {
        let begun = Instant::now();
        peering.take_elsewhere("web", elsewhere(&rows));
        let first = begun.elapsed();
        peering.take_elsewhere("web", elsewhere(&rows));
        (first, begun.elapsed() - first)
    });
    let mut waited = Vec::new();
    while !told.is_finished() {
        let begun = Instant::now();
        assert_eq!(observe(&engine, "nginx").standing, Standing::Known);
        waited.push(begun.elapsed());
        std::thread::sleep(Duration::from_micros(50));
    }
    let (first, again) = told.join().expect("it is told");
    waited.sort_unstable();
    let most = waited[waited.len() - 1];
    println!(
        "10,000 rows of others: told in {first:.1?}, again in {again:.1?}; of {} executions meanwhile the median waited \
         {:.1?}, the longest {most:.1?}",
        waited.len(),
        waited[waited.len() / 2]
    );
    assert_eq!(engine.status()[0].elsewhere, 10_000);
    assert!(most < Duration::from_millis(100), "{most:?}");
}
