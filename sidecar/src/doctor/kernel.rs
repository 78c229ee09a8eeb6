//! What the kernel is and what it allows.

use anomaly_capture::HostRoot;
use rustix::process::{Resource, getrlimit};

use crate::checks::Check;

/// The oldest kernel that the kernel program is made for: ring buffers.
const RINGS: (u32, u32) = (5, 8);

/// The first kernel that counts a BPF map's memory to its control group instead of RLIMIT_MEMLOCK.
const MEMORY_IN_CGROUPS: (u32, u32) = (5, 11);

/// What older kernels need to lock for the ring and the program's tables.
const LOCKED: u64 = 64 << 20;

/// Looks at all of it.
pub(super) fn look(root: &HostRoot) -> Vec<Check> {
    let release = text(root, "proc/sys/kernel/osrelease").unwrap_or_default();
    let version = version(&release);
    let has_btf = root.join("sys/kernel/btf/vmlinux").metadata().is_ok_and(|facts| facts.len() > 0);
    vec![
        kernel(&release, version),
        btf(has_btf),
        tracefs(root, has_btf),
        lockdown(text(root, "sys/kernel/security/lockdown").as_deref()),
        unprivileged(text(root, "proc/sys/kernel/unprivileged_bpf_disabled").as_deref()),
        perf(text(root, "proc/sys/kernel/perf_event_paranoid").as_deref()),
        memlock(version, getrlimit(Resource::Memlock).current),
        cgroups(root),
    ]
}

/// A short file of the host's, without the end of its line.
fn text(root: &HostRoot, path: &str) -> Option<String> {
    let bytes = root.read(path, 4096).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|text| !text.is_empty())
}

/// `6.18.44-cloud` as (6, 18).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn kernel(release: &str, version: Option<(u32, u32)>) -> Check {
    match version {
        Some(version) if version >= RINGS => Check::ok("kernel", release),
        Some(_) => Check::warn(
            "kernel",
            format!("{release}: the kernel program needs 5.8"),
            "take a newer kernel; until then executions come from the proc connector",
        ),
        None => Check::warn("kernel", "its release cannot be read", "mount the host's /proc below HOST_ROOT"),
    }
}

fn btf(has_btf: bool) -> Check {
    if has_btf {
        return Check::ok("btf", "the kernel tells where its fields are");
    }
    Check::warn(
        "btf",
        "no /sys/kernel/btf/vmlinux: the feed ebpf does not work",
        "take a kernel with CONFIG_DEBUG_INFO_BTF=y, or mount /sys; until then auto takes the next feed",
    )
}

/// Where the tracepoints of system calls are found.
fn tracefs(root: &HostRoot, has_btf: bool) -> Check {
    let places = ["sys/kernel/tracing", "sys/kernel/debug/tracing"];
    let readable = places.iter().find(|place| {
        let id = format!("{place}/events/syscalls/sys_enter_execve/id");
        root.read(id, 64).is_ok_and(|id| !id.is_empty())
    });
    match readable {
        Some(place) => Check::ok("tracefs", format!("readable at /{place}")),
        None if has_btf => Check::ok("tracefs", "not readable; only the feed ebpf-enter needs it"),
        None => Check::warn(
            "tracefs",
            "not readable, and without BTF the feed ebpf-enter needs it",
            "mount -t tracefs none /sys/kernel/tracing, and run as root",
        ),
    }
}

/// `none [integrity] confidentiality`: the mode in brackets counts.
fn lockdown(modes: Option<&str>) -> Check {
    let mode = modes.and_then(|modes| modes.split_once('[')?.1.split_once(']')).map(|(mode, _)| mode);
    match mode {
        Some("confidentiality") => Check::warn(
            "lockdown",
            "confidentiality: the kernel refuses programs that read its memory, ours too",
            "boot with lockdown=integrity to have the feed ebpf",
        ),
        Some(mode) => Check::ok("lockdown", mode),
        None => Check::ok("lockdown", "none: the kernel has no such mode, or does not tell"),
    }
}

fn unprivileged(value: Option<&str>) -> Check {
    match value {
        Some("0") => Check::warn(
            "unprivileged_bpf",
            "every user may load BPF programs",
            "sysctl kernel.unprivileged_bpf_disabled=2, which leaves it to those with CAP_BPF",
        ),
        Some(value) => {
            Check::ok("unprivileged_bpf", format!("disabled ({value}) but for those with CAP_BPF"))
        }
        None => Check::ok("unprivileged_bpf", "the kernel has no BPF system call, or does not tell"),
    }
}

fn perf(value: Option<&str>) -> Check {
    match value {
        Some(value) => Check::ok(
            "perf_paranoid",
            format!("{value}: it asks for CAP_PERFMON at most, as the kernel program does"),
        ),
        None => Check::warn(
            "perf_paranoid",
            "the kernel has no perf events",
            "take a kernel with CONFIG_PERF_EVENTS=y",
        ),
    }
}

/// `limit` in bytes; `None` without one.
fn memlock(version: Option<(u32, u32)>, limit: Option<u64>) -> Check {
    let shown = limit.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} KiB", bytes >> 10));
    if version.is_some_and(|version| version >= MEMORY_IN_CGROUPS) {
        return Check::ok("memlock", format!("{shown}; this kernel does not ask it for BPF"));
    }
    if limit.is_some_and(|bytes| bytes < LOCKED) {
        let found = format!("{shown}: this kernel counts the ring to it");
        return Check::warn("memlock", found, "LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited");
    }
    Check::ok("memlock", shown)
}

fn cgroups(root: &HostRoot) -> Check {
    let is = |path: &str| root.join(path).exists();
    if is("sys/fs/cgroup/cgroup.controllers") {
        return Check::ok("cgroups", "version 2: workloads are told by it");
    }
    if is("sys/fs/cgroup/unified/cgroup.controllers") || is("sys/fs/cgroup/systemd") {
        return Check::ok("cgroups", "version 1, with systemd's own: workloads are told by it");
    }
    Check::warn(
        "cgroups",
        "no cgroup file system is mounted: executions belong to one workload, host",
        "mount it, or mount the host's /sys below HOST_ROOT",
    )
}

#[cfg(test)]
mod tests {
    use crate::checks::Status::{Ok as Fine, Warn};

    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(version("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(version("5.4.0"), Some((5, 4)));
        assert_eq!(version("x"), None);
        for (check, status) in [
            (kernel("5.8.0", version("5.8.0")), Fine),
            (kernel("4.18.0", version("4.18.0")), Warn),
            (lockdown(Some("none integrity [confidentiality]")), Warn),
            (lockdown(Some("[none] integrity confidentiality")), Fine),
            (lockdown(None), Fine),
            (unprivileged(Some("0")), Warn),
            (unprivileged(Some("2")), Fine),
            (memlock(Some((5, 4)), Some(64 << 10)), Warn),
            (memlock(Some((5, 4)), None), Fine),
            (memlock(Some((5, 15)), Some(64 << 10)), Fine),
            (perf(None), Warn),
            (btf(false), Warn),
        ] {
            assert_eq!(check.status, status, "{check:?}");
            assert_eq!(check.remedy.is_some(), status == Warn, "{check:?}");
            // What this process may is told by those who look.
            assert!(
                !check.found.contains("ours has")
                    && !check.remedy.iter().any(|remedy| remedy.contains("ours has"))
            );
        }
    }
}
