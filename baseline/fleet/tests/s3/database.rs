//! A database as small as one can be: an exported baseline in a file, written whole before it takes the old one's place.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anomaly_baseline::{Access, Part, Store, StoreError, StoredRow, WorkloadRecord};
use anomaly_exchange::{Portion, Reader, Writer};
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Hashed, Kind};

type Rows = BTreeMap<(Kind, u128), StoredRow>;

/// What a kill cannot take away.
pub(crate) struct Database {
    file: PathBuf,
    workloads: BTreeMap<String, (WorkloadRecord, Rows)>,
}

impl Database {
    pub(crate) fn open(folder: &Path) -> Self {
        let file = folder.join("baseline.jsonl");
        let mut workloads = BTreeMap::new();
        if let Ok(opened) = File::open(&file) {
            let embedder = Hashed::default();
            let reader = Reader::new(BufReader::new(opened), &embedder, Scrubber::default());
            for portion in reader.expect("it was written whole") {
                let Portion { workload, record, rows } = portion.expect("it was written whole");
                let rows = rows.into_iter().map(|row| ((row.execution.kind, row.key), row)).collect();
                workloads.insert(workload, (record, rows));
            }
        }
        Self { file, workloads }
    }

    fn write(&self) {
        let new = self.file.with_extension("new");
        let embedder = Hashed::default();
        let mut writer = Writer::new(File::create(&new).expect("a file"), &embedder).expect("a file");
        for (workload, (record, rows)) in &self.workloads {
            let rows = rows.values().cloned().collect();
            let portion = Portion { workload: workload.clone(), record: record.clone(), rows };
            writer.write(&portion).expect("a file");
        }
        writer.finish().expect("a file");
        fs::rename(new, &self.file).expect("the file system takes it");
    }
}

impl Store for Database {
    fn access(&mut self) -> Access {
        Access::Writer
    }

    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        for (workload, (record, rows)) in &self.workloads {
            each(workload, Part::Begin);
            each(workload, Part::Rows(rows.values().cloned().collect()));
            each(workload, Part::End(record.clone()));
        }
        Ok(Vec::new())
    }

    fn stream_rows(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
        _: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        let Some((_, rows)) = self.workloads.get(workload) else { return Ok(false) };
        each(Part::Begin);
        each(Part::Rows(rows.values().cloned().collect()));
        Ok(true)
    }

    fn save(
        &mut self,
        workload: &str,
        record: &WorkloadRecord,
        rows: &[StoredRow],
    ) -> Result<(), StoreError> {
        let known = self.workloads.entry(workload.to_owned()).or_default();
        known.0 = record.clone();
        known.1.extend(rows.iter().map(|row| ((row.execution.kind, row.key), row.clone())));
        self.write();
        Ok(())
    }

    fn delete(&mut self, workload: &str, keys: &[(Kind, u128)]) -> Result<(), StoreError> {
        if let Some((_, rows)) = self.workloads.get_mut(workload) {
            keys.iter().for_each(|key| drop(rows.remove(key)));
        }
        self.write();
        Ok(())
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
