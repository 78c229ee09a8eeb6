//! What this process may do.

use std::fs;

use anomaly_capture::HostRoot;

use crate::checks::Check;

/// The inode of the first process namespace (PROC_PID_INIT_INO of linux/proc_ns.h).
const FIRST: &str = "pid:[4026531836]";

/// Capabilities without which something does not work: number (linux/capability.h), name, what for.
const NEEDED: [(u32, &str, &str); 3] = [
    (39, "CAP_BPF", "to load the kernel program"),
    (38, "CAP_PERFMON", "to attach it"),
    (READ, "CAP_DAC_READ_SEARCH", "to read what container runtimes wrote down"),
];

/// Not needed by root, who owns those files.
const READ: u32 = 2;

/// CAP_SYS_PTRACE, which the service of `examples/systemd` does without.
const PTRACE: u32 = 19;

/// CAP_SYS_ADMIN contains the first two.
const ADMIN: u32 = 21;

/// Looks at all of it.
pub(super) fn look(root: &HostRoot) -> Vec<Check> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let mounted = *root != HostRoot::default();
    vec![
        capabilities(effective(&status), rustix::process::geteuid().is_root()),
        pids(&namespace.to_string_lossy(), mounted),
    ]
}

/// The effective capabilities as bits.
fn effective(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

fn capabilities(bits: u64, is_root: bool) -> Check {
    let has = |number: u32| bits >> number & 1 == 1;
    let contained = |number: u32| match number {
        READ => is_root,
        38 | 39 => has(ADMIN),
        _ => false,
    };
    let missing: Vec<_> =
        NEEDED.iter().filter(|(number, ..)| !(has(*number) || contained(*number))).collect();
    let who = if is_root { "root" } else { "not root" };
    if missing.is_empty() {
        let least =
            "without CAP_SYS_PTRACE: executables and sockets of what ran before the start are not known";
        return Check::ok(
            "capabilities",
            if has(PTRACE) { format!("{who}, with all that is of use") } else { format!("{who}, {least}") },
        );
    }
    let names: Vec<_> = missing.iter().map(|(_, name, what)| format!("{name} ({what})")).collect();
    let found = format!("{who}, without {}", names.join(", "));
    let words: Vec<_> = missing.iter().map(|(_, name, _)| *name).collect();
    let remedy = format!("AmbientCapabilities={} in the unit, or run as root with them", words.join(" "));
    Check::warn("capabilities", found, remedy)
}

/// `namespace` as the link in /proc has it.
fn pids(namespace: &str, mounted: bool) -> Check {
    if namespace == FIRST {
        return Check::ok("processes", "all of the machine are in sight");
    }
    if mounted {
        return Check::ok("processes", "a namespace of its own; the host's are looked for below HOST_ROOT");
    }
    Check::warn(
        "processes",
        "this is a namespace of its own: parents, terminals and sockets of other processes are out of sight",
        "hostPID: true in Kubernetes, --pid=host in Docker, or the host's /proc mounted below HOST_ROOT",
    )
}

#[cfg(test)]
mod tests {
    use crate::checks::Status;

    use super::*;

    #[test]
    fn missing_capabilities_are_named_with_what_they_are_for() {
        assert_eq!(effective("Name:\tx\nCapEff:\t000001fffeffffff\n"), 0x1ff_feff_ffff);
        assert_eq!(effective(""), 0);
        assert_eq!(capabilities(u64::MAX, true).status, Status::Ok);
        let none = capabilities(0, false);
        assert!(
            none.found.contains("CAP_BPF (to load") && none.found.contains("CAP_DAC_READ_SEARCH"),
            "{none:?}"
        );
        let admin = capabilities(1 << ADMIN, false);
        assert!(!admin.found.contains("CAP_BPF") && admin.found.contains("CAP_DAC_READ_SEARCH"), "{admin:?}");
        // The service's two.
        let service = capabilities(1 << 38 | 1 << 39, true);
        assert!(
            service.status == Status::Ok && service.found.contains("without CAP_SYS_PTRACE"),
            "{service:?}"
        );
        assert_eq!(pids(FIRST, false).status, Status::Ok);
        assert_eq!(pids("pid:[4026532000]", false).status, Status::Warn);
        assert_eq!(pids("pid:[4026532000]", true).status, Status::Ok);
    }
}
