//! An importer in a process of its own, which can be killed.
//!
//! It brings in one version of three workloads after the other without end, each workload in one commit as
//! `baseline import --replace` does: its rows, then what it deletes. A version is told by the counts of its rows, so that
//! half an import would show as two counts in one workload.

use std::{collections::BTreeMap, collections::BTreeSet, path::Path};

use anomaly_baseline::{Store, StoredRow};

use crate::{
    common::*,
    helper::{Child, acknowledge, open_as_writer},
};

/// Rows of one workload.
const ROWS: u64 = 200;

/// In so many rows two versions differ at most.
const OTHERS: u64 = 7;

const WORKLOADS: [&str; 3] = ["cache", "shop", "web"];

/// A running importer.
pub(crate) struct Importer(Child);

impl Importer {
    /// Starts one whose first version is `from`, and returns when it has brought in a workload.
    pub(crate) fn start(path: &Path, from: u64) -> Self {
        Self(Child::start("importer::importer_process", "", path, from))
    }

    pub(crate) fn wait_for(&mut self, workloads: u64) {
        self.0.wait_for(workloads);
    }

    /// SIGKILL. Returns what was acknowledged: three numbers a version, one for each workload.
    pub(crate) fn kill(self) -> Vec<u64> {
        self.0.kill()
    }
}

/// The version of each workload that must be there at least.
#[derive(Default)]
pub(crate) struct Imported {
    versions: BTreeMap<&'static str, u64>,
    pub(crate) workloads: usize,
}

impl Imported {
    pub(crate) fn add(&mut self, acknowledged: &[u64]) {
        for number in acknowledged {
            self.versions.insert(WORKLOADS[(number % 3) as usize], number / 3);
        }
        self.workloads += acknowledged.len();
    }

    pub(crate) fn rows(&self) -> usize {
        self.versions.len() * ROWS as usize
    }

    /// What is lost or torn, in words.
    pub(crate) fn lost(&self, loaded: &Loaded) -> Vec<String> {
        let mut lost = Vec::new();
        for (workload, version) in &self.versions {
            let rows = loaded.get(*workload).map(|(_, rows)| rows);
            let counts: BTreeSet<u64> =
                rows.into_iter().flat_map(|rows| rows.values()).map(|row| row.count).collect();
            // What the version before had alone may be there still: it is deleted after the new rows are in.
            let new = counts.last().copied();
            let is_tidy = |rows: &BTreeMap<_, _>| rows.len() as u64 <= ROWS + OTHERS;
            let complete = |count: u64| {
                rows.is_some_and(|rows| rows.values().filter(|row| row.count == count).count() as u64 == ROWS)
            };
            match new {
                Some(new) if new >= *version && complete(new) && rows.is_some_and(is_tidy) => {}
                _ => lost.push(format!("workload {workload}: counts {counts:?} instead of {version}")),
            }
        }
        lost
    }
}

/// Version after version has a few rows that the one before had not, and lacks as many.
fn version(number: u64) -> Vec<StoredRow> {
    let first = number % OTHERS;
    rows(first..first + ROWS).into_iter().map(|row| StoredRow { count: number, ..row }).collect()
}

#[test]
fn importer_process() {
    let Some((path, from)) = Child::told("importer::importer_process") else { return };
    let mut store = open_as_writer(&path);
    let mut there: BTreeMap<String, Vec<StoredRow>> = BTreeMap::new();
    store
        .load(&mut |workload, _, rows| {
            there.insert(workload, rows);
        })
        .expect("the store loads");
    for number in from.. {
        for (place, workload) in WORKLOADS.into_iter().enumerate() {
            let new = version(number);
            let kept: BTreeSet<_> = new.iter().map(|row| row.key).collect();
            let before = there.insert(workload.to_owned(), new.clone()).unwrap_or_default();
            let gone: Vec<_> = before
                .iter()
                .filter(|row| !kept.contains(&row.key))
                .map(|row| (row.execution.kind, row.key))
                .collect();
            store.save(workload, &record(number), &new).expect("it is saved");
            if !gone.is_empty() {
                store.delete(workload, &gone).expect("it is deleted");
            }
            acknowledge(number * 3 + place as u64);
        }
    }
}
