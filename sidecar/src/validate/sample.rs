//! What is looked at: the latest rows of the database, else what runs now.

use std::collections::HashSet;
use std::time::Duration;

use anomaly_baseline::{
    Engine, Method, RowState, Settings, Sighting, Store, Teach, Timestamp, WorkloadStatus, utc_day,
};
use anomaly_capture::{HostRoot, running};
use anomaly_config::Config;
use anomaly_lance::LanceStore;
use anomaly_vectorizer::{Context, Embedder, Embedding, Execution, Feature, Hashed};

use crate::failure::{Failure, say};
use crate::place::Place;
use crate::watch::baseline::before;
use crate::words::{count, thousands};

/// How long loading may take.
const LOADING: Duration = Duration::from_secs(120);

/// The workload of what runs now: it is a sample, whosever it is.
const RUNNING: &str = "running";

/// One learned execution.
pub(super) struct Learned {
    pub(super) workload: String,
    pub(super) execution: Execution,
    /// As it lies in the database; of what runs now, as it would.
    pub(super) vector: Vec<f32>,
    pub(super) last_seen: Timestamp,
}

/// What is looked at, and the engine that knows it.
pub(super) struct Sample {
    pub(super) rows: Vec<Learned>,
    pub(super) engine: Engine,
    /// The database; `None` where what runs now is the sample.
    store: Option<LanceStore>,
    /// Learned executions of the workloads, in all.
    known: u64,
}

impl Sample {
    /// Takes at most `size` of the latest.
    pub(super) fn take(
        place: &Place,
        config: &Config,
        root: &HostRoot,
        size: usize,
    ) -> Result<Self, Failure> {
        let there = place.directory()?.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if there {
            let mut store = place.read()?;
            let (rows, known) = latest(&mut store, size)?;
            if !rows.is_empty() {
                let settings = Settings { memory_budget: usize::MAX, ..config.settings() };
                let engine = before(place.read()?, settings)?;
                for notice in engine.wait_loaded(LOADING)?.notices {
                    say(&notice);
                }
                return Ok(Self { rows, engine, store: Some(store), known });
            }
        }
        Self::of_running(config, root, size)
    }

    fn of_running(config: &Config, root: &HostRoot, size: usize) -> Result<Self, Failure> {
        let engine =
            Engine::in_memory(config.settings(), std::sync::Arc::new(Hashed::default()), Method::default());
        let (mut rows, mut keys) = (Vec::new(), HashSet::new());
        for seen in running(root, &config.scrubber())? {
            let mut embedding = Embedding::default();
            Hashed::default().embed(&seen.execution, &mut embedding);
            if rows.len() == size || !keys.insert(embedding.key) {
                continue;
            }
            engine.observe(&sighting(RUNNING, &seen.execution, seen.time, Teach::Seed));
            rows.push(Learned {
                workload: RUNNING.to_owned(),
                execution: seen.execution,
                vector: embedding.vector.to_vec(),
                last_seen: seen.time,
            });
        }
        // Of what no row was made, nothing can be found.
        let learned: HashSet<Execution> =
            engine.rows(&|_, _, _| true).into_iter().map(|row| row.execution).collect();
        rows.retain(|row| learned.contains(&row.execution));
        let known = rows.len() as u64;
        Ok(Self { rows, engine, store: None, known })
    }

    /// What the sample is, in words.
    pub(super) fn told(&self) -> String {
        let rows = thousands(self.rows.len() as u64);
        match &self.store {
            Some(store) => format!(
                "the latest {rows} of {} in {}",
                count(self.known, "learned execution"),
                store.path().display()
            ),
            None => format!("{rows} programs that run now: there is no database with rows yet"),
        }
    }

    /// The features of every learned execution of a workload, sorted by hash.
    pub(super) fn features_of(&mut self, workload: &str) -> Result<Vec<Vec<Feature>>, Failure> {
        let Some(store) = &mut self.store else {
            let of = |row: &Learned| {
                let mut embedding = Embedding::default();
                Hashed::default().embed(&row.execution, &mut embedding);
                embedding.features
            };
            return Ok(self.rows.iter().map(of).collect());
        };
        let rows = store.load_rows(workload, &mut Vec::new())?.unwrap_or_default();
        let learned =
            rows.into_iter().filter(|row| row.state == RowState::Active && !row.execution.kind.is_act());
        Ok(learned.map(|row| row.features).collect())
    }

    /// The workloads of the sample with their sizes.
    pub(super) fn workloads(&self) -> Vec<WorkloadStatus> {
        let names: HashSet<&str> = self.rows.iter().map(|row| row.workload.as_str()).collect();
        let mut all = self.engine.status();
        all.retain(|status| names.contains(&*status.workload));
        all
    }
}

/// The latest learned executions of a database, and how many there are in all.
fn latest(store: &mut LanceStore, size: usize) -> Result<(Vec<Learned>, u64), Failure> {
    let (mut rows, mut known) = (Vec::<Learned>::new(), 0);
    let later_first = |rows: &mut Vec<Learned>| {
        rows.sort_by_key(|row| std::cmp::Reverse(row.last_seen));
        rows.truncate(size);
    };
    let notices = store.load(&mut |workload, _, read| {
        for row in read {
            if row.state != RowState::Active || row.execution.kind.is_act() {
                continue;
            }
            known += 1;
            let (execution, vector, last_seen) = (row.execution, row.vector, row.last_seen);
            rows.push(Learned { workload: workload.clone(), execution, vector, last_seen });
        }
        later_first(&mut rows);
    })?;
    notices.iter().for_each(|notice| say(notice));
    Ok((rows, known))
}

/// An execution as the engine is asked, of which nothing but itself is known.
pub(super) fn sighting<'a>(
    workload: &'a str,
    execution: &'a Execution,
    time: Timestamp,
    teach: Teach,
) -> Sighting<'a> {
    Sighting {
        workload,
        execution,
        context: Context::default(),
        time,
        day: utc_day(time),
        teach,
        pid: 0,
        ppid: 0,
    }
}
