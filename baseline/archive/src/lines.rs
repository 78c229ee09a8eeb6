//! Columns become lines again.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::rows::{Row, Rows};

#[derive(Serialize)]
struct Line<'a> {
    row: &'a Row,
}

/// As much of a line as says whether rows follow it.
#[derive(Deserialize)]
struct Begun<'a> {
    #[serde(borrow)]
    workload: Option<Workload<'a>>,
}

#[derive(Deserialize)]
struct Workload<'a> {
    #[serde(borrow)]
    workload: Cow<'a, str>,
}

/// The text of the export that a Parquet file was made of. Everything in it is as hostile as the file: give it to the
/// reader of exports.
pub struct Lines {
    /// The lines that are no rows and were not given back yet, with their ends.
    others: VecDeque<String>,
    rows: Rows,
    /// A row that was read, and whose turn it is not yet.
    next: Option<Row>,
    /// The workload whose rows are being given back.
    current: Option<String>,
    buffer: Vec<u8>,
    at: usize,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is no Parquet, or none of ours.
    pub fn open(file: File) -> Result<Self, Error> {
        let (rows, lines) = Rows::with_lines(file)?;
        let others = lines.ok_or(Error::Lines)?.split_inclusive('\n').map(str::to_owned).collect();
        Ok(Self { others, rows, next: None, current: None, buffer: Vec::new(), at: 0 })
    }

    /// Puts the next line into the buffer; nothing at the end.
    fn advance(&mut self) -> Result<(), Error> {
        self.at = 0;
        self.buffer.clear();
        if self.next.is_none() {
            self.next = self.rows.next().transpose()?;
        }
        let in_turn = self.next.take_if(|row| {
            // A row of nobody's comes last, for the reader to refuse.
            self.current.as_deref() == Some(&row.workload) || self.others.is_empty()
        });
        if let Some(row) = in_turn {
            serde_json::to_writer(&mut self.buffer, &Line { row: &row }).map_err(Error::parquet)?;
            self.buffer.write_all(b"\n").map_err(Error::parquet)?;
        } else if let Some(line) = self.others.pop_front() {
            let begun = serde_json::from_str::<Begun<'_>>(&line).ok().and_then(|begun| begun.workload);
            self.current = begun.map(|workload| workload.workload.into_owned());
            self.buffer = line.into_bytes();
        }
        Ok(())
    }
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.buffer.len() {
            self.advance().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}
