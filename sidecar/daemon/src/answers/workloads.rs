//! Workloads, their growth and their days.

use std::cmp::Reverse;
use std::collections::HashMap;

use anomaly_api::ServiceError;
use anomaly_api::model::{GrowthDay, Timeline as Lanes, TimelineQuery, Workload};
use anomaly_baseline::{Engine, Score, Timestamp, WorkloadStatus, utc_day};

use super::{micros, pattern, seconds};
use crate::Timeline;
use crate::timeline::Life;

/// Days of growth.
const GROWTH: i32 = 14;

/// Workloads whose growth is told, those seen last: it may have to be read back from the database.
const GROWN: usize = 100;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// The longest stretch of one answer: what is remembered.
const LONGEST: i64 = 7 * DAY;

/// Buckets of a lane, where nothing is said of them.
const BUCKETS: i64 = 240;

/// Every workload and kind of act.
pub(super) fn all(engine: &Engine) -> Vec<Workload> {
    let mut all = engine.status();
    let is_known: Vec<_> = all.iter().map(|status| (status.workload.clone(), status.kind)).collect();
    let acts = engine.status_of_acts().into_iter();
    all.extend(acts.filter(|status| !is_known.contains(&(status.workload.clone(), status.kind))));
    all.sort_by_key(|status| Reverse(status.last_seen));
    let mut workloads: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(at, status)| workload(status, if at < GROWN { growth(engine, status) } else { Vec::new() }))
        .collect();
    workloads.sort_by(|a, b| (&a.workload, &a.kind).cmp(&(&b.workload, &b.kind)));
    workloads
}

/// Distinct executions that were first learned on each of the last days, the oldest day first.
fn growth(engine: &Engine, status: &WorkloadStatus) -> Vec<GrowthDay> {
    let today = engine.last_day(&status.workload).unwrap_or_else(|| utc_day(status.last_seen));
    let mut later = 0;
    let mut days: Vec<_> = (today - GROWTH + 1..=today)
        .rev()
        .map(|day| {
            let since = engine.learned_since(&status.workload, status.kind, day);
            let learned = since.saturating_sub(std::mem::replace(&mut later, since));
            GrowthDay { day: day.into(), learned }
        })
        .collect();
    days.reverse();
    days
}

fn workload(status: &WorkloadStatus, growth: Vec<GrowthDay>) -> Workload {
    Workload {
        workload: status.workload.to_string(),
        kind: status.kind.to_string(),
        learning: status.learning.map(Into::into),
        executions: status.executions,
        known: status.rows,
        held: status.held,
        denied: status.denied,
        threshold: status.threshold.value(),
        warnings: status.warnings.clone(),
        window_until: status.window.map(|(_, until)| seconds(until)),
        first_seen: seconds(status.first_seen),
        last_seen: seconds(status.last_seen),
        growth,
    }
}

/// What workloads did over time.
pub(super) fn timeline(
    timeline: &Timeline,
    engine: &Engine,
    critical: Score,
    query: &TimelineQuery,
    now: Timestamp,
) -> Result<Lanes, ServiceError> {
    let workload = pattern(query.workload.as_ref())?;
    let wanted = |name: &str| workload.as_ref().is_none_or(|pattern| pattern.matches(name));
    let until = query.until.map_or(Ok(now), micros)?;
    let since = query.since.map_or(Ok(until - DAY), micros)?;
    if since >= until || until - since > LONGEST {
        return Err(ServiceError::Invalid(
            "since lies before until, and no more than a week before it".to_owned(),
        ));
    }
    let step = match query.step {
        None => u32::try_from(((until - since) / 1_000_000 / BUCKETS).clamp(60, 86_400)).unwrap_or(86_400),
        Some(step) if (60..=86_400).contains(&step) && step % 60 == 0 => step,
        Some(_) => {
            return Err(ServiceError::Invalid("step is in whole minutes, 60 to 86400 seconds".to_owned()));
        }
    };
    let lives: HashMap<_, _> = engine
        .status()
        .into_iter()
        .map(|status| {
            let first_seen = Some(seconds(status.first_seen));
            (status.workload, Life { first_seen, learned_at: status.learned_at.map(seconds) })
        })
        .collect();
    let life = |workload: &str| lives.get(workload).copied().unwrap_or_default();
    Ok(timeline.answer(since, until, step, critical, &wanted, &life))
}
