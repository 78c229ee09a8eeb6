//! Giving a decision: written down first, then taken up by whoever writes the database, or by this command where nobody
//! does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anomaly_baseline::{Access, Action, Feedback, RowView, Store, StoreError};
use anomaly_config::Config;
use anomaly_lance::LanceStore;
use anomaly_vectorizer::Kind;
use serde::Serialize;

use super::arguments::{Decide, Learn, Manner};
use super::open::{self, now};
use super::select::{self, select};
use super::table;
use super::who::who;
use crate::asking::{not_saved, row_or_group};
use crate::failure::{Failure, say};
use crate::place::{Database, Place};
use crate::words::{count, list};
use anomaly_daemon::ids::Id;

/// How long a writer that is running is waited for. It looks every five seconds.
const PATIENCE: Duration = Duration::from_secs(12);

/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(100);

/// How long applying it here may take.
const APPLYING: Duration = Duration::from_secs(120);

/// Runs `approve`, `deny` and `forget`.
pub(super) fn decide(action: Action, arguments: &Decide) -> Result<(), Failure> {
    let Decide { wanted, which, workload, state, executions, manner } = arguments;
    let database = which.database()?;
    let view = database.open()?;
    let meant = wanted.iter().map(|wanted| {
        let Some(id) = row_or_group(wanted, &database.config)? else { return Ok(wanted.clone()) };
        let is_there = select::one(&view.engine, &id)?.is_some();
        if is_there { Ok(id) } else { Err(not_saved(wanted, &id)) }
    });
    let meant = meant.collect::<Result<Vec<_>, Failure>>()?;
    let rows = select(&view.engine, action, &meant, workload.as_ref(), *state)?;
    if let Some(shown) = executions.filter(|shown| *shown != rows.len()) {
        return Err(Failure::new(format!(
            "that would touch {} and not {shown}: it has changed since it was shown, and nothing is touched; look at \
             `anomalyctl held` again",
            count(rows.len() as u64, "execution"),
        )));
    }
    if rows.len() > Feedback::MAX_KEYS {
        return Err(Failure::new(format!(
            "that is {}, more than {} at a time; narrow the pattern or name a --workload",
            count(rows.len() as u64, "execution"),
            Feedback::MAX_KEYS,
        )));
    }
    drop(view.engine.close(APPLYING));
    // One decision a kind of act, because each kind is saved by itself and a decision is applied with what it changes.
    let mut by_kind: BTreeMap<(Arc<str>, Kind), Vec<&RowView>> = BTreeMap::new();
    for row in &rows {
        by_kind.entry((Arc::clone(&row.workload), row.execution.kind)).or_default().push(row);
    }
    let decisions = by_kind.into_iter().map(|((workload, _), rows)| {
        let keys = rows.iter().map(|row| row.key).collect();
        decision(action, &workload, &wanted.join(" "), keys, Duration::ZERO, manner)
    });
    let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
    let outcome = give(&database, decisions, manner)?;
    report(action, &rows, &[], &outcome, manner)
}

/// Runs `learn`.
pub(super) fn learn(arguments: &Learn) -> Result<(), Failure> {
    let Learn { workload, window, which, manner } = arguments;
    let database = which.database()?;
    let view = database.open()?;
    let all: Vec<_> = view.engine.status().into_iter().map(|status| status.workload).collect();
    drop(view.engine.close(APPLYING));
    let names: Vec<_> = all.iter().filter(|name| workload.matches(name)).cloned().collect();
    if names.is_empty() {
        let known = match &all[..] {
            [] => "none is known yet".to_owned(),
            all => format!("there are {}", list(all.iter().map(|name| name.as_ref()), 5)),
        };
        return Err(Failure::new(format!("no workload matches {workload}; {known}")));
    }
    let decisions = names
        .iter()
        .map(|name| decision(Action::Learn, name, workload.as_str(), Vec::new(), *window, manner));
    let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
    let outcome = give(&database, decisions, manner)?;
    report(Action::Learn, &[], &names, &outcome, manner)
}

fn decision(
    action: Action,
    workload: &str,
    asked: &str,
    keys: Vec<u128>,
    window: Duration,
    manner: &Manner,
) -> Result<Feedback, Failure> {
    let mut id = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut id))
        .map_err(|error| Failure::new(format!("cannot read /dev/urandom: {error}; mount /dev")))?;
    let (who, uid) = who();
    Ok(Feedback {
        id: u128::from_ne_bytes(id),
        time: now(),
        who,
        uid,
        why: manner.why.clone(),
        action,
        workload: workload.to_owned(),
        asked: asked.to_owned(),
        keys,
        window,
        settled: None,
    })
}

/// What became of decisions.
enum Outcome {
    /// Nothing was touched, because nothing was to be.
    DryRun,
    /// They are written down; nobody has taken them up yet.
    Recorded {
        /// Whether that was waited for.
        waited: bool,
    },
    /// They are applied, in words per workload.
    Applied(Vec<(String, String)>),
}

fn give(database: &Database, decisions: Vec<Feedback>, manner: &Manner) -> Result<Outcome, Failure> {
    if manner.dry_run {
        return Ok(Outcome::DryRun);
    }
    let mut store = write_down(&database.place, decisions.clone())?;
    if store.writer().is_none() {
        // Nobody would take it up before the next start, so it is done here, by the very code that would do it then.
        let writer = LanceStore::open(database.place.options()?);
        match writer.map(|mut store| (store.access(), store)) {
            Ok((Access::Writer, writer)) => apply(writer, &database.config)?,
            // Somebody else came first, or the directory cannot be locked: it is written down all the same.
            Ok((Access::Reader, _)) | Err(_) => {}
        }
    } else if manner.no_wait {
        return Ok(Outcome::Recorded { waited: false });
    }
    let outcomes = wait_for(&mut store, &decisions, PATIENCE)?;
    let settled = outcomes
        .into_iter()
        .zip(&decisions)
        .map(|(outcome, feedback)| outcome.map(|outcome| (feedback.workload.clone(), outcome)));
    Ok(settled.collect::<Option<_>>().map_or(Outcome::Recorded { waited: true }, Outcome::Applied))
}

/// Writes decisions down, and returns the database to look at what becomes of them.
pub(super) fn write_down(place: &Place, decisions: Vec<Feedback>) -> Result<LanceStore, Failure> {
    let mut store = place.read()?;
    store.give(decisions).map_err(explain)?;
    Ok(store)
}

/// What became of each decision, once all are settled or nobody waits any longer; `None` for what is only written down.
pub(super) fn wait_for(
    store: &mut LanceStore,
    decisions: &[Feedback],
    patience: Duration,
) -> Result<Vec<Option<String>>, Failure> {
    let deadline = Instant::now() + patience;
    let mut known = None;
    let mut outcomes = vec![None; decisions.len()];
    loop {
        if let Some(log) = store.feedback(known)? {
            known = Some(log.version);
            for (decision, outcome) in decisions.iter().zip(&mut outcomes) {
                let now = log.entries.iter().find(|entry| entry.id == decision.id);
                *outcome = now.and_then(|entry| Some(entry.settled.as_ref()?.outcome.clone()));
            }
        }
        if outcomes.iter().all(Option::is_some) || Instant::now() >= deadline {
            return Ok(outcomes);
        }
        thread::sleep(GLANCE);
    }
}

/// Takes everything up that waits, as a writer does when it starts.
fn apply(store: LanceStore, config: &Config) -> Result<(), Failure> {
    let engine = open::engine(store, config)?;
    engine.wait_loaded(APPLYING)?;
    Ok(engine.close(APPLYING)?)
}

fn explain(error: StoreError) -> Failure {
    let hint = match &error {
        StoreError::Failed { cause, .. }
            if cause.contains("ermission denied") || cause.contains("ead-only") =>
        {
            "; run as the user who owns the database"
        }
        _ => "",
    };
    Failure::new(format!("{error}{hint}"))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    action: &'a str,
    dry_run: bool,
    /// Whether it is in force already.
    applied: bool,
    executions: Vec<Touched<'a>>,
    workloads: Vec<Touching<'a>>,
}

#[derive(Serialize)]
struct Touched<'a> {
    id: String,
    workload: &'a str,
    state: &'static str,
    parent: &'a str,
    name: &'a str,
    uid: u32,
    command: String,
}

#[derive(Serialize)]
struct Touching<'a> {
    workload: &'a str,
    outcome: Option<&'a str>,
}

fn report(
    action: Action,
    rows: &[RowView],
    workloads: &[Arc<str>],
    outcome: &Outcome,
    manner: &Manner,
) -> Result<(), Failure> {
    if manner.json {
        let settled: &[(String, String)] =
            if let Outcome::Applied(settled) = outcome { settled } else { Default::default() };
        let mut names: Vec<&str> = rows.iter().map(|row| &*row.workload).collect();
        names.extend(workloads.iter().map(|name| &**name));
        names.dedup();
        let outcome_of =
            |name: &str| settled.iter().find(|(of, _)| of == name).map(|(_, outcome)| outcome.as_str());
        return table::print_json(&Report {
            action: action.as_str(),
            dry_run: manner.dry_run,
            applied: matches!(outcome, Outcome::Applied(_)),
            executions: rows.iter().map(Touched::of).collect(),
            workloads: names
                .iter()
                .map(|name| Touching { workload: name, outcome: outcome_of(name) })
                .collect(),
        });
    }
    table::print(&table::touched(rows))?;
    let what = match action {
        Action::Learn => count(workloads.len() as u64, "workload"),
        _ => count(rows.len() as u64, "execution"),
    };
    match outcome {
        Outcome::DryRun => say(&format!("{action} would touch {what}; nothing is changed (--dry-run)")),
        Outcome::Recorded { waited: false } => say(&format!("{action} of {what} is written down")),
        Outcome::Recorded { waited: true } => say(&format!(
            "{action} of {what} is written down; nobody has taken it up yet, and whoever writes the database will"
        )),
        Outcome::Applied(settled) => {
            settled.iter().for_each(|(workload, outcome)| say(&format!("workload {workload}: {outcome}")));
        }
    }
    Ok(())
}

impl<'a> Touched<'a> {
    fn of(row: &'a RowView) -> Self {
        Self {
            id: Id::of_row(row).full(),
            workload: &row.workload,
            state: row.state.as_str(),
            parent: &row.execution.parent,
            name: &row.execution.name,
            uid: row.execution.uid,
            command: row.execution.command_line(),
        }
    }
}
