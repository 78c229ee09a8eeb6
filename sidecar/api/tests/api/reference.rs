//! Programs of others that judge ours: schemathesis, and Prometheus' own reader of metrics in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where schemathesis is; says that the test is skipped where it cannot be had. In CI it has to be.
#[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
pub(crate) fn schemathesis_or_skip(what: &str) -> Option<PathBuf> {
    let mut scripts = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("scripts/get-schemathesis"));
    let script = scripts.find(|script| script.exists()).expect("it is in the project");
    let output = Command::new(&script).stdin(Stdio::null()).output().expect("the script runs");
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
        assert!(!in_ci, "schemathesis must be obtainable in CI: {reason}");
        println!("skipped: {what}: no schemathesis: {reason}");
        return None;
    }
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The Python beside it.
#[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
pub(crate) fn python_or_skip(what: &str) -> Option<PathBuf> {
    let python = schemathesis_or_skip(what)?.with_file_name("python3");
    if !python.exists() {
        println!("skipped: {what}: ANOMALY_SCHEMATHESIS has no Python beside it");
        return None;
    }
    Some(python)
}
