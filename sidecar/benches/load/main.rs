//! The daemon under load: executions at a steady rate through capture, scoring and two sinks, each of which is killed and
//! comes back meanwhile. What was executed, told, scored, sent and lost has to add up, and memory has to stay flat.
//!
//! ```sh
//! LOAD_SECONDS=600 LOAD_RATE=2000 cargo bench --profile dev --workspace --bench load
//! ```
//!
//! `ANOMALYCTL=PATH` measures another build, such as that of `make dist`. It needs the kernel program, so root.

mod executions;
mod sink;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use executions::Executions;
use sink::Sink;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long the sinks may take for what is left.
const DRAIN: Duration = Duration::from_secs(120);

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

#[expect(clippy::print_stdout, reason = "a measurement is for people to read")]
fn main() {
    // cargo test runs benches too, to see whether they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: the kernel program needs root");
        return;
    }
    let seconds = number("LOAD_SECONDS", 60);
    let rate = number("LOAD_RATE", 2000);
    let program = std::env::var("ANOMALYCTL").unwrap_or_else(|_| env!("CARGO_BIN_EXE_anomalyctl").to_owned());
    let folder = tempfile::tempdir().expect("a folder for the daemon");
    let mut sinks = [Sink::start(), Sink::start()];
    let token = "a-token-of-the-load-measurement";
    let config = format!(
        "storage: {{path: {path}/data}}\n\
         agent: {{feed: ebpf}}\n\
         scoring: {{learn_executions: 50, learn_for: 2s}}\n\
         api: {{socket: {path}/api.sock, listen: \"127.0.0.1:0\", token_env: LOAD_TOKEN}}\n\
         backend:\n  sinks:\n\
         \x20   - {{type: http, name: first, endpoint: \"http://{first}/v1/events\", batch_interval_ms: 1000}}\n\
         \x20   - {{type: http, name: second, endpoint: \"http://{second}/v1/events\", batch_interval_ms: 1000}}\n",
        path = folder.path().display(),
        first = sinks[0].address(),
        second = sinks[1].address(),
    );
    let file = folder.path().join("anomaly.yaml");
    fs::write(&file, config).expect("the folder is ours");
    let mut daemon = Daemon::start(&program, &file, token);
    println!("{seconds} s of {rate} executions a second; {program}");

    let begin = Instant::now();
    let executions = Executions::start(rate, Duration::from_secs(seconds));
    let mut memory = Vec::new();
    let part = Duration::from_secs(seconds) / 10;
    while !executions.are_over() {
        let elapsed = begin.elapsed();
        // The first is away for a tenth of the time, then the second.
        sinks[0].be(!(part * 3..part * 4).contains(&elapsed));
        sinks[1].be(!(part * 6..part * 7).contains(&elapsed));
        memory.push(daemon.resident());
        std::thread::sleep(LOOK);
    }
    let took = begin.elapsed();
    let ran = executions.end();
    sinks.iter_mut().for_each(|sink| sink.be(true));
    let cpu = daemon.processor_time();
    let drained = daemon.until_drained(DRAIN);
    let metrics = daemon.metrics();
    daemon.end();

    let of = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
    let told = of("anomaly_executions_total{feed=\"ebpf\"}");
    let lost: f64 =
        metrics.iter().filter(|(name, _)| name.starts_with("anomaly_lost_total")).map(|(_, n)| n).sum();
    println!(
        "executed   {ran} in {:.1} s: {:.0} a second",
        took.as_secs_f64(),
        ran as f64 / took.as_secs_f64()
    );
    println!("told       {told} by the feed (others ran beside)");
    println!("scored     {}", of("anomaly_scored_total"));
    println!("learning   {}", of("anomaly_learning_total"));
    println!("novel      {}", of("anomaly_novel_total"));
    for (name, value) in metrics.iter().filter(|(name, _)| name.starts_with("anomaly_lost_total")) {
        if *value > 0.0 {
            println!("lost       {value} {name}");
        }
    }
    println!("lost       {lost} in all, as the daemon counts");
    for (name, sink) in ["first", "second"].iter().zip(&sinks) {
        let (distinct, repeats, refused) = sink.counts();
        println!(
            "sink {name:<6} {distinct} distinct, {repeats} repeats, {refused} connections refused; {} dropped",
            metrics
                .iter()
                .filter(|(metric, _)| metric.starts_with("anomaly_sink_dropped") && metric.contains(name))
                .map(|(_, count)| count)
                .sum::<f64>()
        );
    }
    let at = |share: f64| memory[((memory.len() - 1) as f64 * share) as usize] / 1024;
    println!(
        "resident   {} MiB after a tenth, {} half way, {} at the end, {} at most",
        at(0.1),
        at(0.5),
        at(1.0),
        memory.iter().max().unwrap_or(&0) / 1024
    );
    println!("processor  {:.0} % of one core", 100.0 * cpu.as_secs_f64() / took.as_secs_f64());
    println!("drained    {drained:?} after the last execution");
    for sink in &sinks {
        let (distinct, _, _) = sink.counts();
        assert!(distinct as u64 <= ran, "{distinct} arrived of {ran}");
        assert!(
            ran as f64 - distinct as f64 <= lost,
            "{distinct} of {ran} arrived, {lost} are counted as lost"
        );
    }
}

/// The daemon, and the way to its numbers.
struct Daemon {
    child: Child,
    address: String,
    token: String,
}

impl Daemon {
    fn start(program: &str, config: &Path, token: &str) -> Self {
        let mut child = Command::new(program)
            .arg("run")
            .arg("--config")
            .arg(config)
            .env("LOAD_TOKEN", token)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("answering on http://").map(|(_, address)| address.to_owned()))
            .expect("the daemon says where it answers");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprint_line(&line)));
        Self { child, address, token: token.to_owned() }
    }

    /// Resident memory in KiB.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    /// What it spent on a processor, in its own name and the kernel's.
    fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks: u64 =
            after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    fn metrics(&self) -> BTreeMap<String, f64> {
        let mut stream = TcpStream::connect(&self.address).expect("the daemon answers");
        let (address, token) = (&self.address, &self.token);
        write!(
            stream,
            "GET /metrics HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers to the end");
        let values = answer.lines().filter(|line| !line.starts_with('#'));
        values
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect()
    }

    /// Waits until no sink has anything waiting; how long that took.
    fn until_drained(&self, at_most: Duration) -> Duration {
        let begin = Instant::now();
        loop {
            let metrics = self.metrics();
            let waits = metrics.iter().filter(|(name, _)| {
                name.starts_with("anomaly_sink_queued") || name.starts_with("anomaly_sink_spooled{")
            });
            // What this very question and its like run beside is always on its way.
            if waits.map(|(_, count)| count).sum::<f64>() < 50.0 || begin.elapsed() > at_most {
                return begin.elapsed();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn end(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{status}");
    }
}

#[expect(clippy::print_stderr, reason = "what the daemon says belongs to the measurement")]
fn eprint_line(line: &str) {
    eprintln!("{line}");
}
