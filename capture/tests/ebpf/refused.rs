//! What is said where the program cannot run.

use std::{
    env,
    io::Write,
    process::{Command, ExitStatus},
    sync::Arc,
};

use anomaly_capture::{
    Counters, FeedKind, HostRoot, Options,
    ebpf::{EbpfError, EbpfFeed, Hook},
};

use crate::watch::{Watch, skipped};

fn open(hook: Hook, options: &Options) -> Result<EbpfFeed, EbpfError> {
    EbpfFeed::open(hook, options, Arc::new(Counters::default()))
}

#[test]
fn a_kernel_without_type_information_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    let options = Options { root: HostRoot::new(root.path()), ..Options::default() };
    let error = open(Hook::Exec, &options).expect_err("there is nothing there");
    match &error {
        EbpfError::NoBtf { path, .. } => assert_eq!(path, &root.path().join("sys/kernel/btf/vmlinux")),
        EbpfError::NotBuilt => return skipped(error),
        other => panic!("{other:?}"),
    }
    let told = error.unavailable(FeedKind::Ebpf).to_string();
    assert!(
        told.starts_with("the ebpf feed does not work here: the kernel has no type information at "),
        "{told}"
    );
    assert!(
        told.ends_with("; use a kernel built with CONFIG_DEBUG_INFO_BTF, or the ebpf-enter feed"),
        "{told}"
    );
}

#[test]
fn type_information_that_is_none_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("sys/kernel/btf");
    std::fs::create_dir_all(&directory).expect("created");
    std::fs::write(directory.join("vmlinux"), b"not type information").expect("written");
    let options = Options { root: HostRoot::new(root.path()), ..Options::default() };
    match open(Hook::Exec, &options) {
        Err(EbpfError::Btf { .. }) => {}
        Err(error @ EbpfError::NotBuilt) => skipped(error),
        other => panic!("{other:?}"),
    }
}

/// Set in a process of this test that has fewer capabilities.
const LESSER: &str = "ANOMALY_TEST_LESSER";

/// Not a test of its own: what the next one runs with fewer capabilities. Says what the error is.
#[test]
fn lesser() {
    if env::var_os(LESSER).is_some() {
        let said = open(Hook::Exec, &Options::default()).map(|_| ());
        writeln!(std::io::stdout(), "said: {said:?}").expect("somebody listens");
    }
}

#[test]
fn missing_capabilities_are_named() {
    if Watch::open(Hook::Exec, &Options::default()).is_none() {
        return;
    }
    let said = |capabilities: &str| -> Option<(ExitStatus, String)> {
        let mut command = Command::new("setpriv");
        command.args(["--inh-caps=-all", &format!("--bounding-set={capabilities}")]);
        command.arg(env::current_exe().expect("this program has a path"));
        let output =
            command.args(["--exact", "refused::lesser", "--nocapture"]).env(LESSER, "1").output().ok()?;
        Some((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    for (capabilities, expected) in [
        ("-all", "said: Err(NoCapBpf)"),
        ("-all,+perfmon", "said: Err(NoCapBpf)"),
        ("-all,+bpf", "said: Err(NoCapPerfmon { program: \"sched_process_exec\" })"),
        ("-all,+bpf,+perfmon", "said: Ok(())"),
    ] {
        match said(capabilities) {
            Some((status, said)) if status.success() => {
                assert!(said.contains(expected), "{capabilities}: {said}")
            }
            other => return skipped(format!("setpriv cannot take capabilities away: {other:?}")),
        }
    }
}
