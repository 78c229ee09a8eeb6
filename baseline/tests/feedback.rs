//! What people decide, from outside: approving, denying, forgetting, learning for a while, and each of it exactly once.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Action, Day, Engine, Feedback, Inspection, Method, RowState, Score, Settings, Sighting, Standing, Teach,
    Threshold, Verdict,
};
use anomaly_vectorizer::{Context, Hashed, Surroundings};

#[path = "support/lines.rs"]
mod lines;
mod support;

use lines::{NOVEL, execution};
use support::Memory;

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

const ROUTINE: &[&str] = &[
    "logrotate /etc/logrotate.conf",
    "run-parts --report /etc/cron.hourly",
    "curl -s http://127.0.0.1/health",
    "df -h /var",
    "grep -c error /var/log/syslog",
    "tar -czf /var/backups/etc.tar.gz /etc",
    "find /tmp -mtime +7 -delete",
];

impl Memory {
    /// An engine that has loaded what is here, and learns from little.
    fn started(&self) -> Engine {
        self.engine(Settings { learn_executions: 7, learn_for: Duration::ZERO, ..Settings::default() })
    }

    /// An engine that has learned the routine, on days 0 to 3.
    fn learned(&self) -> Engine {
        let engine = self.started();
        for day in 0..=3 {
            ROUTINE.iter().cycle().take(70).for_each(|line| drop(see(&engine, line, day)));
        }
        assert!(engine.status()[0].learning.is_none());
        engine
    }

    fn give(&self, id: u128, action: Action, keys: &[u128]) {
        self.give_for(id, action, keys, Duration::ZERO, 0);
    }

    fn give_for(&self, id: u128, action: Action, keys: &[u128], window: Duration, time: i64) {
        let mut log = self.log.lock();
        log.version += 1;
        log.entries.push(Feedback {
            id,
            time,
            who: "alice".into(),
            uid: 1000,
            why: "because".into(),
            action,
            workload: "host".into(),
            asked: "*".into(),
            keys: keys.to_vec(),
            window,
            settled: None,
        });
    }

    fn outcome(&self, id: u128) -> Option<String> {
        let log = self.log.lock();
        let entry = log.entries.iter().find(|feedback| feedback.id == id)?;
        entry.settled.as_ref().map(|settled| settled.outcome.clone())
    }

    /// Waits until the running engine has settled it, and tells what came of it.
    fn settled(&self, id: u128) -> String {
        let begin = Instant::now();
        loop {
            if let Some(outcome) = self.outcome(id) {
                assert!(begin.elapsed() < Duration::from_secs(6), "taken up within 6 s");
                return outcome;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "it was never taken up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn states(&self) -> Vec<RowState> {
        self.tables.lock().values().flat_map(|(_, rows)| rows.values().map(|row| row.state)).collect()
    }
}

fn see(engine: &Engine, line: &str, day: Day) -> Verdict {
    see_at(engine, line, day, i64::from(day) * DAY, Context::default())
}

fn see_at(engine: &Engine, line: &str, day: Day, time: i64, context: Context) -> Verdict {
    let (execution, teach) = (execution(line), Teach::Policy);
    let sighting =
        Sighting { workload: "host", execution: &execution, context, time, day, teach, pid: 0, ppid: 0 };
    engine.observe(&sighting)
}

/// The keys of the rows with this command line.
fn keys(engine: &Engine, line: &str) -> Vec<u128> {
    let wanted = execution(line);
    engine.rows(&|_, _, execution| *execution == wanted).iter().map(|row| row.key).collect()
}

fn inspect(engine: &Engine, line: &str) -> Inspection {
    engine.inspect("host", &execution(line), &Context::default()).expect("there is such a workload")
}

fn close(engine: Engine) {
    engine.close(Duration::from_secs(5)).expect("it is closed");
}

#[test]
fn what_is_approved_is_normal_without_a_restart() {
    let memory = Memory::default();
    let engine = memory.learned();
    assert!(see(&engine, NOVEL, 4).novel);
    memory.give(1, Action::Approve, &keys(&engine, NOVEL));
    assert_eq!(memory.settled(1), "1 approved");
    assert_eq!(see(&engine, NOVEL, 4).score, Some(Score::ZERO));
    assert!(
        engine
            .notices()
            .iter()
            .any(|notice| notice.contains("alice said approve * in workload host: 1 approved"))
    );
    close(engine);
    assert!(memory.states().iter().all(|state| *state == RowState::Active));
    assert_eq!(see(&memory.started(), NOVEL, 5).score, Some(Score::ZERO), "after a restart, too");
}

#[test]
fn what_is_denied_stays_novel_for_ever() {
    let memory = Memory::default();
    let engine = memory.learned();
    see(&engine, NOVEL, 4);
    memory.give(1, Action::Deny, &keys(&engine, NOVEL));
    assert_eq!(memory.settled(1), "1 denied");
    for day in 4..40 {
        for run in 0..30 {
            let verdict = see(&engine, NOVEL, day);
            assert!(
                verdict.novel && verdict.standing == Standing::Denied,
                "day {day}, run {run}: {verdict:?}"
            );
            assert_eq!(verdict.first, run == 0 && day > 4);
        }
        ROUTINE.iter().for_each(|line| drop(see(&engine, line, day)));
    }
    let verdict = see(&engine, NOVEL, 40);
    assert!(verdict.explanation.expect("explained").reason.starts_with("denied by a person"));
    close(engine);
    assert!(see(&memory.started(), NOVEL, 41).novel, "after a restart, too");
}

#[test]
fn what_was_learned_can_be_denied_and_is_nobodys_neighbour_then() {
    let memory = Memory::default();
    let engine = memory.learned();
    let before = inspect(&engine, "df -h /home");
    assert!(before.distance < 0.45);
    memory.give(1, Action::Deny, &keys(&engine, "df -h /var"));
    assert_eq!(memory.settled(1), "1 denied");
    assert!(see(&engine, "df -h /var", 4).novel);
    let after = inspect(&engine, "df -h /home");
    assert!(after.distance > before.distance + 0.2, "{} {}", before.distance, after.distance);
    assert!(after.neighbours.iter().all(|neighbour| neighbour.row.execution.name != "df"));
    memory.give(2, Action::Approve, &keys(&engine, "df -h /var"));
    assert_eq!(memory.settled(2), "1 approved");
    assert_eq!(see(&engine, "df -h /var", 4).score, Some(Score::ZERO));
    assert_eq!(inspect(&engine, "df -h /home").distance, before.distance, "as it was before");
}

#[test]
fn what_is_forgotten_was_never_there() {
    let memory = Memory::default();
    let engine = memory.learned();
    let (held, fresh) = (see(&engine, NOVEL, 4), memory.rows().len());
    assert!(held.first);
    engine.flush(Duration::from_secs(5)).expect("saved");
    assert_eq!(memory.rows().len(), fresh.max(ROUTINE.len() + 1));
    let mut meant = keys(&engine, NOVEL);
    meant.extend(keys(&engine, "df -h /var"));
    memory.give(1, Action::Forget, &meant);
    assert_eq!(memory.settled(1), "2 forgotten");
    assert_eq!(memory.rows().len(), ROUTINE.len() - 1, "the store has forgotten them too");
    let again = see(&engine, NOVEL, 4);
    assert_eq!((again.seen, again.score, again.first), (1, held.score, true), "as for the first time");
    memory.give(2, Action::Forget, &[7, 8]);
    assert_eq!(memory.settled(2), "0 forgotten, 2 not there any more");
}

#[test]
fn within_a_window_everything_is_learned_but_what_never_is() {
    let memory = Memory::default();
    let engine = memory.learned();
    let denied = "denied --for /opt/ever";
    see(&engine, denied, 4);
    see(&engine, NOVEL, 4);
    memory.give(1, Action::Deny, &keys(&engine, denied));
    let (from, hour) = (4 * DAY + 10 * SECOND, Duration::from_secs(3600));
    memory.give_for(2, Action::Learn, &[], hour, from);
    assert_eq!(memory.settled(2), "opened");
    let at =
        |line, seconds: i64| see_at(&engine, line, 4, from + seconds * SECOND, Context::default()).standing;
    assert_eq!(at("deploy --release /srv/app/v2", -1), Standing::Held, "not before it");
    assert_eq!(at("deploy --release /srv/app/v2", 0), Standing::Learned);
    assert_eq!(at("deploy --release /srv/app/v2", 1), Standing::Known);
    assert_eq!(at("migrate --schema /srv/app/sql", 3600), Standing::Learned);
    assert_eq!(at("nmap -sS 10.0.0.0/8", 5), Standing::Held, "the never-learn list");
    assert_eq!(at(denied, 5), Standing::Denied);
    assert_eq!(at(NOVEL, 5), Standing::Learned, "what was held before as well");
    assert_eq!(at("wipe --everything /dev/sdb", 3601), Standing::Held, "it ends by itself");
    assert_eq!(engine.status()[0].window, Some((from, from + 3600 * SECOND)));
    memory.give_for(3, Action::Learn, &[], Duration::ZERO, from);
    assert_eq!(memory.settled(3), "closed");
    assert_eq!(at("reindex --all --tables /srv/x", 5), Standing::Held);
}

#[test]
fn surroundings_are_approved_with_the_execution() {
    let memory = Memory::default();
    let engine = memory.started();
    let quiet = Context::of(&Surroundings { tty: Some(false), ..Surroundings::default() });
    let terminal =
        Context::of(&Surroundings { tty: Some(true), loginuid: Some(0), ..Surroundings::default() });
    for day in 0..=3 {
        for line in ROUTINE.iter().cycle().take(70) {
            see_at(&engine, line, day, i64::from(day) * DAY, quiet);
        }
        see_at(&engine, "nmap -sS 10.0.0.0/8", day, i64::from(day) * DAY, quiet);
    }
    memory.give(1, Action::Approve, &keys(&engine, "nmap -sS 10.0.0.0/8"));
    assert_eq!(memory.settled(1), "1 approved");
    let in_terminal = || see_at(&engine, "nmap -sS 10.0.0.0/8", 4, 4 * DAY, terminal);
    assert_eq!(in_terminal().standing, Standing::Held, "never learned by itself, however near");
    let both = keys(&engine, "nmap -sS 10.0.0.0/8");
    assert_eq!(both.len(), 2);
    memory.give(2, Action::Approve, &both);
    assert_eq!(memory.settled(2), "1 approved, 1 so already");
    assert_eq!(in_terminal().score, Some(Score::ZERO));
    assert_eq!(keys(&engine, "nmap -sS 10.0.0.0/8").len(), 1, "one row with both surroundings");
}

/// Ends without writing anything more, as a killed process does.
fn kill(engine: Engine, memory: &Memory) {
    memory.full.store(true, SeqCst);
    memory.unsettling.store(true, SeqCst);
    // What it still had to say is lost with it.
    drop(engine.close(Duration::from_secs(5)));
    // Its thread is left behind; it sees no store that takes anything until it ends with the requests' channel.
    std::thread::sleep(Duration::from_millis(900));
    memory.full.store(false, SeqCst);
    memory.unsettling.store(false, SeqCst);
}

#[test]
fn killed_before_it_applied_it_applies_at_the_next_start() {
    let memory = Memory::default();
    let engine = memory.learned();
    see(&engine, NOVEL, 4);
    let key = keys(&engine, NOVEL);
    engine.flush(Duration::from_secs(5)).expect("saved");
    kill(engine, &memory);
    memory.give(1, Action::Deny, &key);
    let engine = memory.started();
    assert_eq!(engine.status()[0].denied, 1, "before anything is observed");
    assert_eq!(memory.settled(1), "1 denied");
    assert_eq!(*memory.settlings.lock(), [1]);
}

#[test]
fn killed_between_saving_and_settling_it_settles_and_does_not_apply_again() {
    let memory = Memory::default();
    let engine = memory.learned();
    see(&engine, NOVEL, 4);
    let key = keys(&engine, NOVEL);
    memory.unsettling.store(true, SeqCst);
    memory.give(1, Action::Forget, &key);
    let begin = Instant::now();
    while memory.tables.lock().values().all(|(record, _)| record.applied.is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(10), "the record never had it");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(memory.outcome(1), None);
    // It runs again after it was forgotten: that is new, and forgetting it once more would be wrong.
    see(&engine, NOVEL, 5);
    assert!(engine.flush(Duration::from_secs(5)).is_err(), "rows are saved, and nothing can be settled");
    assert_eq!(memory.rows().len(), ROUTINE.len() + 1);
    kill(engine, &memory);
    let engine = memory.started();
    assert_eq!(memory.settled(1), "1 forgotten");
    assert_eq!(engine.status()[0].held, 1, "what came after it stays");
    assert_eq!(*memory.settlings.lock(), [1]);
    engine.flush(Duration::from_secs(5)).expect("saved");
    see(&engine, "df -h /srv", 5);
    close(engine);
    let tables = memory.tables.lock();
    assert!(tables.values().all(|(record, _)| record.applied.is_empty()), "the note goes when it is settled");
}

#[test]
fn a_process_that_only_reads_scores_as_the_one_that_writes() {
    let memory = Memory::default();
    let engine = memory.learned();
    see(&engine, NOVEL, 4);
    let key = keys(&engine, NOVEL);
    close(engine);
    memory.reader.store(true, SeqCst);
    let reader = memory.started();
    assert!(see(&reader, NOVEL, 5).novel);
    memory.give(1, Action::Approve, &key);
    let begin = Instant::now();
    while see(&reader, NOVEL, 5).score != Some(Score::ZERO) {
        assert!(begin.elapsed() < Duration::from_secs(6));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(memory.outcome(1), None, "settling is the writer's");
    close(reader);
    memory.reader.store(false, SeqCst);
    let writer = memory.started();
    assert_eq!(memory.settled(1), "1 approved");
    close(writer);
}

#[test]
fn a_workload_has_the_threshold_of_its_closest_pattern() {
    let fixed = |score: &str| Threshold::Fixed(score.parse().expect("a score"));
    let settings = Settings {
        thresholds: vec![("ho*".parse().expect("a pattern"), fixed("0.99"))],
        learn_executions: 7,
        learn_for: Duration::ZERO,
        ..Settings::default()
    };
    let engine = Engine::in_memory(settings, Arc::new(Hashed::default()), Method::default());
    ROUTINE.iter().cycle().take(70).for_each(|line| drop(see(&engine, line, 0)));
    let verdict = see(&engine, NOVEL, 1);
    assert_eq!(verdict.threshold.to_string(), "0.9900");
    assert_eq!(verdict.novel, verdict.score >= Some(verdict.threshold));
}

#[test]
fn an_inspection_has_the_numbers_of_the_verdict_and_changes_nothing() {
    let memory = Memory::default();
    let engine = memory.learned();
    let looked = inspect(&engine, NOVEL);
    assert_eq!(inspect(&engine, NOVEL), looked, "looking changes nothing");
    let verdict = see(&engine, NOVEL, 3);
    assert_eq!(
        (looked.score, Score::floor(looked.distance)),
        (verdict.score, verdict.distance.expect("scored"))
    );
    assert_eq!(Some(looked.explanation), verdict.explanation);
    let expected = 0.7 * (1.0 - looked.cosine) + 0.3 * looked.unknown;
    assert!((looked.distance - expected).abs() < 1e-6);
    let (d, commonness) = (looked.distance, 0.8 * looked.rate + 0.1 * looked.repeats);
    let score = (d / 0.1).min(1.0) / (1.0 + 0.18 * commonness.sqrt());
    assert_eq!(looked.score, Some(Score::floor(score)));
    assert!(looked.features.iter().any(|feature| !feature.known && feature.text == "name nc"));
    assert_eq!(looked.neighbours.len(), 3);
}
