//! What the kernel program costs an exec, and whether it keeps up.
//!
//! Rounds with and without the program take turns, so that whatever else the machine does falls on both alike; medians
//! of rounds are compared. A ratio of 1.03 is the most that is allowed. `rounds` and `executions` may be given as
//! arguments.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark says what it measured")]

use std::{
    env, fs,
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anomaly_capture::{
    Capture, Counters, Feed, FeedKind, Loss, Options,
    ebpf::{EbpfFeed, Hook},
};

/// The ratio that the program may cost.
const ALLOWED: f64 = 1.03;

fn main() -> ExitCode {
    // `cargo bench` passes flags of its own.
    let mut numbers = env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(41);
    let executions = numbers.next().unwrap_or(200);
    let counters = Arc::new(Counters::default());
    let open = || EbpfFeed::open(Hook::Exec, &Options::default(), Arc::clone(&counters));
    if let Err(error) = open() {
        println!("skipped: {error}");
        return ExitCode::SUCCESS;
    }
    println!("{rounds} rounds of {executions} fork+exec of /bin/true, load average {}", load_average());

    let (mut without, mut with) = (Rounds::default(), Rounds::default());
    for round in 0..2 * rounds {
        // Off, on, on, off: a drift of the machine's speed favours neither.
        if matches!(round % 4, 1 | 2) {
            let capture = start(open().expect("it opened before"));
            with.run(executions);
            drop(capture);
        } else {
            without.run(executions);
        }
    }
    let ratios: Vec<f64> =
        with.elapsed.iter().zip(&without.elapsed).map(|(with, without)| with / without).collect();
    let cpu_ratio = with.cpu / without.cpu;
    let (without, with) = (median(without.elapsed), median(with.elapsed));
    let ratio = with / without;
    println!("nothing attached: {without:.1} us per exec");
    println!("attached and read every 20 ms: {with:.1} us per exec");
    println!(
        "ratio of medians {ratio:.3}, median of the rounds' ratios {:.3}, allowed {ALLOWED}",
        median(ratios)
    );
    println!("ratio of processor time, the reader's included: {cpu_ratio:.3}");
    println!("opening the feed: {:.0} ms", 1e3 * seconds(|| drop(open())));
    println!("reading: {:.1} us per execution", reading(open().expect("it opened before"), executions));
    keeps_up(&counters, start(open().expect("it opened before")), executions * rounds);
    if ratio > ALLOWED {
        eprintln!(
            "the program costs more than it may; other programs may have disturbed this: look at the load"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What was measured in the rounds of one kind.
#[derive(Default)]
struct Rounds {
    /// Microseconds per execution, of each round.
    elapsed: Vec<f64>,
    /// Ticks of processor time that this process and its children used in all rounds.
    cpu: f64,
}

impl Rounds {
    fn run(&mut self, executions: usize) {
        let before = cpu_ticks();
        self.elapsed.push(per_exec(executions));
        self.cpu += cpu_ticks() - before;
    }
}

/// utime, stime, cutime and cstime of proc_pid_stat(5).
fn cpu_ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_ascii_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

/// Microseconds that it takes to read one record and make an observation of it.
fn reading(mut feed: EbpfFeed, executions: usize) -> f64 {
    per_exec(executions);
    let mut read = 0;
    let elapsed = seconds(|| feed.drain(&mut |_| read += 1).expect("the feed goes on"));
    1e6 * elapsed / f64::from(read)
}

fn start(feed: EbpfFeed) -> Capture {
    // The queue is not read here, so it has room for everything.
    Capture::start(Box::new(feed), 1 << 20).expect("a thread can be started")
}

/// Executes as fast as all processors can, and says how much of it arrived.
fn keeps_up(counters: &Counters, mut capture: Capture, executions: usize) {
    let (seen, lost) = (counters.executions(FeedKind::Ebpf), counters.lost(Loss::RingBuffer));
    let threads = thread::available_parallelism().map_or(2, usize::from) * 2;
    let elapsed = seconds(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| per_exec(executions / threads));
            }
        });
    });
    let started = executions / threads * threads;
    capture.stop().expect("the feed went on");
    let (seen, lost) = (counters.executions(FeedKind::Ebpf) - seen, counters.lost(Loss::RingBuffer) - lost);
    let rate = started as f64 / elapsed;
    println!("{started} executions at {rate:.0}/s: {seen} delivered (others' included), {lost} lost");
}

/// Microseconds per execution.
fn per_exec(executions: usize) -> f64 {
    let elapsed = seconds(|| {
        for _ in 0..executions {
            let mut command = Command::new("/bin/true");
            let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("true starts");
            assert!(status.success());
        }
    });
    1e6 * elapsed / executions as f64
}

fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
