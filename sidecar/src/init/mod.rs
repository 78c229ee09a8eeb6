//! `anomalyctl init`: makes the database, and teaches it what runs now.
//!
//! The same that the daemon does when it starts, without going on: what is there already is neither lost nor learned
//! twice.

mod arguments;

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use anomaly_baseline::text::printable;
use anomaly_baseline::{Engine, Sighting, Standing, Teach, WorkloadStatus, utc_day};
use anomaly_capture::workload::{PATIENCE, Resolution, Workloads};
use anomaly_capture::{HostRoot, Observation, running};
use anomaly_config::Config;
use anomaly_vectorizer::Context;
use serde_json::json;

pub(crate) use arguments::{Arguments, EXAMPLES};

use crate::failure::{Failure, say};
use crate::feedback;
use crate::feedback::table::{print, print_json};
use crate::place::{Database, Which};
use crate::table::Table;
use crate::terminal;
use crate::watch::baseline::before;
use crate::watch::progress::missing;
use crate::words::{count, thousands};

/// How long the database may take to be loaded, and for its last rows.
const LOADING: Duration = Duration::from_secs(120);
const CLOSING: Duration = Duration::from_secs(30);

/// How long what is known of a workload may take to be read back into memory.
const WAKING: Duration = Duration::from_secs(5);

/// How often those are asked for again whose container is not known yet.
const RETRY: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { which, workload, json: _ } = arguments;
    let Database { place, mut config, file } = which.database()?;
    let next = next(arguments, &config, file.as_deref());
    config.agent.workload = workload.clone().unwrap_or(config.agent.workload);
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
    if arguments.json {
        return print_json(&report(&directory, &place.org, seen, learned, &workloads));
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
    next.iter().for_each(|line| say(line));
    Ok(())
}

/// What to do next. What flags said alone is forgotten with this command, so the lines are told by which the daemon learns
/// in the same place.
fn next(arguments: &Arguments, config: &Config, file: Option<&Path>) -> Vec<String> {
    let Arguments { which: Which { data, org, .. }, workload, .. } = arguments;
    let org = org.as_ref().filter(|org| **org != config.agent.org).map(|org| ("org", json!(org)));
    let workload = workload.as_ref().filter(|workload| **workload != config.agent.workload);
    let workload = workload.map(|workload| ("workload", json!(workload.to_string())));
    let path = data.as_ref().filter(|data| config.storage.path.as_ref() != Some(data));
    let path = path.map(|path| ("path", json!(std::path::absolute(path).unwrap_or_else(|_| path.clone()))));
    let section = |name: &str, keys: Vec<(&str, serde_json::Value)>| {
        let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        (!keys.is_empty()).then(|| format!("    {name}: {{{}}}", keys.join(", ")))
    };
    let lines: Vec<_> = [
        section("agent", org.into_iter().chain(workload).collect()),
        section("storage", path.into_iter().collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let given = file.map(|file| format!(" --config {}", printable(&file.display().to_string(), 500)));
    if lines.is_empty() {
        let given = given.unwrap_or_default();
        return vec![format!("next: anomalyctl validate{given}, then anomalyctl run{given}")];
    }
    let (into, given) = match given {
        Some(given) => (String::new(), given),
        None => (
            " of `anomalyctl config init --out anomaly.yaml`".to_owned(),
            " --config anomaly.yaml".to_owned(),
        ),
    };
    [format!("next: write into the configuration{into}, so that the daemon learns in the same place")]
        .into_iter()
        .chain(lines)
        .chain([format!("then: anomalyctl validate{given}, anomalyctl run{given}")])
        .collect()
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
