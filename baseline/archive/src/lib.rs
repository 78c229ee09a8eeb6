//! Baselines as Parquet, for archives that outlive a database and that other tools (DuckDB, pandas, Spark) read.
//!
//! A Parquet file here is an export turned on its side: each line of a row becomes a row of columns, and the lines that
//! are no rows (the header, the workloads, the end) travel word for word in the file's metadata. So the text form stays
//! the only one that says what a baseline is: [`Columns`] takes the lines that the exporter writes, [`Lines`] gives them
//! back to the reader that checks everything, and no second reader has to be as careful as that one.
//!
//! Columns: `workload`, `kind`, `state`, `name`, `parent`, `grandparent` (text), `uid` (32 bits, unsigned), `args` and
//! `context` (lists of text), `for_context` (truth), `count` (64 bits, unsigned), `first_seen` and `last_seen`
//! (timestamps in microseconds, UTC), `first_day` (days since 1970-01-01, or a recording's own), `days` (a list of the
//! same), `distance` (a float between 0 and 1). None is ever null.

mod columns;
mod lines;
mod manifest;
mod moment;
mod rows;

#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use lines::Lines;
pub use manifest::{Manifest, Part, Portion};
pub use rows::{Row, Rows};

/// The first bytes of every Parquet file.
pub const MAGIC: &[u8] = b"PAR1";

/// Under which key of a file's metadata the lines are that are no rows.
const LINES: &str = "falco-anomaly.lines";

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no Parquet, or damaged.
    #[error("it is damaged, or no Parquet: {reason}")]
    Parquet {
        /// What the decoder says.
        reason: String,
    },
    /// It is Parquet of another shape.
    #[error("it is Parquet, but its column {column} is missing or of another type than a baseline's")]
    Column {
        /// Which.
        column: &'static str,
    },
    /// Nothing in it says of which workloads it is.
    #[error("it is Parquet, but no whole baseline: another program wrote it, or wrote it anew")]
    Lines,
}

impl Error {
    fn parquet(error: impl std::fmt::Display) -> Self {
        Self::Parquet { reason: error.to_string() }
    }
}
