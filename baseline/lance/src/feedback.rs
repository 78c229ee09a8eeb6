//! The log of what people decided: the one table that others than the writer write.
//!
//! Whoever decides appends and syncs, without the lock; LanceDB's commits sort out who was first. The writer reads the
//! log when its newest version is another one, settles what it applied by appending too, and keeps house: nobody else
//! ever compacts, prunes or repairs. A process that reads finds the log as it is.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, TryLockError},
    io,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, SystemTime},
};

use anomaly_baseline::{Feedback, FeedbackLog, Settled, StoreError};
use lancedb::Table;

use crate::{
    cause::Kind,
    durable::DurableTree,
    feedback_rows::{self, Entry},
    manifests::{self, Manifest},
    store::{Fault, LanceStore},
    table,
    write::with_retries,
};

/// The table's name, which no workload's table can have.
const NAME: &str = "feedback";

/// Decisions that wait to be applied, at most: a person does not make so many while nobody runs.
const MOST_WAITING: usize = 2_000;

/// Settled decisions that are remembered, at most.
const MOST_SETTLED: usize = 5_000;

/// How long settled decisions are remembered.
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);

/// Versions after which the table is compacted.
const COMPACT_AFTER: usize = 32;

/// Decisions named in one deletion.
const PER_DELETION: usize = 500;

/// How often a version is read anew: the writer may have pruned what was being read.
const ATTEMPTS: usize = 4;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How often the lock is tried that somebody has who makes the table: for ten seconds.
const LOCK_ATTEMPTS: usize = 200;

/// Versions that are tried before a damaged log is given up.
const VERSIONS_TRIED: usize = 16;

impl LanceStore {
    /// Writes decisions down, for whoever writes the database to take up. Needs no lock, but the right to write; when
    /// it returns `Ok`, they are on the disk. Texts are [bounded](Feedback::bounded).
    ///
    /// # Errors
    /// The directory cannot be written, its disk is full, its log is a newer release's or damaged, or thousands of
    /// decisions wait already.
    pub fn give(&mut self, decisions: Vec<Feedback>) -> Result<(), StoreError> {
        let workload = decisions.first().map(|feedback| feedback.workload.clone()).unwrap_or_default();
        self.give_all(decisions).map_err(|fault| fault.into_error("writing feedback", &workload))
    }

    fn give_all(&mut self, decisions: Vec<Feedback>) -> Result<(), Fault> {
        if let Some(log) = self.read_feedback(None)? {
            let waiting = log.entries.iter().filter(|feedback| feedback.settled.is_none()).count();
            if waiting + decisions.len() > MOST_WAITING {
                return Err(Fault::Other(format!(
                    "{waiting} decisions wait already; start whatever writes the database, which applies them"
                )));
            }
        }
        let given: Vec<_> = decisions.into_iter().map(|feedback| Entry::Given(feedback.bounded())).collect();
        self.append_feedback(&given)
    }

    /// The log, where its newest version is not the `known` one.
    pub(crate) fn read_feedback(&mut self, known: Option<u64>) -> Result<Option<FeedbackLog>, Fault> {
        let folder = self.folder(NAME);
        for attempt in 1.. {
            let versions = manifests::list(&folder)?;
            let version = versions.first().map_or(0, |manifest| manifest.version);
            if known == Some(version) {
                return Ok(None);
            }
            if version == 0 {
                return Ok(Some(FeedbackLog::default()));
            }
            let fault = match self.read_version(None) {
                Ok(entries) => return Ok(Some(FeedbackLog { version, entries })),
                Err(fault) => fault,
            };
            let damaged = !matches!(fault.kind(), Kind::Circumstance | Kind::Full)
                && !matches!(fault, Fault::Refused(_));
            if damaged && self.directory.is_writer() {
                self.repair_feedback(&versions, &fault.sentence())?;
            } else if !damaged || attempt >= ATTEMPTS {
                return Err(fault);
            } else {
                thread::sleep(PAUSE);
            }
            if attempt > ATTEMPTS + VERSIONS_TRIED {
                return Err(fault);
            }
        }
        unreachable!("the loop returns")
    }

    /// Notes what came of decisions, and keeps house.
    pub(crate) fn settle_feedback(&mut self, settled: &[(u128, Settled)]) -> Result<(), Fault> {
        if !self.directory.is_writer() {
            return Err(Fault::Other("this process may not write the database".into()));
        }
        let entries: Vec<_> =
            settled.iter().map(|(id, settled)| Entry::Settled(*id, settled.clone())).collect();
        self.append_feedback(&entries)?;
        self.keep_feedback()
    }

    /// All decisions of a version, the newest where none is named, the oldest first.
    fn read_version(&self, version: Option<u64>) -> Result<Vec<Feedback>, Fault> {
        let batches = self.executor.run(async {
            match version {
                Some(version) => {
                    let dataset = table::version(&self.folder(NAME), version).await?;
                    self.check_version(&dataset)?;
                    Ok::<_, Fault>(table::batches(&dataset).await?)
                }
                None => {
                    let dataset = table::newest(&self.connection, NAME).await?;
                    self.check_version(&dataset)?;
                    Ok(table::batches(&dataset).await?)
                }
            }
        })??;
        let mut given = Vec::new();
        let mut settled = HashMap::new();
        for batch in &batches {
            // A row that is not as it was written is as good as none; the others are as they were.
            let (entries, damaged) = feedback_rows::decode(&self.org, batch).map_err(Fault::Other)?;
            self.counters.damaged_rows.fetch_add(damaged, Relaxed);
            for entry in entries {
                match entry {
                    Entry::Given(feedback) => given.push(feedback),
                    Entry::Settled(id, outcome) => drop(settled.insert(id, outcome)),
                    Entry::Unknown => {}
                }
            }
        }
        given.sort_by_key(|feedback| (feedback.time, feedback.id));
        given.dedup_by_key(|feedback| feedback.id);
        for feedback in &mut given {
            feedback.settled = settled.remove(&feedback.id);
        }
        Ok(given)
    }

    fn check_version(&self, dataset: &lance::Dataset) -> Result<(), Fault> {
        let metadata = arrow::datatypes::Schema::from(dataset.schema()).metadata;
        let found = metadata.get(feedback_rows::VERSION_KEY).and_then(|version| version.parse().ok());
        let known = feedback_rows::VERSION;
        match found {
            Some(found) if found > known => {
                let path = self.directory.root.clone();
                Err(StoreError::Newer { path, what: "feedback version", found, known }.into())
            }
            Some(_) => Ok(()),
            None => Err(Fault::Other("its log of feedback is not ours".into())),
        }
    }

    fn append_feedback(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        let batch = feedback_rows::encode(&self.org, entries)
            .map_err(|error| Fault::Other(format!("it cannot be encoded: {error}")))?;
        let folder = self.folder(NAME);
        if manifests::list(&folder)?.is_empty() {
            // Of two that make a table at once LanceDB lets the second replace the first one's, rows and all.
            let _alone = self.alone()?;
            if manifests::list(&folder)?.is_empty() {
                self.executor.run(table::create(&self.connection, NAME, vec![batch], false))??;
                return self.sync_feedback();
            }
        }
        self.on_feedback(async |table| table::append(table, batch.clone()).await)?;
        self.sync_feedback()
    }

    /// Keeps every other process from making the table while it lives: a lock on the folder of all tables.
    fn alone(&self) -> Result<File, Fault> {
        let folder = File::open(self.directory.tables())?;
        for _ in 0..LOCK_ATTEMPTS {
            match folder.try_lock() {
                Ok(()) => return Ok(folder),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        Err(Fault::Other("another process is making its log of feedback and does not come to an end".into()))
    }

    /// Does something to the newest version, again after a conflict with another process.
    fn on_feedback<T>(
        &mut self,
        mut operation: impl AsyncFnMut(&Table) -> lancedb::Result<T>,
    ) -> Result<T, Fault> {
        let Self { executor, connection, counters, .. } = self;
        Ok(executor.run(async {
            let table = table::open(connection, NAME).await?;
            let refresh = async || table.checkout_latest().await;
            with_retries(counters, refresh, async || operation(&table).await).await
        })??)
    }

    /// Gets the log onto the disk. What others are writing or pruning meanwhile may come and go.
    fn sync_feedback(&mut self) -> Result<(), Fault> {
        let mut attempt = 1;
        loop {
            match DurableTree::new(self.folder(NAME)).sync(&mut self.on_sync) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
                result => return Ok(result.map(drop)?),
            }
        }
    }

    /// Forgets old decisions, and compacts and prunes the log when it has many versions.
    fn keep_feedback(&mut self) -> Result<(), Fault> {
        let versions = manifests::list(&self.folder(NAME))?;
        if versions.len() < COMPACT_AFTER {
            return Ok(());
        }
        let old = forgettable(&self.read_version(None)?, SystemTime::now());
        for ids in old.chunks(PER_DELETION) {
            let ids: Vec<_> = ids.iter().map(|id| format!("X'{id:032x}'")).collect();
            let condition = format!("id IN ({})", ids.join(", "));
            self.on_feedback(async |table| table.delete(&condition).await)?;
        }
        self.on_feedback(async |table| table::compact(table, !old.is_empty()).await)?;
        self.sync_feedback()?;
        let versions = manifests::list(&self.folder(NAME))?;
        let ages: Vec<_> = versions.iter().map(|manifest| manifests::age(manifest.written)).collect();
        // An hour's worth and the last few stay, for those that are in the middle of an append.
        let kept = versions.len() - self.schedule.prunable(&ages).min(versions.len());
        let pruned: HashSet<_> = versions.iter().skip(kept).map(|manifest| manifest.version).collect();
        if !pruned.is_empty() {
            self.on_feedback(async |table| table::prune(table, pruned.clone(), false).await)?;
        }
        Ok(())
    }

    /// Makes the newest version that can be read the newest; where there is none, begins a new log. What would not do is
    /// moved to the quarantine.
    fn repair_feedback(&mut self, versions: &[Manifest], cause: &str) -> Result<(), Fault> {
        let readable = (1..versions.len().min(VERSIONS_TRIED))
            .find(|&index| self.read_version(Some(versions[index].version)).is_ok());
        let quarantine = self.directory.quarantine(NAME)?;
        let said = match readable {
            Some(index) => {
                manifests::set_aside(&self.folder(NAME), &versions[..index], &versions[index], &quarantine)?;
                "the version before is used"
            }
            None => {
                std::fs::rename(self.folder(NAME), quarantine.join(format!("{NAME}.lance")))?;
                "a new one is begun"
            }
        };
        self.notices.push(format!(
            "the log of what people decided is damaged ({cause}); {said}, and the damaged files are in {}",
            quarantine.display()
        ));
        self.reconnect()
    }
}

/// The ids of settled decisions that are too old or too many.
fn forgettable(entries: &[Feedback], now: SystemTime) -> Vec<u128> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let oldest = now.saturating_sub(REMEMBERED).as_micros();
    let settled = entries.iter().rev().filter(|feedback| feedback.settled.is_some());
    let old = |feedback: &Feedback| u128::try_from(feedback.time).is_ok_and(|time| time < oldest);
    settled
        .enumerate()
        .filter(|(index, feedback)| *index >= MOST_SETTLED || old(feedback))
        .map(|(_, feedback)| feedback.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use anomaly_baseline::Action;

    use super::*;

    fn feedback(id: u128, time: i64, settled: bool) -> Feedback {
        Feedback {
            id,
            time,
            who: String::new(),
            uid: 0,
            why: String::new(),
            action: Action::Deny,
            workload: "web".into(),
            asked: String::new(),
            keys: Vec::new(),
            window: Duration::ZERO,
            settled: settled.then(|| Settled { time, outcome: String::new() }),
        }
    }

    #[test]
    fn what_is_settled_is_forgotten_by_age_and_number_and_what_waits_never() {
        let now = SystemTime::UNIX_EPOCH + 2 * REMEMBERED;
        let day = 86_400_000_000;
        let (old, young) = (399 * day, 401 * day);
        let few = [feedback(1, old, true), feedback(2, old, false), feedback(3, young, true)];
        assert_eq!(forgettable(&few, now), [1]);
        let many: Vec<_> = (0..MOST_SETTLED as u128 + 2).map(|id| feedback(id, young, true)).collect();
        assert_eq!(forgettable(&many, now), [1, 0], "the oldest go");
    }
}
