//! What waits for a decision, and decisions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anomaly_api::model::{Decided, Decision, DecisionAction, GivenDecision, HeldGroup, HeldQuery, Outcome};
use anomaly_api::{Caller, ServiceError};
use anomaly_baseline::text::printable;
use anomaly_baseline::{Action, Engine, Feedback, RowState, RowView, Score, Timestamp, WorkloadStatus};
use anomaly_vectorizer::{Execution, Kind};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::{Decisions, compared, pattern, seconds};
use crate::groups::{Group, gather};
use crate::ids::{self, Id};

/// Rows of a group that are listed.
const LISTED: usize = 100;

/// Decisions that are listed.
const GIVEN: usize = 500;

/// What is held, or denied, or everything.
pub(super) fn held(engine: &Engine, query: &HeldQuery) -> Result<Vec<HeldGroup>, ServiceError> {
    let workload = pattern(query.workload.as_ref())?;
    let wanted: &[RowState] = match query.state.as_deref() {
        None | Some("held") => &[RowState::Held],
        Some("denied") => &[RowState::Denied],
        Some("all") => &[RowState::Held, RowState::Denied, RowState::Active],
        Some(_) => return Err(ServiceError::Invalid("state is held, denied or all".into())),
    };
    let has_any = |status: &WorkloadStatus| {
        wanted.iter().any(|state| match state {
            RowState::Held => status.held > 0,
            RowState::Denied => status.denied > 0,
            RowState::Active => status.rows > 0,
            RowState::Forgotten => true,
        })
    };
    let of = |status: &WorkloadStatus| {
        has_any(status) && workload.as_ref().is_none_or(|pattern| pattern.matches(&status.workload))
    };
    let keep = |_: &str, state, _: &Execution| wanted.contains(&state);
    let rows = if wanted.iter().all(|state| matches!(state, RowState::Held | RowState::Denied)) {
        engine.held_or_denied(&of, &keep)
    } else {
        engine.rows_of(&of, &keep)
    };
    Ok(gather(engine, rows, false).iter().map(group).collect())
}

fn group(group: &Group) -> HeldGroup {
    let RowView { workload, execution, .. } = group.example();
    let inspection = group.inspection.as_ref();
    HeldGroup {
        id: group.id.full(),
        workload: workload.to_string(),
        parent: execution.parent.to_string(),
        name: execution.name.to_string(),
        uid: execution.uid,
        executions: group.rows.len(),
        seen: group.seen(),
        days: group.days().len(),
        first_seen: seconds(group.first_seen()),
        last_seen: seconds(group.last_seen()),
        score: group.score().map(Score::value),
        threshold: inspection.map(|inspection| inspection.threshold.value()),
        reason: inspection.map(|inspection| inspection.explanation.reason.clone()),
        nearest: inspection.and_then(|inspection| inspection.explanation.nearest.clone()),
        rows: group.rows.iter().take(LISTED).map(compared::row).collect(),
    }
}

/// Writes a decision down.
pub(super) fn decide(
    engine: &Engine,
    decisions: &dyn Decisions,
    decision: &Decision,
    by: Caller,
    now: Timestamp,
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
        let rows = select(engine, decision)?;
        // One decision a kind of act, because each kind is saved by itself and a decision is applied with what it changes.
        let mut by_kind: BTreeMap<(Arc<str>, Kind), Vec<u128>> = BTreeMap::new();
        for row in &rows {
            by_kind.entry((Arc::clone(&row.workload), row.execution.kind)).or_default().push(row.key);
        }
        let asked = decision.ids.join(" ");
        let entries = by_kind
            .into_iter()
            .map(|((workload, _), keys)| entry(&workload, asked.clone(), keys, Duration::ZERO));
        (entries.collect(), rows.len())
    };
    let workloads: Vec<_> = entries.iter().map(|entry| entry.workload.clone()).collect();
    let outcomes = decisions.give(entries).map_err(ServiceError::Unavailable)?;
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

/// The rows that ids mean: a row, or of a group what is held, or where nothing is all of it.
fn select(engine: &Engine, decision: &Decision) -> Result<Vec<RowView>, ServiceError> {
    if decision.ids.is_empty() || decision.ids.len() > 1000 {
        return Err(ServiceError::Invalid("ids names 1 to 1000 rows or groups".into()));
    }
    if decision.workload.is_some() || decision.seconds.is_some() {
        return Err(ServiceError::Invalid("workload and seconds go with learn alone".into()));
    }
    let mut selected = BTreeMap::new();
    for wanted in &decision.ids {
        if !ids::is_id(wanted) || wanted.len() != 17 {
            return Err(ServiceError::Invalid(format!(
                "{} is no id of a row or group; /v1/held lists them",
                printable(wanted, 40)
            )));
        }
        let mut rows = engine.rows(&|workload, _, execution| {
            wanted.starts_with('r') || Id::of_group(workload, execution).begins_with(wanted)
        });
        rows.retain(|row| wanted.starts_with('g') || Id::of_row(row).begins_with(wanted));
        if rows.iter().any(|row| row.state == RowState::Held) {
            rows.retain(|row| row.state == RowState::Held);
        }
        if rows.is_empty() {
            return Err(ServiceError::NotFound(format!(
                "nothing has the id {wanted} any more; ask /v1/held again"
            )));
        }
        selected.extend(rows.into_iter().map(|row| ((Arc::clone(&row.workload), row.key), row)));
    }
    if selected.len() > Feedback::MAX_KEYS {
        return Err(ServiceError::Invalid(format!(
            "that is more than {} executions at a time; name fewer",
            Feedback::MAX_KEYS
        )));
    }
    Ok(selected.into_values().collect())
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
