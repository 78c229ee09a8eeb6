//! `anomalyctl init`: makes the database, and teaches it what runs now.
//!
//! The same that the daemon does when it starts, without going on: what is there already is neither lost nor learned
//! twice.

mod arguments;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anomaly_baseline::text::printable;
use anomaly_baseline::{Engine, Sighting, Standing, Teach, WorkloadStatus, utc_day};
use anomaly_capture::workload::{PATIENCE, Resolution, Workloads};
use anomaly_capture::{HostRoot, Observation, running};
use anomaly_vectorizer::Context;
use serde_json::json;

pub(crate) use arguments::{Arguments, EXAMPLES};

use crate::failure::{Failure, say};
use crate::feedback::table::{print, print_json};
use crate::place::Place;
use crate::table::Table;
use crate::terminal;
use crate::watch::baseline::before;
use crate::watch::progress::missing;
use crate::words::{count, thousands};
use crate::{config, feedback};

/// How long the database may take to be loaded, and for its last rows.
const LOADING: Duration = Duration::from_secs(120);
const CLOSING: Duration = Duration::from_secs(30);

/// How long what is known of a workload may take to be read back into memory.
const WAKING: Duration = Duration::from_secs(5);

/// How often those are asked for again whose container is not known yet.
const RETRY: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut config = config::load(arguments.config.as_deref())?;
    let Arguments { config: file, org, workload, data, json: _ } = arguments;
    config.agent.org = org.clone().unwrap_or(config.agent.org);
    config.agent.workload = workload.clone().unwrap_or(config.agent.workload);
    config.storage.path = data.clone().or(config.storage.path);

    let place = Place { data: config.storage.path.clone(), org: config.agent.org.clone() };
    let store = place.write(true)?;
    let directory = store.path().display().to_string();
    let engine = before(store, config.settings())?;
    for notice in engine.wait_loaded(LOADING)?.notices {
        say(&notice);
    }
    let rows_before = rows(&engine);
    let root = HostRoot::from_env();
    let workloads = Workloads::new(root.clone(), config.agent.workload.clone());
    let seen = teach(&engine, running(&root, &config.scrubber())?, workloads);
    let workloads = engine.status();
    let learned = rows(&engine).saturating_sub(rows_before);
    for notice in engine.notices() {
        say(&notice);
    }
    engine.close(CLOSING)?;
    let next = match file {
        Some(file) => format!("anomalyctl run --config {}", printable(&file.display().to_string(), 500)),
        None => "anomalyctl run".to_owned(),
    };
    if arguments.json {
        return print_json(&report(&directory, &config.agent.org, seen, learned, &workloads));
    }
    let mut table = Table::new(&["WORKLOAD", "STATE", ">KNOWN", ">SEEN"]);
    for status in &workloads {
        let (state, waits) = match &status.learning {
            Some(progress) => ("learning", vec![format!("no scores yet: {}", missing(progress))]),
            None => ("settled", Vec::new()),
        };
        let name = feedback::table::workload(&status.workload);
        table.row(
            vec![name, state.to_owned(), thousands(status.rows as u64), thousands(status.executions)],
            waits,
        );
    }
    if !workloads.is_empty() {
        print(&table.text(terminal::width(&std::io::stdout())))?;
    }
    say(&format!(
        "{}: {} looked at, {} learned anew",
        directory,
        count(seen, "program"),
        count(learned as u64, "distinct execution"),
    ));
    say(&format!("next: anomalyctl validate, then {next}"));
    Ok(())
}

/// Distinct executions that are learned.
fn rows(engine: &Engine) -> usize {
    engine.status().iter().map(|status| status.rows).sum()
}

/// Teaches what runs now, each in its workload. Containers that their runtime has not written down yet are waited for.
fn teach(engine: &Engine, programs: impl Iterator<Item = Observation>, mut workloads: Workloads) -> u64 {
    let mut waiting: VecDeque<Observation> = VecDeque::new();
    let mut seen = 0;
    let mut learn = |observation: &Observation, workload: &str| {
        let sighting = Sighting {
            workload,
            execution: &observation.execution,
            context: Context::of(&observation.surroundings),
            time: observation.time,
            day: utc_day(observation.time),
            teach: Teach::Seed,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
        };
        if engine.observe_patiently(&sighting, WAKING).standing == Standing::Waking {
            say(&format!("what is known of {workload} could not be read in time; run this again"));
        }
        seen += 1;
    };
    for observation in programs {
        match workloads.resolve(&observation.cgroup, Instant::now()) {
            Resolution::Known(workload) => learn(&observation, &workload),
            Resolution::Pending => waiting.push_back(observation),
        }
    }
    let began = Instant::now();
    while let Some(observation) = waiting.pop_front() {
        let now = Instant::now();
        match workloads.resolve(&observation.cgroup, now) {
            Resolution::Known(workload) => learn(&observation, &workload),
            Resolution::Pending if began.elapsed() >= PATIENCE => {
                let workload = workloads.give_up(&observation.cgroup, now);
                learn(&observation, &workload);
            }
            Resolution::Pending => {
                waiting.push_back(observation);
                std::thread::sleep(RETRY);
            }
        }
    }
    seen
}

fn report(
    directory: &str,
    org: &str,
    seen: u64,
    learned: usize,
    workloads: &[WorkloadStatus],
) -> serde_json::Value {
    let workloads: Vec<_> = workloads
        .iter()
        .map(|status| {
            json!({
                "workload": &*status.workload,
                "learning": status.learning.is_some(),
                "known": status.rows,
                "executions": status.executions,
            })
        })
        .collect();
    json!({ "database": directory, "org": org, "programs": seen, "learned": learned, "workloads": workloads })
}
