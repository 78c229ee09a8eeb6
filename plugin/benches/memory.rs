//! What the plugin takes of its host's memory: eight workloads of a thousand distinct executions each, learned and saved,
//! and, in a process of its own, loaded again as after a restart.
//!
//! With `ANOMALY_BOUNDS=1` it fails beyond what is allowed. Of what ships: `cargo bench --profile dist --bench memory`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use support::c_api::Falco;
use support::{Exec, exec};

const WORKLOADS: usize = 8;
const ROWS: usize = 1_000;

/// What is allowed, in MiB.
const BOUND: u64 = 200;

/// Names the database to the process that loads it again.
const DATABASE: &str = "ANOMALY_BENCH_DATABASE";

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() -> ExitCode {
    if let Some(database) = env::var_os(DATABASE) {
        println!("{}", load(Path::new(&database)));
        return ExitCode::SUCCESS;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let learned = learn(directory.path());
    let this = env::current_exe().expect("a path");
    let child = Command::new(this).env(DATABASE, directory.path()).output().expect("it runs");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let loaded: u64 = String::from_utf8_lossy(&child.stdout).trim().parse().expect("a number");
    println!(
        "{WORKLOADS} workloads of {ROWS} rows take {learned} MiB when learned and {loaded} MiB when loaded (bound \
         {BOUND} MiB)"
    );
    println!("saved in {} KiB", size(directory.path()) / 1_024);
    if learned.max(loaded) <= BOUND || env::var_os("ANOMALY_BOUNDS").is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What learning them takes, in MiB.
fn learn(directory: &Path) -> u64 {
    let config = support::config(directory, 10);
    let before = resident();
    let mut falco = Falco::new(&config);
    falco.process(1, 0, "systemd");
    falco.process(100, 1, "sh");
    falco.open();
    for number in 0..ROWS {
        for workload in 0..WORKLOADS {
            falco.parse(&distinct(number, workload).event());
        }
    }
    falco.close();
    assert_all(&falco);
    resident() - before
}

/// What loading them takes, in MiB.
fn load(directory: &Path) -> u64 {
    let before = resident();
    let mut falco = Falco::new(&support::config(directory, 10));
    falco.process(1, 0, "systemd");
    falco.open();
    // Gauges are set when a capture ends.
    falco.close();
    assert_all(&falco);
    resident() - before
}

fn assert_all(falco: &Falco) {
    let rows = falco.web_server().metric("rows").expect("capture had begun");
    assert!(rows >= (ROWS * WORKLOADS) as u64, "{rows} rows");
}

/// The memory that this process has, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line about it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

/// The size of all files below a directory.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable"));
    entries
        .map(|entry| {
            let metadata = entry.metadata().expect("readable");
            if metadata.is_dir() { size(&entry.path()) } else { metadata.len() }
        })
        .sum()
}

fn distinct(number: usize, workload: usize) -> Exec {
    let letters: String =
        format!("{number:05}").bytes().map(|digit| char::from(b'a' + digit - b'0')).collect();
    Exec {
        cgroup: format!("/system.slice/service-{workload}.service"),
        ..exec(
            100,
            1,
            &format!("/usr/bin/tool-{letters} --{letters} -x /srv/{letters}/data.conf {letters} run"),
        )
    }
}
