//! One machine: a process of its own, which runs programs, shares, and says what is on its disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anomaly_baseline::{Engine, Method, RowState, Settings, Sighting, Teach, utc_day};
use anomaly_fleet::{Fleet, Options};
use anomaly_vectorizer::{Arguments, Context, Execution, Hashed, Kind};

use crate::database::Database;
use crate::moto::{BUCKET, environment};

/// Where the process finds what it is to be.
const FOLDER: &str = "ANOMALY_TEST_MACHINE";

/// The workload that all of them run.
const WORKLOAD: &str = "web";

/// By name: what it counts for, and how often it was seen, here or anywhere.
pub(crate) type View = BTreeMap<String, (String, u64)>;

/// A machine that runs.
pub(crate) struct Machine {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Machine {
    /// Starts one on what is in its folder.
    pub(crate) fn start(folder: &Path, endpoint: SocketAddr) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        environment(&mut command, endpoint);
        let mut child = command
            .args(["--exact", "machine::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it runs");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // What the test's own harness prints is no answer.
                if let Some(answer) = line.strip_prefix("> ")
                    && sender.send(answer.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { child, input, answers }
    }

    /// Asks something. `None` where the machine is gone.
    fn ask(&mut self, question: &str) -> Option<String> {
        writeln!(self.input, "{question}").ok()?;
        self.input.flush().ok()?;
        self.answers.recv_timeout(Duration::from_secs(60)).ok()
    }

    /// A program runs there, and is saved. `false` where the machine was gone before it said so.
    pub(crate) fn run(&mut self, program: &str) -> bool {
        self.ask(&format!("run {program}")).is_some_and(|answer| answer == "saved")
    }

    /// What it knows by itself, or with what it knows of others.
    fn view_of(&mut self, what: &str) -> View {
        let answer = self.ask(what).expect("it is there");
        let rows = answer.split(' ').filter(|row| !row.is_empty()).map(|row| {
            let mut parts = row.split('=');
            let mut part = || parts.next().expect("three parts").to_owned();
            (part(), (part(), part().parse().expect("a number")))
        });
        rows.collect()
    }

    pub(crate) fn view(&mut self) -> View {
        self.view_of("view")
    }

    pub(crate) fn own(&mut self) -> View {
        self.view_of("own")
    }

    /// What sharing counted: rounds that failed, conflicts, damage.
    pub(crate) fn counters(&mut self) -> [u64; 3] {
        let answer = self.ask("counters").expect("it is there");
        let numbers: Vec<u64> = answer.split(' ').map(|number| number.parse().expect("a number")).collect();
        numbers.try_into().expect("three")
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test of its own: the process of a machine.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let settings = Settings {
        learn_executions: 1,
        learn_for: Duration::ZERO,
        // Everything is normal that runs.
        learn_below: 2.0,
        ..Settings::default()
    };
    let store = Box::new(Database::open(Path::new(&folder)));
    let engine = Engine::with_store(settings, Arc::new(Hashed::default()), Method::default(), store)
        .expect("a thread");
    engine.wait_loaded(Duration::from_secs(10)).expect("it loads");
    let address = format!("s3://{BUCKET}/fleet").parse().expect("an address");
    let options = Options {
        interval: Duration::from_millis(200),
        counts_interval: Duration::from_secs(2),
        ..Options::new(address, folder.into())
    };
    let fleet = Fleet::start(options, Arc::new(engine.peering())).expect("it begins");
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        match line.split_once(' ') {
            Some(("run", program)) => answer(run(&engine, program)),
            _ if line == "view" => answer(&view(&engine)),
            _ if line == "own" => answer(&own(&engine)),
            _ => {
                let counters = fleet.counters();
                answer(&format!("{} {} {}", counters.failed, counters.conflicts, counters.corrupt));
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is how the parent hears of it")]
fn answer(text: &str) {
    println!("\n> {text}");
}

fn run(engine: &Engine, program: &str) -> &'static str {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_micros() as i64;
    let execution = Execution {
        kind: Kind::Exec,
        name: program.into(),
        parent: "sh".into(),
        grandparent: "systemd".into(),
        uid: 0,
        arguments: Arguments::new([program, "--all"]),
    };
    engine.observe(&Sighting {
        workload: WORKLOAD,
        execution: &execution,
        context: Context::default(),
        time: now,
        day: utc_day(now),
        teach: Teach::Policy,
        pid: 0,
        ppid: 0,
    });
    engine.finish_learning(now);
    if engine.flush(Duration::from_secs(10)).is_ok() { "saved" } else { "lost" }
}

fn rows(rows: impl Iterator<Item = (String, RowState, u64)>) -> String {
    rows.map(|(name, state, count)| format!("{name}={}={count}", state.as_str()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn view(engine: &Engine) -> String {
    rows(
        engine
            .rows(&|_, _, _| true)
            .into_iter()
            .map(|row| (row.execution.name.clone(), row.state, row.count)),
    )
}

fn own(engine: &Engine) -> String {
    let own = engine.peering().own(WORKLOAD).map(|(_, rows)| rows).unwrap_or_default();
    rows(own.into_iter().map(|row| (row.execution.name.clone(), row.state, row.count)))
}
