//! What was novel, and one execution of it.

use std::collections::{HashMap, HashSet};

use anomaly_api::ServiceError;
use anomaly_api::model::{ExecutionDetail, Finding as Shown, Findings, FindingsQuery};
use anomaly_baseline::{RowState, RowView, Score, WorkloadStatus};
use anomaly_scored::ScoredExecution;
use anomaly_vectorizer::Execution;

use super::{Answers, compared, micros, pattern, seconds};
use crate::history::Finding;
use crate::ids::Id;

/// Findings of one answer where nothing is said, and at most.
const USUAL: u16 = 100;
const MOST: u16 = 1000;

impl Answers {
    pub(super) fn find(&self, query: &FindingsQuery) -> Result<Findings, ServiceError> {
        let FindingsQuery { workload, since, until, min_score, limit, after } = query;
        let workload = pattern(workload.as_ref())?;
        let since = since.map(micros).transpose()?;
        let until = until.map(micros).transpose()?;
        let least = match min_score {
            None => Score::ZERO,
            Some(score) if (0.0..=1.0).contains(score) => Score::floor(*score),
            Some(_) => return Err(ServiceError::Invalid("min_score is a number from 0 to 1".into())),
        };
        let limit = match limit {
            None => USUAL,
            Some(limit) if (1..=MOST).contains(limit) => *limit,
            Some(_) => return Err(ServiceError::Invalid(format!("limit is a number from 1 to {MOST}"))),
        };
        let wanted = |finding: &Finding| {
            workload.as_ref().is_none_or(|pattern| pattern.matches(&finding.example.workload))
                && since.is_none_or(|since| finding.last >= since)
                && until.is_none_or(|until| finding.first < until)
                && finding.example.score.unwrap_or(Score::ZERO) >= least
        };
        let Some(page) = self.parts.history.findings(&wanted, after.as_deref(), limit.into()) else {
            return Err(ServiceError::NotFound(
                "after names no finding of this question; ask again from the beginning".into(),
            ));
        };
        let next = page.findings.last().filter(|_| page.more).map(|finding| finding.id.clone());
        Ok(Findings {
            next,
            findings: self.shown(&page.findings),
            total: page.total,
            remembered_since: self.parts.history.remembered_since().map(seconds),
        })
    }

    pub(super) fn one(&self, id: &str) -> Result<Shown, ServiceError> {
        let finding = self.parts.history.finding(id);
        finding.and_then(|finding| self.shown(&[finding]).pop()).ok_or_else(|| {
            ServiceError::NotFound(
                "no finding with this id is remembered any more; /v1/findings lists them".into(),
            )
        })
    }

    fn shown(&self, findings: &[Finding]) -> Vec<Shown> {
        let any: HashSet<_> = findings.iter().map(|finding| &*finding.example.workload).collect();
        let decided =
            |status: &WorkloadStatus| status.held + status.denied > 0 && any.contains(&*status.workload);
        let rows = self.parts.engine.held_or_denied(&decided, &|_, _, _| true);
        let mut states = HashMap::new();
        for row in rows {
            let state = states.entry(Id::of_group(&row.workload, &row.execution)).or_insert(row.state);
            if row.state == RowState::Held {
                *state = RowState::Held;
            }
        }
        let shown = |finding: &Finding| {
            let example = &finding.example;
            Shown {
                id: finding.id.clone(),
                group: finding.group.full(),
                workload: example.workload.clone(),
                parent: example.parent.clone(),
                name: example.name.clone(),
                uid: example.uid,
                day: finding.day.into(),
                count: finding.count,
                first_time: seconds(finding.first),
                last_time: seconds(finding.last),
                example: (**example).clone(),
                executions: finding.executions.iter().map(|execution| execution.id.clone()).collect(),
                state: states.get(&finding.group).map(|state| state.as_str().to_owned()),
            }
        };
        findings.iter().map(shown).collect()
    }

    pub(super) fn detail(&self, id: &str) -> Result<ExecutionDetail, ServiceError> {
        let Some((execution, finding)) = self.parts.history.execution(id) else {
            return Err(ServiceError::NotFound(
                "no execution with this id is remembered; findings are for a week, others for minutes".into(),
            ));
        };
        let row = self.row_of(&execution);
        let now = row
            .and_then(|row| self.parts.engine.inspect_row(&row.workload, row.key))
            .map(|inspection| compared::compared(&inspection));
        let ScoredExecution { workload, parent, name, uid, .. } = &*execution;
        let group = Id::of_names(workload, parent, name, *uid).full();
        Ok(ExecutionDetail { execution: (*execution).clone(), finding, group, now })
    }

    /// The row of an execution that was scored before. A row that waits for a decision is worth more than a learned one
    /// of the same words, seen in other surroundings.
    fn row_of(&self, scored: &ScoredExecution) -> Option<RowView> {
        let kind = scored.kind.unwrap_or_default();
        let rows = self.parts.engine.rows_of(
            &|status| *status.workload == *scored.workload && status.kind == kind,
            &|_, _, execution| is_of(scored, execution),
        );
        rows.into_iter().max_by_key(|row| (row.state != RowState::Active, row.last_seen))
    }
}

/// Whether this is what was executed.
fn is_of(scored: &ScoredExecution, execution: &Execution) -> bool {
    *scored.name == *execution.name
        && *scored.parent == *execution.parent
        && *scored.grandparent == *execution.grandparent
        && scored.uid == execution.uid
        && scored.kind.unwrap_or_default() == execution.kind
        && match &scored.args {
            Some(args) => execution.arguments.iter().eq(args.iter().map(String::as_str)),
            None => {
                scored.object.as_deref().unwrap_or_default() == execution.object()
                    && execution.flags().eq(scored.flags.iter().flatten().map(String::as_str))
            }
        }
}
