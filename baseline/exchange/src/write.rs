//! Writing a baseline.

use std::io::{self, Write};

use anomaly_baseline::{StoredRow, json, key_without_surroundings};
use anomaly_vectorizer::{Embedder, Embedding};

use crate::{
    Portion,
    line::{End, FORMAT, Header, Line, Moment, Row, Workload},
};

/// Writes workloads one after the other.
pub struct Writer<'a, W> {
    out: W,
    embedder: &'a dyn Embedder,
    embedding: Embedding,
    workloads: u64,
    rows: u64,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`, as everywhere here.
    pub fn new(out: W, embedder: &'a dyn Embedder) -> io::Result<Self> {
        let mut writer = Self { out, embedder, embedding: Embedding::default(), workloads: 0, rows: 0 };
        let space = embedder.space();
        writer.line(&Line::Baseline(Header {
            format: FORMAT,
            scheme: space.scheme.into(),
            feature_version: space.version,
        }))?;
        Ok(writer)
    }

    /// Writes a workload, its rows sorted.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, portion: &Portion) -> io::Result<()> {
        let Portion { workload, record, rows } = portion;
        self.line(&Line::Workload(Workload::of(workload, record)))?;
        let mut sorted: Vec<_> = rows.iter().collect();
        sorted.sort_by_cached_key(|row| order(row));
        for row in sorted {
            self.row(workload, row)?;
        }
        self.workloads += 1;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let Self { workloads, rows, .. } = self;
        self.line(&Line::End(End { workloads, rows }))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn row(&mut self, workload: &str, row: &StoredRow) -> io::Result<()> {
        let StoredRow { key, execution, seen, count, first_seen, last_seen, first_day, .. } = row;
        self.embedder.embed(execution, &mut self.embedding);
        let for_context =
            *key != self.embedding.key && key_without_surroundings(*key, *seen) == self.embedding.key;
        self.rows += 1;
        self.line(&Line::Row(Row {
            workload: workload.into(),
            kind: execution.kind.as_str().into(),
            state: row.state.into(),
            name: execution.name.as_str().into(),
            parent: execution.parent.as_str().into(),
            grandparent: execution.grandparent.as_str().into(),
            uid: execution.uid,
            args: execution.arguments.iter().map(Into::into).collect(),
            context: seen.words().map(Into::into).collect(),
            for_context,
            count: *count,
            first_seen: Moment::of(*first_seen),
            last_seen: Moment::of(*last_seen),
            first_day: *first_day,
            days: row.days.iter().collect(),
            distance: row.distance,
        }))
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        json::write(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

/// Rows lie beside those that a person would look for beside them.
fn order(row: &StoredRow) -> (&'static str, String, String, String, String, u32, u128) {
    let execution = &row.execution;
    (
        execution.kind.as_str(),
        execution.name.clone(),
        execution.arguments.text().to_owned(),
        execution.parent.clone(),
        execution.grandparent.clone(),
        execution.uid,
        row.key,
    )
}
