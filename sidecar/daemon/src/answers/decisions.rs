//! Decisions.
//!
//! What a decision touches is what the person was shown: the rows that were named, and of a group those in the one state
//! that it was listed with, as many as there were. What is there besides by now is a reason to look again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_api::model::{Decided, Decision, DecisionAction, GivenDecision, Outcome, RowsState};
use anomaly_api::{Caller, ServiceError};
use anomaly_baseline::text::printable;
use anomaly_baseline::{Action, Engine, Feedback, Glimpse, RowState, Timestamp, WorkloadStatus};
use anomaly_vectorizer::Kind;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::{Decisions, held, seconds};
use crate::ids::Id;

/// Decisions that are listed.
const GIVEN: usize = 500;

/// Writes a decision down.
pub(super) fn decide(
    engine: &Engine,
    decisions: &dyn Decisions,
    decision: &Decision,
    by: Caller,
    now: Timestamp,
    until: Instant,
) -> Result<Decided, ServiceError> {
    let (who, uid) = match by {
        Caller::Local { uid } => (decisions.name_of(uid), uid),
        Caller::Token => ("whoever has the API's token".to_owned(), u32::MAX),
    };
    let entry = |workload: &str, asked: String, keys: Vec<u128>, window: Duration| {
        let entry = Feedback {
            id: 0,
            time: now,
            who: who.clone(),
            uid,
            why: decision.why.clone(),
            action: action(decision.action),
            workload: workload.to_owned(),
            asked,
            keys,
            window,
            settled: None,
        };
        Feedback { id: id(&entry), ..entry }.bounded()
    };
    let (entries, executions) = if decision.action == DecisionAction::Learn {
        let (workload, window) = window(engine, decision)?;
        (vec![entry(&workload, workload.clone(), Vec::new(), window)], 0)
    } else {
        let by_kind = select(engine, decision)?;
        let executions = by_kind.values().map(Vec::len).sum();
        let asked = decision.ids.join(" ");
        let entries = by_kind
            .into_iter()
            .map(|((workload, _), keys)| entry(&workload, asked.clone(), keys, Duration::ZERO));
        (entries.collect(), executions)
    };
    if Instant::now() >= until {
        return Err(ServiceError::Unavailable(
            "finding what is meant took too long, and nothing is decided: name fewer, or try again".into(),
        ));
    }
    let workloads: Vec<_> = entries.iter().map(|entry| entry.workload.clone()).collect();
    let outcomes = decisions.give(entries, until).map_err(ServiceError::Unavailable)?;
    Ok(Decided {
        executions,
        applied: outcomes.iter().all(Option::is_some),
        outcomes: workloads
            .into_iter()
            .zip(outcomes)
            .map(|(workload, outcome)| Outcome { workload, outcome })
            .collect(),
    })
}

/// The keys of the rows that a decision means, by workload and kind of act: one decision each, because each kind is saved
/// by itself and a decision is applied with what it changes.
type ByKind = BTreeMap<(Arc<str>, Kind), Vec<u128>>;

/// What was found of what a decision names, in one passing over the rows however many ids it has.
#[derive(Default)]
struct Found {
    rows: BTreeMap<(Arc<str>, u128), (Kind, RowState)>,
    ids: HashSet<Id>,
}

impl Found {
    /// Takes the row where it is meant, by its own id or its group's.
    fn look_at(&mut self, row: &Glimpse<'_>, wanted: &HashSet<Id>, of_groups: RowState, any: (bool, bool)) {
        let (any_row, any_group) = any;
        let its_own = any_row.then(|| Id::of_key(row.workload, row.key));
        let groups = (any_group && row.state == of_groups).then(|| Id::of_group(row.workload, row.execution));
        let mut meant = false;
        for id in [its_own, groups].into_iter().flatten().filter(|id| wanted.contains(id)) {
            self.ids.insert(id);
            meant = true;
        }
        // One more than can be decided tells that there are too many.
        if meant && self.rows.len() <= Feedback::MAX_KEYS {
            self.rows.insert((Arc::clone(row.workload), row.key), (row.execution.kind, row.state));
        }
    }
}

/// The rows that ids mean: a row, or of a group what is held, or in the state that is said.
fn select(engine: &Engine, decision: &Decision) -> Result<ByKind, ServiceError> {
    let Decision { ids, state, executions, workload, seconds, .. } = decision;
    if ids.is_empty() || ids.len() > 1000 {
        return Err(ServiceError::Invalid("ids names 1 to 1000 rows or groups".into()));
    }
    if workload.is_some() || seconds.is_some() {
        return Err(ServiceError::Invalid("workload and seconds go with learn alone".into()));
    }
    let mut wanted = HashSet::new();
    for id in ids {
        wanted.insert(Id::read(id).ok_or_else(|| {
            ServiceError::Invalid(format!(
                "{} is no id of a row or group; /v1/held lists them",
                printable(id, 40)
            ))
        })?);
    }
    let of_groups = state.unwrap_or_default();
    let any_group = wanted.iter().any(|id| id.is_group());
    let any_row = wanted.iter().any(|id| !id.is_group());

    let mut found = Found::default();
    // What is held or denied is in memory; what is learned may have to be read from the database.
    if !(any_group && of_groups == RowsState::Learned) {
        let of = |status: &WorkloadStatus| status.held + status.denied > 0;
        engine.pass_held_or_denied(&of, &mut |row| {
            found.look_at(row, &wanted, held::state(of_groups), (any_row, any_group));
        });
    }
    let rows_are_missing = wanted.iter().any(|id| !id.is_group() && !found.ids.contains(id));
    if rows_are_missing || any_group && of_groups == RowsState::Learned {
        engine.pass(&|_| true, &mut |row| {
            found.look_at(row, &wanted, held::state(of_groups), (any_row, any_group));
        });
    }
    check(&found, &wanted, *state, *executions)?;

    let mut by_kind = ByKind::new();
    for ((workload, key), (kind, _)) in found.rows {
        by_kind.entry((workload, kind)).or_default().push(key);
    }
    Ok(by_kind)
}

/// Whether what was found is what was shown.
fn check(
    found: &Found,
    wanted: &HashSet<Id>,
    state: Option<RowsState>,
    executions: Option<u64>,
) -> Result<(), ServiceError> {
    let Found { rows, ids } = found;
    if rows.len() > Feedback::MAX_KEYS {
        return Err(ServiceError::Invalid(format!(
            "that is more than {} executions at a time; name fewer",
            Feedback::MAX_KEYS
        )));
    }
    let of_groups = state.unwrap_or_default().as_str();
    if let Some(shown) = executions.filter(|shown| *shown != rows.len() as u64) {
        return Err(ServiceError::Changed(format!(
            "this has changed since it was shown: it was about {shown} executions and would be about {} now; nothing is \
             decided, look at /v1/held again",
            rows.len()
        )));
    }
    if let Some(missing) = wanted.iter().filter(|id| !ids.contains(id)).min() {
        return Err(ServiceError::NotFound(if missing.is_group() {
            format!(
                "nothing is {of_groups} of the group {}; nothing is decided, say with state whether held, denied or learned \
                 executions are meant, and look at /v1/held again",
                missing.full()
            )
        } else {
            format!(
                "nothing has the id {} any more; nothing is decided, look at /v1/held again",
                missing.full()
            )
        }));
    }
    if let Some(state) = state
        && let Some((_, now)) = rows.values().find(|(_, now)| *now != held::state(state))
    {
        return Err(ServiceError::Changed(format!(
            "this has changed since it was shown: an execution that was {} is {} now; nothing is decided, look at /v1/held \
             again",
            state.as_str(),
            now.as_str()
        )));
    }
    Ok(())
}

/// Whose window is opened, and for how long.
fn window(engine: &Engine, decision: &Decision) -> Result<(String, Duration), ServiceError> {
    let (Some(workload), Some(seconds), true) =
        (&decision.workload, decision.seconds, decision.ids.is_empty())
    else {
        return Err(ServiceError::Invalid("learn takes workload and seconds, and no ids".into()));
    };
    if !(1..=Feedback::MAX_WINDOW.as_secs()).contains(&seconds) {
        return Err(ServiceError::Invalid("seconds is 1 to 2678400, which is 31 days".into()));
    }
    if engine.last_day(workload).is_none() {
        return Err(ServiceError::NotFound(format!("there is no workload {}", printable(workload, 100))));
    }
    Ok((workload.clone(), Duration::from_secs(seconds)))
}

const fn action(action: DecisionAction) -> Action {
    match action {
        DecisionAction::Approve => Action::Approve,
        DecisionAction::Deny => Action::Deny,
        DecisionAction::Forget => Action::Forget,
        DecisionAction::Learn => Action::Learn,
    }
}

/// Different for any two decisions: of one moment, one person and one thing there is one.
fn id(entry: &Feedback) -> u128 {
    use std::hash::Hasher;
    let mut hasher = SipHasher13::new();
    hasher.write_i64(entry.time);
    for text in [&entry.who, &entry.workload, &entry.asked, &entry.why] {
        hasher.write_u64(text.len() as u64);
        hasher.write(text.as_bytes());
    }
    hasher.write(entry.action.as_str().as_bytes());
    entry.keys.iter().for_each(|key| hasher.write_u128(*key));
    let digest = hasher.finish128();
    u128::from(digest.h1) << 64 | u128::from(digest.h2)
}

/// Who decided what, the latest first.
pub(super) fn given(decisions: &dyn Decisions) -> Result<Vec<GivenDecision>, ServiceError> {
    let all = decisions.all().map_err(ServiceError::Unavailable)?;
    Ok(all.into_iter().rev().take(GIVEN).map(shown).collect())
}

fn shown(feedback: Feedback) -> GivenDecision {
    let Feedback { id: _, time, who, uid, why, action, workload, asked, keys, window, settled } = feedback;
    GivenDecision {
        time: seconds(time),
        who,
        uid,
        action: action.to_string(),
        workload,
        asked,
        why,
        executions: keys.len(),
        seconds: window.as_secs(),
        outcome: settled.map(|settled| settled.outcome),
    }
}
