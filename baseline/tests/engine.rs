//! The engine from outside: learning, scoring, holding, promoting, forgetting, and the store behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_baseline::{
    Access, Day, Engine, Level, Method, RowState, Score, Settings, Sighting, Standing, Teach, Threshold,
    Verdict,
};
use anomaly_vectorizer::context::{ExecutableFlag, InheritedSocket, SocketFamily};
use anomaly_vectorizer::{Context, Hashed, Surroundings};

#[path = "support/lines.rs"]
mod lines;
mod support;

use lines::{NOVEL, execution};
use support::Memory;

const DAY: i64 = 86_400_000_000;

/// What a host runs all day.
const ROUTINE: &[&str] = &[
    "logrotate /etc/logrotate.conf",
    "run-parts --report /etc/cron.hourly",
    "curl -s http://127.0.0.1/health",
    "df -h /var",
    "grep -c error /var/log/syslog",
    "awk {print$1} /var/log/syslog",
    "tar -czf /var/backups/etc.tar.gz /etc",
    "find /tmp -mtime +7 -delete",
];

struct Host {
    engine: Engine,
}

impl Host {
    fn new(settings: Settings) -> Self {
        Self { engine: Engine::in_memory(settings, Arc::new(Hashed::default()), Method::default()) }
    }

    /// A host that has learned its routine over the days from 0 to `days`.
    fn learned(days: Day) -> Self {
        let host =
            Self::new(Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() });
        host.routine(0..=days);
        assert!(host.engine.status()[0].learning.is_none(), "{:?}", host.engine.status());
        host
    }

    fn routine(&self, days: std::ops::RangeInclusive<Day>) {
        for day in days {
            for line in ROUTINE.iter().cycle().take(10 * ROUTINE.len()) {
                self.see(line, day);
            }
        }
    }

    fn see(&self, line: &str, day: Day) -> Verdict {
        self.see_in(line, day, Context::default(), Teach::Policy)
    }

    fn see_in(&self, line: &str, day: Day, context: Context, teach: Teach) -> Verdict {
        observe(&self.engine, line, day, context, teach)
    }
}

fn observe(engine: &Engine, line: &str, day: Day, context: Context, teach: Teach) -> Verdict {
    let execution = execution(line);
    let time = i64::from(day) * DAY;
    let sighting =
        Sighting { workload: "host", execution: &execution, context, time, day, teach, pid: 0, ppid: 0 };
    engine.observe(&sighting)
}

fn score(verdict: &Verdict) -> f64 {
    verdict.score.expect("the workload has learned").value()
}

#[test]
fn there_is_no_score_while_it_does_not_know() {
    let host = Host::new(Settings::default());
    let verdict = host.see(NOVEL, 0);
    assert_eq!((verdict.score, verdict.distance, verdict.smoothed), (None, None, None));
    assert_eq!(verdict.level, Level::Learning);
    assert!(!verdict.novel && !verdict.first);
    assert!(matches!(verdict.standing, Standing::Learning(progress) if progress.executions == 1));
}

#[test]
fn what_was_learned_is_zero_and_what_was_not_is_explained() {
    let host = Host::learned(3);
    for line in ROUTINE {
        let verdict = host.see(line, 4);
        assert_eq!((verdict.score, verdict.distance), (Some(Score::ZERO), Some(Score::ZERO)), "{line}");
        assert_eq!(verdict.level, Level::Normal);
        assert!(verdict.seen > 30);
    }
    let novel = host.see(NOVEL, 4);
    assert!(score(&novel) >= 0.85 && novel.novel && novel.first, "{novel:?}");
    assert_eq!(novel.standing, Standing::Held);
    let explanation = novel.explanation.expect("a novelty is explained");
    assert!(explanation.reason.starts_with("new: name nc, flag -e"), "{explanation:?}");
    assert!(explanation.nearest.is_some_and(|nearest| !nearest.is_empty()));
}

#[test]
fn near_news_is_learned_at_once() {
    let host = Host::learned(3);
    let near = host.see("df -h /var/lib", 4);
    assert!(near.distance.is_some_and(|distance| distance.value() < 0.45), "{near:?}");
    assert_eq!(near.standing, Standing::Learned);
    assert_eq!(host.see("df -h /var/lib", 4).score, Some(Score::ZERO));
}

#[test]
fn far_news_is_held_and_alerts_again_until_it_recurred_on_separate_days() {
    let host = Host::learned(3);
    assert!(score(&host.see(NOVEL, 4)) >= 0.85);
    for _ in 0..50 {
        assert!(score(&host.see(NOVEL, 4)) > 0.75, "repeating dampens an alert that was given, and no more");
    }
    let days: Vec<_> = (5..20).map(|day| score(&host.see(NOVEL, day)) > 0.0).collect();
    let learned_after = days.iter().position(|novel| !novel);
    assert!(matches!(learned_after, Some(2..=6)), "{days:?}");
}

#[test]
fn an_alert_group_is_first_once_a_day() {
    let host = Host::learned(3);
    let firsts = |day| (0..5).filter(|_| host.see(NOVEL, day).first).count();
    assert_eq!((firsts(4), firsts(5)), (1, 1));
}

#[test]
fn a_flood_raises_the_threshold_and_a_fixed_one_stays() {
    let auto = Host::learned(3);
    let fixed = Host::new(Settings {
        learn_executions: 8,
        learn_for: Duration::ZERO,
        threshold: Threshold::Fixed("0.85".parse().expect("a score")),
        ..Settings::default()
    });
    fixed.routine(0..=3);
    for flood in 0..30 {
        let line = format!("tool{flood} --mode{flood} /opt/vendor{flood}/data word{flood}");
        auto.see(&line, 4);
        assert!(fixed.see(&line, 4).novel);
    }
    let before = Host::learned(3).see(NOVEL, 4).threshold;
    assert_eq!(before.to_string(), "0.8500");
    assert!(auto.see(NOVEL, 4).threshold > before);
    assert_eq!(fixed.see(NOVEL, 4).threshold.to_string(), "0.8500");
    assert_eq!(auto.see("ls", 5).threshold.to_string(), "0.8500", "a new day is unspent");
}

#[test]
fn nothing_is_learned_where_nothing_is_to_be() {
    let host = Host::learned(3);
    let before = host.engine.status()[0].clone();
    for _ in 0..3 {
        let verdict = host.see_in("df -h /var/lib", 4, Context::default(), Teach::Nothing);
        assert!(score(&verdict) > 0.0);
        assert_eq!(verdict.standing, Standing::Unlearned);
        assert_eq!(host.see_in(NOVEL, 4, Context::default(), Teach::Seed).standing, Standing::Unlearned);
    }
    let after = host.engine.status()[0].clone();
    assert_eq!((after.rows, after.held, after.executions), (before.rows, before.held, before.executions));
}

#[test]
fn tools_of_attack_are_not_learned_by_running_during_the_warm_up() {
    let host = Host::new(Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() });
    host.see("nmap -sS 10.0.0.0/8", 0);
    host.routine(0..=3);
    assert_eq!(host.engine.status()[0].warnings, ["nmap"]);
    assert!(score(&host.see("nmap -sS 10.0.0.0/8", 4)) >= 0.85);
}

#[test]
fn the_order_of_executions_within_the_warm_up_changes_nothing() {
    let baseline = |lines: &mut dyn Iterator<Item = &&str>| {
        let host = Host::new(Settings { learn_executions: u64::MAX, ..Settings::default() });
        lines.for_each(|line| drop(host.see(line, 0)));
        host.engine.finish_learning(0);
        let novel = host.see(NOVEL, 1);
        (novel.score, novel.distance, host.see("df -i /var", 1).distance)
    };
    assert_eq!(baseline(&mut ROUTINE.iter()), baseline(&mut ROUTINE.iter().rev()));
}

/// One execution a second, as a machine that is watched brings them. Returns after how many seconds there are scores.
fn seconds_until_scored(host: &Host, mut line: impl FnMut(i64) -> Option<String>) -> i64 {
    for second in 0..3_600 {
        if let Some(line) = line(second) {
            let execution = execution(&line);
            let verdict = host.engine.observe(&Sighting {
                workload: "host",
                execution: &execution,
                context: Context::default(),
                time: second * 1_000_000,
                day: 0,
                teach: Teach::Policy,
                pid: 0,
                ppid: 0,
            });
            if verdict.score.is_some() {
                return second;
            }
        }
        host.engine.advance(second * 1_000_000);
    }
    panic!("no score within an hour");
}

#[test]
fn a_build_of_which_nine_lines_in_ten_are_new_is_scored_within_a_minute() {
    let host = Host::new(Settings::default());
    let build = |second: i64| {
        let line = format!(
            "rustc --crate-name crate{second} --edition 2021 src/lib{second}.rs --out-dir target/debug"
        );
        Some(if second % 10 == 0 { "cargo build".to_owned() } else { line })
    };
    let scored = seconds_until_scored(&host, build);
    assert!((30..=60).contains(&scored), "{scored}");
    assert!(score(&host.see(NOVEL, 0)) >= 0.85);
}

#[test]
fn a_machine_on_which_everything_is_unlike_everything_is_scored_after_a_bounded_time() {
    let host = Host::new(Settings::default());
    let line = |second: i64, part: i64| (second * 31 + part * 17).unsigned_abs() * 7_919 % 26_u64.pow(4);
    let word = |second, part| -> String {
        let mut n = line(second, part);
        (0..4)
            .map(|_| {
                let letter = char::from(b'a' + (n % 26) as u8);
                n /= 26;
                letter
            })
            .collect()
    };
    let scored = seconds_until_scored(&host, |second| {
        Some(format!(
            "{} --{} /{}/{}/x {}",
            word(second, 0),
            word(second, 1),
            word(second, 2),
            word(second, 3),
            word(second, 4)
        ))
    });
    assert!((190..=210).contains(&scored), "four times fifty executions: {scored}");
}

#[test]
fn an_idle_machine_is_scored_within_a_minute_and_its_next_command_too() {
    let host = Host::new(Settings::default());
    // What ran before we came, then nothing.
    for line in ROUTINE.iter().chain(&["sshd -D", "bash", "agetty tty1"]) {
        host.see_in(line, 0, Context::default(), Teach::Seed);
    }
    let scored = seconds_until_scored(&host, |second| (second == 45).then(|| NOVEL.to_owned()));
    assert_eq!(scored, 45, "the first command after the quiet is scored, not learned");
    assert!(score(&host.see(NOVEL, 0)) >= 0.8);
}

/// Ending the warm-up early must not cost what it was for: what ran in it is known, and what comes later is as far as
/// it would have been.
#[test]
fn a_warm_up_that_ends_early_gives_the_scores_of_one_that_ends_late() {
    let lines = |day: Day| {
        ROUTINE
            .iter()
            .map(|line| (*line).to_owned())
            .chain((0..20).map(move |n| format!("rustc --crate-name c{day}x{n} src/{n}.rs")))
    };
    let score_after = |settings: Settings| {
        let host = Host::new(Settings { learn_for: Duration::ZERO, ..settings });
        for day in 0..=6 {
            for _ in 0..5 {
                lines(day).for_each(|line| drop(host.see(&line, day)));
            }
        }
        assert!(host.engine.status()[0].learning.is_none());
        let known = ROUTINE.iter().map(|line| host.see(line, 7).score).collect::<Vec<_>>();
        let held = host.engine.status()[0].held;
        (known, held, score(&host.see(NOVEL, 7)), score(&host.see("df -h /srv", 7)))
    };
    let (early, late) = (
        score_after(Settings::default()),
        score_after(Settings { learn_executions: 500, learn_until_far_share: 0.05, ..Settings::default() }),
    );
    assert!(early.0.iter().all(|score| *score == Some(Score::ZERO)), "{:?}", early.0);
    assert_eq!(early, late);
}

fn socket(remote: &str) -> Context {
    let remote = Some(remote.parse().expect("an address"));
    let socket = InheritedSocket { fd: 0, family: SocketFamily::Inet, protocol: 6, local: None, remote };
    Context::of(&Surroundings { tty: Some(false), sockets: Some(vec![socket]), ..Surroundings::default() })
}

#[test]
fn a_known_command_on_a_socket_is_no_repeat() {
    let quiet = Surroundings { tty: Some(false), sockets: Some(vec![]), ..Surroundings::default() };
    let quiet = Context::of(&quiet);
    let host = Host::new(Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() });
    for day in 0..4 {
        for line in ROUTINE.iter().chain(&["bash -i"]).cycle().take(90) {
            host.see_in(line, day, quiet, Teach::Policy);
        }
    }
    assert_eq!(host.see_in("bash -i", 4, quiet, Teach::Policy).score, Some(Score::ZERO));
    let unknown = host.see_in("bash -i", 4, Context::default(), Teach::Policy);
    assert_eq!(unknown.score, Some(Score::ZERO), "unknown matches anything");
    for _ in 0..3 {
        let reverse = host.see_in("bash -i", 4, socket("203.0.113.9:4444"), Teach::Policy);
        assert!(score(&reverse) >= 0.8, "{reverse:?}");
        assert_eq!(reverse.standing, Standing::Held);
        let reason = reverse.explanation.expect("explained").reason;
        assert!(reason.contains("a public connection on 0-2"), "{reason}");
    }
    assert_eq!(host.see_in("bash -i", 4, quiet, Teach::Policy).score, Some(Score::ZERO));
    let memfd = Surroundings { exe_flags: Some(vec![ExecutableFlag::Memfd]), ..Surroundings::default() };
    let verdict = host.see_in("bash -i", 4, Context::of(&memfd), Teach::Policy);
    assert_eq!(verdict.score, Some(Score::ZERO), "this feed never told before where executables come from");
}

#[test]
fn what_is_not_seen_for_long_is_forgotten_and_remembered_when_it_returns() {
    let memory = Memory::default();
    let settings = Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() };
    let engine = memory.engine(settings);
    for day in 0..=3 {
        ROUTINE
            .iter()
            .cycle()
            .take(80)
            .for_each(|line| drop(observe(&engine, line, day, Context::default(), Teach::Policy)));
    }
    // Eight days on, only one of them still runs.
    for day in 4..=12 {
        observe(&engine, ROUTINE[0], day, Context::default(), Teach::Policy);
    }
    wait_until(|| engine.status()[0].rows == 1);
    let back = observe(&engine, ROUTINE[7], 12, Context::default(), Teach::Policy);
    assert!(score(&back) > 0.5, "{back:?}");
    engine.close(Duration::from_secs(5)).expect("it is closed");
    let rows = memory.rows();
    let forgotten = rows.iter().filter(|row| row.state == RowState::Forgotten).count();
    assert_eq!(forgotten, ROUTINE.len() - 2, "their keys and days stay");
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn quick() -> Settings {
    Settings { learn_executions: 8, learn_for: Duration::ZERO, ..Settings::default() }
}

#[test]
fn a_restart_knows_what_was_known() {
    let memory = Memory::default();
    let engine = memory.engine(quick());
    ROUTINE
        .iter()
        .cycle()
        .take(80)
        .for_each(|line| drop(observe(&engine, line, 3, Context::default(), Teach::Policy)));
    let held = observe(&engine, NOVEL, 3, Context::default(), Teach::Policy);
    assert!(held.novel && held.first);
    engine.close(Duration::from_secs(5)).expect("it is closed");
    assert_eq!(Arc::strong_count(&memory.tables), 1, "the store is given back, whoever holds the engine");
    assert_eq!(observe(&engine, ROUTINE[0], 3, Context::default(), Teach::Nothing).score, Some(Score::ZERO));

    let engine = memory.engine(quick());
    for line in ROUTINE {
        let verdict = observe(&engine, line, 3, Context::default(), Teach::Policy);
        assert_eq!((verdict.score, verdict.seen), (Some(Score::ZERO), 11), "{line}");
    }
    let again = observe(&engine, NOVEL, 3, Context::default(), Teach::Policy);
    assert_eq!(again.distance, held.distance);
    assert!(again.novel && !again.first, "its group has alerted today: {again:?}");
    assert_eq!(again.seen, 2);
}

#[test]
fn new_rows_are_with_the_store_within_a_second() {
    let memory = Memory::default();
    let engine = memory.engine(quick());
    observe(&engine, "df -h", 0, Context::default(), Teach::Policy);
    let seen = Instant::now();
    wait_until(|| memory.rows().len() == 1);
    assert!(seen.elapsed() < Duration::from_secs(1));
    assert_eq!(engine.unsaved_rows(), 0);
}

#[test]
fn a_workload_that_never_rests_is_written_all_the_same() {
    let store = Memory::default();
    let engine = store.engine(quick());
    store.slow.store(true, std::sync::atomic::Ordering::SeqCst);
    let ended = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                for line in ROUTINE {
                    observe(&engine, line, 0, Context::default(), Teach::Policy);
                }
            }
        });
        wait_until(|| engine.status().first().is_some_and(|status| status.executions > 1_000));
        let flushed = engine.flush(Duration::from_secs(5));
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        flushed.expect("what was there when it was asked is written");
    });
    assert!(!store.rows().is_empty());
}

#[test]
fn a_store_that_fails_loses_nothing_and_says_so_once() {
    let memory = Memory::default();
    let engine = memory.engine(quick());
    memory.full.store(true, std::sync::atomic::Ordering::SeqCst);
    ROUTINE.iter().for_each(|line| drop(observe(&engine, line, 0, Context::default(), Teach::Policy)));
    wait_until(|| engine.counters().failed_saves >= 2);
    let notices = engine.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("no space left") && notices[0].contains("memory"), "{notices:?}");
    assert_eq!(engine.unsaved_rows(), ROUTINE.len());
    memory.full.store(false, std::sync::atomic::Ordering::SeqCst);
    engine.flush(Duration::from_secs(5)).expect("the disk is back");
    assert_eq!(memory.rows().len(), ROUTINE.len());
}

#[test]
fn a_second_process_scores_and_learns_nothing_until_the_first_is_gone() {
    let memory = Memory::default();
    let engine = memory.engine(quick());
    ROUTINE
        .iter()
        .cycle()
        .take(80)
        .for_each(|line| drop(observe(&engine, line, 0, Context::default(), Teach::Policy)));
    engine.close(Duration::from_secs(5)).expect("it is closed");
    let rows = memory.rows();

    memory.reader.store(true, std::sync::atomic::Ordering::SeqCst);
    let reader = memory.engine(quick());
    assert_eq!(reader.wait_loaded(Duration::from_secs(1)).expect("loaded").access, Access::Reader);
    let novel = observe(&reader, NOVEL, 1, Context::default(), Teach::Policy);
    assert!(novel.novel && novel.standing == Standing::Unlearned, "{novel:?}");
    reader.flush(Duration::from_secs(5)).expect("nothing to do");
    assert_eq!(memory.rows(), rows);

    memory.reader.store(false, std::sync::atomic::Ordering::SeqCst);
    wait_until(|| observe(&reader, NOVEL, 1, Context::default(), Teach::Policy).standing == Standing::Held);
    assert!(reader.notices().iter().any(|notice| notice.contains("learns from now on")));
}

#[test]
fn more_workloads_than_allowed_are_refused_and_counted() {
    let host = Host::new(Settings { max_workloads: 2, ..Settings::default() });
    let execution = execution("df");
    let see = |workload: &str| {
        let (context, teach) = (Context::default(), Teach::Policy);
        host.engine.observe(&Sighting {
            workload,
            execution: &execution,
            context,
            time: 0,
            day: 0,
            teach,
            pid: 0,
            ppid: 0,
        })
    };
    see("a");
    see("b");
    assert_eq!(see("c").standing, Standing::Refused);
    assert_eq!(host.engine.counters().refused, 1);
    assert!(matches!(see("a").standing, Standing::Learning(_)));
}

#[test]
fn a_flood_of_novelty_is_bounded_and_counted() {
    let settings = Settings { max_rows: 100, max_held: 10, ..quick() };
    let host = Host::new(settings);
    host.routine(0..=0);
    for flood in 0..200 {
        let line = format!("tool{flood} --mode{flood} /opt/vendor{flood}/data word{flood}");
        assert!(score(&host.see(&line, 1)) > 0.8);
    }
    let status = &host.engine.status()[0];
    assert_eq!(status.held, 10);
    assert_eq!(host.engine.counters().without_room, 190);
}
