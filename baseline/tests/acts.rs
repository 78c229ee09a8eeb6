//! Acts beside executions: each kind learns by itself, what is new in one way is novel, and nothing grows without bound.

use std::time::Duration;

use anomaly_baseline::{Action, Day, Engine, Feedback, Score, Settings, Sighting, Standing, Teach, Verdict};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Act, Context, Execution, Kind};

mod support;

use support::Memory;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

/// From which score a gate lets a rule fire.
const GATE: Score = Score::from_ten_thousandths(8_500);

fn act(kind: Kind, object: &str, flags: &[&str]) -> Execution {
    by("nginx", kind, object, flags)
}

fn by(name: &str, kind: Kind, object: &str, flags: &[&str]) -> Execution {
    let executable = format!("/usr/sbin/{name}");
    Act {
        kind,
        name: name.as_bytes(),
        parent: b"containerd-shim",
        uid: 33,
        executable: executable.as_bytes(),
        object: object.as_bytes(),
        flags,
    }
    .execution(&Scrubber::default())
}

/// What a web server does all day.
fn routine() -> Vec<Execution> {
    vec![
        act(Kind::Open, "/etc/passwd", &["read"]),
        act(Kind::Open, "/etc/nginx/nginx.conf", &["read"]),
        act(Kind::Open, "/var/log/nginx/access.log", &["write"]),
        act(Kind::Open, "/var/www/index.html", &["read"]),
        by("logrotate", Kind::Open, "/var/log/nginx/access.log", &["read"]),
        act(Kind::Connect, "10.0.0.5:5432", &["tcp"]),
        act(Kind::Connect, "203.0.113.7:443", &["tcp"]),
    ]
}

fn settings() -> Settings {
    Settings { learn_executions: 20, learn_acts_for: Duration::from_secs(3_600), ..Settings::default() }
}

fn see(engine: &Engine, execution: &Execution, time: i64) -> Verdict {
    engine.observe(&Sighting {
        workload: "shop",
        execution,
        context: Context::default(),
        time,
        day: Day::try_from(time / DAY).expect("a day"),
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    })
}

/// An engine that has seen the routine every ten minutes of the days from 0 to `days`.
fn learned(memory: &Memory, days: i64) -> Engine {
    let engine = memory.engine(settings());
    for time in (0..days * DAY).step_by(600 * 1_000_000) {
        routine().iter().for_each(|act| drop(see(&engine, act, time)));
    }
    engine
}

#[test]
fn each_kind_learns_by_itself_and_says_nothing_meanwhile() {
    let engine = Memory::default().engine(settings());
    let open = act(Kind::Open, "/etc/passwd", &["read"]);
    for second in 0..3_599 {
        let verdict = see(&engine, &open, second * SECOND);
        assert!(verdict.score.is_none() && matches!(verdict.standing, Standing::Learning(_)));
    }
    assert_eq!(see(&engine, &open, 3_600 * SECOND).score, Some(Score::ZERO));
    let connect = act(Kind::Connect, "203.0.113.7:443", &["tcp"]);
    assert_eq!(see(&engine, &connect, 3_601 * SECOND).score, None, "another kind has not learned anything");

    let acts = engine.status_of_acts();
    let learning: Vec<_> = acts.iter().map(|status| (status.kind, status.learning.is_some())).collect();
    assert_eq!(learning, [(Kind::Open, false), (Kind::Connect, true)]);
    assert_eq!(engine.status().len(), 1, "a workload is one, though no execution was seen");
    assert_eq!((engine.counters().scored, engine.counters().acts_scored), (0, 1));
}

#[test]
fn what_is_new_in_one_way_passes_the_gate_and_what_was_learned_does_not() {
    for novel in [
        act(Kind::Open, "/etc/shadow", &["read"]),
        act(Kind::Open, "/root/.ssh/id_rsa", &["read"]),
        act(Kind::Open, "/etc/passwd", &["write"]),
        act(Kind::Open, "/var/www/index.html", &["write", "truncate"]),
        by("logrotate", Kind::Open, "/etc/passwd", &["read"]),
        by("sh", Kind::Open, "/var/www/index.html", &["read"]),
        act(Kind::Connect, "10.0.0.6:5432", &["tcp"]),
        act(Kind::Connect, "10.96.0.1:443", &["tcp"]),
        act(Kind::Connect, "203.0.113.7:4444", &["tcp"]),
        act(Kind::Connect, "198.51.100.1:5432", &["tcp"]),
        act(Kind::Connect, "/run/docker.sock", &["unix"]),
    ] {
        let engine = learned(&Memory::default(), 3);
        for act in routine() {
            assert_eq!(see(&engine, &act, 3 * DAY).score, Some(Score::ZERO), "{}", act.command_line());
        }
        let other_address = act(Kind::Connect, "198.51.100.9:443", &["tcp"]);
        assert_eq!(see(&engine, &other_address, 3 * DAY).score, Some(Score::ZERO), "nobody's for long");

        let verdict = see(&engine, &novel, 3 * DAY);
        let told = format!("{} {}: {verdict:?}", novel.name, novel.command_line());
        assert!(verdict.score >= Some(GATE), "{told}");
        assert_eq!(verdict.standing, Standing::Held, "{told}");
        assert!(see(&engine, &novel, 3 * DAY + 1).score >= Some(GATE), "again: {told}");
        assert!(verdict.explanation.is_some_and(|why| why.reason.starts_with("new: ")), "{told}");
    }
}

#[test]
fn a_program_that_does_anything_anywhere_fills_nothing() {
    let memory = Memory::default();
    let engine = learned(&memory, 1);
    // A crowd in one place that was there while it learned counts as one; places without number do not fit.
    for n in 0..300_000_i64 {
        let object = format!("/srv/{}/{}/x", word(n / 100), word(n));
        see(&engine, &act(Kind::Open, &object, &["write", "create"]), 2 * DAY + n);
    }
    let status = &engine.status_of_acts()[0];
    assert!(status.held <= 64 && status.rows < 100, "{status:?}");
    assert!(engine.counters().without_room > 100_000);
    let verdict = see(&engine, &act(Kind::Open, "/srv/elsewhere/x", &["write", "create"]), 2 * DAY + 400_000);
    assert!(
        verdict.score >= Some(Score::from_ten_thousandths(7_000)),
        "it is no less novel for that: {verdict:?}"
    );
    let other = by("sh", Kind::Open, "/etc/shadow", &["read"]);
    assert!(see(&engine, &other, 2 * DAY + 400_001).held(), "another program has room of its own");
}

/// A word that nobody takes for a number.
fn word(mut n: i64) -> String {
    let mut word = String::from("w");
    while n > 0 {
        word.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
    }
    word
}

#[test]
fn many_objects_in_one_place_are_one() {
    let memory = Memory::default();
    let engine = memory.engine(settings());
    let page = |n: i64| act(Kind::Open, &format!("/var/www/{}.html", word(n)), &["read"]);
    for n in 0..1_000 {
        see(&engine, &page(n), n * 60 * SECOND);
    }
    let now = 1_000 * 60 * SECOND;
    assert_eq!(see(&engine, &page(5_000), now).score, Some(Score::ZERO), "a page more is no news");
    let status = &engine.status_of_acts()[0];
    assert!(status.learning.is_none() && status.rows < 40, "{status:?}");
    for novel in [
        act(Kind::Open, "/var/www/x.html", &["write"]),
        act(Kind::Open, "/var/lib/x.html", &["read"]),
        by("sh", Kind::Open, "/var/www/x.html", &["read"]),
    ] {
        assert!(see(&engine, &novel, now).score >= Some(GATE), "{}", novel.command_line());
    }
    // It is the same after a restart, and what is denied stays itself.
    engine.close(Duration::from_secs(5)).expect("it saves");
    let engine = memory.engine(settings());
    assert_eq!(see(&engine, &page(6_000), now).score, Some(Score::ZERO));
}

#[test]
fn what_is_held_becomes_a_crowd_only_over_days() {
    let page = |n: i64| act(Kind::Open, &format!("/var/www/{}.html", word(n)), &["read"]);
    let engine = learned(&Memory::default(), 2);
    for n in 0..40 {
        see(&engine, &page(n), 3 * DAY + n);
    }
    assert_ne!(see(&engine, &page(41), 3 * DAY + 50).score, Some(Score::ZERO), "all on one day");

    let engine = learned(&Memory::default(), 2);
    for n in 0..45 {
        see(&engine, &page(n), (3 + n / 15) * DAY + n);
    }
    see(&engine, &page(50), 6 * DAY);
    assert!(see(&engine, &page(51), 6 * DAY).score < Some(GATE), "on three days");
}

#[test]
fn acts_are_saved_with_their_learning_and_approved_like_executions() {
    let memory = Memory::default();
    let engine = learned(&memory, 2);
    let novel = act(Kind::Open, "/etc/shadow", &["read"]);
    assert!(see(&engine, &novel, 2 * DAY).held());
    let key = engine.rows(&|_, _, execution| *execution == novel)[0].key;
    engine.close(Duration::from_secs(5)).expect("it saves");
    assert!(memory.rows().iter().any(|row| row.execution == novel));

    let engine = memory.engine(settings());
    let routine = act(Kind::Open, "/etc/passwd", &["read"]);
    assert_eq!(see(&engine, &routine, 2 * DAY).score, Some(Score::ZERO), "it has not to learn again");
    assert!(see(&engine, &novel, 2 * DAY).score >= Some(GATE));
    assert_eq!(engine.inspect_row("shop", key).expect("it is there").execution, novel);
    engine.close(Duration::from_secs(5)).expect("it saves");

    let entry = Feedback {
        id: 1,
        time: 0,
        who: "alice".into(),
        uid: 1_000,
        why: String::new(),
        action: Action::Approve,
        workload: "shop".into(),
        asked: "*".into(),
        keys: vec![key, 7],
        window: Duration::ZERO,
        settled: None,
    };
    memory.log.lock().entries.push(entry);
    let engine = memory.engine(settings());
    assert_eq!(see(&engine, &novel, 2 * DAY).score, Some(Score::ZERO));
    engine.flush(Duration::from_secs(5)).expect("it saves");
    let outcome = memory.log.lock().entries[0].settled.clone().expect("it was applied").outcome;
    assert_eq!(outcome, "1 approved, 1 not there any more");
}
