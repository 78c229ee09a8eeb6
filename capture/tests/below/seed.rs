//! The processes that run already.

use anomaly_capture::{FeedKind, HostRoot, running};
use anomaly_vectorizer::scrub::Scrubber;

use crate::watch::{NGINX, STATUS, Shell, arguments, host, marker};

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

#[test]
fn another_root_s_processes_are_told_from_its_files() {
    let cgroup: &[u8] = b"0::/system.slice/nginx.service\n";
    let cmdline: &[u8] = b"/usr/sbin/nginx\0-g\0daemon off;\0";
    let (_directory, root) = host(
        NGINX,
        7000,
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
    for (stat, image, cmdline, count, why) in [
        (NGINX, 7000, &b"nginx\0"[..], 1, "it runs"),
        (NGINX, 0, b"nginx\0", 1, "it runs and is somebody else's"),
        (NGINX, 7000, b"", 1, "it wiped its arguments"),
        (NGINX, 0, b"", 0, "its exec is not over"),
        (&zombie, 7000, b"", 0, "it ended"),
        (&kernel_thread, 0, b"", 0, "a kernel thread"),
        (&fork, 7000, b"nginx: worker\0", 0, "a fork that executed nothing"),
        ("77 (nginx", 7000, b"nginx\0", 0, "no stat of the kernel's"),
    ] {
        let (_directory, root) = host(stat, image, &[("cmdline", cmdline), ("status", STATUS)]);
        let seeds = running(&root, &Scrubber::default()).expect("looks like /proc");
        assert_eq!(seeds.count(), count, "{why}");
    }
}
