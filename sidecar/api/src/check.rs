//! The bounds that the OpenAPI document gives, checked before the service is asked: a service that is asked can rely on
//! them, and the document stays true.

use crate::model::{Decision, DecisionAction, FindingsQuery, HeldQuery, SearchRequest, TimelineQuery};

/// The latest time, the end of the year 9999: what every date library can show.
pub(crate) const LATEST: f64 = 253_402_300_799.0;
/// The longest name or pattern, in characters.
pub(crate) const LONGEST_NAME: usize = 250;
/// The longest question or reason, in characters.
pub(crate) const LONGEST_TEXT: usize = 1_000;
/// The most ids of one decision.
pub(crate) const MOST_IDS: usize = 1_000;
/// The longest window of learning, in seconds.
pub(crate) const LONGEST_WINDOW: u64 = 31 * 86_400;

/// A question with bounds.
pub(crate) trait Checked {
    /// What is wrong with it, in a sentence.
    fn check(&self) -> Result<(), String>;
}

impl Checked for FindingsQuery {
    fn check(&self) -> Result<(), String> {
        let Self { workload, since, until, min_score, limit, after } = self;
        name("workload", workload.as_deref())?;
        time("since", *since)?;
        time("until", *until)?;
        if min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            return Err("min_score is a number from 0 to 1".into());
        }
        within("limit", limit.map(u64::from), 1, 1_000)?;
        name("after", after.as_deref())
    }
}

impl Checked for TimelineQuery {
    fn check(&self) -> Result<(), String> {
        let Self { workload, since, until, step } = self;
        name("workload", workload.as_deref())?;
        time("since", *since)?;
        time("until", *until)?;
        within("step", step.map(u64::from), 60, 86_400)?;
        if step.is_some_and(|step| step % 60 != 0) {
            return Err("step is whole minutes: give a multiple of 60 seconds".into());
        }
        Ok(())
    }
}

impl Checked for HeldQuery {
    fn check(&self) -> Result<(), String> {
        let Self { workload, state: _, group, limit, after } = self;
        name("workload", workload.as_deref())?;
        if group.as_ref().is_some_and(|id| !id.starts_with('g') || !is_row_or_group(id)) {
            return Err("group is a group's id: g and 16 hexadecimal digits".into());
        }
        within("limit", limit.map(u64::from), 1, 200)?;
        if after.as_ref().is_some_and(|after| !is_place_of_group(after)) {
            return Err("after is what an earlier answer has as next".into());
        }
        Ok(())
    }
}

impl Checked for SearchRequest {
    fn check(&self) -> Result<(), String> {
        let Self { query, org_id, workload, state: _, since, until, limit, mode: _ } = self;
        text("query", query)?;
        if query.is_empty() {
            return Err("query is empty: say in words what to look for".into());
        }
        name("orgId", org_id.as_deref())?;
        name("workload", workload.as_deref())?;
        time("since", *since)?;
        time("until", *until)?;
        within("limit", limit.map(u64::from), 1, 100)
    }
}

impl Checked for Decision {
    fn check(&self) -> Result<(), String> {
        let Self { action, ids, state, executions, workload, seconds, why } = self;
        text("why", why)?;
        if *action == DecisionAction::Learn {
            if !ids.is_empty() || state.is_some() || executions.is_some() {
                return Err("learn is about a workload and takes no ids, state or executions".into());
            }
            if workload.is_none() {
                return Err("learn needs to know which workload".into());
            }
            name("workload", workload.as_deref())?;
            let Some(seconds) = *seconds else {
                return Err("learn needs to know for how many seconds".into());
            };
            return within("seconds", Some(seconds), 1, LONGEST_WINDOW);
        }
        if workload.is_some() || seconds.is_some() {
            return Err("workload and seconds go with learn alone: name what is decided by ids".into());
        }
        if ids.is_empty() || ids.len() > MOST_IDS {
            return Err(format!("a decision is about 1 to {MOST_IDS} ids"));
        }
        if *executions == Some(0) {
            return Err("executions is how many were shown: 1 at least".into());
        }
        if let Some(bad) = ids.iter().find(|id| !is_row_or_group(id)) {
            return Err(format!(
                "'{bad:.24}' is no id: give r or g and all 16 hexadecimal digits, as findings and held have them here; the \
                 commands print the first 8"
            ));
        }
        Ok(())
    }
}

/// Whether it can be a finding's id: f and 16 hexadecimal digits.
pub(crate) fn is_finding(id: &str) -> bool {
    id.len() == 17 && id.strip_prefix('f').is_some_and(hexadecimal)
}

/// The 32 hexadecimal digits of an execution's id, which the uuid of an alert has with dashes between them; `None` of what
/// cannot be one.
pub fn execution_id(text: &str) -> Option<String> {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == [8, 13, 18, 23].contains(&at));
    let id = if is_uuid { text.replace('-', "") } else { text.to_owned() };
    (id.len() == 32 && hexadecimal(&id)).then_some(id)
}

fn is_row_or_group(id: &str) -> bool {
    id.len() == 17 && id.strip_prefix(['r', 'g']).is_some_and(hexadecimal)
}

/// When a group was seen last, in microseconds, and its id.
fn is_place_of_group(text: &str) -> bool {
    text.split_once('.').is_some_and(|(seen, id)| {
        let digits = seen.strip_prefix('-').unwrap_or(seen);
        (1..=18).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && id.starts_with('g')
            && is_row_or_group(id)
    })
}

fn hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn name(key: &str, value: Option<&str>) -> Result<(), String> {
    match value {
        Some("") => Err(format!("{key} is empty: leave it out, or say which")),
        Some(value) if value.chars().count() > LONGEST_NAME => {
            Err(format!("{key} has more than {LONGEST_NAME} characters: shorten it"))
        }
        _ => Ok(()),
    }
}

fn text(key: &str, value: &str) -> Result<(), String> {
    if value.chars().count() > LONGEST_TEXT {
        return Err(format!("{key} has more than {LONGEST_TEXT} characters: shorten it"));
    }
    Ok(())
}

fn time(key: &str, value: Option<f64>) -> Result<(), String> {
    // Not-a-number is in no range.
    if value.is_some_and(|time| !(0.0..=LATEST).contains(&time)) {
        return Err(format!("{key} is seconds since the Unix epoch, 0 to {LATEST}"));
    }
    Ok(())
}

fn within(key: &str, value: Option<u64>, least: u64, most: u64) -> Result<(), String> {
    if value.is_some_and(|value| !(least..=most).contains(&value)) {
        return Err(format!("{key} is a number from {least} to {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Checked;
    use crate::model::{Decision, DecisionAction, FindingsQuery, TimelineQuery};

    #[test]
    fn numbers_that_are_none_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert!(FindingsQuery { since: Some(bad), ..Default::default() }.check().is_err(), "{bad}");
            assert!(FindingsQuery { min_score: Some(bad), ..Default::default() }.check().is_err(), "{bad}");
            assert!(TimelineQuery { until: Some(bad), ..Default::default() }.check().is_err(), "{bad}");
        }
        assert!(
            FindingsQuery { since: Some(0.0), min_score: Some(1.0), ..Default::default() }.check().is_ok()
        );
    }

    #[test]
    fn a_decision_is_about_rows_or_about_a_workload() {
        let row = || vec!["r0123456789abcdef".to_owned()];
        let decision = |action, ids, workload: Option<&str>, seconds| Decision {
            action,
            ids,
            state: None,
            executions: None,
            workload: workload.map(str::to_owned),
            seconds,
            why: String::new(),
        };
        assert!(decision(DecisionAction::Approve, row(), None, None).check().is_ok());
        assert!(decision(DecisionAction::Learn, vec![], Some("host"), Some(60)).check().is_ok());
        assert!(decision(DecisionAction::Approve, vec![], None, None).check().is_err());
        assert!(decision(DecisionAction::Approve, row(), Some("host"), None).check().is_err());
        assert!(
            decision(DecisionAction::Approve, vec!["r0123456789ABCDEF".into()], None, None).check().is_err()
        );
        assert!(decision(DecisionAction::Learn, row(), Some("host"), Some(60)).check().is_err());
        assert!(
            decision(DecisionAction::Learn, vec![], Some("host"), Some(31 * 86_400 + 1)).check().is_err()
        );
        assert!(decision(DecisionAction::Learn, vec![], None, Some(60)).check().is_err());
    }
}
