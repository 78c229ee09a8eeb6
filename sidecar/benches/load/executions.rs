//! Executions at a steady rate: most of them of a few hundred command lines, some never seen before.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Command lines that come again and again.
const KNOWN: u64 = 200;

/// One in so many is new.
const NEW_ONE_IN: u64 = 100;

/// Programs that start, one after another and without waiting for each other's end longer than they take.
pub(crate) struct Executions {
    threads: Vec<JoinHandle<u64>>,
    running: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Executions {
    pub(crate) fn start(rate: u64, length: Duration) -> Self {
        let threads = 4;
        let (running, stop) = (Arc::new(AtomicU64::new(threads)), Arc::new(AtomicBool::new(false)));
        let each = |thread: u64| {
            let (running, stop) = (Arc::clone(&running), Arc::clone(&stop));
            let pause = Duration::from_secs_f64(threads as f64 / rate as f64);
            std::thread::spawn(move || {
                let ran = run(thread, pause, length, &stop);
                running.fetch_sub(1, Relaxed);
                ran
            })
        };
        let threads = (0..threads).map(each).collect();
        Self { threads, running, stop }
    }

    pub(crate) fn are_over(&self) -> bool {
        self.running.load(Relaxed) == 0
    }

    /// How many there were.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
    }
}

fn run(thread: u64, pause: Duration, length: Duration, stop: &AtomicBool) -> u64 {
    let begin = Instant::now();
    let mut ran = 0;
    while begin.elapsed() < length && !stop.load(Relaxed) {
        let number = ran * 7 + thread;
        let mut command = Command::new("/bin/true");
        if number.is_multiple_of(NEW_ONE_IN) {
            command.arg(format!("--job=new-{thread}-{ran:x}")).arg(word(ran));
        } else {
            command.arg(format!("/srv/tasks/{}", word(number % KNOWN))).arg("--run");
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if child.and_then(|mut child| child.wait()).is_ok() {
            ran += 1;
        }
        // Behind time, it hurries; ahead, it waits.
        if let Some(ahead) = (pause * ran as u32).checked_sub(begin.elapsed()) {
            std::thread::sleep(ahead);
        }
    }
    ran
}

/// A word of letters alone, so that numbers do not make it one shape with the others.
fn word(mut number: u64) -> String {
    let mut word = String::from("w");
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}
