//! What share of short executions each feed delivers: the figures that a step down is reported with.
//!
//! Ordinary short commands are run one after the other while a feed watches; an execution counts as delivered when its
//! own marker comes back among its arguments. The number of commands may be given as an argument.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::{
    env, fs, io,
    process::{Command, Stdio, id},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use anomaly_capture::{Capture, FeedChoice, Loss, Options};

/// How long the feed has to deliver what is left after the last command.
const AFTERMATH: Duration = Duration::from_millis(700);

/// Commands that end within a few milliseconds; `MARK` is replaced by the marker.
const COMMANDS: &[&[&str]] = &[
    &["true", "MARK"],
    &["echo", "MARK"],
    &["basename", "/a/MARK"],
    &["ls", "-d", "--ignore=MARK", "/"],
    &["id", "-u", "--", "MARK"],
    &["date", "--date=@0", "+MARK"],
    &["grep", "-c", "MARK", "/etc/passwd"],
    &["head", "-c1", "/MARK"],
    &["sh", "-c", ": MARK"],
    &["printenv", "MARK"],
];

fn main() {
    // `cargo bench` passes flags of its own.
    let count = env::args().find_map(|argument| argument.parse().ok()).unwrap_or(500);
    println!("{count} short commands each, load average {}", load_average());
    for choice in [FeedChoice::Ebpf, FeedChoice::EbpfEnter, FeedChoice::Connector] {
        measure(choice, &Options::default(), count, choice.as_str());
    }
    for milliseconds in [5, 20, 50, 100, 500] {
        let options = Options { poll_every: Duration::from_millis(milliseconds), ..Options::default() };
        measure(FeedChoice::Proc, &options, count, &format!("proc every {milliseconds} ms"));
    }
}

fn measure(choice: FeedChoice, options: &Options, count: usize, title: &str) {
    let mut capture = match Capture::open(choice, options) {
        Ok((capture, _)) => capture,
        Err(error) => return println!("skipped: {error}"),
    };
    let run = format!("mark-{}-{}-", id(), title.replace(' ', "-"));
    let cpu = processor_time();
    let begun = Instant::now();
    for number in 0..count {
        let mark = format!("{run}{number}.");
        let words: Vec<String> =
            COMMANDS[number % COMMANDS.len()].iter().map(|word| word.replace("MARK", &mark)).collect();
        let status =
            Command::new(&words[0]).args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("the command starts");
    }
    let elapsed = begun.elapsed();
    let cpu = processor_time() - cpu;
    let mut delivered = vec![false; count];
    let until = Instant::now() + AFTERMATH;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match capture.observations().recv_timeout(left) {
            Ok(observation) => {
                let joined = observation.execution.arguments.joined();
                let number = joined.split(&run).nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
                if let Some(seen) = number.and_then(|number: usize| delivered.get_mut(number)) {
                    *seen = true;
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    capture.stop().expect("the feed went on");
    let lost: u64 = Loss::ALL.iter().map(|cause| capture.counters().lost(*cause)).sum();
    println!(
        "{title}: {:.1} % delivered, {lost} noticed and lost, {:.2} ms per command, {:.1} % of a processor for the feed",
        100.0 * delivered.iter().filter(|seen| **seen).count() as f64 / count as f64,
        1e3 * elapsed.as_secs_f64() / count as f64,
        100.0 * cpu / elapsed.as_secs_f64(),
    );
}

/// What all feed threads of this process used so far, in seconds.
fn processor_time() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let schedule = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanoseconds: f64 = schedule.split(' ').next()?.parse().ok()?;
        name.starts_with("feed-").then_some(nanoseconds / 1e9)
    });
    ticks.sum()
}

fn load_average() -> String {
    let read: io::Result<String> = fs::read_to_string("/proc/loadavg");
    read.unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
