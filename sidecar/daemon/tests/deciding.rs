//! What is held is listed a page at a time, and a decision touches what was shown and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_api::model::{Decided, Decision, DecisionAction, Held, HeldQuery, RowsState};
use anomaly_api::{Caller, Service, ServiceError};
use anomaly_baseline::{
    Access, CounterValues, DaySet, Engine, Feedback, Method, Part, RowState, Score, Settings, Store,
    StoreError, StoredRow, WorkloadRecord,
};
use anomaly_daemon::ids::Id;
use anomaly_daemon::{About, Answers, Bounds, Decisions, History, Notices, Parts, Senses, Timeline};
use anomaly_vectorizer::{Embedder, Embedding, Execution, Hashed, Kind, Seen};
use parking_lot::Mutex;

/// 2026-11-02, a Monday, in microseconds.
const START: i64 = 1_793_577_600_000_000;

/// A database with these rows, to be read.
struct Rows(Vec<(&'static str, Vec<StoredRow>)>);

impl Store for Rows {
    fn access(&mut self) -> Access {
        Access::Reader
    }

    fn stream(&mut self, each: &mut dyn FnMut(&str, Part)) -> Result<Vec<String>, StoreError> {
        for (workload, rows) in &self.0 {
            let record = WorkloadRecord {
                executions: rows.len() as u64,
                first_seen: START,
                last_seen: START,
                first_day: 20_000,
                learned_at: Some(START),
                ..WorkloadRecord::default()
            };
            each(workload, Part::Begin);
            each(workload, Part::Rows(rows.clone()));
            each(workload, Part::End(record));
        }
        Ok(Vec::new())
    }

    fn stream_rows(
        &mut self,
        _: &str,
        _: &mut dyn FnMut(Part),
        _: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn save(&mut self, _: &str, _: &WorkloadRecord, _: &[StoredRow]) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete(&mut self, _: &str, _: &[(Kind, u128)]) -> Result<(), StoreError> {
        Ok(())
    }

    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What user `uid` ran under nginx, for the `number`th time something else, so many seconds after the start.
fn row(state: RowState, uid: u32, number: i64) -> StoredRow {
    let letter = |place: u32| char::from(b'a' + (number / 26_i64.pow(place) % 26) as u8);
    // In letters: numbers are alike.
    let name: String = "tool".chars().chain((0..4).map(letter)).collect();
    let words = ["nc", "-e", name.as_str()];
    let execution = Execution {
        name: "nc".into(),
        parent: "nginx".into(),
        uid,
        arguments: words.into_iter().collect(),
        ..Execution::default()
    };
    let mut embedding = Embedding::default();
    Hashed::default().embed(&execution, &mut embedding);
    let time = START + number * 1_000_000;
    StoredRow {
        key: embedding.key,
        execution,
        features: embedding.features.clone(),
        vector: embedding.vector.to_vec(),
        seen: Seen::default(),
        count: 1,
        first_seen: time,
        last_seen: time,
        first_day: 20_000,
        days: DaySet::of(20_000),
        distance: 0.9,
        state,
    }
}

fn rows(state: RowState, uid: u32, numbers: std::ops::Range<i64>) -> Vec<StoredRow> {
    numbers.map(|number| row(state, uid, number)).collect()
}

/// Decisions are written down, and nobody takes them up.
#[derive(Default, Clone)]
struct Written(Arc<Mutex<Vec<Feedback>>>);

impl Decisions for Written {
    fn give(&self, decisions: Vec<Feedback>, _: Instant) -> Result<Vec<Option<String>>, String> {
        let outcomes = vec![None; decisions.len()];
        self.0.lock().extend(decisions);
        Ok(outcomes)
    }

    fn all(&self) -> Result<Vec<Feedback>, String> {
        Ok(self.0.lock().clone())
    }

    fn name_of(&self, uid: u32) -> String {
        format!("user {uid}")
    }
}

struct Machine {
    answers: Answers,
    written: Written,
}

impl Machine {
    fn new(workloads: Vec<(&'static str, Vec<StoredRow>)>) -> Self {
        let embedder: Arc<dyn Embedder> = Arc::new(Hashed::default());
        let store = Box::new(Rows(workloads));
        let engine =
            Engine::with_store(Settings::default(), embedder, Method::default(), store).expect("a thread");
        engine.wait_loaded(Duration::from_secs(20)).expect("it is loaded");
        let written = Written::default();
        let about = About {
            version: "1.2.3",
            host: "web-1".into(),
            org: "default".into(),
            path: "/var/lib/x".into(),
            critical: Score::from_ten_thousandths(9500),
            memory_budget: 64 << 20,
            started: 0,
            earlier: CounterValues::default(),
        };
        let parts = Parts {
            engine: Arc::new(engine),
            history: Arc::new(History::new(Bounds::default())),
            timeline: Arc::new(Timeline::default()),
            senses: Arc::new(Senses::new(Instant::now())),
            notices: Arc::new(Notices::default()),
            decisions: Box::new(written.clone()),
            sinks: Box::new(Vec::new),
            sharing: Box::new(|| None),
            metrics: Box::new(Vec::new),
            meaning: Err("there is no sentence model".into()),
            unwritten: Arc::default(),
        };
        Self { answers: Answers::new(about, parts), written }
    }

    fn held(&self, query: HeldQuery) -> Held {
        self.answers.held(&query).expect("an answer")
    }

    fn in_state(&self, state: RowsState) -> Held {
        self.held(HeldQuery { state: Some(state), ..HeldQuery::default() })
    }

    /// Decides about ids, and tells what was written down about how many rows.
    fn decide(
        &self,
        action: DecisionAction,
        ids: &[&str],
        state: Option<RowsState>,
        executions: Option<u64>,
    ) -> Result<Vec<u128>, ServiceError> {
        let ids = ids.iter().map(ToString::to_string).collect();
        let decision =
            Decision { action, ids, state, executions, workload: None, seconds: None, why: String::new() };
        let until = Instant::now() + Duration::from_secs(10);
        let Decided { executions, applied, .. } = self.answers.decide(&decision, Caller::Token, until)?;
        let given = std::mem::take(&mut *self.written.0.lock());
        let mut keys: Vec<_> = given.into_iter().flat_map(|feedback| feedback.keys).collect();
        keys.sort_unstable();
        assert_eq!((executions, applied), (keys.len(), false));
        Ok(keys)
    }
}

fn keys(rows: &[StoredRow]) -> Vec<u128> {
    let mut keys: Vec<_> = rows.iter().map(|row| row.key).collect();
    keys.sort_unstable();
    keys
}

fn id(row: &StoredRow) -> String {
    Id::of_key("web", row.key).full()
}

#[test]
fn a_group_is_decided_in_the_state_in_which_it_was_shown() {
    let (held, denied) = (rows(RowState::Held, 33, 0..38), rows(RowState::Denied, 33, 38..40));
    let machine = Machine::new(vec![("web", [held.clone(), denied.clone()].concat())]);
    let shown = machine.in_state(RowsState::Denied);
    let [group] = &shown.groups[..] else { panic!("{shown:?}") };
    assert_eq!((group.executions, group.rows.len(), group.state), (2, 2, RowsState::Denied));
    let id = group.id.as_str();
    for action in [DecisionAction::Approve, DecisionAction::Forget] {
        let touched = machine.decide(action, &[id], Some(RowsState::Denied), Some(2)).unwrap();
        assert_eq!(touched, keys(&denied), "{action:?}");
        let touched = machine.decide(action, &[id], None, None).unwrap();
        assert_eq!(touched, keys(&held), "{action:?}");
    }
}

#[test]
fn what_is_normal_is_not_denied_by_the_same_decision_once_more() {
    let learned = rows(RowState::Active, 33, 0..5);
    let with_one = |state| Machine::new(vec![("web", [learned.clone(), rows(state, 33, 5..6)].concat())]);
    let before = with_one(RowState::Held);
    let group = before.held(HeldQuery::default()).groups.remove(0).id;
    let one = keys(&rows(RowState::Held, 33, 5..6));
    assert_eq!(before.decide(DecisionAction::Deny, &[&group], None, None).unwrap(), one);

    let after = with_one(RowState::Denied);
    let again = after.decide(DecisionAction::Deny, &[&group], None, None);
    assert!(matches!(&again, Err(ServiceError::NotFound(why)) if why.contains("held")), "{again:?}");
    let again = after.decide(DecisionAction::Deny, &[&group], None, Some(1));
    assert!(matches!(&again, Err(ServiceError::Changed(_))), "{again:?}");
    let meant = after.decide(DecisionAction::Deny, &[&group], Some(RowsState::Learned), Some(5)).unwrap();
    assert_eq!(meant, keys(&learned), "where they are meant, they are");
}

#[test]
fn what_came_after_it_was_shown_is_not_decided() {
    let shown = rows(RowState::Held, 33, 0..4);
    let machine = Machine::new(vec![("web", rows(RowState::Held, 33, 0..5))]);
    let group = machine.held(HeldQuery::default()).groups.remove(0).id;
    let decided = machine.decide(DecisionAction::Approve, &[&group], Some(RowsState::Held), Some(4));
    assert!(matches!(&decided, Err(ServiceError::Changed(why)) if why.contains('5')), "{decided:?}");
    let ids: Vec<_> = shown.iter().map(id).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let by_rows = machine.decide(DecisionAction::Approve, &ids, Some(RowsState::Held), Some(4)).unwrap();
    assert_eq!(by_rows, keys(&shown));
    // A group and a row of it are those rows once.
    let both = machine.decide(DecisionAction::Approve, &[&group, ids[0]], None, Some(5)).unwrap();
    assert_eq!(both.len(), 5);

    let machine = Machine::new(vec![(
        "web",
        [rows(RowState::Held, 33, 1..4), rows(RowState::Active, 33, 0..1)].concat(),
    )]);
    let decided = machine.decide(DecisionAction::Deny, &ids, Some(RowsState::Held), Some(4));
    assert!(matches!(&decided, Err(ServiceError::Changed(why)) if why.contains("learned")), "{decided:?}");
    assert_eq!(
        machine.decide(DecisionAction::Deny, &ids, None, None).unwrap(),
        keys(&shown),
        "learned ones by id"
    );
    let gone = id(&row(RowState::Held, 33, 77));
    let decided = machine.decide(DecisionAction::Deny, &[ids[1], &gone], None, None);
    assert!(matches!(&decided, Err(ServiceError::NotFound(why)) if why.contains(&gone)), "{decided:?}");
}

#[test]
fn nothing_is_decided_when_nobody_listens_any_more() {
    let machine = Machine::new(vec![("web", rows(RowState::Held, 33, 0..1))]);
    let decision = Decision {
        action: DecisionAction::Deny,
        ids: vec![machine.held(HeldQuery::default()).groups.remove(0).id],
        state: None,
        executions: None,
        workload: None,
        seconds: None,
        why: String::new(),
    };
    let late = machine.answers.decide(&decision, Caller::Token, Instant::now());
    assert!(
        matches!(&late, Err(ServiceError::Unavailable(why)) if why.contains("nothing is decided")),
        "{late:?}"
    );
    assert!(machine.written.0.lock().is_empty());
}

#[test]
fn what_is_held_is_listed_page_by_page_the_latest_first() {
    // 30 users with 1 to 30 executions; and what is learned or denied is none of it.
    let of = |uid: u32| rows(RowState::Held, uid, i64::from(uid) * 100..i64::from(uid) * 101);
    let web: Vec<_> = (1..=30).flat_map(of).chain(rows(RowState::Active, 7, 0..50)).collect();
    let machine = Machine::new(vec![("db", rows(RowState::Held, 1, 50..55)), ("web", web)]);
    let first = machine.held(HeldQuery { limit: Some(4), ..HeldQuery::default() });
    assert_eq!((first.total, first.executions), (31, 30 * 31 / 2 + 5));
    let latest = &first.groups[0];
    assert_eq!((latest.uid, latest.executions, latest.rows.len(), latest.seen), (30, 30, 20, 30));
    assert_eq!(
        (latest.first_seen, latest.last_seen),
        (3000.0 + START as f64 / 1e6, 3029.0 + START as f64 / 1e6)
    );
    let times: Vec<_> = latest.rows.iter().map(|row| row.last_seen).collect();
    assert!(times.is_sorted_by(|a, b| a > b) && times[0] == latest.last_seen, "{times:?}");
    assert!(
        latest.score.is_some()
            && latest.reason.is_some()
            && latest.rows.iter().all(|row| row.state == "held")
    );

    let (mut all, mut after) = (first.groups, first.next);
    while let Some(place) = after {
        let page = machine.held(HeldQuery { limit: Some(4), after: Some(place), ..HeldQuery::default() });
        assert!(page.groups.len() <= 4 && page.total == 31);
        all.extend(page.groups);
        after = page.next;
    }
    let order: Vec<_> = all.iter().map(|group| (group.workload.as_str(), group.uid)).collect();
    let expected: Vec<_> = (1..=30).rev().map(|uid| ("web", uid)).chain([("db", 1)]).collect();
    assert_eq!(order, expected);

    let one = machine.held(HeldQuery { group: Some(all[3].id.clone()), ..HeldQuery::default() });
    assert_eq!(
        (&one.groups[..], one.total, one.executions, one.next),
        (&all[3..4], 1, all[3].executions, None)
    );
    let of_db = machine.held(HeldQuery { workload: Some("d*".into()), ..HeldQuery::default() });
    assert_eq!((of_db.total, of_db.executions, &of_db.groups[..]), (1, 5, &all[30..]));
    let learned = machine.in_state(RowsState::Learned);
    assert_eq!((learned.total, learned.executions, learned.groups[0].score), (1, 50, None));
    for wrong in [
        HeldQuery { limit: Some(0), ..HeldQuery::default() },
        HeldQuery { limit: Some(201), ..HeldQuery::default() },
        HeldQuery { after: Some("12".into()), ..HeldQuery::default() },
        HeldQuery { group: Some("r0123456789abcdef".into()), ..HeldQuery::default() },
    ] {
        assert!(matches!(machine.answers.held(&wrong), Err(ServiceError::Invalid(_))), "{wrong:?}");
    }
}
