//! What the tests are made of.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anomaly_baseline::{Access, Day, DaySet, Elsewhere, Revision, RowState, StoredRow, WorkloadRecord};
use anomaly_exchange::Portion;
use anomaly_vectorizer::{Arguments, Embedder, Embedding, Execution, Hashed, Kind, Seen};
use parking_lot::Mutex;
use proptest::prelude::*;

use crate::local::Local;

pub(crate) fn row(name: &str) -> StoredRow {
    let execution = Execution {
        name: name.into(),
        parent: "sh".into(),
        grandparent: "nginx".into(),
        uid: 33,
        kind: Kind::Exec,
        arguments: Arguments::new([name, "--flag"]),
    };
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    StoredRow {
        key: embedding.key,
        features: embedding.features.clone(),
        vector: Vec::new(),
        execution,
        seen: Seen::default(),
        count: 1,
        first_seen: 1_000_000,
        last_seen: 2_000_000,
        first_day: 1_000,
        days: DaySet::of(1_000),
        distance: 0.25,
        state: RowState::Active,
    }
}

pub(crate) fn portion(workload: &str, rows: Vec<StoredRow>) -> Portion {
    let record = WorkloadRecord {
        executions: 9,
        first_seen: 5,
        last_seen: 6,
        first_day: 1_000,
        learned_at: Some(8),
        days: DaySet::of(1_000),
        ..WorkloadRecord::default()
    };
    Portion { workload: workload.into(), record, rows }
}

/// What some machine may know of a workload on the day 1,000.
pub(crate) fn any_portion() -> impl Strategy<Value = Portion> {
    let row = (0..6usize, 0..4u8, 1..1_000u64, 900..1_100i32, any::<u64>(), 0..16u32, 0f32..=1.0).prop_map(
        |(name, state, count, last, bits, seen, distance)| StoredRow {
            state: RowState::from_u8(state).expect("one of four"),
            count,
            days: DaySet { last, bits: bits | 1 },
            seen: Seen::from_bits([seen & 3, seen >> 2, 0, 0]),
            distance,
            ..row(["a", "b", "c", "d", "e", "f"][name])
        },
    );
    (proptest::collection::vec(row, 0..8), proptest::option::of(0..100i64)).prop_map(
        |(mut rows, learned_at)| {
            rows.sort_by_key(|row| row.key);
            rows.dedup_by_key(|row| row.key);
            let portion = portion("web", rows);
            Portion { record: WorkloadRecord { learned_at, ..portion.record.clone() }, ..portion }
        },
    )
}

/// The baselines of a machine that is none.
#[derive(Debug)]
pub(crate) struct Fake {
    /// On which everything happens.
    pub(crate) day: Day,
    pub(crate) own: Mutex<BTreeMap<String, (Revision, Portion)>>,
    pub(crate) elsewhere: Mutex<BTreeMap<String, Elsewhere>>,
    pub(crate) announced: Mutex<HashSet<Arc<str>>>,
    pub(crate) wanted: Mutex<Vec<Arc<str>>>,
    pub(crate) notices: Mutex<Vec<String>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            day: 1_000,
            own: Mutex::default(),
            elsewhere: Mutex::default(),
            announced: Mutex::default(),
            wanted: Mutex::default(),
            notices: Mutex::default(),
        }
    }
}

impl Fake {
    /// A program runs.
    pub(crate) fn see(&self, workload: &str, name: &str) {
        self.change(workload, name, |_| {});
    }

    /// A person decides.
    pub(crate) fn set(&self, workload: &str, name: &str, state: RowState) {
        self.change(workload, name, |row| row.state = state);
    }

    /// Everything of a workload is forgotten.
    pub(crate) fn lose(&self, workload: &str) {
        if let Some((revision, portion)) = self.own.lock().get_mut(workload) {
            revision.rows += 1;
            portion.rows.clear();
        }
    }

    fn change(&self, workload: &str, name: &str, change: impl FnOnce(&mut StoredRow)) {
        let mut own = self.own.lock();
        let (revision, known) =
            own.entry(workload.into()).or_insert_with(|| (Revision::default(), portion(workload, vec![])));
        known.record.executions += 1;
        match known.rows.iter_mut().find(|row| row.execution.name == name) {
            Some(row) => {
                row.count += 1;
                let before = row.state;
                change(row);
                revision.counts += 1;
                revision.rows += u64::from(row.state != before);
            }
            None => {
                let mut new = StoredRow { days: DaySet::of(self.day), ..row(name) };
                change(&mut new);
                known.rows.push(new);
                revision.rows += 1;
            }
        }
    }

    /// State and count of what is known of a workload, here or elsewhere, by name.
    pub(crate) fn view(&self, workload: &str) -> BTreeMap<String, (RowState, u64)> {
        let own = self.own.lock().get(workload).map(|(_, portion)| portion.rows.clone()).unwrap_or_default();
        let others = self.elsewhere.lock().get(workload).map(|known| known.rows.clone()).unwrap_or_default();
        let mut view = BTreeMap::new();
        for row in own.into_iter().chain(others) {
            let known = view.entry(row.execution.name.clone()).or_insert((row.state, 0));
            *known = (known.0.stricter(row.state), known.1 + row.count);
        }
        view
    }
}

impl Local for Fake {
    fn access(&self) -> Option<Access> {
        Some(Access::Writer)
    }

    fn embedder(&self) -> Arc<dyn Embedder> {
        Arc::new(Hashed::default())
    }

    fn workloads(&self) -> Vec<(Arc<str>, Revision)> {
        let own = self.own.lock();
        own.iter().map(|(name, (revision, _))| (name.as_str().into(), *revision)).collect()
    }

    fn own(&self, workload: &str) -> Option<Portion> {
        let own = self.own.lock();
        own.get(workload).map(|(_, portion)| portion.clone()).filter(|portion| !portion.rows.is_empty())
    }

    fn known_elsewhere(&self, workloads: HashSet<Arc<str>>) {
        *self.announced.lock() = workloads;
    }

    fn wanted(&self, timeout: Duration) -> Vec<Arc<str>> {
        std::thread::sleep(timeout.min(Duration::from_millis(5)));
        std::mem::take(&mut self.wanted.lock())
    }

    fn take_elsewhere(&self, workload: &str, elsewhere: Elsewhere) {
        self.elsewhere.lock().insert(workload.into(), elsewhere);
    }

    fn notice(&self, text: &str) {
        self.notices.lock().push(text.into());
    }
}
