//! From what a feed saw to the canonical execution: text, bounded, arguments as passed to exec, secrets scrubbed.

use crate::{Arguments, Execution, scrub::Scrubber};

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
    /// The canonical execution.
    pub fn execution(&self, scrubber: &Scrubber) -> Execution {
        let _ = (scrubber, Arguments::default());
        unimplemented!()
    }
}
