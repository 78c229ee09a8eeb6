//! Reading a baseline that anybody may have written.

use std::{
    collections::HashSet,
    io::{self, BufRead},
};

use anomaly_baseline::{StoredRow, key_in_surroundings, text::printable};
use anomaly_vectorizer::{
    Embedder, Embedding, Execution, Kind, Seen,
    canonical::{Raw, area},
    scrub::Scrubber,
};

use crate::{
    Portion,
    line::{End, FORMAT, Line, Row, day_set},
};

/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The longest name of a workload, in bytes.
const MAX_WORKLOAD: usize = 1024;

/// The most rows of one workload.
const MAX_ROWS: usize = 2_000_000;

/// The longest reason that is told, in bytes.
const MAX_REASON: usize = 160;

/// Why a file is no baseline. Nothing behind the line is read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A line is not what it should be.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// Why, printable.
        reason: String,
    },
    /// Its format is a newer release's.
    #[error("its format is {found}, and this release reads up to {FORMAT}; upgrade")]
    Newer {
        /// The format of the file.
        found: u32,
    },
    /// The last line is missing.
    #[error("it was cut off after line {line}; export it anew")]
    Cut {
        /// The last line that is there.
        line: u64,
    },
    /// The file cannot be read.
    #[error("line {line}: cannot read on: {source}")]
    Read {
        /// The line that was being read.
        line: u64,
        /// Why.
        source: io::Error,
    },
}

/// Reads workload by workload. Only when it has ended without an error is the file known to be whole.
pub struct Reader<'a, R> {
    input: R,
    embedder: &'a dyn Embedder,
    scrubber: Scrubber,
    embedding: Embedding,
    buffer: Vec<u8>,
    line: u64,
    /// The workload whose rows are being read.
    current: Option<Portion>,
    /// The keys of its rows.
    keys: HashSet<(Kind, u128)>,
    workloads: HashSet<String>,
    rows: u64,
    ended: bool,
}

impl<'a, R: BufRead> Reader<'a, R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the file is no baseline or a newer release's.
    pub fn new(input: R, embedder: &'a dyn Embedder, scrubber: Scrubber) -> Result<Self, ReadError> {
        let mut reader = Self {
            input,
            embedder,
            scrubber,
            embedding: Embedding::default(),
            buffer: Vec::new(),
            line: 0,
            current: None,
            keys: HashSet::new(),
            workloads: HashSet::new(),
            rows: 0,
            ended: false,
        };
        let begun = reader.read_line()?;
        match serde_json::from_slice(&reader.buffer) {
            Ok(Line::Baseline(header)) if begun && header.format > FORMAT => {
                Err(ReadError::Newer { found: header.format })
            }
            Ok(Line::Baseline(_)) if begun => Ok(reader),
            _ => Err(reader.wrong("this is no exported baseline")),
        }
    }

    /// Reads a line into the buffer; `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.line += 1;
        self.buffer.clear();
        let mut limited = io::Read::take(&mut self.input, MAX_LINE as u64 + 1);
        limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| ReadError::Read { line: self.line, source })?;
        if self.buffer.len() > MAX_LINE && !self.buffer.ends_with(b"\n") {
            return Err(self.wrong("it is longer than 1 MiB"));
        }
        Ok(!self.buffer.is_empty())
    }

    fn wrong(&self, reason: impl AsRef<str>) -> ReadError {
        ReadError::Line { line: self.line, reason: printable(reason.as_ref(), MAX_REASON) }
    }

    /// The next workload; `None` at the end of a whole file.
    fn portion(&mut self) -> Result<Option<Portion>, ReadError> {
        loop {
            if !self.read_line()? {
                return Err(ReadError::Cut { line: self.line - 1 });
            }
            let line = serde_json::from_slice(&self.buffer).map_err(|error| {
                let text = error.to_string();
                self.wrong(text.split(" at line ").next().unwrap_or_default())
            })?;
            match line {
                Line::Baseline(_) => return Err(self.wrong("a second header")),
                Line::Workload(workload) => {
                    let name = workload.workload.clone().into_owned();
                    if name.is_empty() || name.len() > MAX_WORKLOAD {
                        return Err(self.wrong("a workload's name has 1 to 1024 bytes"));
                    }
                    if !self.workloads.insert(name.clone()) {
                        return Err(self.wrong(format!("workload {name} is here a second time")));
                    }
                    let record = workload.record().map_err(|reason| self.wrong(reason))?;
                    self.keys.clear();
                    let begun = Portion { workload: name, record, rows: Vec::new() };
                    if let Some(portion) = self.current.replace(begun) {
                        return Ok(Some(portion));
                    }
                }
                Line::Row(row) => self.add(&row)?,
                Line::End(End { workloads, rows }) => {
                    if (workloads, rows) != (self.workloads.len() as u64, self.rows) {
                        let (found, here) = (self.rows, self.workloads.len());
                        let reason = format!(
                            "it had {workloads} workloads with {rows} rows, and {here} with {found} are left"
                        );
                        return Err(self.wrong(reason));
                    }
                    self.ended = true;
                    return Ok(self.current.take());
                }
            }
        }
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), ReadError> {
        let stored = self.stored(row).map_err(|reason| self.wrong(reason))?;
        let new = self.keys.insert((stored.execution.kind, stored.key));
        match &mut self.current {
            _ if !new => Err(self.wrong("this execution is here a second time")),
            Some(portion) if portion.workload == row.workload && portion.rows.len() < MAX_ROWS => {
                portion.rows.push(stored);
                self.rows += 1;
                Ok(())
            }
            Some(portion) if portion.workload == row.workload => Err(self.wrong("more than 2,000,000 rows")),
            _ => Err(self.wrong("a row stands behind its own workload")),
        }
    }

    /// The row as a store keeps it. Its key is computed, so that no line can pass for another execution.
    fn stored(&mut self, row: &Row<'_>) -> Result<StoredRow, String> {
        let Row { kind, state, name, parent, grandparent, uid, args, context, for_context, .. } = row;
        let kind = Kind::named(kind).ok_or_else(|| format!("no kind of act is called {kind}"))?;
        if !(0.0..=1.0).contains(&row.distance) {
            return Err("a distance is between 0 and 1".into());
        }
        let args: Vec<_> = args.iter().map(|argument| argument.as_bytes()).collect();
        let arguments = area(&args);
        let execution = Raw {
            name: name.as_bytes(),
            parent: parent.as_bytes(),
            grandparent: grandparent.as_bytes(),
            uid: *uid,
            arguments: &arguments,
            // The same in both says that the arguments are as they were passed.
            filename: b"-",
            interp: b"-",
            executable: b"",
        }
        .execution(&self.scrubber);
        let execution = Execution { kind, ..execution };
        let seen = Seen::from_words(context.iter().map(AsRef::as_ref))
            .map_err(|word| format!("no context is called {word}"))?;
        self.embedder.embed(&execution, &mut self.embedding);
        let Embedding { key, features, vector } = &self.embedding;
        Ok(StoredRow {
            key: if *for_context { key_in_surroundings(*key, seen) } else { *key },
            features: features.clone(),
            vector: vector.to_vec(),
            execution,
            seen,
            count: row.count,
            first_seen: row.first_seen.time(),
            last_seen: row.last_seen.time(),
            first_day: row.first_day,
            days: day_set(&row.days)?,
            distance: row.distance,
            state: (*state).into(),
        })
    }
}

impl<R: BufRead> Iterator for Reader<'_, R> {
    type Item = Result<Portion, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.portion();
        self.ended |= next.is_err();
        next.transpose()
    }
}

impl<R> std::fmt::Debug for Reader<'_, R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("line", &self.line).finish_non_exhaustive()
    }
}
