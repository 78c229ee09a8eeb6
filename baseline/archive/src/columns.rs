//! Lines become columns.

use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;

use crate::rows::{self, Row};
use crate::{Error, LINES};

/// Rows that are encoded at a time ...
const ROWS: usize = 1024;

/// ... or fewer where they are long, in bytes of lines: the offsets of a column have 32 bits.
const BYTES: usize = 16 << 20;

/// How a line that is a row begins.
const ROW: &[u8] = b"{\"row\":";

#[derive(Deserialize)]
struct Line {
    row: Row,
}

/// Takes the lines of an export and writes them as Parquet, compressed with Snappy. What is not ended with
/// [`finish`](Self::finish) is no file.
pub struct Columns<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    /// The end of what was written: a line that is not whole yet.
    begun: Vec<u8>,
    /// The lines that are no rows.
    others: String,
    rows: Vec<Row>,
    /// Of the lines of those.
    bytes: usize,
}

impl<W: Write + Send> Columns<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`, as everywhere here.
    pub fn new(out: W) -> io::Result<Self> {
        let schema = rows::schema();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(io::Error::other)?;
        Ok(Self { writer, schema, begun: Vec::new(), others: String::new(), rows: Vec::new(), bytes: 0 })
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Those of `out`; and when what was written is no whole export.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.begun.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the last line is not whole"));
        }
        self.encode()?;
        self.writer.append_key_value_metadata(KeyValue::new(LINES.to_owned(), self.others));
        self.writer.into_inner().map_err(io::Error::other)
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if line.starts_with(ROW) {
            let Line { row } = serde_json::from_slice(line)?;
            self.bytes += line.len();
            self.rows.push(row);
            if self.rows.len() >= ROWS || self.bytes >= BYTES {
                self.encode()?;
            }
            return Ok(());
        }
        let text = std::str::from_utf8(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, Error::parquet(error)))?;
        self.others.push_str(text);
        Ok(())
    }

    fn encode(&mut self) -> io::Result<()> {
        let batch = rows::encode(&self.rows, self.schema.clone()).map_err(io::Error::other)?;
        self.rows.clear();
        self.bytes = 0;
        self.writer.write(&batch).map_err(io::Error::other)
    }
}

impl<W: Write + Send> Write for Columns<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.begun.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(&bytes[..=end]);
        self.line(&line)?;
        Ok(end + 1)
    }

    /// Whole columns are written when there are enough rows for them; until then there is nothing to hurry on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
