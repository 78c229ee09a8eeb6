//! Writing a recording.

use std::io::{self, Write};

use super::{Recorded, line::Written};
use crate::Observation;

/// Writes executions as JSON Lines. What a [`Reader`](super::Reader) makes of them is the same execution in the same
/// surroundings, workload and time.
#[derive(Debug)]
pub struct Writer<W: Write>(W);

impl<W: Write> Writer<W> {
    /// Writes to `output`, one `write_all` a line; buffering is the caller's business.
    pub fn new(output: W) -> Self {
        Self(output)
    }

    /// Writes one execution.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, observation: &Observation) -> io::Result<()> {
        self.line(&Written::from(observation))
    }

    /// Writes one line of a recording with its day, phase, label, session and split.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write_recorded(&mut self, recorded: &Recorded) -> io::Result<()> {
        self.line(&Written::from(recorded))
    }

    fn line(&mut self, line: &Written<'_>) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.0.write_all(&bytes)
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// The output.
    pub fn into_inner(self) -> W {
        self.0
    }
}
