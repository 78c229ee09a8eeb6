//! The processes that run already.

use std::{fs, os::unix::fs::symlink};

use anomaly_capture::{FeedKind, HostRoot, running};
use anomaly_vectorizer::scrub::Scrubber;

use crate::watch::{Shell, arguments, marker};

#[test]
fn each_running_program_is_told_once_and_no_kernel_thread() {
    let mark = marker();
    let shell = Shell::start("(read y; :) & read x", &mark);
    while !std::fs::read_to_string(format!("/proc/{}/cmdline", shell.id()))
        .is_ok_and(|line| line.contains(&mark))
    {
        std::thread::yield_now();
    }
    let seeds: Vec<_> =
        running(&HostRoot::default(), &Scrubber::default()).expect("/proc is mounted").collect();
    let marked: Vec<_> = seeds.iter().filter(|seed| arguments(seed).contains(&&*mark)).collect();
    assert_eq!(marked.len(), 1, "{marked:#?}");
    assert_eq!(marked[0].identity.tgid, shell.id());
    assert!(seeds.iter().all(|seed| seed.feed == FeedKind::Seed));
    assert!(seeds.iter().all(|seed| seed.execution.name != "kthreadd"));
    let own = seeds.iter().find(|seed| seed.identity.tgid == std::process::id()).expect("this runs, too");
    assert_eq!(own.ppid, std::os::unix::process::parent_id());
}

/// A host's /proc with one process as files.
fn host(stat: &str, files: &[(&str, &[u8])]) -> (tempfile::TempDir, HostRoot) {
    let directory = tempfile::tempdir().expect("a directory");
    let process = directory.path().join("proc/77");
    fs::create_dir_all(process.join("fd")).expect("created");
    let parent = directory.path().join("proc/1");
    fs::create_dir_all(&parent).expect("created");
    let zeros = "0 ".repeat(30);
    fs::write(
        parent.join("stat"),
        format!("1 (systemd) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 1 {zeros}\n"),
    )
    .expect("written");
    fs::write(process.join("stat"), format!("{stat} {zeros}\n")).expect("written");
    for (name, bytes) in files {
        fs::write(process.join(name), bytes).expect("written");
    }
    symlink("/usr/sbin/nginx", process.join("exe")).expect("linked");
    let root = HostRoot::new(directory.path());
    (directory, root)
}

const NGINX: &str = "77 (nginx) S 1 77 77 34816 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4242";
const STATUS: &[u8] = b"Name:\tnginx\nUid:\t1000\t33\t0\t0\nGid:\t1\t1\t1\t1\n";

#[test]
fn another_root_s_processes_are_told_from_its_files() {
    let cgroup: &[u8] = b"0::/system.slice/nginx.service\n";
    let cmdline: &[u8] = b"/usr/sbin/nginx\0-g\0daemon off;\0";
    let (_directory, root) = host(
        NGINX,
        &[("cmdline", cmdline), ("status", STATUS), ("cgroup", cgroup), ("loginuid", b"4294967295")],
    );
    let seeds: Vec<_> = running(&root, &Scrubber::default()).expect("looks like /proc").collect();
    let [nginx] = &seeds[..] else { panic!("its parent has no arguments to read: {seeds:#?}") };
    assert_eq!(arguments(nginx), ["/usr/sbin/nginx", "-g", "daemon off;"]);
    assert_eq!(
        (&*nginx.execution.name, &*nginx.execution.parent, nginx.execution.uid),
        ("nginx", "systemd", 33)
    );
    assert_eq!(nginx.surroundings.tty, Some(true));
    assert_eq!(nginx.surroundings.loginuid, Some(u32::MAX));
    assert_eq!(nginx.exe, "/usr/sbin/nginx");
    assert_eq!(nginx.cgroup, "/system.slice/nginx.service");
    assert_eq!(nginx.identity.start_boottime, 42_420_000_000, "ticks of 10 ms");
}

#[test]
fn what_ended_or_ends_or_was_never_executed_is_no_seed() {
    let zombie = NGINX.replace(" S ", " Z ");
    let kernel_thread = NGINX.replace("4194560", "2129984");
    let fork = NGINX.replace("4194560", "4194368");
    for (stat, cmdline, count, why) in [
        (NGINX, &b"nginx\0"[..], 1, "it runs"),
        (NGINX, b"", 1, "it wiped its arguments"),
        (&zombie, b"", 0, "it ended"),
        (&kernel_thread, b"", 0, "a kernel thread"),
        (&fork, b"nginx: worker\0", 0, "a fork that executed nothing"),
        ("77 (nginx", b"nginx\0", 0, "no stat of the kernel's"),
    ] {
        let (_directory, root) = host(stat, &[("cmdline", cmdline), ("status", STATUS)]);
        let seeds = running(&root, &Scrubber::default()).expect("looks like /proc");
        assert_eq!(seeds.count(), count, "{why}");
    }
}
