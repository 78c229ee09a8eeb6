//! A store in memory, for tests of the engine before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use anomaly_baseline::{
    Access, Engine, FeedbackLog, Method, Part, Settings, Settled, Store, StoreError, StoredRow,
    WorkloadRecord,
};
use anomaly_vectorizer::Hashed;
use parking_lot::Mutex;

/// A database in memory with a log of feedback, which can fail in several ways and die between any two steps.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) tables: Arc<Mutex<BTreeMap<String, Table>>>,
    pub(crate) log: Arc<Mutex<FeedbackLog>>,
    pub(crate) settlings: Arc<Mutex<Vec<u128>>>,
    /// Whether nothing can be saved.
    pub(crate) full: Arc<AtomicBool>,
    /// Whether rows cannot be read back.
    pub(crate) unreadable: Arc<AtomicBool>,
    /// Whether nothing can be settled.
    pub(crate) unsettling: Arc<AtomicBool>,
    pub(crate) reader: Arc<AtomicBool>,
    /// Whether saving takes longer than an execution takes to come.
    pub(crate) slow: Arc<AtomicBool>,
    /// Whether saving does not end.
    pub(crate) stuck: Arc<AtomicBool>,
}

type Table = (WorkloadRecord, BTreeMap<u128, StoredRow>);

impl Memory {
    /// An engine that has loaded what is here.
    pub(crate) fn engine(&self, settings: Settings) -> Engine {
        let store = Box::new(self.clone());
        let engine = Engine::with_store(settings, Arc::new(Hashed::default()), Method::default(), store);
        let engine = engine.expect("a thread");
        engine.wait_loaded(Duration::from_secs(5)).expect("it loads");
        engine
    }

    /// Every row of every workload.
    pub(crate) fn rows(&self) -> Vec<StoredRow> {
        self.tables.lock().values().flat_map(|(_, rows)| rows.values().cloned()).collect()
    }
}

fn unless(failing: &AtomicBool) -> Result<(), StoreError> {
    if failing.load(SeqCst) {
        let (operation, workload, cause) = ("saving", "host".into(), "no space left".into());
        return Err(StoreError::Failed { operation, workload, cause });
    }
    Ok(())
}

/// Hands a table over, as a store does: now and then it begins again.
fn parts((record, rows): Table, each: &mut dyn FnMut(Part)) {
    each(Part::Begin);
    let rows: Vec<_> = rows.into_values().collect();
    each(Part::Rows(rows.iter().take(3).cloned().collect()));
    each(Part::Begin);
    rows.chunks(97).for_each(|rows| each(Part::Rows(rows.to_vec())));
    each(Part::End(record));
}

impl Store for Memory {
    fn access(&mut self) -> Access {
        if self.reader.load(SeqCst) { Access::Reader } else { Access::Writer }
    }

    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        for (name, table) in self.tables.lock().clone() {
            parts(table, &mut |part| each(&name, part));
        }
        Ok(Vec::new())
    }

    fn stream_rows(
        &mut self,
        workload: &str,
        each: &mut dyn FnMut(Part),
        _: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        unless(&self.unreadable)?;
        let table = self.tables.lock().get(workload).cloned();
        let found = table.is_some();
        if let Some(table) = table {
            parts(table, each);
        }
        Ok(found)
    }

    fn save(
        &mut self,
        workload: &str,
        record: &WorkloadRecord,
        rows: &[StoredRow],
    ) -> Result<(), StoreError> {
        while self.stuck.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        unless(&self.full)?;
        if self.slow.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut tables = self.tables.lock();
        let table = tables.entry(workload.into()).or_default();
        table.0 = record.clone();
        table.1.extend(rows.iter().map(|row| (row.key, row.clone())));
        Ok(())
    }

    fn delete(
        &mut self,
        workload: &str,
        keys: &[(anomaly_vectorizer::Kind, u128)],
    ) -> Result<(), StoreError> {
        unless(&self.full)?;
        if let Some(table) = self.tables.lock().get_mut(workload) {
            keys.iter().for_each(|(_, key)| drop(table.1.remove(key)));
        }
        Ok(())
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn feedback(&mut self, known: Option<u64>) -> Result<Option<FeedbackLog>, StoreError> {
        let log = self.log.lock();
        Ok((known != Some(log.version)).then(|| log.clone()))
    }

    fn settle(&mut self, settled: &[(u128, Settled)]) -> Result<(), StoreError> {
        unless(&self.unsettling)?;
        let mut log = self.log.lock();
        log.version += 1;
        for (id, outcome) in settled {
            self.settlings.lock().push(*id);
            let entry = log.entries.iter_mut().find(|feedback| feedback.id == *id).expect("it was given");
            assert_eq!(entry.settled, None, "settled twice");
            entry.settled = Some(outcome.clone());
        }
        Ok(())
    }
}
