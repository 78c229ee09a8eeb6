//! `/proc/PID/stat`, the one file that tells in a single read whether a process executed something new.

use std::sync::LazyLock;

/// Kernel threads have this flag (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// A process that was forked and has not executed anything since (`PF_FORKNOEXEC`).
const FORKED_ONLY: u64 = 0x0000_0040;
/// A process that is on its way out (`PF_EXITING`).
const EXITING: u64 = 0x0000_0004;

/// Nanoseconds in a clock tick, the unit of start times in /proc.
pub(crate) static TICK: LazyLock<u64> =
    LazyLock::new(|| 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1));

/// A process's name as the kernel keeps it: at most 15 bytes of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Comm([u8; 16]);

impl Comm {
    pub(crate) fn new(name: &[u8]) -> Self {
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let mut kept = [0; 16];
        let length = name.len().min(15);
        kept[..length].copy_from_slice(&name[..length]);
        Self(kept)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// Where the program and its stack lie in memory. Both are placed at random, so an exec changes them, be it of the same
/// program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    code: u64,
    stack: u64,
}

/// What `stat` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: Comm,
    pub(crate) parent: u32,
    pub(crate) terminal: bool,
    flags: u64,
    zombie: bool,
    /// Clock ticks from boot to the process's start: with the process id, what tells it from every other.
    pub(crate) start: u64,
    /// `None` where the reader may not know, and while an exec is under way: the code's place is told last, after the
    /// arguments'.
    pub(crate) image: Option<Image>,
    /// The length of the argument area; `None` where the reader may not know.
    pub(crate) argument_bytes: Option<u64>,
}

impl Stat {
    /// Parses the file. The name may hold anything, parentheses, spaces and line ends too, so what follows it is found
    /// from the end.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let open = bytes.iter().position(|&byte| byte == b'(')?;
        let close = bytes.iter().rposition(|&byte| byte == b')')?;
        let name = Comm::new(bytes.get(open + 1..close)?);
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        // Fields are numbered as in proc_pid_stat(5); the state is the third.
        let mut fields = rest.split_ascii_whitespace();
        let mut number = 3;
        let mut field = |wanted: usize| {
            let value = fields.nth(wanted - number);
            number = wanted + 1;
            value
        };
        let state = field(3)?;
        let parent = field(4)?.parse().ok()?;
        let terminal = field(7)? != "0";
        let flags = field(9)?.parse().ok()?;
        let start = field(22)?.parse().ok()?;
        let mut address = |wanted| field(wanted).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let (code, stack) = (address(26), address(28));
        let (argument_start, argument_end) = (address(48), address(49));
        Some(Self {
            name,
            parent,
            terminal,
            flags,
            zombie: matches!(state, "Z" | "X" | "x"),
            start,
            // 1 is what the kernel says to those who may not know.
            image: (code > 1 && stack != 0).then_some(Image { code, stack }),
            argument_bytes: argument_end.checked_sub(argument_start).filter(|&length| length > 0),
        })
    }

    /// Whether this is a program that was executed: no kernel thread, no fork that still runs its parent's program.
    pub(crate) fn executed(&self) -> bool {
        self.flags & (KERNEL_THREAD | FORKED_ONLY) == 0
    }

    /// Whether it has ended or is about to, so that its memory, arguments included, is gone or going.
    pub(crate) fn ending(&self) -> bool {
        self.zombie || self.flags & EXITING != 0
    }

    /// The start in nanoseconds since boot.
    pub(crate) fn start_boottime(&self) -> u64 {
        self.start.saturating_mul(*TICK)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(name: &str, flags: u64) -> String {
        let tail: Vec<String> = (23..53).map(|field| (field * 1000).to_string()).collect();
        format!("77 ({name}) S 12 77 77 34816 77 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 4242 {}\n", tail.join(" "))
    }

    #[test]
    fn fields_are_found_behind_any_name() {
        for name in ["sh", "a) b (c", ")", "", "x\ny", "((("] {
            let stat = Stat::parse(line(name, 0x40_0000).as_bytes()).expect("a stat line");
            assert_eq!(stat.name.as_bytes(), name.as_bytes());
            assert_eq!((stat.parent, stat.terminal, stat.start), (12, true, 4242));
            assert_eq!(stat.image, Some(Image { code: 26000, stack: 28000 }));
            assert_eq!(stat.argument_bytes, Some(1000));
            assert!(stat.executed() && !stat.ending());
        }
    }

    #[test]
    fn forks_and_kernel_threads_executed_nothing() {
        for flags in [FORKED_ONLY, KERNEL_THREAD] {
            assert!(!Stat::parse(line("x", flags).as_bytes()).expect("a stat line").executed());
        }
        assert!(Stat::parse(line("x", EXITING).as_bytes()).expect("a stat line").ending());
    }

    #[test]
    fn this_process_is_read_as_the_kernel_shows_it() {
        let bytes = std::fs::read("/proc/self/stat").expect("/proc is mounted");
        let stat = Stat::parse(&bytes).expect("the kernel's own line");
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.executed() && stat.image.is_some());
        let arguments = std::fs::read("/proc/self/cmdline").expect("/proc is mounted");
        assert_eq!(stat.argument_bytes, Some(arguments.len() as u64));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stat::parse(&bytes);
        }
    }
}
