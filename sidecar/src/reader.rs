//! Whoever reads what a command prints.

use std::io;

use crate::failure::Failure;

/// Whether anybody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Goes on.
    There,
    /// Has seen enough, as `head` has: the work ends early and well.
    Gone,
}

impl Reader {
    /// From what came of writing. A reader that went away is no failure, like for any other of a pipeline.
    pub(crate) fn of(outcome: io::Result<()>) -> Result<Self, Failure> {
        match outcome {
            Ok(()) => Ok(Self::There),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Self::Gone),
            Err(error) => {
                let remedy = "make room there or send it elsewhere";
                Err(Failure::new(format!("cannot write to standard output: {error}; {remedy}")))
            }
        }
    }
}
