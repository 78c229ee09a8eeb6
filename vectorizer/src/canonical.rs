//! From what a feed saw to the canonical execution: text, bounded, arguments as passed to exec, secrets scrubbed.
//!
//! Feeds see one and the same execution differently. For a script the kernel throws `args[0]` away and puts the
//! interpreter, its one optional argument and the script's path in its place (`fs/binfmt_script.c`), while the name
//! stays the script's: `pip freeze` shows as `/usr/bin/python3 /usr/bin/pip freeze`, named `pip`. A recording of what
//! was passed to exec has none of that. All of them end here in the same [`Execution`], because a baseline that was
//! learned through one feed has to serve another.

use crate::{
    Arguments, CUT, Execution, MAX_ARGUMENT_BYTES,
    act::Kind,
    execution::{MAX_CUT_BYTES, cut_bytes, name, until_nul},
    scrub::Scrubber,
};

/// How much of a program's name the kernel keeps (`TASK_COMM_LEN` without its NUL).
const COMM_BYTES: usize = 15;

/// One execution as the kernel, /proc or Falco tell it: bytes of any kind and any length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw<'a> {
    /// The new program's `comm`.
    pub name: &'a [u8],
    /// The parent's `comm`.
    pub parent: &'a [u8],
    /// The grandparent's `comm`.
    pub grandparent: &'a [u8],
    /// Effective user id in the initial user namespace.
    pub uid: u32,
    /// The argument area: every argument ended by a NUL, as in /proc/PID/cmdline; possibly cut anywhere.
    pub arguments: &'a [u8],
    /// The executable's path; empty where the feed does not know it. For a script it is the interpreter's.
    pub executable: &'a [u8],
    /// The path that was passed to exec (`bprm->filename`); empty where the feed does not know it.
    pub filename: &'a [u8],
    /// The path of the program that runs it (`bprm->interp`); empty where the feed does not know it. It differs from
    /// `filename` for scripts.
    pub interp: &'a [u8],
}

impl Raw<'_> {
    /// The canonical execution: the first [`MAX_ARGUMENT_BYTES`] of the argument area as lossy UTF-8, a script's
    /// arguments as they were passed to exec (`args[0]` being the script's path), secrets replaced.
    ///
    /// Whatever follows the first NUL of a name is not part of it. What was canonical already stays as it is.
    pub fn execution(&self, scrubber: &Scrubber) -> Execution {
        // A feed that copied just as many bytes cannot tell whether more followed, so for all of them more did.
        let is_cut = self.arguments.len() >= MAX_ARGUMENT_BYTES;
        let area = if is_cut {
            cut_bytes(self.arguments, MAX_CUT_BYTES)
        } else {
            self.arguments.strip_suffix(b"\0").unwrap_or(self.arguments)
        };
        let arguments = if self.arguments.is_empty() {
            Arguments::default()
        } else {
            let mut text = String::from_utf8_lossy(area);
            if is_cut {
                text.to_mut().push(CUT);
            }
            Arguments::new(text.split('\0').skip(self.inserted(area)))
        };
        Execution {
            kind: Kind::Exec,
            name: name(self.name),
            parent: name(self.parent),
            grandparent: name(self.grandparent),
            uid: self.uid,
            arguments: scrubber.arguments(arguments),
        }
    }

    /// How many arguments the kernel put before the script's path: 0 where no script runs.
    fn inserted(&self, area: &[u8]) -> usize {
        // One optional argument at most, however many words the first line of the script has.
        let mut candidates = area.split(|&byte| byte == 0).enumerate().take(3).skip(1);
        if !self.filename.is_empty() && !self.interp.is_empty() {
            if self.filename == self.interp {
                return 0;
            }
            // A feed's copy of `filename` may have been cut, or its directory differ (a descriptor): then by name.
            if let Some((position, _)) = candidates.clone().find(|&(_, argument)| argument == self.filename) {
                return position;
            }
        }
        let first = area.split(|&byte| byte == 0).next().unwrap_or_default();
        if self.runs(first) || self.runs(self.executable) {
            return 0;
        }
        candidates.find(|&(_, argument)| self.runs(argument)).map_or(0, |(position, _)| position)
    }

    /// Whether the name is what the kernel calls a program with this path.
    fn runs(&self, path: &[u8]) -> bool {
        let basename = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let name = until_nul(self.name);
        !name.is_empty() && comm(basename) == comm(name)
    }
}

/// The argument area of an argument vector, as [`Raw::arguments`] wants it: for recordings, which list arguments.
pub fn area<I: IntoIterator<Item: AsRef<[u8]>>>(arguments: I) -> Vec<u8> {
    let mut area = Vec::new();
    for argument in arguments {
        area.extend_from_slice(until_nul(argument.as_ref()));
        area.push(0);
        if area.len() >= MAX_ARGUMENT_BYTES {
            break;
        }
    }
    area
}

/// What the kernel keeps of a name.
fn comm(name: &[u8]) -> &[u8] {
    &name[..name.len().min(COMM_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_NAME_BYTES;

    fn arguments(raw: Raw<'_>) -> Vec<String> {
        raw.execution(&Scrubber::default()).arguments.iter().map(str::to_owned).collect()
    }

    /// What the eBPF feed sees of `pip freeze`.
    const PIP: Raw<'_> = Raw {
        name: b"pip\0\0\0\0\0\0\0\0\0\0\0\0\0",
        parent: b"bash\0",
        grandparent: b"sshd",
        uid: 1000,
        arguments: b"/usr/bin/python3\0/usr/bin/pip\0freeze\0",
        executable: b"/usr/bin/python3.11",
        filename: b"/usr/bin/pip",
        interp: b"/usr/bin/python3",
    };

    #[test]
    fn a_script_is_the_same_execution_from_every_feed() {
        let ebpf = PIP.execution(&Scrubber::default());
        assert_eq!(ebpf.arguments.iter().collect::<Vec<_>>(), ["/usr/bin/pip", "freeze"]);
        assert_eq!((ebpf.name.as_str(), ebpf.parent.as_str(), ebpf.uid), ("pip", "bash", 1000));

        let proc = Raw { filename: b"", interp: b"", ..PIP };
        let falco = Raw { executable: b"", ..proc };
        let recording = Raw { arguments: b"/usr/bin/pip\0freeze\0", ..falco };
        let unended = Raw { arguments: b"/usr/bin/python3\0/usr/bin/pip\0freeze", ..proc };
        for other in [proc, falco, recording, unended] {
            assert_eq!(other.execution(&Scrubber::default()), ebpf, "{other:?}");
        }
    }

    #[test]
    fn the_optional_argument_of_the_first_line_goes_with_the_interpreter() {
        let raw = Raw {
            name: b"maintainer-scri",
            arguments: b"/bin/sh\0-e -u\0/var/lib/maintainer-script.postinst\0configure\0\0",
            ..Raw::default()
        };
        let expected = ["/var/lib/maintainer-script.postinst", "configure", ""];
        assert_eq!(arguments(raw), expected);
        assert_eq!(arguments(Raw { executable: b"/usr/bin/dash", ..raw }), expected);
        let filename = b"/var/lib/maintainer-script.postinst";
        assert_eq!(arguments(Raw { filename, interp: b"/bin/sh", ..raw }), expected);
    }

    #[test]
    fn env_replaces_itself_and_is_then_no_script() {
        // `#!/usr/bin/env python3`: first the kernel runs env in the script's name ...
        let env = Raw {
            name: b"tool",
            arguments: b"/usr/bin/env\0python3\0./tool\0-v\0",
            executable: b"/usr/bin/env",
            filename: b"./tool",
            interp: b"/usr/bin/env",
            ..Raw::default()
        };
        assert_eq!(arguments(env), ["./tool", "-v"]);
        // ... then env executes python3, which is another execution, named python3.
        let python = Raw {
            name: b"python3",
            arguments: b"python3\0./tool\0-v\0",
            executable: b"/usr/bin/python3.11",
            filename: b"/usr/bin/python3",
            interp: b"/usr/bin/python3",
            ..Raw::default()
        };
        assert_eq!(arguments(python), ["python3", "./tool", "-v"]);
        assert_eq!(arguments(Raw { filename: b"", interp: b"", ..python }), ["python3", "./tool", "-v"]);
    }

    #[test]
    fn a_script_executed_by_descriptor() {
        let raw = Raw {
            name: b"4",
            arguments: b"/bin/sh\0/dev/fd/4\0now\0",
            executable: b"/usr/bin/dash",
            filename: b"/dev/fd/4",
            interp: b"/bin/sh",
            ..Raw::default()
        };
        assert_eq!(arguments(raw), ["/dev/fd/4", "now"]);
        assert_eq!(arguments(Raw { filename: b"", interp: b"", ..raw }), ["/dev/fd/4", "now"]);
        let program = Raw { arguments: b"prog\0", interp: b"/dev/fd/4", executable: b"/memfd:prog", ..raw };
        assert_eq!(arguments(program), ["prog"]);
    }

    #[test]
    fn what_only_looks_like_a_script_is_left_alone() {
        for (name, executable, area) in [
            (&b"bash"[..], &b"/usr/bin/bash"[..], &b"-bash\0bash\0"[..]),
            (b"sh", b"/bin/busybox", b"sh\0/bin/sh\0"),
            (b"pip", b"/usr/bin/python3", b"/usr/bin/pip\0install\0pip\0"),
            (b"grep", b"/usr/bin/grep", b"egrep\0grep\0notes\0"),
            (b"sudo", b"/usr/bin/sudo", b"sudo\0sudo\0id\0"),
            (b"", b"", b"sh\0\0\0"),
        ] {
            let raw = Raw { name, executable, arguments: area, ..Raw::default() };
            let passed = area.strip_suffix(b"\0").unwrap_or(area).split(|&byte| byte == 0);
            let passed: Vec<_> =
                passed.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
            assert_eq!(arguments(raw), passed);
        }
        let program = Raw { filename: b"/usr/bin/python3", interp: b"/usr/bin/python3", ..PIP };
        assert_eq!(arguments(program).len(), 3, "a feed that knows that no script runs is believed");
    }

    #[test]
    fn a_filename_that_the_feed_cut_is_found_by_name() {
        assert_eq!(arguments(Raw { filename: b"/usr/bi", ..PIP }), ["/usr/bin/pip", "freeze"]);
    }

    #[test]
    fn no_arguments_and_one_empty_argument_are_two_things() {
        assert!(arguments(Raw::default()).is_empty());
        assert_eq!(arguments(Raw { arguments: b"\0", ..Raw::default() }), [""]);
        assert_eq!(arguments(Raw { arguments: b"\0\0", ..Raw::default() }), ["", ""]);
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        let raw = Raw { name: b"\xff\xfe", arguments: b"a\0\xf0\x28\0", ..Raw::default() };
        let execution = raw.execution(&Scrubber::default());
        assert_eq!(execution.name, "\u{fffd}\u{fffd}");
        assert_eq!(execution.arguments.iter().collect::<Vec<_>>(), ["a", "\u{fffd}("]);
    }

    #[test]
    fn what_lies_beyond_the_bound_does_not_count() {
        let mut long = vec![b'x'; MAX_CUT_BYTES - 1];
        long.extend_from_slice("é and more\0-z\0".as_bytes());
        let whole = Raw { arguments: &long, ..Raw::default() };
        let cut = Raw { arguments: &long[..MAX_ARGUMENT_BYTES], ..Raw::default() };
        assert_eq!(whole.execution(&Scrubber::default()), cut.execution(&Scrubber::default()));
        assert_eq!(arguments(whole), [format!("{}…", "x".repeat(MAX_CUT_BYTES - 1))]);
        let whole = Raw { arguments: &long[..MAX_ARGUMENT_BYTES - 2], ..Raw::default() };
        assert!(!arguments(whole).concat().contains('…'));
        let name = [b'n'; 200];
        assert_eq!(
            Raw { name: &name, ..Raw::default() }.execution(&Scrubber::default()).name.len(),
            MAX_NAME_BYTES
        );
    }

    #[test]
    fn a_recorded_vector_becomes_an_area_and_comes_back() {
        let recorded = ["sh", "", "a\0b"];
        assert_eq!(arguments(Raw { arguments: &area(recorded), ..Raw::default() }), ["sh", "", "a"]);
        assert_eq!(area::<[&str; 0]>([]), b"");
        assert!(area(std::iter::repeat_n("xyz", 100_000)).len() < MAX_ARGUMENT_BYTES + 4);
    }
}
