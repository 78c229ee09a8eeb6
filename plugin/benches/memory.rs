//! What the plugin takes of its host's memory: eight workloads of a thousand distinct executions each, learned, saved,
//! and loaded again as after a restart.
//!
//! With `ANOMALY_BOUNDS=1` it fails beyond what is allowed.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::{env, fs};

use support::c_api::Falco;
use support::{Exec, exec};

const WORKLOADS: usize = 8;
const ROWS: usize = 1_000;

/// What is allowed, in MiB.
const BOUND: u64 = 200;

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() -> ExitCode {
    let directory = tempfile::tempdir().expect("a directory");
    let config = support::config(directory.path(), 10);
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
    let rows = falco.web_server().metric("rows").expect("capture had begun");
    assert!(rows >= (ROWS * WORKLOADS) as u64, "{rows} rows");
    let after = resident();
    println!("{WORKLOADS} workloads of {ROWS} rows take {} MiB (bound {BOUND} MiB)", after - before);
    println!("saved in {} KiB", size(directory.path()) / 1_024);
    if after - before <= BOUND || env::var_os("ANOMALY_BOUNDS").is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The memory that this process has, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line about it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

/// The size of all files below a directory.
fn size(directory: &std::path::Path) -> u64 {
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
